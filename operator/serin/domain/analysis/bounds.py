"""Bounds on the ratio of two bad shares that hold at all times together, for people to read.

A ratio rho is ruled out from below once there is enough evidence against "p_c <= rho p_s at every time", and
from above once there is against "p_c >= rho p_s" (both by `evidence.log_relative`). So `lower` bounds the
largest ratio of the rollout and `upper` the smallest. Where they cross the ratio has changed; then both are
told of the samples since the likeliest moment of the change, and hold for whatever moment that is.

F(x): the sum over the intervals of ln of the likelihood that the ratio is x rather than 1. One sum for each x
of a grid is all there is to remember, as evidence for theta over rho is F(theta) - F(rho).
"""

from dataclasses import dataclass, replace
from math import log
from typing import Final, Self

import numpy as np

from serin.domain.analysis.evidence import Alternatives, Amount, Interval, Numbers, log_relative, wide
from serin.domain.analysis.process import (
    AT_ONCE,
    HORIZON_ONSETS,
    ONSET_SECONDS,
    ONSET_SHARE,
    log_sum,
)

RATIOS: Final = 2.0 ** (np.arange(-24, 65) / 8)
"""From 1/8 to 256. A bound is the next of them on the safe side: nine percent apart."""
_LOWER: Final = np.append(0.0, RATIOS)
_UPPER: Final = np.append(np.inf, RATIOS[::-1])
"""The bounds, by how many of the ratios are ruled out on that side."""
_OVER_ONE: Final = Alternatives(np.log(RATIOS), RATIOS - 1)
_OTHERS: Final = np.log(np.arange(1.0, len(RATIOS)))
"""ln of how many ratios there are on the far side of each, nearest to the end first."""
_RESOLUTION: Final = 4
"""A change is dated to a part of its age: earlier moments are remembered more sparsely."""
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Bounded:
    """What is told of one rollout: None where nothing bounds the ratio; since when (Unix), if it changed."""

    lower: float | None
    upper: float | None
    since: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bounds:
    """A frozen fold over compared intervals.

    Attributes:
        began: Start of the first compared interval, in Unix seconds.
        level: The largest probability that either bound is ever wrong.
        sums: F since the beginning.
        moments: When the ratio may have changed, in Unix seconds.
        marks: F as it was at each moment, along the first axis.
        minutes: How many minutes have been considered as moments of change.
        too_low, too_high: How many of the ratios are ruled out, from either end.
    """

    began: float
    level: float
    sums: Numbers
    moments: tuple[float, ...] = ()
    marks: Numbers
    minutes: int = 0
    too_low: Amount = 0
    too_high: Amount = 0

    @classmethod
    def begin(cls, *, began: float, level: float) -> Self:
        """Nothing known."""
        nothing = np.zeros(len(RATIOS))
        return cls(began=began, level=level, sums=nothing, marks=nothing[None][:0])

    @property
    def lower(self) -> Amount:
        """The bound on the largest ratio; 0 while there is none."""
        return _LOWER[self.too_low]

    @property
    def upper(self) -> Amount:
        """The bound on the smallest ratio; infinity while there is none."""
        return _UPPER[self.too_high]

    def advanced(self, seen: Interval, *, start: float, phi: Amount) -> "Bounds":
        """After an interval that is compared; phi: dispersion of bad requests."""
        before = self._at_minute(start)
        sums = before.sums + log_relative(seen.wide(), _OVER_ONE, rho=1.0) / wide(phi)
        after = replace(before, sums=sums)._narrowed(sums, AT_ONCE)
        return after._narrowed(after._since_change()[1], ONSET_SHARE) if after.moments else after

    def told(self) -> Bounded:
        """What a person should read about one rollout."""
        lower, upper, since = self.lower, self.upper, None
        if lower > upper and not self.moments:
            return Bounded(None, None)  # it changed within the first minute, and nobody can say when
        if lower > upper:
            place, sums = self._since_change()
            too_low, too_high = _ruled_out(sums, self._needed(ONSET_SHARE))
            lower, upper, since = _LOWER[too_low], _UPPER[too_high], self.moments[int(place)]
        return Bounded(float(lower) if lower > 0 else None, float(upper) if upper < np.inf else None, since)

    def _at_minute(self, start: float) -> "Bounds":
        """With the present as one more moment of change, at each full minute of four hours."""
        due = min(int((start - self.began) / ONSET_SECONDS + 1e-9), HORIZON_ONSETS)
        if due <= self.minutes:
            return self
        if not self.moments:
            return replace(self, minutes=due, moments=(start,), marks=self.sums[None])
        kept = self._worth_keeping(start)
        return replace(
            self,
            minutes=due,
            moments=(*(self.moments[k] for k in kept), start),
            marks=np.concatenate([self.marks[kept], self.sums[None]]),
        )

    def _worth_keeping(self, now: float) -> list[int]:
        """The places of moments that are far enough apart for their age, and of the likeliest of them."""
        moments = (*self.moments, now)
        best = self._since_change()[0]
        kept: list[int] = []
        for place in range(len(self.moments)):
            later = moments[place + 1]
            sparse = not kept or later - moments[kept[-1]] > (now - later) / _RESOLUTION
            if sparse or (best.ndim == 0 and place == best):
                kept.append(place)
        return kept

    def _since_change(self) -> tuple[Amount, Numbers]:
        """The likeliest moment of a change, by its place, and F since then."""
        since = self.sums - self.marks
        place = (self.marks.max(axis=-1) + since.max(axis=-1)).argmax(axis=0)
        if since.ndim == 2:
            return place, since[place]
        return place, np.take_along_axis(since, np.expand_dims(place, (0, -1)), axis=0)[0]

    def _needed(self, prior: float) -> float:
        """What rules a ratio out. Either bound may be wrong with half the level; a moment of change has only
        its prior's part of that.
        """
        return -log(self.level / 2 * prior)

    def _narrowed(self, sums: Numbers, prior: float) -> "Bounds":
        """With what these sums rule out: of one rollout, hardly ever more than was before."""
        needed = self._needed(prior)
        if sums.ndim == 1 and not _rules_out_more(sums, self.too_low, self.too_high, needed=needed):
            return self
        too_low, too_high = _ruled_out(sums, needed)
        return replace(
            self, too_low=np.maximum(self.too_low, too_low), too_high=np.maximum(self.too_high, too_high)
        )


