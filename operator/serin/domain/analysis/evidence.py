"""Evidence of one interval: how much better one explanation of its counts is than the best healthy one.

n, e: requests and bad ones of an arm (c canary, s stable) between the same two boundaries. p: an arm's true
bad share. mu: where a share is expected to be, learnt from the past only. rho: a ratio p_c/p_s, delta: a
difference p_c - p_s, that separates healthy from harmful (or unsafe). Functions return a natural logarithm
whose exponential has mean at most 1 whenever the canary is on the other side of the margin: products of them
are e-processes (`process`). Counts are interpolated, hence real numbers.

Everything is elementwise: one rollout is a number, many (or the cuts of a distribution) are an array. The
axis of the alternatives comes last, and amounts get it by `wide`. Numbers are left to Python's own operations
where there is a choice: numpy's take ten times as long on one, and a thousand live rollouts are numbers.
"""

from dataclasses import dataclass
from typing import Any, Final, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

Amount: TypeAlias = Any
"""A number, or an array with a number for each rollout or cut: no type of numpy's stubs says both."""
Numbers: TypeAlias = NDArray[np.float64]

_TRACE: Final = 1e-6
"""Less of a request is what rounding left of interpolation."""
_NEARLY: Final = 0.999
"""A bet stops short of the whole capital, so that no count makes a factor zero."""


@dataclass(frozen=True, slots=True, eq=False)
class Alternatives:
    """What could be true instead of the margin, as multiples of it: all of them above 1, or all below.

    Attributes:
        logs: ln of the multiples.
        gains: The multiples less 1.
    """

    logs: Numbers
    gains: Numbers

    @classmethod
    def between(cls, first: float, last: float, count: int) -> Self:
        """`count` multiples from first to last in equal ratios."""
        return cls.of(*np.geomspace(first, last, count))

    @classmethod
    def of(cls, *multiples: float) -> Self:
        """These multiples."""
        if not (min(multiples) > 1 or 0 < min(multiples) <= max(multiples) < 1):
            raise ValueError(f"need multiples that are all above 1 or all between 0 and 1, got {multiples}")
        return cls(np.log(multiples), np.subtract(multiples, 1.0))

    def __len__(self) -> int:
        return len(self.logs)

    @property
    def worse(self) -> bool:
        """Whether they speak of harm; else of safety."""
        return bool(self.gains[0] > 0)


WORSE_RATIOS: Final = Alternatives.between(1.25, 1000.0, 24)
"""Alternatives of the harm test: how many times above the allowed ratio the canary could be."""
SAFE_RATIOS: Final = Alternatives.between(0.05, 0.8, 16)
"""Alternatives of the safety test: how far below the ratio that would be unsafe."""
WORSE_ODDS: Final = Alternatives.between(1.1, 1000.0, 24)
SAFE_ODDS: Final = Alternatives.between(1 / 1000.0, 1 / 1.1, 16)
"""The same for the absolute forms, as multiples of the odds at the margin."""


@dataclass(frozen=True, slots=True)
class ArmCounts:
    """What one arm did in one interval; never more bad requests than requests. Arrays cannot be compared."""

    requests: Amount = 0.0
    bad: Amount = 0.0

    def __add__(self, other: "ArmCounts") -> "ArmCounts":
        return ArmCounts(self.requests + other.requests, self.bad + other.bad)

    @property
    def share(self) -> float | None:
        """The bad share of one rollout's arm; None without requests."""
        return float(self.bad / self.requests) if self.requests > 0 else None


NOTHING: Final = ArmCounts()


@dataclass(frozen=True, slots=True)
class Interval:
    """Both arms between the same two boundaries."""

    canary: ArmCounts
    stable: ArmCounts

    def __add__(self, other: "Interval") -> "Interval":
        return Interval(self.canary + other.canary, self.stable + other.stable)

    @property
    def comparable(self) -> Amount:
        """Whether both arms served: an interval in which one did not says nothing."""
        return (self.canary.requests > _TRACE) & (self.stable.requests > _TRACE)

    def wide(self) -> "Interval":
        """With an axis for the alternatives."""
        canary, stable = self.canary, self.stable
        return Interval(
            ArmCounts(wide(canary.requests), wide(canary.bad)),
            ArmCounts(wide(stable.requests), wide(stable.bad)),
        )


