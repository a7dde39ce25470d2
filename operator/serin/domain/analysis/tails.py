"""Histograms of two arms as counts of events: requests on one side of a cut, which is a bound of the buckets.

With `max_shift` every cut counts in both directions, at the same bound for both arms. With `max_slowdown` m
the canary's requests above a bound are held against the stable's above the largest bound that is at most an
m-th of it. Of a canary at most m times as slow they are no more, whatever the distribution: from L_c <= m L_s
follows P(L_c > b) <= P(L_s > b/m).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from serin.domain.analysis.evidence import ArmCounts, Interval, wide
from serin.domain.analysis.policy import SignalPolicy

MOST_CUTS: Final = 9
"""Of a histogram with more bounds the telling ones are taken: evidence is shared among all cuts."""
_SLOW_SHARES: Final = (0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
"""Where a slowdown is looked for: from the median to what one request in a thousand exceeds."""
_CLOSE: Final = 1.01
"""What passes for the margin: people write 1.2 for buckets of a native histogram, which grow by 1.189, and
bounds in a few decimal digits. Without this the next bound would be taken, and 1.2 would mean 1.41.
"""


@dataclass(frozen=True, slots=True)
class Tail:
    """Requests on one side of a bound, which may be another for each arm."""

    canary: float
    stable: float
    above: bool


@dataclass(frozen=True, slots=True, eq=False)
class Tails:
    """What is counted of histograms that are cut at the same bounds.

    Attributes:
        places_c, places_s: Of each tail, which of the cuts is the canary's bound and which the stable's.
        above: Whether it is the part above the bound.
    """

    cuts: tuple[float, ...]
    places_c: NDArray[np.intp]
    places_s: NDArray[np.intp]
    above: NDArray[np.bool_]

    @classmethod
    def of(cls, signal: SignalPolicy, cuts: Sequence[float]) -> Self:
        """The tails that a signal's margin speaks of."""
        if signal.max_slowdown is None:
            all_ = np.arange(len(cuts))
            both = np.concatenate([all_, all_])
            return cls(tuple(cuts), both, both, np.repeat([False, True], len(cuts)))
        theirs = np.searchsorted(cuts, np.array(cuts) / signal.max_slowdown * _CLOSE, side="right") - 1
        ours = np.flatnonzero(theirs >= 0)
        return cls(tuple(cuts), ours, theirs[ours], np.full(len(ours), True))

    def __len__(self) -> int:
        return len(self.above)

    def __getitem__(self, place: int) -> Tail:
        canary, stable = self.cuts[self.places_c[place]], self.cuts[self.places_s[place]]
        return Tail(canary, stable, bool(self.above[place]))

    def count(self, seen: Interval) -> Interval:
        """Both arms' requests in each tail, from those at or below each cut."""
        return Interval(self._arm(seen.canary, self.places_c), self._arm(seen.stable, self.places_s))

    def count_stable(self, stable: ArmCounts) -> ArmCounts:
        """The same for the stable alone."""
        return self._arm(stable, self.places_s)

    def _arm(self, counts: ArmCounts, places: NDArray[np.intp]) -> ArmCounts:
        requests, below = wide(counts.requests), np.asarray(counts.bad)[..., places]
        return ArmCounts(requests, np.where(self.above, requests - below, below))


def cuts_of(signal: SignalPolicy, bounds: Sequence[float], below: Sequence[float]) -> tuple[float, ...]:
    """At which of a histogram's bounds to cut it.

    Args:
        signal: With `max_slowdown` bounds come in pairs.
        bounds: The finite bounds of the buckets, rising.
        below: How many of the stable's requests were at or below each, so far.
    """
    if len(bounds) <= MOST_CUTS:
        return tuple(bounds)
    wanted = np.linspace(0.1, 0.9, MOST_CUTS) if signal.max_slowdown is None else _SLOW_SHARES
    # Without any request each bound is as good as the next.
    shares = np.array(below) / below[-1] if below[-1] > 0 else np.linspace(0, 1, len(bounds))
    places = np.abs(np.subtract.outer(wanted, shares)).argmin(axis=1)
    chosen = {bounds[place] for place in places}
    if signal.max_slowdown is not None:
        for theirs in tuple(chosen):
            at_least = theirs * signal.max_slowdown / _CLOSE
            chosen |= {next((bound for bound in bounds if bound >= at_least), theirs)}
    return tuple(sorted(chosen))
