"""Whole histograms from stored samples to a verdict: classic and native, scores and latencies."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from math import inf

import pytest

from serin.domain.analysis.counters import Role, Series
from serin.domain.analysis.policy import Counter, SignalPolicy
from serin.domain.analysis.request import Channel, TrialRequest
from serin.domain.analysis.tallies import Tally
from serin.domain.analysis.verdict import Assessment, Verdict
from tests.unit.analysis.worlds import STARTED, World, canary_pod, errors, judged, policy, request, stable_pod

TENTHS = [k / 10 for k in range(1, 11)]
BELL = [2, 6, 12, 18, 22, 18, 12, 6, 3, 1]
"""Requests in each tenth, of a hundred."""
SHIFTED = [1, 2, 6, 12, 18, 22, 18, 12, 6, 3]
OCTAVES = [0.01 * 2**k for k in range(-2, 14)]
FAST = [0, 4, 20, 40, 20, 8, 4, 2, 1, 1, 0, 0, 0, 0, 0, 0]


def scores(**changes: object) -> SignalPolicy:
    return errors(
        name="scores",
        requests=Counter(metric="score_count"),
        bad=None,
        within=Counter(metric="score_bucket"),
        native=Counter(metric="score"),
        **({"max_shift": 0.05} | changes),
    )


def latency(slowdown: float) -> SignalPolicy:
    return scores(max_shift=None, max_slowdown=slowdown)


def asked(signal: SignalPolicy) -> TrialRequest:
    canaries = {canary_pod(k): -3600.0 for k in range(2)}
    return request(policy(signal), canaries=canaries, stables=2)


def histograms(
    arms: Mapping[str, Sequence[float]],
    *,
    bounds: Sequence[float] = TENTHS,
    per_interval: float = 100.0,
    native: bool = False,
    history: int = 60,
    intervals: int = 40,
) -> World:
    """So many requests in each bucket of each pod in an interval, as parts of them; pods by name."""
    channels: dict[Channel, list[Series]] = {}
    for pod, parts in arms.items():
        labels = {"namespace": "ml", "pod": pod, "instance": f"{pod}:8082", "job": "models"}
        each = [per_interval * part / sum(parts) for part in parts]
        held = each if native else list(accumulate(each))
        first = -history if pod.startswith("fraud-55d1") else 0
        times = [STARTED + 15 * k for k in range(first, intervals + 1)]
        role = Role.NATIVE if native else Role.WITHIN
        for bound, grown in [*zip(bounds, held, strict=True), (inf, per_interval)]:
            le = {"le": "+Inf" if bound == inf else repr(bound)}
            samples = tuple((t, k * grown) for k, t in enumerate(times) if grown or not native)
            channels.setdefault(Channel("scores", role), []).append(
                Series(labels | le, samples, native=native)
            )
        if not native:
            count = tuple((t, k * per_interval) for k, t in enumerate(times))
            channels.setdefault(Channel("scores", Role.REQUESTS), []).append(Series(labels, count))
    return channels


def both(canary: Sequence[float], stable: Sequence[float]) -> Mapping[str, Sequence[float]]:
    stables = {stable_pod(k): stable for k in range(2)}
    return stables | {canary_pod(k): canary for k in range(2)}


def found(signal: SignalPolicy, world: World, *, at: float = 600.0) -> Assessment:
    return judged(asked(signal), world, at=at)


@pytest.mark.parametrize("native", [False, True])
def test_equal_scores_are_safe(native: bool) -> None:
    verdict = found(scores(), histograms(both(BELL, BELL), native=native))

    assert verdict.verdict is Verdict.SAFE
    assert verdict.signals[0].canary.events == pytest.approx(2 * 100 * 40)


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("direction", [1, -1])
def test_scores_that_shift_either_way_are_harm(native: bool, direction: int) -> None:
    verdict = found(scores(), histograms(both(SHIFTED[::direction], BELL[::direction]), native=native))

    assert verdict.verdict is Verdict.HARM
    assert verdict.message.endswith("points apart, 5 allowed")
    assert verdict.signals[0].ratio == pytest.approx(0.21)


def test_the_sentence_of_a_shift_names_the_cut() -> None:
    verdict = found(scores(), histograms(both(SHIFTED, BELL)), at=200)

    events = verdict.signals[0].canary.events
    assert verdict.message == (
        f"scores: {0.61 * events:,.0f} of {events:,.0f} above 0.5 on fraud-7c9faa00bb, "
        f"{0.4 * events:,.0f} of {events:,.0f} on fraud-55d1aa00bb in the same time: "
        "21.0 points apart, 5 allowed"
    )


def test_a_small_shift_is_no_harm() -> None:
    parts = [2 * a + 0.3 * (b - a) for a, b in zip(BELL, SHIFTED, strict=True)]

    verdict = found(scores(), histograms(both(parts, BELL)))

    assert verdict.verdict is not Verdict.HARM


@pytest.mark.parametrize("native", [False, True])
def test_a_canary_that_is_too_slow_is_harm(native: bool) -> None:
    """Everything takes four times as long, and the half of that is allowed."""
    slower = [0, 0, *FAST[:-2]]

    too_slow = found(latency(2.0), histograms(both(slower, FAST), bounds=OCTAVES, native=native))
    allowed = found(latency(4.0), histograms(both(slower, FAST), bounds=OCTAVES, native=native))

    assert too_slow.verdict is Verdict.HARM
    assert too_slow.message.endswith(" in the same time: more than 2 times as slow")
    assert allowed.verdict is not Verdict.HARM


def test_a_faster_canary_is_safe() -> None:
    verdict = found(latency(2.0), histograms(both([*FAST[1:], 0], FAST), bounds=OCTAVES))

    assert verdict.verdict is Verdict.SAFE


def test_arms_without_a_bound_in_common_are_not_compared() -> None:
    stable = histograms({stable_pod(k): BELL for k in range(2)})
    canary = histograms({canary_pod(k): BELL for k in range(2)}, bounds=[1.07 * bound for bound in TENTHS])

    verdict = found(scores(), together(stable, canary))

    assert (verdict.verdict, verdict.reason) == (Verdict.NO_DATA, "BucketMissing")
    assert verdict.message == (
        "scores: the histograms of fraud-7c9faa00bb and fraud-55d1aa00bb "
        "have no bounds in common that could be compared"
    )


def test_bounds_that_both_have_are_enough() -> None:
    stable = histograms({stable_pod(k): BELL for k in range(2)})
    twentieths = [k / 20 for k in range(1, 21)]
    halves = [part / 2 for part in BELL for _ in range(2)]
    canary = histograms({canary_pod(k): halves for k in range(2)}, bounds=twentieths)

    assert found(scores(), together(stable, canary)).verdict is Verdict.SAFE


def test_bounds_spelled_otherwise_after_an_upgrade_are_the_same() -> None:
    """Prometheus 3 writes 1.0 where 2 wrote 1: the one series ends where the other begins."""
    world = histograms(both(BELL, BELL))
    channel = Channel("scores", Role.WITHIN)
    renamed = [part for one in world[channel] for part in upgraded(one)]

    before, after = found(scores(), world), found(scores(), {**world, channel: renamed})

    assert after.signals[0].canary == before.signals[0].canary
    assert after.signals[0].log_safety == pytest.approx(before.signals[0].log_safety)


def upgraded(one: Series) -> list[Series]:
    if one.labels["le"] != "1.0":
        return [one]
    early = tuple(s for s in one.samples if s[0] < STARTED + 200)
    return [
        Series({**one.labels, "le": "1"}, early),
        Series(one.labels, one.samples[len(early) :]),
    ]


def test_scores_that_are_no_number_are_above_every_bound() -> None:
    """They are in the count and in no bucket."""
    world = histograms(both(BELL, BELL), native=True)
    channel = Channel("scores", Role.NATIVE)
    broken = [
        one._replace(samples=tuple((t, 1.2 * v) for t, v in one.samples))
        if one.labels["le"] == "+Inf" and one.labels["pod"].startswith("fraud-7c9f")
        else one
        for one in world[channel]
    ]

    verdict = found(scores(), {channel: broken})

    assert verdict.verdict is Verdict.HARM
    assert " above " in verdict.message


def test_a_restart_cuts_at_the_same_bounds() -> None:
    """Of a histogram with more bounds than are compared, the choice is the stable's history's."""
    fine = [k / 50 for k in range(1, 51)]
    parts = [part / 5 for part in BELL for _ in range(5)]
    world = histograms(both([*parts[3:], 0, 0, 0], parts), bounds=fine)
    seen = [found(scores(), cut_to(world, at), at=600) for at in (600, 601)]

    assert seen[0].signals == seen[1].signals


def cut_to(world: World, at: float) -> World:
    return {
        channel: [
            one._replace(samples=tuple(s for s in one.samples if s[0] <= STARTED + at))
            for one in reversed(series)
        ]
        for channel, series in world.items()
    }


def together(*worlds: World) -> World:
    channels = {channel for world in worlds for channel in world}
    return {channel: [one for world in worlds for one in world.get(channel, [])] for channel in channels}


def test_a_latency_above_a_limit_is_read_off_a_native_histogram() -> None:
    slow = replace(latency(2.0), max_slowdown=None, at_most=0.16)

    verdict = found(slow, histograms(both([0, 0, *FAST[:-2]], FAST), bounds=OCTAVES, native=True))

    assert verdict.signals[0].canary.bad == pytest.approx(0.16 * verdict.signals[0].canary.events)
    assert verdict.signals[0].stable.bad == pytest.approx(0.04 * verdict.signals[0].stable.events)


def test_a_native_histogram_may_come_where_a_classic_one_was_asked_for() -> None:
    """As in a recording, which does not say which of them it holds."""
    world = histograms(both(SHIFTED, BELL), native=True)
    moved = {Channel("scores", Role.WITHIN): world[Channel("scores", Role.NATIVE)]}

    assert found(scores(), moved).signals == found(scores(), world).signals


def test_a_native_histogram_is_no_plain_counter() -> None:
    """Its buckets would count each request many times."""
    world = histograms(both(BELL, BELL), native=True)

    verdict = found(scores(), {Channel("scores", Role.REQUESTS): world[Channel("scores", Role.NATIVE)]})

    assert (verdict.verdict, verdict.reason) == (Verdict.NO_DATA, "NoSamples")


# Tallies by themselves


def test_buckets_never_fall_with_their_bound_nor_exceed_the_count() -> None:
    torn = Tally(10, {0.1: 3, 0.2: 2.5, 0.5: 12})

    assert torn.cumulative() == ((0.1, 0.2, 0.5), (3, 3, 10))


def test_a_bound_that_one_pod_does_not_have_is_lost() -> None:
    one, other = Tally(10, {0.1: 3, 0.2: 7}), Tally(20, {0.2: 5, 0.3: 9})

    assert (one + other) == Tally(30, {0.2: 12})
    assert (one + other).at([0.1]) is None


def test_an_idle_pod_takes_no_bound_away() -> None:
    one = Tally(10, {0.1: 3, 0.2: 7})

    assert one + Tally() == Tally() + one == one
    counts = Tally().at([0.1])
    assert counts is not None
    assert counts.bad.tolist() == [0.0]


def test_a_native_histogram_is_known_at_every_bound() -> None:
    one = Tally(10, {0.5: 3, 2.0: 4}, native=True) + Tally(5, {1.0: 5}, native=True)

    counts = one.at([0.25, 0.5, 1.0, 2.0])

    assert counts is not None
    assert (counts.requests, counts.bad.tolist()) == (15, [0, 3, 8, 12])
    assert one.below(1.5) == 8
