"""Evidence over time: products of interval factors, mixed over what could be wrong and since when.

`Harm` hedges over the size of the effect and over its onset, so that a fault at minute 50 is not drowned by
fifty good minutes, and lets no single interval decide. `Safety` hedges over size alone, and forgets an old
good hour. Both are frozen folds: the same intervals in the same order give the same value, whenever they are
seen. By Ville's inequality a value ever reaches x with probability at most 1/x if its null is true, whatever
made one stop looking.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp, inf, log
from typing import Final, Self

HORIZON_ONSETS: Final = 239
"""Faults may begin at each full minute of four hours; later ones are found too, only more slowly."""
ONSET_SECONDS: Final = 60.0
GROWTH_CAP: Final = log(20.0)
"""Largest growth in one interval: from 1, at least two intervals must agree on 1 in 100."""
_AT_ONCE: Final = 0.5
"""Prior weight of an effect that is there from the first interval."""


def log_sum(logs: Sequence[float], rest: float = 0.0) -> float:
    """ln(rest + sum of the exponentials), without overflow."""
    top = max(max(logs), log(rest) if rest > 0 else -inf)
    return top + log(sum(exp(x - top) for x in logs) + (rest * exp(-top) if rest > 0 else 0.0))


@dataclass(frozen=True, slots=True)
class Harm:
    """An e-process over effect sizes (one component each) and onsets, with capped growth.

    Attributes:
        logs: ln of the capital on each effect size, all onsets so far together.
        left: Capital not yet bet: effects that have not begun.
        onsets: How many onsets have been placed.
        log_mixture: ln of the whole capital, uncapped.
        log_value: ln of the evidence: growth above the cap is given away, which keeps the mean at most 1.

    Source: mixtures of test martingales over change points as in Shin, Ramdas & Rinaldo, arXiv:2203.03532,
    but with the probability of a false alarm, not its rate, under control.
    """

    logs: tuple[float, ...]
    left: float
    onsets: int
    log_mixture: float
    log_value: float

    @classmethod
    def begin(cls, components: int) -> Self:
        """Nothing seen: evidence 1."""
        return cls((log(_AT_ONCE / components),) * components, 1 - _AT_ONCE, 0, 0.0, 0.0)

    def advanced(self, factors: Sequence[float], *, elapsed: float) -> "Harm":
        """After one more interval.

        Args:
            factors: ln of the interval's factor for each component.
            elapsed: Seconds from the first counted interval's start to this one's start, counted or not.
        """
        due = min(int(elapsed / ONSET_SECONDS + 1e-9), HORIZON_ONSETS)
        share = (1 - _AT_ONCE) / HORIZON_ONSETS
        placed = (due - self.onsets) * share
        logs: Sequence[float] = self.logs
        if placed > 0:
            portion = log(placed / len(logs))
            logs = [log_sum((one, portion)) for one in logs]
        left = (HORIZON_ONSETS - due) * share
        moved = tuple(one + factor for one, factor in zip(logs, factors, strict=True))
        mixture = log_sum(moved, left)
        growth = min(mixture - self.log_mixture, GROWTH_CAP)
        return Harm(moved, left, due, mixture, self.log_value + growth)


@dataclass(frozen=True, slots=True)
class Safety:
    """An e-process over effect sizes, cut off at a ceiling so that an old hour does not outvote a minute."""

    logs: tuple[float, ...]
    ceiling: float
    log_value: float = 0.0

    @classmethod
    def begin(cls, groups: Sequence[int], *, confidence: float) -> Self:
        """Nothing seen: evidence 1, shared equally by groups of components and equally inside each.

        Args:
            groups: How many components each averaged form has.
            confidence: 1 - the largest probability of calling an unsafe canary safe.
        """
        logs = tuple(-log(len(groups) * size) for size in groups for _ in range(size))
        return cls(logs, 2 * -log(1 - confidence))

    def advanced(self, factors: Sequence[float]) -> "Safety":
        """After one more interval, whose factors' logarithms are given for each component."""
        moved = tuple(one + factor for one, factor in zip(self.logs, factors, strict=True))
        value = log_sum(moved)
        excess = max(0.0, value - self.ceiling)
        return replace(self, logs=tuple(one - excess for one in moved), log_value=value - excess)
