"""The words for raw counters: whose a series is, what it means to a signal, where its growth is added up.

Reading them is `feeds` (one way in which a process is scraped), `targets` (one process) and `sources` (whose
process it is); `prom` makes them from Prometheus' JSON.
"""

from bisect import bisect_right
from collections.abc import Mapping
from enum import StrEnum
from math import inf
from typing import NamedTuple


class Arm(StrEnum):
    """The two sides of a comparison."""

    CANARY = "canary"
    STABLE = "stable"


class Role(StrEnum):
    """What a series is to a signal.

    `SCRAPES` is `up`, which tells when a target was asked at all, and `START` the time its process began;
    both are of all signals. `WITHIN` counts requests at or below a bound, `NATIVE` those of one bucket of a
    native histogram, of which the one that ends at infinity stands for all requests.
    """

    SCRAPES = "scrapes"
    START = "start"
    REQUESTS = "requests"
    BAD = "bad"
    WITHIN = "within"
    NATIVE = "native"


class Cell(NamedTuple):
    """Where growth is added up; `bound` is the upper one of a histogram's bucket."""

    signal: str
    role: Role
    arm: Arm
    bound: float | None = None


Sample = tuple[float, float]
"""Unix seconds and value."""
SeriesKey = str
"""A text, whose hash Python remembers: a tuple's it works out at every look into a dictionary."""
FeedKey = tuple[str, ...]


class Series(NamedTuple):
    """One series of a matrix answer, samples in the order of time. A tuple, because there are so many.

    Attributes:
        arm: Whose it is, where whoever brings it knows; None where its labels have to tell.
        native: Made of a native histogram: its label `le` names one bucket, which does not hold those below.
    """

    labels: Mapping[str, str]
    samples: tuple[Sample, ...]
    arm: Arm | None = None
    native: bool = False

    def after(self, moment: float) -> "Series":
        """With only those samples that are later than a moment."""
        samples = self.samples
        if not samples or samples[0][0] > moment:
            return self
        return Series(self.labels, samples[bisect_right(samples, (moment, inf)) :], self.arm, self.native)


class Growth(NamedTuple):
    """How much each cell grew between two boundaries.

    Attributes:
        since: Earlier than asked after three missed scrapes.
        seen: Whether the target is not in such a silence at the end.
    """

    cells: Mapping[Cell, float]
    since: float
    seen: bool = True


def countable(value: float) -> bool:
    """Whether a counter can have this value."""
    return 0 <= value < inf
