"""From stored samples to a verdict: what counts, what does not, and what is said while nothing can be."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serin.domain.analysis.counters import Role, Series
from serin.domain.analysis.judge import Hold, Reason
from serin.domain.analysis.policy import Counter, DataPlane
from serin.domain.analysis.request import Channel
from serin.domain.analysis.trial import Trial
from serin.domain.analysis.verdict import Verdict
from tests.unit.analysis.worlds import (
    STARTED,
    World,
    always,
    behind_proxy,
    canary_pod,
    cut,
    errors,
    exact,
    judged,
    policy,
    request,
    served,
    since,
    window,
)

# What is found


def test_a_failing_version_is_found_within_four_scrapes() -> None:
    asked = request(policy(), interval=5, stables=1)
    world = served(
        asked, rps=50, share=since(0, 0.2), canary=always(0.2), stable=always(0), until=60, history=60
    )

    assert judged(asked, world, at=20).verdict is Verdict.HARM


def test_a_healthy_version_is_safe_and_never_harmful() -> None:
    asked = request(policy())

    found = judged(asked, served(asked, canary=always(0), stable=always(0)), at=150)

    assert found.verdict is Verdict.SAFE
    assert found.attempt == asked.attempt
    assert found.policy_hash == asked.policy.fingerprint()


@pytest.mark.parametrize("seed", range(4))
def test_equal_versions_are_not_told_apart(seed: int) -> None:
    """Through scrapes at each pod's own phase, missing none and doubling none."""
    asked = request(policy(), interval=5, canaries={canary_pod(k): 0.0 for k in range(2)})

    found = judged(asked, served(asked, share=since(0, 0.3), seed=seed)).signals[0]

    assert found.verdict is not Verdict.HARM
    assert found.canary.events + found.stable.events == pytest.approx(100 * 600, rel=0.03)
    assert found.ratio == pytest.approx(1, abs=0.4)


def test_harm_stays_harm_when_the_canary_recovers() -> None:
    asked = request(policy())
    world = served(asked, canary=lambda t: 0.3 if 0 <= t < 60 else 0.0)

    assert judged(asked, world).verdict is Verdict.HARM


def test_signals_share_the_allowed_rate_by_importance() -> None:
    """The same fault, once alone and once as the lesser of two signals of which the other never speaks."""
    alone = request(policy(errors(importance=1)))
    lesser = request(policy(errors(importance=1), errors(name="other", importance=999, required=False)))
    world = served(alone, canary=always(0.05))

    assert judged(alone, world, at=120).verdict is Verdict.HARM
    assert judged(lesser, world, at=120).verdict is not Verdict.HARM


def test_an_incident_that_both_share_is_no_harm() -> None:
    asked = request(policy())
    half = lambda t: 0.5 if 300 <= t < 360 else 0.01  # noqa: E731
    world = served(asked, rps=1000, canary=half, stable=half, history=1200)

    assert judged(asked, world).verdict is not Verdict.HARM


# Nothing is stored


@settings(max_examples=20, deadline=None)
@given(looks=st.lists(st.integers(0, 300), max_size=12), seed=st.integers(0, 3))
def test_a_restarted_operator_finds_the_same_evidence(looks: list[int], seed: int) -> None:
    asked = request(policy(), stables=2)
    world = served(asked, canary=always(0.03), until=300, history=120, seed=seed)
    followed, last = Trial(asked), -1e9
    for look in [*sorted(looks), 300]:
        followed.add(cut(world, last - 30, look))
        last = look
    restarted = Trial(asked)

    restarted.add(cut(world, -1e9, 300))

    assert restarted.assess(STARTED + 300) == followed.assess(STARTED + 300)


def test_after_an_outage_of_prometheus_it_catches_up() -> None:
    asked = request(policy())
    world = served(asked, canary=always(0.05))
    trial = Trial(asked)
    trial.add(cut(world, -1e9, 15))

    meanwhile = trial.blind(Hold(Reason.PROMETHEUS_UNREACHABLE, "connection refused"))
    trial.add(cut(world, 0, 300))

    assert (meanwhile.verdict, meanwhile.available) == (Verdict.NO_DATA, False)
    assert (meanwhile.reason, meanwhile.message) == ("PrometheusUnreachable", "connection refused")
    assert trial.assess(STARTED + 300).verdict is Verdict.HARM


def test_harm_is_not_forgotten_while_prometheus_is_away() -> None:
    asked = request(policy())
    trial = Trial(asked)
    trial.add(served(asked, canary=always(0.5)))

    assert trial.blind(Hold(Reason.PROMETHEUS_UNREACHABLE, "away")).verdict is Verdict.HARM


# What counts


def test_a_slow_start_inside_the_warm_up_does_not_count() -> None:
    cold = request(policy(warm_up=0))
    warmed = request(policy(warm_up=120))
    world = served(cold, canary=lambda t: 0.2 if t < 90 else 0.01)

    assert judged(cold, world).verdict is Verdict.HARM
    assert judged(warmed, world).verdict is not Verdict.HARM


def test_pods_that_join_later_are_cold_too() -> None:
    asked = request(policy(warm_up=120), canaries={canary_pod(0): 0.0, canary_pod(1): 300.0})

    found = judged(asked, served(asked), at=410)

    # 5 requests a second from 120 to 300 s, then half of them, the first pod's, until about 405 s.
    assert found.signals[0].canary.events == pytest.approx(5 * 180 + 2.5 * 105, rel=0.05)


