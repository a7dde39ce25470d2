"""What keeps from a verdict though there are counts: the router, an incident, late or endless samples."""

from dataclasses import replace

import pytest

from serin.domain.analysis.counters import Arm, Role, Series
from serin.domain.analysis.evidence import ArmCounts, Interval
from serin.domain.analysis.incident import Recent, is_shared
from serin.domain.analysis.request import Channel
from serin.domain.analysis.sources import MOST_SERIES
from serin.domain.analysis.trial import Trial
from serin.domain.analysis.verdict import Pin, Verdict
from tests.unit.analysis.worlds import (
    STARTED,
    World,
    always,
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

# The router


@pytest.mark.parametrize(("share", "found"), [(0.0, "0.0%"), (0.5, "49.7%")])
def test_a_router_stuck_at_another_weight_is_named(share: float, found: str) -> None:
    asked = request(policy(), weight=5)
    world = served(asked, share=since(0, share), canary=always(0), stable=always(0))

    soon = judged(asked, world, at=15 * (4 + 3 + 2))

    assert (soon.verdict, soon.reason) == (Verdict.NO_DATA, "SplitMismatch")
    assert soon.message.startswith(f"fraud-7c9faa00bb gets {found}")
    assert soon.message.endswith("of the requests, where the router has confirmed 5 %")


def test_what_is_counted_while_the_router_is_wrong_counts_for_nothing() -> None:
    """It sends half of the requests from minute two to minute four, all of which fail."""
    asked = request(policy(), weight=5)
    astray = lambda t: 0.5 if 120 <= t < 240 else 0.05 if t >= 0 else 0  # noqa: E731
    world = served(asked, share=astray)

    before, meanwhile, after = (judged(asked, world, at=at) for at in (110, 230, 330))

    assert (before.reason, meanwhile.reason) == ("Undecided", "SplitMismatch")
    assert after.reason != "SplitMismatch"
    counted = after.signals[0].canary.events - before.signals[0].canary.events
    assert counted < 50 * 75 + 5 * 120


def test_no_canary_is_safe_before_the_router_has_been_tried() -> None:
    asked = request(policy(), weight=5)
    world = served(asked, rps=1000, canary=always(0), stable=always(0))

    early, later = judged(asked, world, at=75), judged(asked, world, at=150)

    assert early.signals[0].verdict is Verdict.SAFE
    assert (early.verdict, early.message) == (
        Verdict.UNDECIDED,
        f"the router's weight is tried for {early.message.split()[-3]} more scrapes",
    )
    assert later.verdict is Verdict.SAFE


def test_without_a_known_weight_a_safe_canary_is_called_so_with_that_reserve() -> None:
    asked = request(policy())

    found = judged(asked, served(asked, canary=always(0), stable=always(0)), at=150)

    assert found.verdict is Verdict.SAFE
    assert found.message.endswith("; what the router sends is not tested: its weight is not known")


def test_requests_to_warming_pods_are_the_routers_too() -> None:
    """Two pods of three are cold: what they get is not compared, and yet it is the router's."""
    ready = {canary_pod(0): -900.0, canary_pod(1): 200.0, canary_pod(2): 200.0}
    asked = request(policy(warm_up=600), canaries=ready, weight=30)
    world = served(asked, share=since(0, 0.3), canary=always(0), stable=always(0))

    assert judged(asked, world).reason != "SplitMismatch"


def test_a_canary_that_is_not_scraped_for_a_while_is_no_mismatch() -> None:
    asked = request(policy(), weight=5)
    whole = served(asked, canary=always(0), stable=always(0))
    world: World = {
        channel: [
            one._replace(samples=tuple(s for s in one.samples if not 200 < s[0] - STARTED < 400))
            if one.labels["pod"] == canary_pod(0)
            else one
            for one in found
        ]
        for channel, found in whole.items()
    }

    found = judged(asked, world, at=560)

    assert (found.verdict, found.reason) == (Verdict.SAFE, "Safe")
    assert found.signals[0].canary.events == pytest.approx(5 * 550, rel=0.06)


def test_requests_are_those_of_the_first_signal_that_counts_any() -> None:
    silent = errors(name="silent", required=False)
    asked = request(policy(silent, errors()), weight=5)

    found = judged(asked, served(asked, share=since(0, 0.5)), at=200)

    assert found.reason == "SplitMismatch"


def test_a_new_weight_is_tested_by_itself() -> None:
    first = replace(window(0, 5, 0, 0), weight=5)
    second = replace(window(1, 50, 300, 305), weight=50)
    asked = request(policy(), windows=(first, second), step=1)
    follows = lambda t: 0.5 if t >= 303 else 0.05 if t >= 0 else 0  # noqa: E731

    followed = judged(asked, served(asked, share=follows), at=500)
    stuck = judged(asked, served(asked, share=since(0, 0.05)), at=500)

    assert followed.reason != "SplitMismatch"
    assert stuck.reason == "SplitMismatch"


# Incidents


def test_no_weight_moves_while_both_fail() -> None:
    asked = request(policy())
    both = lambda t: 0.3 if 300 <= t < 420 else 0.001  # noqa: E731
    world = served(asked, canary=both, stable=both, until=700)

    before, meanwhile, after = (judged(asked, world, at=at) for at in (290, 400, 600))

    assert before.verdict is Verdict.SAFE
    assert (meanwhile.verdict, meanwhile.reason) == (Verdict.NO_DATA, "SharedIncident")
    assert meanwhile.message == (
        "errors: fraud-7c9faa00bb and fraud-55d1aa00bb both fail far more often than before"
    )
    assert after.reason != "SharedIncident"
    assert after.verdict is not Verdict.HARM


def test_harm_is_found_in_an_incident_too() -> None:
    asked = request(policy())
    world = served(
        asked, canary=lambda t: 1.0 if t > 300 else 0.001, stable=lambda t: 0.2 if t > 300 else 0.001
    )

    assert judged(asked, world).verdict is Verdict.HARM


@pytest.mark.parametrize(
    ("canary", "stable", "usual", "shared"),
    [
        pytest.param((100, 10), (1000, 100), 0.01, True, id="ten times as often"),
        pytest.param((100, 0), (1000, 100), 0.01, False, id="the canary is the cure"),
        pytest.param((5, 0), (1000, 100), 0.01, True, id="too few to be called a cure"),
        pytest.param((100, 3), (1000, 30), 0.01, False, id="three times as often"),
        pytest.param((1000, 10), (10_000, 100), 0.0, False, id="within two points"),
        pytest.param((100, 100), (10, 9), 0.0, False, id="few requests"),
        pytest.param((100, 85), (1000, 850), 0.5, True, id="from half to most"),
        pytest.param((100, 70), (1000, 700), 0.5, False, id="from half to more"),
        pytest.param((100, 100), (1000, 1000), 0.8, True, id="from most to all"),
        pytest.param((100, 10), (0, 0), 0.0, False, id="no stable"),
    ],
)
def test_an_incident_is_far_more_than_usual_on_both_sides(
    canary: tuple[float, float], stable: tuple[float, float], usual: float, shared: bool
) -> None:
    recent = Recent()
    recent.add(0.0, Interval(ArmCounts(10**6, 10**6), ArmCounts(10**6, 10**6)))  # two minutes before
    recent.add(120.0, Interval(ArmCounts(*canary), ArmCounts(*stable)))

    assert is_shared(recent, usual=usual) is shared


# What was pinned, and what only looks


def test_what_was_pinned_is_not_learnt_again() -> None:
    asked = request(policy())
    world = served(asked, canary=always(0.02))
    learnt = judged(asked, world).signals[0].pin
    pinned = replace(asked, pins={"errors": Pin(phi=3.0, usual=0.01)})

    found = judged(pinned, world).signals[0]

    assert learnt is not None
    assert learnt.phi < 2
    assert learnt.usual == pytest.approx(0.01, rel=0.1)
    assert found.pin == Pin(phi=3.0, usual=0.01)


def test_a_process_that_knows_no_history_goes_on_with_what_was_pinned() -> None:
    """As after a restart when Prometheus has lost the hour before the rollout."""
    asked = request(policy())
    world = served(asked, canary=always(0.02))
    whole = judged(asked, world).signals[0]
    assert whole.pin is not None

    found = judged(replace(asked, pins={"errors": whole.pin}), cut(world, 0, 600))

    lost = found.signals[0]
    assert found.message.endswith(
        " (the history is not what was read before a restart, and so may evidence be)"
    )
    assert lost.pin == whole.pin
    assert lost.log_evidence == pytest.approx(whole.log_evidence, rel=0.1, abs=0.2)


def test_a_dry_run_is_shown_and_decides_nothing() -> None:
    tried = errors(name="tried", dry_run=True)
    asked = request(policy(errors(), tried))
    bad = served(asked, canary=always(0.5))
    tries = {Channel("tried", role): bad[Channel("errors", role)] for role in (Role.REQUESTS, Role.BAD)}
    world = {**served(asked, canary=always(0), stable=always(0)), **tries}

    found = judged(asked, world)

    assert (found.verdict, found.signals[0].verdict) == (Verdict.SAFE, Verdict.SAFE)
    assert (found.signals[1].verdict, found.signals[1].dry_run) == (Verdict.HARM, True)
    assert "tried" not in found.message


def test_a_dry_run_takes_no_part_of_the_allowed_rate() -> None:
    alone = exact(canary=(400, 12), stable=(4000, 40), intervals=12)
    with_dry_run = request(policy(errors(), errors(name="tried", dry_run=True, importance=10_000)))

    assert judged(with_dry_run, alone, at=180).verdict == judged(request(policy()), alone, at=180).verdict
    assert judged(with_dry_run, alone, at=180).verdict is Verdict.HARM


def test_dry_runs_alone_promote_nothing() -> None:
    asked = request(policy(errors(dry_run=True)))

    found = judged(asked, served(asked, canary=always(0), stable=always(0)))

    assert (found.verdict, found.reason) == (Verdict.NO_DATA, "OnlyDryRuns")


# Samples


def test_samples_that_came_too_late_are_told() -> None:
    asked = request(policy())
    world = served(asked)
    trial = Trial(asked)
    trial.add(cut(world, -1e9, 300))
    on_time = trial.assess(STARTED + 300)
    trial.add({**cut(world, 0, 330), Channel("errors", Role.REQUESTS): [late_series()]})

    found = trial.assess(STARTED + 330)

    assert (on_time.late, found.late) == (0, 1)
    assert found.message.endswith("(1 sample came too late to count: read again, it would)")


def late_series() -> Series:
    """Of a pod that was scraped before what was decided, and is heard of after."""
    labels = {"namespace": "ml", "pod": canary_pod(7), "instance": f"{canary_pod(7)}:8082", "job": "models"}
    return Series(labels, ((STARTED + 200, 5.0), (STARTED + 215, 9.0)))


def test_endless_series_are_named_and_not_read() -> None:
    asked = request(policy())
    world = dict(served(asked))
    requests = Channel("errors", Role.REQUESTS)
    labels = world[requests][0].labels
    world[requests] = [
        *world[requests],
        *(Series({**labels, "user": f"{k}"}, ((STARTED, 1.0),)) for k in range(MOST_SERIES + 10)),
    ]

    found = judged(asked, world)

    assert (found.verdict, found.reason) == (Verdict.NO_DATA, "TooManySeries")
    assert found.message == "errors: more than 10,000 series of requests_total; count by fewer labels"


def test_after_ten_minutes_without_traffic_the_time_is_said() -> None:
    asked = request(policy())
    world = served(asked, share=always(0), until=1300)

    early, late = judged(asked, world, at=590), judged(asked, world, at=1200)

    silent = "errors: no counted request on fraud-7c9faa00bb yet"
    assert early.message == silent
    assert late.message == f"{silent}; nothing was counted for 20 min, 10 min are allowed"


def test_without_a_live_canary_there_is_no_data_though_the_stable_is_seen() -> None:
    asked = request(policy())
    world: World = {
        channel: [one for one in found if asked.arm_of_pod(one.labels["pod"]) is Arm.STABLE]
        for channel, found in served(asked, until=1000).items()
    }

    found = judged(asked, world, at=900)

    assert (found.verdict, found.reason) == (Verdict.NO_DATA, "NoSamples")
    assert found.message == (
        "no pod of fraud-7c9faa00bb is being scraped; nothing was counted for 15 min, 10 min are allowed"
    )
