"""Whether both versions fail together, as when what they depend on is down.

The comparison absorbs it: it is no harm of the canary's. But no weight should move while it lasts. The rule
looks at the last two minutes: the stable's odds of a bad request are four times those it had before the
comparison, its share is two points above, on ten bad requests or more; and the canary does not do at least
twice as well, else it may be the cure. (From 1 % that is 3.9 %, from a half it is 80 %.)
"""

from collections import deque
from typing import Final

from serin.domain.analysis.counters import Arm
from serin.domain.analysis.evidence import ArmCounts, Interval

RECENT_SECONDS: Final = 120.0
WORSE_ODDS: Final = 4.0
WORSE_SHARE: Final = 0.02
FEWEST: Final = 10
TWICE_AS_WELL: Final = 2.0


class Recent:
    """Both arms' counts in the last minutes."""

    def __init__(self) -> None:
        self._intervals: deque[tuple[float, Interval]] = deque()

    def add(self, start: float, seen: Interval) -> None:
        """One more interval, by its start."""
        self._intervals.append((start, seen))
        while self._intervals[0][0] <= start - RECENT_SECONDS:
            self._intervals.popleft()

    def of(self, arm: Arm) -> ArmCounts:
        """What an arm did in them."""
        requests = bad = 0.0
        for _, seen in self._intervals:
            counts = seen.canary if arm is Arm.CANARY else seen.stable
            requests += counts.requests
            bad += counts.bad
        return ArmCounts(requests, bad)


def is_shared(recent: Recent, *, usual: float) -> bool:
    """Whether both arms fail far more often than the stable did before."""
    stable = recent.of(Arm.STABLE)
    share = stable.share
    if share is None or stable.bad < FEWEST or share < usual + WORSE_SHARE:
        return False
    if share * (1 - usual) < WORSE_ODDS * usual * (1 - share):
        return False
    # One more bad request than were seen, so that a canary of whom little is known does not pass for a cure.
    return TWICE_AS_WELL * _at_most(recent.of(Arm.CANARY)) >= share


def _at_most(arm: ArmCounts) -> float:
    return float((arm.bad + 1) / (arm.requests + 1))
