"""What is wrong with a simulated canary: how much worse its bad share is, since when, how fast it got there.

Written as people say it: `x5` is five times the stable's share, `+1pp` one percentage point above it, `100%`
every request, `none` a healthy canary.
"""

import re
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from serin.workbench.simulation.estimates import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A change of the canary's bad share.

    Attributes:
        times, points: The share becomes `times` the stable's plus `points`; at most 1.
        onset: When it begins, in seconds since the canary's first request.
        ramp: Seconds until it has grown, in a straight line, to its full size.
    """

    times: float = 1.0
    points: float = 0.0
    onset: float = 0.0
    ramp: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `x5`, `+1pp`, `100%` or `none`; raises ValueError."""
        if text == "none":
            return cls()
        if found := re.fullmatch(r"x(\d+(?:\.\d+)?)", text):
            return cls(times=float(found[1]))
        if found := re.fullmatch(r"\+(\d+(?:\.\d+)?)pp", text):
            return cls(points=float(found[1]) / 100)
        if found := re.fullmatch(r"(\d+(?:\.\d+)?)%", text):
            return cls(times=0.0, points=float(found[1]) / 100)
        raise ValueError(f"need a fault such as x5, +1pp, 100% or none, found {text}")

    @property
    def is_none(self) -> bool:
        """Whether the canary is as good as the stable."""
        return self.times == 1 and self.points == 0

    def beginning(self, onset: float, *, ramp: float = 0.0) -> Self:
        """The same fault at another time."""
        return replace(self, onset=onset, ramp=ramp)

    def mean_share(self, usual: float, start: Floats | float, end: Floats | float) -> Floats:
        """The canary's bad share on average over a stretch of time."""
        full = min(1.0, self.times * usual + self.points)
        grown = self._grown(end) - self._grown(start)
        risen: Floats = usual + (full - usual) * grown / (np.asarray(end) - np.asarray(start))
        return risen

    def _grown(self, t: Floats | float) -> Floats:
        """The fault's size, as a part of the full one, added up over all the time until t."""
        since = np.maximum(np.asarray(t, dtype=np.float64) - self.onset, 0.0)
        if self.ramp <= 0:
            return since
        rising = np.minimum(since, self.ramp)
        grown: Floats = rising**2 / (2 * self.ramp) + (since - rising)
        return grown


HEALTHY = Fault()
