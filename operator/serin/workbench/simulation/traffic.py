"""Traffic as counts per scrape interval: Poisson requests, each bad with its arm's probability.

Bad and good requests are drawn separately, which is the same law (a thinned Poisson process). `World` is what
rollouts are played on: this one has neither pods nor scrape phases, `pods` has both.
"""

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from serin.domain.analysis.evidence import ArmCounts, Interval
from serin.workbench.simulation.estimates import Floats
from serin.workbench.simulation.faults import HEALTHY, Fault

Rows = NDArray[np.intp]
"""Which of the rollouts are meant."""

INTERVAL: Final = 15.0
"""Seconds between scrapes."""
HOUR: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Before:
    """What is known when the rollouts start: the stable's last hour, and how its pods' bad requests vary."""

    past: ArmCounts
    phi: Floats


class World(Protocol):
    """So many rollouts at once, a row each; the same seed gives the same rows."""

    def before(self) -> Before:
        """The hour before, of every rollout."""
        ...

    def interval(self, number: int, weight: Floats, rows: Rows) -> Interval:
        """Both arms in one interval of some rollouts, whose canaries get these shares of the traffic."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """A world of independent requests.

    Attributes:
        per_second: Requests to both arms together.
        usual: The stable's bad share, and a healthy canary's.
    """

    per_second: float
    usual: float
    runs: int
    dice: np.random.Generator
    fault: Fault = HEALTHY

    def before(self) -> Before:
        """An hour of the stable alone; independent requests vary as they should."""
        return Before(self._drawn(np.full(self.runs, self.per_second * HOUR), self.usual), np.ones(self.runs))

    def interval(self, number: int, weight: Floats, rows: Rows) -> Interval:
        """Fresh counts: what a row is does not matter."""
        start, expected = number * INTERVAL, self.per_second * INTERVAL
        risk = float(self.fault.mean_share(self.usual, start, start + INTERVAL))
        return Interval(
            self._drawn(expected * weight, risk),
            self._drawn(expected * (1 - weight), self.usual),
        )

    def _drawn(self, expected: Floats, risk: float) -> ArmCounts:
        bad = self.dice.poisson(expected * risk).astype(np.float64)
        return ArmCounts(bad + self.dice.poisson(expected * (1 - risk)), bad)
