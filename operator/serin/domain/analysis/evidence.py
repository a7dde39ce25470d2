"""Evidence of one interval: how much better one explanation of its counts is than the best healthy one.

n, e: requests and bad ones of an arm (c canary, s stable) between the same two boundaries. p: an arm's true
bad share. mu: where a share is expected to be, learnt from the past only. rho: a ratio p_c/p_s, delta: a
difference p_c - p_s, that separates healthy from harmful (or unsafe). Functions return a natural logarithm
whose exponential has mean at most 1 whenever the canary is on the other side of the margin: products of them
are e-processes (`process`). Counts are interpolated, hence real numbers.
"""

from dataclasses import dataclass
from math import log, log1p
from typing import Final


def geometric(first: float, last: float, count: int) -> tuple[float, ...]:
    """`count` numbers from first to last in equal ratios."""
    step = (last / first) ** (1 / (count - 1))
    return tuple(first * step**k for k in range(count))


WORSE_RATIOS: Final = geometric(1.25, 1000.0, 24)
"""Alternatives of the harm test: how many times above the allowed ratio the canary could be."""
SAFE_RATIOS: Final = geometric(0.05, 0.8, 16)
"""Alternatives of the safety test: how far below the ratio that would be unsafe."""
WORSE_ODDS: Final = geometric(1.1, 1000.0, 24)
SAFE_ODDS: Final = geometric(1 / 1000.0, 1 / 1.1, 16)
"""The same for the absolute forms, as multiples of the odds at the margin."""

_NEARLY: Final = 0.999
"""A bet stops short of the whole capital, so that no count makes a factor zero."""


@dataclass(frozen=True, slots=True)
class ArmCounts:
    """What one arm did in one interval; never more bad requests than requests."""

    requests: float = 0.0
    bad: float = 0.0

    def __add__(self, other: "ArmCounts") -> "ArmCounts":
        return ArmCounts(self.requests + other.requests, self.bad + other.bad)

    @property
    def share(self) -> float | None:
        """The bad share; None without requests."""
        return self.bad / self.requests if self.requests > 0 else None


NOTHING: Final = ArmCounts()


@dataclass(frozen=True, slots=True)
class Interval:
    """Both arms between the same two boundaries."""

    canary: ArmCounts
    stable: ArmCounts

    @property
    def comparable(self) -> bool:
        """Whether both arms served: an interval in which one did not says nothing."""
        return self.canary.requests > 0 and self.stable.requests > 0


def log_relative(seen: Interval, *, theta: float, rho: float) -> float:
    """How strongly one interval speaks for "theta times as bad" over the margin "rho times as bad".

    With theta above rho it is evidence of harm (H0: p_c <= rho p_s), below it of safety (H0: p_c >= rho p_s).

    Source: Lindon & Malek, arXiv:2011.03567, section 4: a bad event falls on the canary with probability
    n_c θ / (n_c θ + n_s). Ours takes the split seen in the interval, and a margin. It is conservative for
    common bad events, and blind where rho p_s reaches 1: there `log_absolute` judges alone.
    """
    if not (theta > 0 and rho > 0):
        raise ValueError(f"need theta > 0 and rho > 0, got {theta=}, {rho=}")
    if not seen.comparable:
        return 0.0
    n_c, n_s = seen.canary.requests, seen.stable.requests
    e_c, e = seen.canary.bad, seen.canary.bad + seen.stable.bad
    return e_c * log(theta / rho) - e * log((n_c * theta + n_s) / (n_c * rho + n_s))


def log_absolute(seen: Interval, *, odds: float, mu: float, delta: float) -> float:
    """How strongly one interval speaks for odds `odds` times those at the margin `mu + delta`.

    With odds above 1 it is evidence of harm (H0: p_c <= p_s + delta), below 1 of safety (p_c >= p_s + delta).

    Args:
        seen: Both arms' counts.
        odds: The alternative, a multiple of the odds of the canary's share at the margin.
        mu: The stable's share as the past has it, in (0, 1 - delta). Any value keeps the mean below 1.
        delta: The margin, as a share.

    Source: a bet on each arm whose stakes cancel at the margin, n_c λ_c = n_s λ_s, which is the stationarity
    condition of the reverse information projection in Turner & Grünwald, arXiv:2203.09785.
    """
    if not seen.comparable:
        return 0.0
    n_c, n_s = seen.canary.requests, seen.stable.requests
    e_c, e_s = seen.canary.bad, seen.stable.bad
    mu_c = mu + delta
    theta = odds * mu_c / (1 - mu_c + odds * mu_c)
    stake = (theta - mu_c) / (mu_c * (1 - mu_c))
    split = n_s / n_c
    stake = min(stake, _NEARLY * split / (1 - mu)) if odds > 1 else max(stake, -_NEARLY * split / mu)
    other = stake / split
    return (
        e_c * log1p(stake * (1 - mu_c))
        + (n_c - e_c) * log1p(-stake * mu_c)
        + e_s * log1p(-other * (1 - mu))
        + (n_s - e_s) * log1p(other * mu)
    )


def expected_share(past: ArmCounts, *, delta: float) -> float:
    """Where the stable's bad share is expected to be, from its past alone, in the range of `log_absolute`."""
    return min(max((past.bad + 0.05) / (past.requests + 100.0), 1e-6), 1 - delta - 1e-3)
