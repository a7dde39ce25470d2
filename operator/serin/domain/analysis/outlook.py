"""How long a fault of a given size takes to be found at the present traffic, and which is found in time.

Evidence of a constant fault grows steadily: by what its own alternative earns on the expected counts
(`evidence`), tempered by phi. It has to reach the limit, and to pay for having hedged over sizes and onsets.
Good to about a fifth for the median; the slowest one in twenty takes about twice as long.
"""

from dataclasses import dataclass
from math import inf
from typing import Final

from serin.domain.analysis.evidence import Alternatives, ArmCounts, Interval, log_absolute, log_relative
from serin.domain.analysis.ledger import COMMON, LONE_POD_RATIO, WIDE_INCREASE
from serin.domain.analysis.policy import SignalPolicy

ASKED_RATIOS: Final = (2.0, 3.0, 5.0, 10.0, 30.0, 100.0)
"""Sizes of faults that people are told about."""
_HEDGING: Final = 2.0
"""Ln of what hedging costs."""
_LONGEST_ODDS: Final = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What can be expected of one signal that counts bad requests.

    Attributes:
        canary, stable: Requests a second.
        usual: The stable's bad share.
        phi: Dispersion of bad requests.
        limit: ln of the evidence at which a rollout is rolled back for this signal alone.
        interval: Seconds between scrapes.
        lone_pod: There is no more than one canary pod.
    """

    signal: SignalPolicy
    canary: float
    stable: float
    usual: float
    phi: float
    limit: float
    interval: float
    lone_pod: bool

    def seconds_to_find(self, ratio: float) -> float:
        """Until the canary is found to be `ratio` times as often bad; infinite where that is allowed."""
        growth = self._growth(ratio)
        if growth <= 0:
            return inf
        expected = (self.limit + _HEDGING) * self.phi / growth
        return max(2 * self.interval, 1.2 * expected + self.interval)

    def found_first(self, *, within: float) -> tuple[float, float] | None:
        """The smallest of the ratios asked about that is found within so many seconds, and its seconds."""
        found = ((ratio, self.seconds_to_find(ratio)) for ratio in ASKED_RATIOS)
        return next((one for one in found if one[1] <= within), None)

    def _growth(self, ratio: float) -> float:
        """Of ln evidence in a second, by the margin that is passed more slowly."""
        share = ratio * self.usual
        if share > 1 or min(self.canary, self.stable) <= 0:
            return 0.0
        seen = Interval(
            ArmCounts(self.canary, self.canary * share), ArmCounts(self.stable, self.stable * self.usual)
        )
        if self.usual > COMMON:
            return self._by_points(seen, share, WIDE_INCREASE)
        by_ratio = self._by_ratio(seen, ratio)
        if self.signal.max_increase <= 0:
            return by_ratio
        return min(by_ratio, self._by_points(seen, share, self.signal.max_increase))

    def _by_ratio(self, seen: Interval, ratio: float) -> float:
        rho = max(LONE_POD_RATIO, self.signal.max_ratio) if self.lone_pod else self.signal.max_ratio
        if ratio <= rho:
            return 0.0
        return float(log_relative(seen, Alternatives.of(ratio / rho), rho=rho)[0])

    def _by_points(self, seen: Interval, share: float, delta: float) -> float:
        at_margin = self.usual + delta
        if share <= at_margin:
            return 0.0
        odds = share * (1 - at_margin) / max(at_margin * (1 - share), share / _LONGEST_ODDS)
        against = Alternatives.of(min(odds, _LONGEST_ODDS))
        return float(log_absolute(seen, against, mu=self.usual, delta=delta)[0])