def _rules_out_more(sums: Numbers, too_low: int, too_high: int, *, needed: float) -> bool:
    """Whether the next ratio on either side is ruled out, up to rounding."""
    least = needed - _ROUNDING
    top, low, high = np.maximum.reduce(sums), sums[too_low], sums[len(sums) - 1 - too_high]
    if top - low < least and top - high < least:
        return False
    above, below = sums[too_low:], sums[: len(sums) - too_high][::-1]
    return _first_is_out(above, least) or _first_is_out(below, least)


def _first_is_out(sums: Numbers, needed: float) -> bool:
    """Whether all others together, none preferred, explain what was seen so much better than the first."""
    if len(sums) < 2 or np.maximum.reduce(sums[1:]) - sums[0] < needed:
        return False
    return bool(log_sum(sums[1:]) - log(len(sums) - 1) - sums[0] >= needed)


def _ruled_out(sums: Numbers, needed: float) -> tuple[Amount, Amount]:
    """How many ratios are ruled out from below, and how many from above."""
    above = np.logaddexp.accumulate(sums[..., :0:-1], axis=-1) - _OTHERS
    below = np.logaddexp.accumulate(sums[..., :-1], axis=-1) - _OTHERS
    too_low = above[..., ::-1] - sums[..., :-1] >= needed
    too_high = below - sums[..., 1:] >= needed
    return _leading(too_low), _leading(too_high[..., ::-1])


def _leading(ruled_out: Amount) -> Amount:
    """How many are ruled out in a row from the beginning: a gap must not carry a bound beyond it."""
    return np.logical_and.accumulate(ruled_out, axis=-1).sum(axis=-1)
