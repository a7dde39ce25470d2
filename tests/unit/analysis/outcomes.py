"""Every outcome of a few independent requests with its chance: what is enumerated cannot be unlucky."""

from collections.abc import Callable
from dataclasses import dataclass
from math import comb

import numpy as np

from serin.domain.analysis.evidence import Amount, ArmCounts, Interval, Numbers


@dataclass(frozen=True)
class Binomial:
    """Independent requests, each bad with the same risk."""

    requests: int
    risk: float

    @property
    def bad(self) -> Numbers:
        return np.arange(self.requests + 1.0)

    @property
    def chances(self) -> Numbers:
        ways = np.array([comb(self.requests, bad) for bad in range(self.requests + 1)])
        good = self.requests - self.bad
        chances: Numbers = ways * self.risk**self.bad * (1 - self.risk) ** good
        return chances


def mean_over_outcomes(canary: Binomial, stable: Binomial, factor: Callable[[Interval], Amount]) -> Numbers:
    """The mean of a factor over all outcomes of one interval, for each alternative. It comes as logarithm."""
    bad_c, bad_s = np.meshgrid(canary.bad, stable.bad, indexing="ij")
    seen = Interval(
        ArmCounts(np.full_like(bad_c, canary.requests), bad_c),
        ArmCounts(np.full_like(bad_s, stable.requests), bad_s),
    )
    chances = np.outer(canary.chances, stable.chances)[..., None]
    means: Numbers = (chances * np.exp(factor(seen.wide()))).sum(axis=(0, 1))
    return means