def test_intervals_in_which_a_weight_changes_are_left_out() -> None:
    opened, changed = window(0, 5, 0, 0), window(1, 5, 299, 301)
    still = request(policy(), windows=(opened,))
    moving = request(policy(), windows=(opened, changed), step=1)
    world = served(still)

    counted, left = (judged(asked, world).signals[0].canary.events for asked in (still, moving))

    assert counted - left == pytest.approx(5 * 30, rel=0.2)


def test_what_comes_out_of_a_silence_over_a_change_of_weight_is_left_out() -> None:
    opened, changed = window(0, 5, 0, 0), window(1, 5, 310, 312)
    still = request(policy(), windows=(opened,))
    moving = request(policy(), windows=(opened, changed), step=1)
    world = {
        channel: [
            Series(one.labels, tuple(s for s in one.samples if not 270 < s[0] - STARTED < 360))
            for one in found
        ]
        for channel, found in served(still).items()
    }

    counted, left = (judged(asked, world).signals[0].canary.events for asked in (still, moving))

    # What the silence hid, and the interval in which the target was seen again.
    assert counted - left == pytest.approx(5 * 115, rel=0.25)


def test_a_lone_canary_pod_is_allowed_more_than_several() -> None:
    counts = {"canary": (750.0, 7.5 * 1.48), "stable": (14_250.0, 142.5)}
    one, two = (
        judged(
            request(policy(), canaries={canary_pod(k): 0.0 for k in range(pods)}),
            exact(canary=counts["canary"], stable=counts["stable"], intervals=240, canaries=pods),
            at=3600,
        )
        for pods in (1, 2)
    )

    assert two.signals[0].log_evidence > 1 > one.signals[0].log_evidence


def test_safety_begins_anew_at_each_step_and_harm_carries_over() -> None:
    opened, changed = window(0, 5, 0, 0), window(1, 25, 300, 305)
    first = request(policy(), windows=(opened,))
    second = request(policy(), windows=(opened, changed), step=1)
    world = served(first, canary=always(0), stable=always(0.01))

    before, after = judged(first, world, at=299).signals[0], judged(second, world, at=345).signals[0]

    assert before.log_safety > 3 > 1 > after.log_safety > 0
    assert after.log_evidence == pytest.approx(before.log_evidence, abs=0.5)
    assert (before.verdict, after.verdict) == (Verdict.SAFE, Verdict.UNDECIDED)


def test_the_step_asked_about_is_safe_only_on_its_own_evidence() -> None:
    asked = request(policy(), step=1)  # its weight has not been written yet

    found = judged(asked, served(asked, canary=always(0), stable=always(0)))

    assert found.verdict is Verdict.UNDECIDED
    assert found.message.endswith("nothing counted at this step's weight yet")


def test_slow_is_what_is_not_within_the_bucket() -> None:
    slow = errors(
        name="latency",
        requests=Counter(metric="seconds_count"),
        bad=None,
        within=Counter(metric="seconds_bucket"),
        at_most=0.5,
    )
    asked = request(policy(slow))
    world = renamed(served(asked, canary=always(0.5), stable=always(0.5)))

    found = judged(asked, world).signals[0]

    assert found.canary.bad == pytest.approx(found.canary.events / 2, rel=0.1)


def renamed(world: World) -> World:
    """Failed requests of the world as those within the bucket of a latency signal."""
    return {
        Channel("", Role.SCRAPES): world[Channel("", Role.SCRAPES)],
        Channel("latency", Role.REQUESTS): world[Channel("errors", Role.REQUESTS)],
        Channel("latency", Role.WITHIN): world[Channel("errors", Role.BAD)],
    }


def test_a_proxys_series_are_told_apart_by_backend() -> None:
    envoy = DataPlane(label="envoy_cluster_name", pattern=".*/{namespace}/{backend}")
    asked = request(policy(errors(data_plane=envoy)))
    world = served(asked, canary=always(0.2))
    proxy = {
        channel: [behind_proxy(one) for one in found]
        for channel, found in world.items()
        if channel.role is not Role.SCRAPES
    }

    found = judged(asked, proxy, at=120)

    assert found.verdict is Verdict.HARM
    assert found.signals[0].stable.events > 9 * found.signals[0].canary.events


def test_a_proxys_arm_counts_while_all_of_its_pods_are_warm() -> None:
    envoy = DataPlane(label="envoy_cluster_name", pattern=".*/{namespace}/{backend}")
    canaries = {canary_pod(0): 0.0, canary_pod(1): 300.0}
    asked = request(policy(errors(data_plane=envoy), warm_up=120), canaries=canaries)
    proxy = {
        channel: [behind_proxy(one) for one in found]
        for channel, found in served(asked).items()
        if channel.role is not Role.SCRAPES
    }

    events = [judged(asked, proxy, at=at).signals[0].canary.events for at in (315, 425, 600)]

    # 5 requests a second from 120 to 300 s, and again from 420 s on.
    assert events == pytest.approx([5 * 180, 5 * 180, 5 * 345], rel=0.1)


def test_what_a_server_counts_by_is_not_taken_for_a_way_of_scraping() -> None:
    """A label `endpoint` is the scrape's where `up` has it too, and else the server's own."""
    asked = request(policy())
    world = {
        channel: [two for one in found for two in by_endpoint(channel, one)]
        for channel, found in served(asked).items()
    }

    found = judged(asked, world).signals[0]

    assert found.canary.events == pytest.approx(2 * 5 * 600, rel=0.1)


def by_endpoint(channel: Channel, one: Series) -> list[Series]:
    if channel.role is Role.SCRAPES:
        return [one]
    return [Series({**one.labels, "endpoint": path}, one.samples) for path in ("/predict", "/explain")]
