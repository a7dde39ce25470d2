"""What a recording may look like, and what is said of one that cannot be judged."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from serin.domain.analysis.counters import Arm, Role
from serin.domain.analysis.request import Channel
from serin.workbench.matrices import InvalidRecording
from serin.workbench.recording import Recording, recording_of
from tests.unit.workbench.recordings import INTERVAL, START, arm, document, matrix, series

REQUESTS = Channel("errors", Role.REQUESTS)


def pods(recording: Recording) -> dict[str, float | None]:
    return {pod.name: pod.ready for pod in recording.request.pods}


def bucket(bound: str, growth: float, *, pod: str, name: str = "request_seconds_bucket") -> dict[str, Any]:
    return series(growth, first=0, last=20, pod=pod, le=bound) | {
        "metric": {"__name__": name, "le": bound, "pod": pod}
    }


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda found: found["result"],
        lambda found: found,
        lambda found: {"status": "success", "data": found},
    ],
    ids=["result", "data", "answer"],
)
def test_a_matrix_may_be_the_answer_its_data_or_its_result(wrapped: Callable[[Any], Any]) -> None:
    plain = document()
    packed = plain | {"canary": {key: wrapped(found) for key, found in plain["canary"].items()}}

    assert recording_of(packed) == recording_of(plain)


def test_what_is_not_known_is_ignored() -> None:
    noted = document(note="recorded by hand", signal={"kind": "errors", "comment": 1})

    assert recording_of(noted) == recording_of(document())


def test_numbers_may_be_numbers_or_text() -> None:
    numbers = document(
        policy={"maxFalseRollbackRate": 0.05, "warmUpSeconds": 60, "promote": {"minRequests": 100}}
    )
    texts = document(
        policy={"maxFalseRollbackRate": "0.05", "warmUpSeconds": "60", "promote": {"minRequests": "100"}}
    )

    assert recording_of(numbers) == recording_of(texts)
    assert recording_of(numbers).request.policy.max_false_rollback_rate == 0.05
    assert recording_of(numbers).request.policy.promotion.min_requests == 100


def test_samples_in_disorder_and_twice_are_put_in_order() -> None:
    plain = document()
    result = plain["canary"]["requests"]["result"]
    half = [{**one, "values": one["values"][40:]} for one in result]
    other = [{**one, "values": one["values"][:45][::-1]} for one in result]
    torn = plain | {"canary": {**plain["canary"], "requests": half + other}}

    assert recording_of(torn) == recording_of(plain)


def test_what_is_under_an_arm_is_that_arms_whatever_its_labels() -> None:
    """A server that holds both versions is one pod, and still two things to compare, warm by themselves."""
    both = document()
    both["stable"] = arm((1425, 14.25), pod="both", first=-60, last=80)
    both["canary"] = arm((75, 0.75), pod="both", first=0, last=80)

    found = recording_of(both)

    assert [(one.arm, one.labels["pod"]) for one in found.answers[REQUESTS]] == [
        (Arm.CANARY, "both, canary"),
        (Arm.STABLE, "both"),
    ]
    assert pods(found) == {"both, canary": START}


def test_pods_are_ready_when_first_seen_where_nobody_says() -> None:
    """The stable's own pods were there before."""
    plain = document()
    late = arm((10, 0), pod="late", first=20, last=80)
    plain["stable"]["requests"]["result"] += late["requests"]["result"]

    assert pods(recording_of(plain)) == {"new": START, "late": START + 20 * INTERVAL}


def test_what_is_said_of_pods_counts() -> None:
    told = document(pods={"new": {"ready": START + 30}, "old": {"ready": None}})

    assert pods(recording_of(told)) == {"new": START + 30, "old": None}


def test_a_series_without_pod_goes_by_its_instance() -> None:
    plain = document()
    for one in (*plain["canary"]["requests"]["result"], *plain["canary"]["bad"]["result"]):
        one["metric"] = {"instance": "10.0.0.7:8080"}

    assert pods(recording_of(plain)) == {"10.0.0.7:8080": START}


def test_weights_become_steps_and_without_them_nobody_knows() -> None:
    told = recording_of(document(weights=[[START + 600, 25], [START, 5]])).request.windows
    untold = recording_of(document()).request.windows

    assert [(w.step, w.weight, w.settled) for w in told] == [(0, 5.0, START), (1, 25.0, START + 600)]
    assert [(w.step, w.weight, w.settled) for w in untold] == [(0, None, START)]


def test_several_signals_have_their_own_matrices() -> None:
    plain = document()
    arms = {name: plain.pop(name) for name in ("stable", "canary")}
    del plain["signal"]
    told = plain | {
        "signals": [
            {"kind": "errors", **arms},
            {"kind": "counters", "name": "fallbacks", "importance": 3, "maxRatio": 2, **arms},
        ]
    }

    errors, fallbacks = recording_of(told).request.policy.signals

    assert (errors.name, errors.max_ratio, errors.importance) == ("errors", 1.25, 1)
    assert (fallbacks.name, fallbacks.max_ratio, fallbacks.importance) == ("fallbacks", 2.0, 3)


def test_of_latency_the_bad_are_given_or_read_off_a_bucket() -> None:
    given = document(signal={"kind": "latency"})
    read = document(signal={"kind": "latency", "slowerThanMilliseconds": 500})
    for name in ("stable", "canary"):
        read[name] = {"buckets": matrix(*(bucket(le, 9, pod=name) for le in ("0.25", "0.5", "+Inf")))}

    with_bad, with_bucket = recording_of(given).request.policy, recording_of(read)

    assert (with_bad.signals[0].max_ratio, with_bad.signals[0].at_most) == (1.5, None)
    assert with_bucket.request.policy.signals[0].at_most == 0.5
    within = with_bucket.answers[Channel("latency", Role.WITHIN)]
    requests = with_bucket.answers[Channel("latency", Role.REQUESTS)]
    assert [one.labels["le"] for one in (*within, *requests)] == ["0.5", "0.5", "+Inf", "+Inf"]


