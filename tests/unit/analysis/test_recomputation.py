"""Evidence is a function of the stored samples: however and whenever they are read, it is the same (I7).

One world with all that goes wrong at once: pods that restart and join, scrapes that are missed, two replicas
of Prometheus with their own phase, a job that is renamed, a silence of ten minutes, a change of weight.
"""

import random
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serin.domain.analysis.counters import Role, Sample, Series
from serin.domain.analysis.policy import Counter
from serin.domain.analysis.request import Channel, TrialRequest
from serin.domain.analysis.trial import Trial
from serin.domain.analysis.verdict import Assessment
from tests.unit.analysis.worlds import (
    STARTED,
    World,
    always,
    canary_pod,
    errors,
    policy,
    request,
    served,
    stable_pod,
    window,
)

END = 1200
SLOW = errors(
    name="latency",
    requests=Counter(metric="seconds_count"),
    bad=None,
    within=Counter(metric="seconds_bucket"),
    native=Counter(metric="seconds"),
    at_most=0.5,
    max_ratio=1.5,
)

SPREAD = replace(SLOW, name="spread", at_most=None, max_shift=0.05)


def asked() -> TrialRequest:
    opened = replace(window(0, 5, 0, 3), weight=20)
    raised = replace(window(1, 50, 600, 606), weight=40)
    canaries = {canary_pod(0): -30.0, canary_pod(1): 590.0}
    return request(
        policy(errors(), SLOW, SPREAD, errors(name="tried", dry_run=True), warm_up=60),
        canaries=canaries,
        stables=3,
        windows=(opened, raised),
        step=1,
    )


@cache
def stored(seed: int) -> World:
    """What Prometheus has in the end."""
    dice = random.Random(seed)
    world = served(
        asked(),
        rps=40,
        share=lambda t: 0.0 if t < 3 else 0.2 if t < 603 else 0.4,
        canary=always(0.012),
        until=float(END),
        history=1500,
        seed=seed,
    )
    restarts = {name: dice.uniform(100, END) for name in (canary_pod(0), stable_pod(1))}
    made: dict[Channel, list[Series]] = {}
    for channel, found in world.items():
        for one in found:
            pod = one.labels["pod"]
            samples = begun_anew(one.samples, restarts.get(pod)) if channel.signal else one.samples
            made.setdefault(channel, []).extend(scraped(Series(one.labels, samples)))
    requests, bad = made[Channel("errors", Role.REQUESTS)], made[Channel("errors", Role.BAD)]
    made[Channel("tried", Role.REQUESTS)], made[Channel("tried", Role.BAD)] = requests, bad
    made[Channel("latency", Role.NATIVE)] = [as_bucket(one) for one in requests]
    made[Channel("", Role.START)] = [
        Series(one.labels, tuple((t, began(restarts.get(one.labels["pod"]), t)) for t, _ in one.samples))
        for one in made[Channel("", Role.SCRAPES)]
    ]
    return made


def began(restart: float | None, t: float) -> float:
    return STARTED + restart if restart is not None and t >= STARTED + restart else STARTED - 86_400


def begun_anew(samples: tuple[Sample, ...], at: float | None) -> tuple[Sample, ...]:
    """The counter of a process that restarted at a time; what was between the last scrape and it is lost."""
    if at is None:
        return samples
    before = [v for t, v in samples if t < STARTED + at]
    lost = before[-1] if before else 0.0
    return tuple((t, v if t < STARTED + at else v - lost) for t, v in samples)


def scraped(one: Series) -> list[Series]:
    """By two replicas, each of which misses a fifth of the scrapes and is silent for ten minutes of the
    history; one of them under a job that is renamed.
    """
    found = []
    for replica in ("a", "b"):
        phase = random.Random(f"{replica}{one.labels['pod']}").random() * (replica == "b")
        kept = tuple((t + phase, v) for t, v in one.samples if not misses(replica, one.labels["pod"], t))
        renamed = {"job": "renamed"} if replica == "a" else {}
        early = tuple(s for s in kept if s[0] < STARTED + 400)
        late = kept[len(early) :]
        labels = {**one.labels, "prometheus_replica": replica}
        found += [Series(labels, early), Series({**labels, **renamed}, late)]
    return [series for series in found if series.samples]


def misses(replica: str, pod: str, t: float) -> bool:
    """Whether a scrape fails: for all series of the pod, or it would be an absence."""
    return -1000 < t - STARTED < -400 or random.Random(f"{replica}{pod}{t}").random() < 0.2


def as_bucket(one: Series) -> Series:
    """Successful requests as those within half a second, the others as slower ones, of a native histogram."""
    bound = "0.5" if one.labels["code"] == "200" else "4.0"
    labels = {name: value for name, value in one.labels.items() if name != "code"}
    return Series({**labels, "le": bound}, one.samples, native=True)


