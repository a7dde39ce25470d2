"""Model servers that misbehave (M1), caches that warm (J1), hardly any traffic (J2).

Never a promotion on what is not known, and never a rollback for it.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from math import nan

import pytest

from serin.domain.analysis.counters import Arm, Role, Sample, Series
from serin.domain.analysis.request import Channel, PodTimes
from serin.domain.analysis.trial import Trial
from serin.domain.analysis.verdict import Verdict
from tests.unit.analysis.worlds import (
    STARTED,
    World,
    always,
    canary_pod,
    cut,
    judged,
    policy,
    request,
    served,
    since,
    stable_pod,
    window,
)

Change = Callable[[Series], Series | None]
MIDWAY = 300.0


def on_canary(world: World, change: Change) -> World:
    """With another thing in the place of the canary's counters; `up` stays."""
    return {
        channel: [
            new
            for one in found
            if (new := change(one) if is_canarys(channel, one) else one) is not None and new.samples
        ]
        for channel, found in world.items()
    }


def is_canarys(channel: Channel, one: Series) -> bool:
    return channel.role is not Role.SCRAPES and one.labels["pod"] == canary_pod(0)


def later(one: Series, becomes: Callable[[int, Sample], Sample | None]) -> Series:
    """With its samples since midway changed, by their number."""
    made = []
    for k, sample in enumerate(one.samples):
        new = sample if sample[0] < STARTED + MIDWAY else becomes(k, sample)
        if new is not None:
            made.append(new)
    return one._replace(samples=tuple(made))


GONE: Change = lambda one: later(one, lambda _, s: None)  # noqa: E731
GAUGE: Change = lambda one: later(one, lambda k, s: (s[0], float(k * 7 % 5)))  # noqa: E731
NOT_A_NUMBER: Change = lambda one: later(one, lambda _, s: (s[0], nan))  # noqa: E731
NATIVE: Change = lambda one: one._replace(labels={**one.labels, "le": "+Inf"}, native=True)  # noqa: E731


