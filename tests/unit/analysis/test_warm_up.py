"""What counts of pods that have just become Ready: nothing, unless they fail altogether."""

from dataclasses import replace

import pytest

from serin.domain.analysis.comparison import Comparison, Seen
from serin.domain.analysis.counters import Role
from serin.domain.analysis.evidence import NOTHING, ArmCounts
from serin.domain.analysis.policy import DataPlane, Promotion
from serin.domain.analysis.request import TrialRequest
from serin.domain.analysis.verdict import Verdict
from tests.unit.analysis.worlds import (
    STARTED,
    Risk,
    World,
    always,
    behind_proxy,
    canary_pod,
    errors,
    judged,
    policy,
    request,
    served,
)


def test_a_canary_that_fails_wholly_is_found_while_it_warms_up() -> None:
    asked = request(policy(warm_up=600))

    found = judged(asked, served(asked, canary=always(1.0)), at=90)

    assert found.verdict is Verdict.HARM
    ours, theirs = (f"{n:,.0f}" for n in (found.signals[0].canary.events, found.signals[0].stable.events))
    assert found.message.startswith(f"errors: {ours} bad of {ours} on fraud-7c9faa00bb, ")
    assert f" of {theirs} on fraud-55d1aa00bb in the same time, while warming up: " in found.message
    assert found.message.endswith(" points more, 25 allowed then")


@pytest.mark.parametrize("rps", [10.0, 100.0, 1000.0])
@pytest.mark.parametrize("seed", range(3))
def test_a_slow_start_is_forgiven(rps: float, seed: int) -> None:
    """A twentieth of the requests fails for a minute and a half, as analysis.md has it."""
    asked = request(policy(warm_up=120))
    slow = lambda t: 0.05 if t < 90 else 0.001  # noqa: E731

    found = judged(asked, served(asked, rps=rps, canary=slow, stable=always(0.001), seed=seed), at=300)

    assert found.verdict is not Verdict.HARM


def test_what_one_pod_did_while_it_was_cold_is_not_held_against_the_next() -> None:
    """Evidence begins anew whenever no pod warms up."""
    one = Comparison(errors(), promotion=Promotion(), interval=15, pin=None)
    bad = Seen(NOTHING, ArmCounts(100, 1), ArmCounts(6, 5), {})
    for k in range(2):
        one.warm(bad, start=15.0 * k)
    before = one.warming
    one.warm(replace(bad, warming=None), start=30.0)
    between = one.warming
    one.warm(bad, start=45.0)

    assert before is not None
    assert one.warming is not None
    assert before.log_value > one.warming.log_value > 0
    assert between is None


def test_pods_that_join_later_are_forgiven_their_start_too() -> None:
    asked = request(policy(warm_up=120), canaries={canary_pod(0): -600.0, canary_pod(1): 300.0})
    cold = lambda t: 0.2 if 300 <= t < 390 else 0.001  # noqa: E731
    world = pods_apart(asked, of_second=cold)

    assert judged(asked, world).verdict is not Verdict.HARM
    assert judged(with_all_warm(asked), world).verdict is Verdict.HARM


def pods_apart(asked: TrialRequest, *, of_second: Risk) -> World:
    """Only the second canary pod has that risk; the first is healthy, as the stable is."""
    first, second = (served(asked, canary=risk, stable=always(0.001)) for risk in (always(0.001), of_second))
    return {
        channel: [
            *(one for one in series if one.labels["pod"] != canary_pod(1)),
            *(one for one in second[channel] if one.labels["pod"] == canary_pod(1)),
        ]
        for channel, series in first.items()
    }


def with_all_warm(asked: TrialRequest) -> TrialRequest:
    return replace(asked, pods=tuple(replace(pod, ready=STARTED - 86_400) for pod in asked.pods))


def test_a_catastrophe_in_a_dry_run_is_only_shown() -> None:
    asked = request(policy(errors(dry_run=True), warm_up=600))

    found = judged(asked, served(asked, canary=always(1.0)), at=90)

    assert found.verdict is Verdict.NO_DATA
    assert found.signals[0].verdict is Verdict.HARM


def test_a_proxys_arm_is_warming_until_all_of_its_pods_are_warm() -> None:
    envoy = DataPlane(label="envoy_cluster_name", pattern=".*/{namespace}/{backend}")
    asked = request(policy(errors(data_plane=envoy), warm_up=600))
    proxy = {
        channel: [behind_proxy(one) for one in found]
        for channel, found in served(asked, canary=always(1.0)).items()
        if channel.role in (Role.REQUESTS, Role.BAD)
    }

    found = judged(asked, proxy, at=120)

    assert found.verdict is Verdict.HARM
    assert "while warming up" in found.message
