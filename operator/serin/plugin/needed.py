"""How many requests a canary needs to be shown safe, if it is as good as the stable revision.

The operator's own evidence is asked, with counts as today's traffic would bring them: rare bad requests come
by chance, so some dozens of rollouts are diced, always the same ones. Harm, which a healthy canary does not
do, is not foreseen.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Final

import numpy as np

from serin.domain.analysis.dispersion import UNKNOWN
from serin.domain.analysis.distribution import open_ledger
from serin.domain.analysis.evidence import Amount, ArmCounts, Interval
from serin.domain.analysis.policy import Policy, Promotion, SignalPolicy
from serin.domain.analysis.split import RECENT, SETTLING

HISTORY: Final = 20_000.0
"""Requests of the stable revision that are taken to have been counted before."""
PORTIONS: Final = 20
"""In so many portions the least number of requests is counted; evidence hardly depends on it."""
MOST_PORTIONS: Final = 1500
RUNS: Final = 60
SEED: Final = 1
LATE: Final = 0.95
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


@dataclass(frozen=True, slots=True, order=True)
class Needed:
    """Requests to the canary until it is safe: in half of all rollouts, and in 19 of 20; None for more than
    is worth waiting for.
    """

    usual: int
    late: int | None


def requests_until_safe(policy: Policy, traffic: Traffic, *, share: float) -> Needed | None:
    """Requests until every signal is safe, at a share of the traffic; None where they hardly ever are."""
    judged = [one for one in policy.signals if not one.dry_run]
    found = [_of_signal(one, policy.promotion, traffic, share) for one in judged]
    known = [one for one in found if one is not None]
    if len(known) < len(found):
        return None
    late = [one.late for one in known if one.late is not None]
    return Needed(
        max((one.usual for one in known), default=0),
        max(late, default=0) if len(late) == len(known) else None,
    )


def _of_signal(signal: SignalPolicy, promotion: Promotion, traffic: Traffic, share: float) -> Needed | None:
    ours = ceil(promotion.min_requests / PORTIONS)
    theirs = ceil(ours * (1 - share) / share)
    usual: Amount = np.full(RUNS, traffic.bad.get(signal.name, 0.0))
    phi: Amount = np.full(RUNS, traffic.phi_of(signal.name))
    requests: Amount = np.full(RUNS, 1.0)
    if signal.is_distribution:
        usual, phi, requests = np.linspace(0.1, 0.9, len(BOUNDS)), traffic.phi_of(signal.name), 1.0
    ledger = open_ledger(
        signal,
        promotion,
        began=0.0,
        past=ArmCounts(HISTORY * requests, HISTORY * usual),
        phi=phi,
        step=0,
        cuts=tuple(BOUNDS),
    )
    dice = np.random.default_rng(SEED)
    safe_at = np.full(RUNS, np.inf)
    for portion in range(1, MOST_PORTIONS + 1):
        if signal.is_distribution:  # of which little is known: its mean
            seen = Interval(ArmCounts(float(ours), ours * usual), ArmCounts(float(theirs), theirs * usual))
        else:
            seen = Interval(_diced(ours, usual, dice), _diced(theirs, usual, dice))
        ledger = ledger.advanced(seen, start=portion * traffic.interval, lone_pod=False)
        safe_at = np.where(np.isinf(safe_at) & ledger.safe, portion * ours, safe_at)
        if np.isfinite(safe_at).mean() >= LATE:
            break
    half, most = (np.sort(safe_at)[ceil(level * RUNS) - 1] for level in (0.5, LATE))
    if np.isinf(half):
        return None
    return Needed(int(half), int(most) if np.isfinite(most) else None)


def _diced(requests: int, usual: Amount, dice: np.random.Generator) -> ArmCounts:
    """One portion in each of the rollouts."""
    bad = np.asarray(dice.binomial(requests, usual), dtype=np.float64)
    return ArmCounts(np.full(len(bad), float(requests)), bad)
