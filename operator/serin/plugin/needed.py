"""How many requests a canary needs to be shown safe, if it is as good as the stable revision.

The operator's own evidence is asked, with the counts that today's traffic would bring on average: chance
makes it sooner or later, by a third either way. Harm, which a healthy canary does not do, is not foreseen.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from serin.domain.analysis.dispersion import UNKNOWN
from serin.domain.analysis.distribution import open_ledger
from serin.domain.analysis.evidence import Amount, ArmCounts, Interval
from serin.domain.analysis.policy import Policy, Promotion, SignalPolicy
from serin.domain.analysis.split import RECENT, SETTLING

HISTORY: Final = 20_000.0
"""Requests of the stable revision that are taken to have been counted before."""
PORTIONS: Final = 40
"""In so many portions the least number of requests is counted; evidence hardly depends on it."""
MOST_PORTIONS: Final = 4000
BOUNDS: Final = np.geomspace(1.0, 1000.0, 9)
"""Where a distribution of which nothing is known is cut: its deciles are taken to be there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What is known of a model's requests today.

    Attributes:
        per_second: Requests of all revisions together; None where nobody knows.
        bad: By signal, the stable revision's share of bad ones.
        phi: By signal, how much more they vary than independent ones.
        settled: Whether the stable revision has served long enough for that to be learnt.
        interval: Seconds between scrapes.
        source: Where that is from, for a person.
    """

    per_second: float | None = None
    bad: Mapping[str, float] = field(default_factory=dict)
    phi: Mapping[str, float] = field(default_factory=dict)
    settled: bool = True
    interval: float = 15.0
    source: str = "nothing is known of the traffic"

    def phi_of(self, signal: str) -> float:
        """The dispersion of a signal's bad requests."""
        return self.phi.get(signal, 1.0 if self.settled else UNKNOWN)

    @property
    def proving(self) -> float:
        """Seconds for which a router's weight is tried, before any safety is believed."""
        return (SETTLING + RECENT) * self.interval


def requests_until_safe(policy: Policy, traffic: Traffic, *, share: float) -> int | None:
    """Requests to the canary until every signal is safe, at a share of the traffic; None: they never are."""
    judged = [one for one in policy.signals if not one.dry_run]
    found = [_of_signal(one, policy.promotion, traffic, share) for one in judged]
    if any(one is None for one in found):
        return None
    return max((one for one in found if one is not None), default=0)


def _of_signal(signal: SignalPolicy, promotion: Promotion, traffic: Traffic, share: float) -> int | None:
    ours = promotion.min_requests / PORTIONS
    theirs = ours * (1 - share) / share
    bad: Amount = traffic.bad.get(signal.name, 0.0)
    if signal.is_distribution:
        bad = np.linspace(0.1, 0.9, len(BOUNDS))
    ledger = open_ledger(
        signal,
        promotion,
        began=0.0,
        past=ArmCounts(HISTORY, HISTORY * bad),
        phi=traffic.phi_of(signal.name),
        step=0,
        cuts=tuple(BOUNDS),
    )
    seen = Interval(ArmCounts(ours, ours * bad), ArmCounts(theirs, theirs * bad))
    for portion in range(1, MOST_PORTIONS + 1):
        ledger = ledger.advanced(seen, start=portion * traffic.interval, lone_pod=False)
        if ledger.safe:
            return round(portion * ours)
    return None
