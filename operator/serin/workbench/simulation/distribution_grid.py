"""The tables of latency and of scores: what is harmless, what is not, and how soon that is told."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from serin.domain.analysis.ledger import LONE_POD_RATIO
from serin.domain.analysis.policy import Counter, SignalPolicy
from serin.domain.analysis.tails import cuts_of
from serin.workbench.simulation.estimates import Floats, share
from serin.workbench.simulation.faults import Fault
from serin.workbench.simulation.findings import Times, at_most, times
from serin.workbench.simulation.histograms import (
    Histograms,
    Share,
    beta,
    between,
    log_normal,
    slower,
    stuck,
)
from serin.workbench.simulation.rollouts import RULES, Until, joined, play
from serin.workbench.simulation.scenarios import BATCH, Scenario, simulate
from serin.workbench.simulation.tables import Cell, Table
from serin.workbench.simulation.traffic import INTERVAL

LATENCY: Final = log_normal(100.0, ninety_nine=400.0)
SCORES: Final = beta(2, 5)
LATENCY_BOUNDS: Final = tuple(float(bound) for bound in np.geomspace(10, 10_240, 41))
"""Milliseconds: four bounds to each doubling, as a native histogram of schema 2 has them."""
SCORE_BOUNDS: Final = tuple(place / 20 for place in range(1, 20))

_RATES: Final = (10, 100, 1000)
_LIMIT: Final = 500.0
_COUNTED: Final = SignalPolicy(
    name="distribution", requests=Counter(metric="count"), bad=None, within=Counter(metric="bucket")
)
SLOWDOWN: Final = replace(_COUNTED, name="slowdown", max_slowdown=1.18)
SHIFT: Final = replace(_COUNTED, name="scores", max_shift=0.05)
NARROW_SHIFT: Final = replace(_COUNTED, name="scores", max_shift=0.02)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """How the canary's distribution differs from the stable's, and since when, in seconds."""

    stable: Share
    canary: Share
    onset: float = 0.0


LATENCIES: Final = {
    "the same": Change(stable=LATENCY, canary=LATENCY),
    "1.1 times as long": Change(stable=LATENCY, canary=slower(LATENCY, 1.1)),
    "1.5 times as long": Change(stable=LATENCY, canary=slower(LATENCY, 1.5)),
    "1.5 times as long after 20 min": Change(stable=LATENCY, canary=slower(LATENCY, 1.5), onset=1200.0),
    "5 times as long for 2.5 %": Change(stable=LATENCY, canary=slower(LATENCY, 5.0, part=0.025)),
}
SCORE_CHANGES: Final = {
    "the same": Change(stable=SCORES, canary=SCORES),
    "Beta(2.05, 5)": Change(stable=SCORES, canary=beta(2.05, 5)),
    "Beta(2.5, 5), 17 % higher": Change(stable=SCORES, canary=beta(2.5, 5)),
    "5 % always 1": Change(stable=SCORES, canary=stuck(SCORES, 1.0, part=0.05)),
    "all between 0.2 and 0.4": Change(stable=SCORES, canary=between(0.2, 0.4)),
}


def harmed(
    signal: SignalPolicy,
    change: Change,
    *,
    per_second: float,
    bounds: tuple[float, ...],
    runs: int,
    seed: int,
) -> Floats:
    """When harm was found in an hour, in seconds since the canary's first request; infinite for never."""
    cuts = cuts_of(signal, bounds, [change.stable(bound) for bound in bounds])
    rules = replace(RULES, signal=signal, cuts=cuts)
    parts = []
    for number, first in enumerate(range(0, runs, BATCH)):
        count = min(BATCH, runs - first)
        world = Histograms(
            per_second=per_second,
            cuts=cuts,
            stable=change.stable,
            canary=change.canary,
            onset=change.onset,
            runs=count,
            dice=np.random.default_rng([seed, number]),
        )
        parts.append(play(world, rules, runs=count, intervals=round(3600 / INTERVAL), until=Until.HARM))
    return joined(parts).harmed


def latency() -> Table:
    """By a limit, and by how many times as long requests take."""
    return Table(
        words="Latency, log-normal with median 100 ms and 99 % within 400 ms; told as slower requests than a"
        " limit of 500 ms (ratio 1.5), and as a slowdown of more than 1.18 on four buckets to a doubling:"
        " median / 95 % time to rollback within an hour",
        head=_head("the canary's requests take", "limit", "slowdown"),
        rows=tuple(
            (
                name,
                (
                    *(_over_limit(change, rps) for rps in _RATES),
                    *(_harm(SLOWDOWN, change, rps, LATENCY_BOUNDS) for rps in _RATES),
                ),
            )
            for name, change in LATENCIES.items()
        ),
        runs=500,
    )


def scores() -> Table:
    """By how many of all answers move over some score."""
    return Table(
        words="Scores of a model, Beta(2, 5) on twenty buckets, and a shift of 5 or 2 points allowed:"
        " median / 95 % time to rollback within an hour",
        head=_head("the canary's scores are", "5 points", "2 points"),
        rows=tuple(
            (
                name,
                tuple(
                    _harm(signal, change, rps, SCORE_BOUNDS)
                    for signal in (SHIFT, NARROW_SHIFT)
                    for rps in _RATES
                ),
            )
            for name, change in SCORE_CHANGES.items()
        ),
        runs=500,
    )


def _head(title: str, *margins: str) -> tuple[str, ...]:
    return (title, *(f"{margin}, {rps:,} /s" for margin in margins for rps in _RATES))


def _harm(signal: SignalPolicy, change: Change, per_second: float, bounds: tuple[float, ...]) -> Cell:
    def cell(runs: int, seed: int) -> tuple[str, ...]:
        found = harmed(signal, change, per_second=per_second, bounds=bounds, runs=runs, seed=seed)
        return (_told(found - change.onset),)

    return cell


def _over_limit(change: Change, per_second: float) -> Cell:
    def cell(runs: int, seed: int) -> tuple[str, ...]:
        usual, slow = (1 - share_of(_LIMIT) for share_of in (change.stable, change.canary))
        asked = Scenario(
            per_second=per_second,
            usual=usual,
            fault=Fault(points=slow - usual, onset=change.onset),
            rules=replace(RULES, signal=replace(RULES.signal, max_ratio=LONE_POD_RATIO)),
        )
        return (_told(simulate(asked, runs=runs, seed=seed).harmed - change.onset),)

    return cell


def _told(found: Floats) -> str:
    """When harm was found; how often, where that is next to never."""
    hits = int(np.isfinite(found).sum())
    return times(Times.of(found)) if hits > len(found) / 20 else at_most(share(hits, len(found)))
