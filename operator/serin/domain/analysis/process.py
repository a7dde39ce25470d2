"""Evidence over time: products of interval factors, mixed over what could be wrong and since when.

`Harm` hedges over the size of the effect and over its onset, so that a fault at minute 50 is not drowned by
fifty good minutes, and lets no single interval decide. `Safety` hedges over size alone, and forgets an old
good hour. Both are frozen folds: the same intervals in the same order give the same value, whenever they are
seen. By Ville's inequality a value ever reaches x with probability at most 1/x if its null is true, whatever
made one stop looking. Both are elementwise over all axes but the last, that of the components.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf, log
from typing import Final, Self

import numpy as np

from serin.domain.analysis.evidence import Amount, Numbers, at_least, at_most, where, wide

HORIZON_ONSETS: Final = 239
"""Faults may begin at each full minute of four hours; later ones are found too, only more slowly."""
ONSET_SECONDS: Final = 60.0
GROWTH_CAP: Final = log(20.0)
"""Largest growth in one interval: from 1, at least two intervals must agree on 1 in 100."""
AT_ONCE: Final = 0.5
"""Prior weight of an effect that is there from the first interval."""
ONSET_SHARE: Final = (1 - AT_ONCE) / HORIZON_ONSETS
"""Prior weight of an effect that begins at one of the minutes."""

_FEW: Final = 200
"""Of so few numbers the sum is found soonest in one go; of more, by numpy's fast exponentials."""


def log_sum(logs: Amount, rest: float = 0.0) -> Amount:
    """ln(rest + sum of the exponentials over the last axis), without overflow."""
    logs = np.asarray(logs)
    if logs.size < _FEW:
        total = np.logaddexp.reduce(logs, axis=-1, initial=log(rest) if rest > 0 else -inf)
        return float(total) if logs.ndim == 1 else total
    top = logs.max(axis=-1)
    if rest > 0:
        top = np.maximum(top, log(rest))
    total = np.exp(logs - wide(top)).sum(axis=-1)
    return top + np.log(total + rest * np.exp(-top) if rest > 0 else total)


def equal_parts(groups: Sequence[int]) -> Numbers:
    """Logarithms of a capital of 1, shared equally by groups of components and equally inside each."""
    return np.concatenate([np.full(size, -log(len(groups) * size)) for size in groups])


@dataclass(frozen=True, slots=True, eq=False)
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

    logs: Numbers
    left: float
    onsets: int
    log_mixture: Amount
    log_value: Amount

    @classmethod
    def begin(cls, components: int, *, at_once: float = AT_ONCE) -> Self:
        """Nothing seen: evidence 1; the rest of the prior weight is shared by the minutes."""
        return cls(np.full(components, log(at_once / components)), 1 - at_once, 0, 0.0, 0.0)

    def advanced(self, factors: Numbers, *, elapsed: float) -> "Harm":
        """After one more interval.

        Args:
            factors: ln of the interval's factor for each component.
            elapsed: Seconds from the first counted interval's start to this one's start, counted or not.
        """
        due = min(int(elapsed / ONSET_SECONDS + 1e-9), HORIZON_ONSETS)
        logs, left = self.logs, self.left
        if due > self.onsets:
            left *= (HORIZON_ONSETS - due) / (HORIZON_ONSETS - self.onsets)
            logs = np.logaddexp(logs, log((self.left - left) / logs.shape[-1]))
        moved = logs + factors
        mixture = log_sum(moved, left)
        growth = at_most(mixture - self.log_mixture, GROWTH_CAP)
        return Harm(moved, left, due, mixture, self.log_value + growth)

    def restarted(self, there: Amount) -> "Harm":
        """With evidence 1 again where it is asked for; onsets that are over count as "from now on" there."""
        components = self.logs.shape[-1]
        anew = log((1 - self.left) / components)
        return replace(
            self,
            logs=np.where(wide(there), anew, self.logs),
            log_mixture=where(there, 0.0, self.log_mixture),
            log_value=where(there, 0.0, self.log_value),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Safety:
    """An e-process over effect sizes, cut off at a ceiling so that an old hour does not outvote a minute."""

    logs: Numbers
    ceiling: float
    log_value: Amount = 0.0

    @classmethod
    def begin(cls, logs: Numbers, *, confidence: float) -> Self:
        """Nothing seen: evidence 1.

        Args:
            logs: ln of the capital on each component, 1 altogether; see `equal_parts`.
            confidence: 1 - the largest probability of calling an unsafe canary safe.
        """
        return cls(logs, -2 * log(1 - confidence))

    def advanced(self, factors: Numbers) -> "Safety":
        """After one more interval, whose factors' logarithms are given for each component."""
        moved = self.logs + factors
        value = log_sum(moved)
        excess = at_least(value - self.ceiling, 0.0)
        return Safety(moved - wide(excess), self.ceiling, value - excess)