def with_count(world: World) -> World:
    """With the bucket that ends at infinity: all requests of each feed, at the times of the first bucket."""
    channel = Channel("latency", Role.NATIVE)
    short = [one for one in world[channel] if one.labels["le"] == "0.5"]
    others = {key(one): dict(one.samples) for one in world[channel] if one.labels["le"] != "0.5"}
    counts = []
    for one in short:
        more, held = 0.0, []
        for t, v in one.samples:
            more = others.get(key(one), {}).get(t, more)
            held.append((t, v + more))
        counts.append(Series({**one.labels, "le": "+Inf"}, tuple(held), native=True))
    whole = [*world[channel], *counts]
    return {**world, channel: whole, Channel("spread", Role.NATIVE): whole}


def key(one: Series) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((k, v) for k, v in one.labels.items() if k != "le"))


def answered(world: World, after: float, to: float, *, closed: bool) -> World:
    """What a range selector answers: Prometheus 2 includes the range's beginning, 3 does not."""
    return {
        channel: [
            one._replace(samples=found)
            for one in series
            if (found := tuple(s for s in one.samples if within(s[0] - STARTED, after, to, closed=closed)))
        ]
        for channel, series in world.items()
    }


def within(t: float, after: float, to: float, *, closed: bool) -> bool:
    return (after <= t if closed else after < t) and t <= to


def as_known(now: float) -> TrialRequest:
    """The request as it was then: changes of weight and pods that were to come are not known."""
    whole = asked()
    windows = tuple(one for one in whole.windows if one.written - STARTED <= now) or whole.windows[:1]
    pods = tuple(pod for pod in whole.pods if pod.ready is not None and pod.ready - STARTED <= now)
    return replace(whole, windows=windows, pods=pods, step=windows[-1].step)


def close(one: Any, other: Any) -> bool:
    """Equal, numbers to 1e-9."""
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(close(one[k], other[k]) for k in one)
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(close(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, float):
        return one == pytest.approx(other, rel=1e-9, abs=1e-9)
    return bool(one == other)


def judged_at(world: World, looks: list[int], kills: set[int], *, closed: bool) -> Assessment:
    """By processes that look at some times and are killed at others, of which each reads all history anew."""
    trial, last = Trial(as_known(looks[0])), -4000.0
    for number, look in enumerate(looks):
        if number in kills:
            trial, last = Trial(as_known(look)), -4000.0
        trial.update(as_known(look))
        trial.add(answered(world, last - 61, look, closed=closed))
        last = look
    return trial.assess(STARTED + looks[-1])


@settings(max_examples=15, deadline=None)
@given(
    looks=st.lists(st.integers(0, END), max_size=25, unique=True).map(sorted),
    kills=st.sets(st.integers(0, 25), max_size=4),
    closed=st.booleans(),
    seed=st.integers(0, 3),
)
def test_however_it_is_read_the_evidence_is_the_same(
    looks: list[int], kills: set[int], closed: bool, seed: int
) -> None:
    world = with_count(stored(seed))
    at_once = judged_at(world, [END], set(), closed=True)

    found = judged_at(world, [*looks, END], kills, closed=closed)

    assert close(asdict(found), asdict(at_once)), (found, at_once)


@pytest.mark.parametrize("seed", range(4))
def test_the_world_exercises_what_is_claimed(seed: int) -> None:
    """Both signals are compared, counts come near the truth but for warm-ups, the restart, the change of
    weight and what falls into a silence of the canary's alone; and nothing of it is late.
    """
    world = with_count(stored(seed))

    found = judged_at(world, [END], set(), closed=True)

    by_errors, by_latency, by_spread = found.signals[:3]
    assert by_errors.stable.events == pytest.approx(40 * (0.8 * 600 + 0.6 * 600), rel=0.2)
    assert by_latency.canary.events == pytest.approx(by_errors.canary.events, rel=1e-6)
    assert by_latency.canary.bad == pytest.approx(by_errors.canary.bad, rel=1e-6)
    assert by_spread.canary.events == pytest.approx(by_latency.canary.events)
    assert found.late == 0
    assert found.reason != "SplitMismatch"


def test_looking_all_the_time_is_looking_once() -> None:
    world = with_count(stored(0))

    always_looking = judged_at(world, [*range(0, END, 7), END], set(), closed=False)

    assert close(asdict(always_looking), asdict(judged_at(world, [END], set(), closed=True)))


def test_a_look_between_any_two_scrapes_changes_nothing() -> None:
    """Looks fall between the samples of one scrape too, which arrive together in truth."""
    world = with_count(stored(1))
    times = sorted({s[0] - STARTED for one in world[Channel("", Role.SCRAPES)] for s in one.samples})
    looks = [round((a + b) / 2) for a, b in pairwise(times) if 0 < a < END and b - a > 2]

    found = judged_at(world, [*looks, END], set(), closed=True)

    assert close(asdict(found), asdict(judged_at(world, [END], set(), closed=True)))


@pytest.mark.parametrize("seed", range(2))
def test_what_was_pinned_is_what_would_be_learnt_again(seed: int) -> None:
    world = with_count(stored(seed))
    first = judged_at(world, [END], set(), closed=True)
    pins = {one.name: one.pin for one in first.signals if one.pin is not None}
    restarted = Trial(replace(as_known(END), pins=pins))

    restarted.add(answered(world, -4000, END, closed=True))

    assert len(pins) == 4
    assert close(asdict(restarted.assess(STARTED + END)), asdict(first))
