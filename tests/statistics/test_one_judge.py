"""What is simulated is the operator's judge: many rollouts at once are as each alone, and as raw samples."""

from dataclasses import replace

import numpy as np
import pytest

from serin.domain.analysis.counters import Role, Series
from serin.domain.analysis.distribution import Account
from serin.domain.analysis.evidence import ArmCounts, Interval
from serin.domain.analysis.ledger import Ledger
from serin.domain.analysis.policy import Promotion
from serin.domain.analysis.request import Channel
from serin.domain.analysis.trial import Trial
from serin.workbench.simulation.conditions import CONDITIONS
from serin.workbench.simulation.faults import Fault
from serin.workbench.simulation.pods import Pods
from serin.workbench.simulation.rollouts import judged
from serin.workbench.simulation.rows import kept, mixed
from serin.workbench.simulation.traffic import INTERVAL, Before, Counts
from tests.unit.analysis.worlds import STARTED, World, canary_pod, cut, errors, policy, request, stable_pod

RUNS, INTERVALS = 6, 80
DEEP = 1e-9
NEVER_HARMED = replace(policy(errors()), max_false_rollback_rate=1e-300)
"""Evidence stands still once harm is found; this one is not."""


def rollouts(condition: str = "calm", *, per_second: float = 40.0) -> Pods:
    """Some that go wrong in their middle, scraped pod by pod."""
    return Pods(
        per_second=per_second,
        usual=0.02,
        weight=0.1,
        intervals=INTERVALS,
        runs=RUNS,
        dice=np.random.default_rng(5),
        fault=Fault(times=3.0, onset=600.0),
        condition=CONDITIONS[condition],
    )


def opened(before: Before) -> Account:
    return Ledger.open(errors(), Promotion(), began=0, past=before.past, phi=before.phi, step=0)


def after(ledger: Account, seen: list[Interval], *, first: int = 0) -> list[Account]:
    """The ledger after each of the intervals."""
    found = []
    for number, both in enumerate(seen, start=first):
        counted = np.ones(np.shape(both.canary.requests), dtype=bool)
        ledger = judged(ledger, both, counted, start=number * INTERVAL, lone_pod=True)
        found.append(ledger)
    return found


def stored(world: Pods, run: int) -> World:
    """What Prometheus has of one rollout; the counter of bad requests appears with the first of them."""
    channels: dict[Channel, list[Series]] = {}
    scrapes = world.scrapes
    for pod, name in enumerate((canary_pod(0), *map(stable_pod, range(world.stables)))):
        place = np.flatnonzero(scrapes.heard[run, pod])
        times = (STARTED + scrapes.times[run, pod, place]).tolist()
        good, bad = (values[run, pod, place].tolist() for values in (scrapes.good, scrapes.bad))
        labels = {"namespace": "ml", "pod": name, "instance": f"{name}:8082", "job": "models"}
        up = Series(labels, tuple((t, 1.0) for t in times))
        served = Series(labels | {"code": "200"}, tuple(zip(times, good, strict=True)))
        failed = Series(labels | {"code": "500"}, tuple((t, e) for t, e in zip(times, bad, strict=True) if e))
        for signal, role, series in (
            ("", Role.SCRAPES, [up]),
            ("errors", Role.REQUESTS, [served, failed]),
            ("errors", Role.BAD, [failed]),
        ):
            channels.setdefault(Channel(signal, role), []).extend(series)
    return channels


def one(counts: ArmCounts, run: int) -> ArmCounts:
    return ArmCounts(float(counts.requests[run]), float(counts.bad[run]))


def test_many_at_once_are_judged_as_each_alone() -> None:
    world, all_runs = rollouts("clusters"), np.arange(RUNS)
    before = world.before()
    seen = [world.interval(number, np.full(RUNS, 0.1), all_runs) for number in range(INTERVALS)]
    together = after(opened(before), seen)

    assert (np.asarray(before.phi) > 2).all()
    for run in range(RUNS):
        alone = after(
            opened(Before(one(before.past, run), before.phi[run])),
            [Interval(one(both.canary, run), one(both.stable, run)) for both in seen],
        )
        for many, single in zip(together, alone, strict=True):
            assert many.log_harm[run] == pytest.approx(single.log_harm, abs=DEEP)
            assert many.log_safety[run] == pytest.approx(single.log_safety, abs=DEEP)
            assert many.safe[run] == single.safe


@pytest.mark.parametrize("condition", ["calm", "clusters", "noisy-pods", "missing-scrapes", "outage"])
def test_counts_are_those_of_raw_samples(condition: str) -> None:
    world = rollouts(condition)
    seen = [world.interval(number, np.full(RUNS, 0.1), np.arange(RUNS)) for number in range(INTERVALS)]
    together = after(opened(world.before()), seen)
    compared = 0

    for run in range(RUNS):
        trial, samples, before = Trial(request(NEVER_HARMED)), stored(world, run), -1e9
        for now in (300.0, 600.0, 900.0, 1200.0):
            trial.add(cut(samples, before, now))
            said, before = trial.assess(STARTED + now), now
            decided = round(((said.boundary or 0.0) - STARTED) / INTERVAL)
            if decided < 1:
                continue  # Prometheus is away
            compared += 1
            ours, theirs = together[decided - 1], said.signals[0]
            assert theirs.log_evidence == pytest.approx(ours.log_harm[run], abs=DEEP), (run, now)
            assert theirs.canary.events == pytest.approx(ours.canary.requests[run])
            assert theirs.stable.bad == pytest.approx(ours.stable.bad[run])

    assert compared >= 3 * RUNS


def test_some_of_many_go_on_as_they_were() -> None:
    """Dropping rollouts that have ended, and starting the safety of others anew, touches no other one's."""
    dice = np.random.default_rng(6)
    world = Counts(per_second=40, usual=0.02, runs=RUNS, dice=dice)
    seen = [world.interval(number, np.full(RUNS, 0.1), np.arange(RUNS)) for number in range(8)]
    left = np.array([1, 2, 4])

    whole = after(opened(world.before()), seen[:4])[-1]
    moved = mixed(np.arange(RUNS) == 2, whole.at_step(1), whole)
    some = kept(moved, left, of=RUNS)
    all_on = after(whole, seen[4:], first=4)[-1]
    on = after(some, [kept(both, left, of=RUNS) for both in seen[4:]], first=4)[-1]

    assert on.log_harm == pytest.approx(all_on.log_harm[left], abs=DEEP)
    assert on.log_safety[[0, 2]] == pytest.approx(all_on.log_safety[[1, 4]], abs=DEEP)
    assert on.step_canary.requests[1] == sum(both.canary.requests[2] for both in seen[4:])
