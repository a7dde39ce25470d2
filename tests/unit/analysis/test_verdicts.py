"""What is said while nothing can be judged, and in which words."""

from dataclasses import replace
from math import log

import pytest

from serin.domain.analysis.counters import Arm, Role, Series
from serin.domain.analysis.policy import Counter
from serin.domain.analysis.request import Channel, PodTimes
from serin.domain.analysis.trial import Trial
from serin.domain.analysis.verdict import Verdict
from tests.unit.analysis.worlds import (
    STARTED,
    always,
    canary_pod,
    errors,
    exact,
    judged,
    policy,
    request,
    served,
    window,
)

# What is said while nothing can be judged


def test_awaiting_traffic_is_no_verdict() -> None:
    asked = request(policy())

    found = judged(asked, served(asked, share=always(0)))

    assert (found.verdict, found.reason, found.available) == (Verdict.NO_DATA, "AwaitingTraffic", True)
    assert found.message == "errors: no counted request on fraud-7c9faa00bb yet"


def test_warming_up_is_no_verdict() -> None:
    asked = request(policy(warm_up=120))

    found = judged(asked, served(asked), at=61)

    assert (found.reason, found.message) == (
        "WarmingUp",
        f"fraud-7c9faa00bb is warming up, {STARTED + 120 - (found.boundary or 0):.0f} s to go",
    )


def test_an_unconfirmed_weight_is_no_verdict() -> None:
    asked = request(policy(), windows=(window(0, 5, 0, None),))

    assert judged(asked, served(asked)).reason == "WeightUnconfirmed"


def test_no_samples_at_all_is_no_verdict() -> None:
    asked = request(policy())

    assert judged(asked, {}).reason == "NoSamples"


def test_a_canary_that_is_not_scraped_is_no_verdict() -> None:
    asked = request(policy())
    world = {
        channel: [one for one in found if one.labels["pod"] != canary_pod(0)]
        for channel, found in served(asked).items()
    }

    found = judged(asked, world)

    assert (found.reason, found.message) == ("NoSamples", "no pod of fraud-7c9faa00bb is being scraped")


def test_old_samples_do_not_promote() -> None:
    asked = request(policy())
    world = served(asked, canary=always(0), stable=always(0))
    trial = Trial(asked)
    trial.add(world)

    assert trial.assess(STARTED + 605).verdict is Verdict.SAFE
    assert trial.assess(STARTED + 900).reason == "SamplesStale"


def test_a_bucket_that_does_not_exist_is_named() -> None:
    slow = errors(bad=None, within=Counter(metric="seconds_bucket"), at_most=0.3)
    asked = request(policy(slow))

    found = judged(asked, served(asked))

    assert found.reason == "BucketMissing"
    assert found.message == "errors: seconds_bucket has no bucket le=0.3; choose one of its bounds"


def test_a_default_signal_without_series_is_left_out_and_a_named_one_holds() -> None:
    world = served(request(policy()), canary=always(0), stable=always(0))
    default, named = (errors(name="latency", required=required) for required in (False, True))

    without = judged(request(policy(errors(), default)), world)
    waiting = judged(request(policy(errors(), named)), world)

    assert without.verdict is Verdict.SAFE
    assert without.signals[1].note == "latency: no series on either side, left out"
    assert (waiting.verdict, waiting.reason) == (Verdict.NO_DATA, "NoSamples")


def test_pods_nobody_named_count_from_their_first_sample() -> None:
    """As after a restart of the operator, when pods of the attempt have gone since."""
    named = request(policy(warm_up=30), stables=2)
    unnamed = replace(named, pods=())
    world = served(named, canary=always(0.05))

    assert judged(unnamed, world).verdict is Verdict.HARM


def test_a_pod_that_is_not_ready_does_not_count() -> None:
    asked = request(policy())
    trial = Trial(asked)
    unready = PodTimes(name=canary_pod(0), arm=Arm.CANARY, ready=None)
    trial.update(replace(asked, pods=(unready,)))

    trial.add(served(asked, canary=always(0.5)))

    assert trial.assess(STARTED + 600).verdict is Verdict.NO_DATA


def test_whoever_brings_a_series_may_say_whose_it_is() -> None:
    """Its labels do not tell then, and may be the other arm's too."""
    asked = request(policy(), stables=1)
    world = exact(canary=(400, 40), stable=(4000, 40), intervals=4)
    labels = {"instance": "10.0.0.1:8082", "job": "models"}
    brought = {
        channel: [Series(labels, one.samples, arm=asked.arm_of_pod(one.labels["pod"])) for one in found]
        for channel, found in world.items()
    }
    unnamed = replace(asked, pods=())

    found = judged(unnamed, brought, at=60)

    assert found.signals[0].ratio == pytest.approx(10)


# The words


def test_the_sentence_of_harm_has_the_numbers_it_rests_on() -> None:
    asked = request(policy(), stables=2)

    found = judged(asked, exact(canary=(400, 40), stable=(4000, 40), intervals=4), at=60)

    assert found.message == (
        "errors: 80 bad of 800 on fraud-7c9faa00bb, 80 of 8,000 on fraud-55d1aa00bb in the same time: "
        "10.0 times as often (at least 4.4), 1.5 allowed"
    )


def test_the_sentence_of_a_late_fault_says_what_is_of_which_time() -> None:
    asked, calm = request(policy(), stables=2), 40
    world = dict(exact(canary=(400, 4), stable=(4000, 40), intervals=calm + 4))
    requests, bad = world[Channel("errors", Role.BAD)], 40
    late = tuple((t, v + bad * max(0, k - calm)) for k, (t, v) in enumerate(requests[0].samples))
    world[Channel("errors", Role.BAD)] = [requests[0]._replace(samples=late), requests[1]]

    found = judged(asked, world, at=15 * (calm + 4))

    assert found.message == (
        "errors: 248 bad of 16,800 on fraud-7c9faa00bb, 1,680 of 168,000 on fraud-55d1aa00bb in the same time"
        ": 1.5 times as often in all, at least 3.7 times in the last 30 s, 1.5 allowed"
    )


def test_the_sentence_of_an_open_verdict_says_what_is_to_be_expected() -> None:
    asked = request(policy(), stables=2)

    found = judged(asked, exact(canary=(50, 0), stable=(500, 0), intervals=6), at=90)

    minutes = 75 * (log(20) / found.signals[0].log_safety - 1) / 60
    assert found.message == (
        "errors: 0 bad of 250 on fraud-7c9faa00bb, 0 of 2,500 on fraud-55d1aa00bb: "
        f"safe in about {minutes:.0f} min; 10 times as often would be found in about 34 min"
    )


def test_with_hardly_any_traffic_it_is_said_that_nothing_would_be_found() -> None:
    asked = request(policy(), stables=2)

    found = judged(asked, exact(canary=(0.02, 0), stable=(0.4, 0), intervals=6), at=90)

    assert found.message.endswith("too few requests to tell; no fault would be found within the hour")


def test_of_a_dry_run_it_is_said_what_it_would_find_alone() -> None:
    both = request(policy(errors(), errors(name="tried", dry_run=True)), stables=2)
    alone = request(policy(), stables=2)
    world = exact(canary=(50, 0), stable=(500, 0), intervals=6)
    tried = {**world, **{Channel("tried", c.role): found for c, found in world.items()}}

    shown = judged(both, tried, at=90).signals[1].note

    assert shown.removeprefix("tried") == judged(alone, world, at=90).signals[0].note.removeprefix("errors")