def test_scores_are_compared_by_all_buckets() -> None:
    scores = document(signal={"kind": "scores", "maxShift": "0.1"})
    for name in ("stable", "canary"):
        scores[name] = {"buckets": matrix(*(bucket(le, 9, pod=name) for le in ("0.5", "+Inf")))}

    found = recording_of(scores)

    assert found.request.policy.signals[0].max_shift == 0.1
    assert len(found.answers[Channel("scores", Role.WITHIN)]) == 4


def without(path: str) -> dict[str, Any]:
    return changed(path, None, leave_out=True)


def changed(path: str, value: object, *, leave_out: bool = False) -> dict[str, Any]:
    told: Any = document()
    *outer, last = (int(key) if key.isdigit() else key for key in path.split("."))
    place = told
    for key in outer:
        place = place[key]
    if leave_out:
        del place[last]
    else:
        place[last] = value
    assert isinstance(told, dict)
    return told


CURE = "give what /api/v1/query answers to a range selector, such as requests_total[2h]"


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ([], "the recording is []; need a JSON object with signal, stable and canary"),
        (without("signal"), 'signal is needed: {"kind": "errors"}, or latency, scores, counters'),
        (
            changed("signal.kind", "speed"),
            "signal.kind is \"speed\"; need 'errors', 'latency', 'scores' or 'counters'",
        ),
        (without("scrapeIntervalSeconds"), "scrapeIntervalSeconds is needed"),
        (
            changed("scrapeIntervalSeconds", 0),
            "scrapeIntervalSeconds is 0; need a number of seconds above 0, and at most a day",
        ),
        (
            changed("rolloutStart", "noon"),
            'rolloutStart is "noon"; need a time in Unix seconds, such as 1767225600',
        ),
        (
            changed("canary", None),
            'canary: need an object with matrices: {"requests": ..., "bad": ...}',
        ),
        (without("stable.bad"), f"stable.bad is needed: {CURE}"),
        (
            changed("stable.bad", {"status": "error", "error": "timeout"}),
            f'stable.bad.status is "error"; the query did not succeed; {CURE}',
        ),
        (
            changed("stable.bad.resultType", "vector"),
            f'stable.bad.resultType is "vector"; {CURE}',
        ),
        (
            changed("canary.requests.result.0.values.3", [START, "many"]),
            f'canary.requests.result[0].values[3] is [{START}, "many"]; need [Unix seconds, "value"]',
        ),
        (
            changed("canary.requests.result.0", 7),
            'canary.requests.result[0] is 7; need a series: {"metric": {...}, "values": [[t, "value"], ...]}',
        ),
        (
            changed("policy.promote", {"confidence": 0.3}),
            'policy.promote.confidence is "0.3"; need a probability as decimal text from 0.5 to below 1,'
            ' for example "0.95"',
        ),
        (
            document(weights=[[START, 500]]),
            f"weights is [[{START}, 500]]; need a percentage from 0 to 100",
        ),
        (
            document(signal={"kind": "latency", "slowerThanMilliseconds": 300})
            | {
                name: {"buckets": matrix(*(bucket(le, 9, pod=name) for le in ("0.25", "0.5", "+Inf")))}
                for name in ("stable", "canary")
            },
            "canary.buckets: no bucket ends at 300 ms; choose one of 250, 500",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_path_and_cure(told: object, message: str) -> None:
    with pytest.raises(InvalidRecording) as error:
        recording_of(json.loads(json.dumps(told)))

    assert str(error.value) == message


def with_bad(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """A recording in which something is done to the canary's series of bad requests."""
    found = document()
    change(found["canary"]["bad"]["result"][0])
    return found


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (document(rolloutStart=10**400), "rolloutStart is 1000"),
        (document(policy={"warmUpSeconds": 10**400}), "policy.warmUpSeconds is 1000"),
        (document(policy={"maxFalseRollbackRate": 10**400}), "policy.maxFalseRollbackRate is "),
        (document(scrapeIntervalSeconds=1e308), "scrapeIntervalSeconds is 1e+308; need a number of seconds"),
        (document(scrapeIntervalSeconds=1e-9), "scrapeIntervalSeconds is 1e-09; rolloutStart and the last"),
        (
            with_bad(lambda one: one["values"].append([START * 1000, "1"])),
            "canary.bad.result[0].values[81][0] is 1767225600000.0; need a time in Unix seconds",
        ),
        (
            with_bad(lambda one: one["values"].append(["NaN", "1"])),
            'canary.bad.result[0].values[81][0] is "NaN"; need a time in Unix seconds',
        ),
        (
            with_bad(lambda one: one["values"].append([START, 10**400])),
            "canary.bad.result[0].values[81] is [1767225600.0, 1000",
        ),
        (
            with_bad(lambda one: one["metric"].clear()),
            'canary.bad: pod is "canary"; canary.requests has no series of that pod',
        ),
    ],
)
def test_numbers_and_labels_that_cannot_be_meant_are_told_by_their_path(
    broken: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidRecording) as refused:
        recording_of(broken)

    assert str(refused.value).startswith(said)


def test_a_bucket_without_a_bound_is_told() -> None:
    found = document(signal={"kind": "latency", "slowerThanMilliseconds": 500})
    found["canary"] = found["stable"] = {"buckets": matrix(bucket("half", 3, pod="new"))}

    with pytest.raises(
        InvalidRecording, match=r'^canary.buckets: le is "half"; need the upper bound of a bucket'
    ):
        recording_of(found)
