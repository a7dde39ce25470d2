"""A world of histograms: how many requests were at or below each cut, of a latency or of a model's scores.

Requests are Poisson and independent. A distribution is given by the share at or below each of its cuts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import erf, log, sqrt

import numpy as np

from serin.domain.analysis.evidence import ArmCounts, Interval
from serin.workbench.simulation.estimates import Floats
from serin.workbench.simulation.traffic import HOUR, INTERVAL, Before, Rows

Share = Callable[[float], float]
"""The share of requests at or below a value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Histograms:
    """So many rollouts whose canary's distribution changes at `onset`, in seconds from its first request."""

    per_second: float
    cuts: Sequence[float]
    stable: Share
    canary: Share
    runs: int
    dice: np.random.Generator
    onset: float = 0.0

    def before(self) -> Before:
        """An hour of the stable alone."""
        served = np.full(self.runs, self.per_second * HOUR)
        return Before(self._drawn(served, self.stable), np.ones(self.runs))

    def interval(self, number: int, weight: Floats, rows: Rows) -> Interval:
        """Fresh counts: what a row is does not matter."""
        expected = self.per_second * INTERVAL
        canary = self.canary if number * INTERVAL >= self.onset else self.stable
        return Interval(
            self._drawn(expected * weight, canary),
            self._drawn(expected * (1 - weight), self.stable),
        )

    def _drawn(self, expected: Floats, share: Share) -> ArmCounts:
        below = np.array([share(cut) for cut in self.cuts] + [1.0])
        parts = np.diff(below, prepend=0.0)
        counts = np.cumsum(self.dice.poisson(expected[:, None] * parts), axis=1).astype(np.float64)
        return ArmCounts(counts[:, -1], counts[:, :-1])


def log_normal(median: float, *, ninety_nine: float) -> Share:
    """A latency, by its median and the value that one request in a hundred exceeds."""
    spread = log(ninety_nine / median) / 2.3263478740408408
    return lambda value: 0.5 * (1 + erf(log(value / median) / spread / sqrt(2))) if value > 0 else 0.0


def slower(share: Share, times: float, *, part: float = 1.0) -> Share:
    """Where a part of the requests takes so many times as long."""
    return lambda value: part * share(value / times) + (1 - part) * share(value)


def beta(a: float, b: float) -> Share:
    """A score between 0 and 1, by integration on a fine grid."""
    edges = np.linspace(0.0, 1.0, 20_001)
    middles = (edges[1:] + edges[:-1]) / 2
    mass = np.concatenate(([0.0], np.cumsum(middles ** (a - 1) * (1 - middles) ** (b - 1))))
    return lambda value: float(np.interp(value, edges, mass / mass[-1]))


def stuck(share: Share, at: float, *, part: float) -> Share:
    """Where a part of the requests always gets the same score."""
    return lambda value: (1 - part) * share(value) + part * (value >= at)


def between(low: float, high: float) -> Share:
    """Scores that are all alike from low to high."""
    return lambda value: min(1.0, max(0.0, (value - low) / (high - low)))