def crashing(one: Series) -> Series:
    """Of a process that begins anew every 75 seconds; what came since the last scrape before is lost."""
    made, lost, run = [], 0.0, 0
    for (_, before), (t, value) in pairwise(((0.0, 0.0), *one.samples)):
        if int((t - STARTED) // 75) != run:
            run, lost = int((t - STARTED) // 75), before
        made.append((t, value - lost))
    return one._replace(samples=tuple(made))


def standing(world: World, since_then: float) -> World:
    """Without any traffic from a time on."""
    return {
        channel: [one._replace(samples=tuple(stood(one.samples, STARTED + since_then))) for one in found]
        for channel, found in world.items()
    }


def stood(samples: tuple[Sample, ...], at: float) -> Iterator[Sample]:
    last = None
    for t, value in samples:
        last = value if t < at or last is None else last
        yield t, last


@pytest.mark.parametrize(
    ("change", "at"),
    [
        pytest.param(GONE, 600, id="renamed midway"),
        pytest.param(NATIVE, 600, id="a native histogram"),
        pytest.param(NOT_A_NUMBER, 600, id="NaN midway"),
        pytest.param(lambda _: None, 600, id="never there"),
    ],
)
def test_a_metric_that_goes_away_promotes_nothing(change: Change, at: float) -> None:
    asked = request(policy())
    healthy = served(asked, canary=always(0), stable=always(0))

    found = judged(asked, on_canary(healthy, change), at=at)

    assert judged(asked, healthy, at=at).verdict is Verdict.SAFE
    assert found.verdict is Verdict.NO_DATA


def test_a_gauge_in_the_place_of_a_counter_promotes_nothing() -> None:
    asked = request(policy())

    found = judged(asked, on_canary(served(asked, canary=always(0.001), stable=always(0)), GAUGE))

    assert found.verdict is not Verdict.SAFE


@pytest.mark.parametrize("risk", [0.001, 0.01])
def test_a_healthy_canary_that_restarts_every_minute_is_no_harm(risk: float) -> None:
    """By its counters: that it crashes is for the guards."""
    asked = request(policy())
    world = served(asked, canary=always(risk), stable=always(risk))

    found = judged(asked, on_canary(world, crashing))

    assert found.verdict is not Verdict.HARM
    assert found.signals[0].canary.events == pytest.approx(5 * 600, rel=0.2)


def test_a_second_job_that_drops_bad_requests_hides_none() -> None:
    """As `metric_relabel_configs` of one of two jobs does."""
    asked = request(policy())
    world = served(asked, canary=always(0.05))
    lean = {
        channel: [
            one._replace(labels={**one.labels, "job": "a-lean-one"}, samples=earlier(one))
            for one in found
            if one.labels.get("code") != "500"
        ]
        for channel, found in world.items()
    }

    both = {channel: [*lean[channel], *found] for channel, found in world.items()}
    assert judged(asked, both).verdict is judged(asked, world).verdict is Verdict.HARM


def earlier(one: Series) -> tuple[Sample, ...]:
    return tuple((t - 2.0, value) for t, value in one.samples)


def test_a_metric_that_went_says_since_when() -> None:
    asked = request(policy())
    world = served(asked, canary=always(0), stable=always(0))

    found = judged(asked, on_canary(world, GONE))

    assert found.reason == "AwaitingTraffic"
    assert found.message.startswith("errors: no counted request on fraud-7c9faa00bb for ")


def test_a_hundred_thousand_series_are_not_read_and_name_the_metric() -> None:
    """One counter with a label for each request; what is beyond the limit is not even looked at."""
    asked = request(policy())
    world = served(asked)
    channel = Channel("errors", Role.REQUESTS)
    labels = dict(world[channel][0].labels)
    crowd = [Series({**labels, "user": str(k)}, ((STARTED + 15, 1.0),)) for k in range(100_000)]
    trial = Trial(asked)
    unread = iter([*world[channel], *crowd])
    trial.add({**world, channel: unread})

    found = trial.assess(STARTED + 600)

    assert (found.verdict, found.reason) == (Verdict.NO_DATA, "TooManySeries")
    assert next(unread, None) is not None


def test_a_pod_that_flaps_is_never_warm() -> None:
    """Ready anew at every look: what it does is never compared, though it serves."""
    asked = request(policy(warm_up=30))
    world = served(asked, canary=always(0), stable=always(0))
    trial, last = Trial(asked), -1e9
    for look in range(0, 600, 10):
        ready = STARTED + look if look % 20 else None
        trial.update(replace(asked, pods=(PodTimes(name=canary_pod(0), arm=Arm.CANARY, ready=ready),)))
        trial.add(cut(world, last, look))
        last = look

    found = trial.assess(STARTED + 600)

    assert found.verdict is Verdict.NO_DATA
    assert found.signals[0].canary.events == 0


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("rps", "usual"), [(10.0, 0.01), (100.0, 0.01), (1000.0, 0.001)])
def test_caches_that_warm_as_long_as_is_said_are_no_harm(rps: float, usual: float, seed: int) -> None:
    """J1: errors fall from five times the usual over the first ten minutes of each new pod."""
    asked = request(policy(warm_up=600), canaries={canary_pod(0): 0.0, canary_pod(1): 0.0})
    warming = lambda t: usual * (5 - 4 * min(max(t, 0) / 600, 1))  # noqa: E731
    world = served(
        asked, rps=rps, canary=warming, stable=always(usual), until=1500.0, history=1200.0, seed=seed
    )

    assert judged(asked, world, at=1500).verdict is not Verdict.HARM


def test_ten_minutes_of_nothing_after_a_change_of_weight_hold() -> None:
    """J2."""
    opened, raised = window(0, 5, 0, 0), window(1, 25, 300, 305)
    asked = request(policy(), windows=(opened, raised), step=1)
    busy = served(asked, canary=always(0), stable=always(0), until=950.0)
    world = standing(busy, 295)

    found = judged(asked, world, at=930)

    assert judged(asked, world, at=290).signals[0].log_safety > 3
    assert (found.verdict, found.reason) == (Verdict.NO_DATA, "AwaitingTraffic")


def test_a_single_failure_in_thin_traffic_holds() -> None:
    """J2: one request a second to the canary, of which one fails."""
    asked = request(policy())
    world = served(asked, rps=2, share=since(0, 0.5), canary=since(1e9, 1), stable=always(0))
    channel = Channel("errors", Role.BAD)
    labels = {**world[Channel("", Role.SCRAPES)][-1].labels, "pod": canary_pod(0), "code": "500"}
    labels["instance"] = f"{canary_pod(0)}:8082"
    times = [s[0] for s in world[Channel("", Role.SCRAPES)][-1].samples if s[0] > STARTED + 100]
    failed = Series(labels, tuple((t, 1.0) for t in times))

    found = judged(asked, {**world, channel: [failed]}, at=200)

    assert found.verdict is Verdict.UNDECIDED
    assert found.signals[0].canary.bad > 0


def test_a_pod_that_dies_is_left_out_after_three_scrapes() -> None:
    """Nobody says that it is gone: its series end, and those of the others go on."""
    asked = request(policy())
    whole = served(asked, canary=always(0), stable=always(0))
    world = {
        channel: [
            one._replace(samples=tuple(s for s in one.samples if s[0] < STARTED + 300))
            if one.labels["pod"] == stable_pod(1)
            else one
            for one in found
        ]
        for channel, found in whole.items()
    }

    before, waiting, after = (judged(asked, world, at=at) for at in (295, 335, 600))

    assert before.boundary is not None
    assert waiting.boundary is not None
    assert waiting.boundary - before.boundary <= 15
    assert after.boundary == pytest.approx(STARTED + 600, abs=30)
    assert after.verdict is Verdict.SAFE


def test_a_fifth_of_the_scrapes_missing_is_judged_all_the_same() -> None:
    asked = request(policy())
    whole = served(asked, canary=always(0.05))
    world = {
        channel: [
            one._replace(samples=tuple(s for s in one.samples if not missed(one.labels["pod"], s[0])))
            for one in found
        ]
        for channel, found in whole.items()
    }

    assert judged(asked, world, at=400).verdict is Verdict.HARM


def missed(pod: str, t: float) -> bool:
    return random.Random(f"{pod}{t}").random() < 0.2


def test_more_than_half_of_the_scrapes_missing_is_not_judged() -> None:
    asked = request(policy())
    whole = served(asked, canary=always(0), stable=always(0))
    world = {
        channel: [
            one._replace(samples=tuple(s for k, s in enumerate(one.samples) if k % 3 == 0)) for one in found
        ]
        for channel, found in whole.items()
    }

    found = judged(asked, world, at=590)

    assert (found.verdict, found.reason) == (Verdict.NO_DATA, "ScrapesMissing")


def test_an_outage_of_prometheus_is_caught_up_with() -> None:
    """Ten minutes without samples: what happened meanwhile counts where the pods are seen again."""
    asked = request(policy())
    whole = served(asked, canary=always(0.0), stable=always(0.0), until=1500)
    world = {
        channel: [
            one._replace(samples=tuple(s for s in one.samples if not 300 < s[0] - STARTED < 900))
            for one in found
        ]
        for channel, found in whole.items()
    }

    away, back = judged(asked, world, at=800), judged(asked, world, at=1400)

    assert (away.verdict, away.reason) == (Verdict.NO_DATA, "SamplesStale")
    assert back.verdict is Verdict.SAFE
    assert back.signals[0].canary.events == pytest.approx(5 * 1400, rel=0.05)


def test_an_idle_canary_is_never_harmful() -> None:
    asked = request(policy())
    idle = lambda t: 0.05 if 0 <= t < 200 or t > 800 else 0.0  # noqa: E731
    world = served(asked, share=idle, until=1000)

    during = judged(asked, world, at=700)

    assert (during.verdict, during.reason) == (Verdict.NO_DATA, "AwaitingTraffic")
    assert judged(asked, world, at=1000).verdict is not Verdict.HARM