def wide(amount: Amount) -> Amount:
    """An amount with a last axis of length 1; a number fits any axis as it is."""
    return amount[..., None] if isinstance(amount, np.ndarray) and amount.ndim else amount


def where(true: Amount, this: Amount, that: Amount) -> Amount:
    """One amount or the other."""
    return np.where(true, this, that) if isinstance(true, np.ndarray) else this if true else that


def at_least(amount: Amount, bound: Amount) -> Amount:
    """An amount, raised to a bound."""
    if isinstance(amount, np.ndarray) or isinstance(bound, np.ndarray):
        return np.maximum(amount, bound)
    return max(amount, bound)


def at_most(amount: Amount, bound: Amount) -> Amount:
    """An amount, lowered to a bound."""
    if isinstance(amount, np.ndarray) or isinstance(bound, np.ndarray):
        return np.minimum(amount, bound)
    return min(amount, bound)


def log_relative(seen: Interval, against: Alternatives, *, rho: Amount) -> Amount:
    """How strongly one interval speaks for "theta times as bad" over the margin "rho times as bad".

    With theta above rho it is evidence of harm (H0: p_c <= rho p_s), below it of safety (H0: p_c >= rho p_s).

    Args:
        seen: Both arms' counts, wide.
        against: The alternatives theta, as multiples of rho.
        rho: The margin, wide.

    Source: Lindon & Malek, arXiv:2011.03567, section 4: a bad event falls on the canary with probability
    n_c θ / (n_c θ + n_s). Ours takes the split seen in the interval, and a margin. It is conservative for
    common bad events, and blind where rho p_s reaches 1: there `log_absolute` judges alone.
    """
    live = seen.comparable
    weight = seen.canary.requests * rho
    # The canary's part of all bad events at the margin; any number will do where nothing is compared.
    part = weight / (weight + seen.stable.requests + (1 - live))
    e_c = seen.canary.bad * live
    e = e_c + seen.stable.bad * live
    return e_c * against.logs - e * np.log1p(part * against.gains)


def log_absolute(seen: Interval, against: Alternatives, *, mu: Amount, delta: Amount) -> Amount:
    """How strongly one interval speaks for other odds than those at the margin `mu + delta`.

    With odds above it is evidence of harm (H0: p_c <= p_s + delta), below of safety (p_c >= p_s + delta).

    Args:
        seen: Both arms' counts, wide.
        against: The alternatives, as multiples of the odds of the canary's share at the margin.
        mu: The stable's share as the past has it, in (0, 1 - delta), wide. Any value keeps the mean below 1.
        delta: The margin, as a share, wide.

    Source: a bet on each arm whose stakes cancel at the margin, n_c λ_c = n_s λ_s, which is the stationarity
    condition of the reverse information projection in Turner & Grünwald, arXiv:2203.09785.
    """
    live = seen.comparable
    idle = 1 - live
    n_c, n_s = seen.canary.requests * live, seen.stable.requests * live
    e_c, e_s = seen.canary.bad * live, seen.stable.bad * live
    split = (n_s + idle) / (n_c + idle)
    mu_c = mu + delta
    # (theta - mu_c) / (mu_c (1 - mu_c)), for theta whose odds are the multiple of those of mu_c
    stake = against.gains / (1 + mu_c * against.gains)
    if against.worse:
        stake = np.minimum(stake, _NEARLY * split / (1 - mu))
    else:
        stake = np.maximum(stake, -_NEARLY * split / mu)
    # Bad requests and good ones, of the canary and of the stable: how many, and what a stake wins on each.
    numbers = _stacked(e_c, n_c - e_c, e_s, n_s - e_s)
    wins = _stacked(1 - mu_c, -mu_c, (mu - 1) / split, mu / split)
    return np.add.reduce(numbers * np.log1p(wins * stake))


def _stacked(*amounts: Amount) -> Numbers:
    """Amounts along a new first axis; numbers get one for the alternatives, too, as amounts have it."""
    if np.ndarray in map(type, amounts):
        return np.stack(np.broadcast_arrays(*amounts))
    return np.array(amounts)[:, None]


def expected_share(past: ArmCounts, *, delta: Amount) -> Amount:
    """Where the stable's bad share is expected to be, from its past alone, in the range of `log_absolute`."""
    share = (past.bad + 0.05) / (past.requests + 100.0)
    return at_most(at_least(share, 1e-6), 1 - delta - 1e-3)
