"""What is told when the analysis turns: each turn once, and nothing where nothing turned."""

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from serin.domain.status import Status
from serin.domain.transitions import ended, turns

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def status(
    available: str | None = "True/SamplesReadable",
    *,
    harm: tuple[str, ...] = (),
    state: str = "Stepping",
    attempt: str = "fraud-bb.1",
) -> Status:
    """A status whose condition AnalysisAvailable says something, with signals that found harm."""
    value, _, reason = (available or "").partition("/")
    condition = {
        "type": "AnalysisAvailable",
        "status": value,
        "observedGeneration": 1,
        "reason": reason,
        "message": f"{reason} in words",
        "lastTransitionTime": NOON,
    }
    counts = {"events": 1, "bad": 1}
    signals = [
        {
            "name": name,
            "verdict": "Harm",
            "canary": counts,
            "stable": counts,
            "evidence": "1e+05",
            "note": "bad",
        }
        for name in harm
    ]
    rollout = {"attempt": attempt, "state": state, "since": NOON, "startedAt": NOON}
    body: dict[str, Any] = {
        "rollout": rollout,
        "analysis": {"verdict": "Harm" if harm else "Safe", "signals": signals},
        "conditions": [condition] if available else [],
    }
    return Status.model_validate(body)


LOST, FOUND = "False/PrometheusUnreachable", "True/SamplesReadable"


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (FOUND, FOUND, []),
        (None, FOUND, []),
        (FOUND, None, []),
        (FOUND, LOST, ["AnalysisUnavailable"]),
        (None, LOST, ["AnalysisUnavailable"]),
        (LOST, "False/NoSamples", []),
        (LOST, FOUND, ["AnalysisAvailable"]),
        (FOUND, "False/SplitMismatch", ["SplitMismatch"]),
        (LOST, "False/SplitMismatch", ["SplitMismatch"]),
        ("False/SplitMismatch", "False/SplitMismatch", []),
        ("False/SplitMismatch", LOST, []),
        ("False/SplitMismatch", FOUND, ["AnalysisAvailable"]),
        (FOUND, "True/SharedIncident", ["SharedIncident"]),
        ("True/SharedIncident", "True/SharedIncident", []),
        ("True/SharedIncident", FOUND, []),
        (FOUND, "False/Off", []),
        ("False/Off", FOUND, []),
        ("False/NotConfigured", LOST, ["AnalysisUnavailable"]),
    ],
)
def test_turn_of_the_data_is_told_by_its_reason(
    before: str | None, after: str | None, told: list[str]
) -> None:
    assert [notice.reason for notice in turns(status(before), status(after))] == told


def test_words_are_those_of_the_condition() -> None:
    [lost] = turns(status(FOUND), status(LOST))
    [split] = turns(status(FOUND), status("False/SplitMismatch"))

    assert lost.message == "PrometheusUnreachable: PrometheusUnreachable in words"
    assert split.message == "SplitMismatch in words"
    assert lost.warning
    assert split.warning


def test_flapping_tells_each_turn_and_each_once() -> None:
    seen = [status(one) for one in (FOUND, LOST, LOST, FOUND, FOUND, LOST)]

    told = [notice.reason for before, after in pairwise(seen) for notice in turns(before, after)]

    assert told == ["AnalysisUnavailable", "AnalysisAvailable", "AnalysisUnavailable"]


def test_harm_that_takes_nothing_back_is_told_once_for_each_signal() -> None:
    seen = [status(), status(harm=("errors",)), status(harm=("errors",)), status(harm=("errors", "scores"))]

    told = [notice.message for before, after in pairwise(seen) for notice in turns(before, after)]

    assert told == ["not acted on: bad", "not acted on: bad"]


def test_harm_that_is_acted_on_is_left_to_the_rollback_to_tell() -> None:
    assert turns(status(), status(harm=("errors",), state="RollingBack")) == ()


def test_harm_of_an_earlier_attempt_does_not_hide_that_of_the_next() -> None:
    before = status(harm=("errors",), attempt="fraud-aa.1")

    [notice] = turns(before, status(harm=("errors",), attempt="fraud-bb.1"))

    assert notice.reason == "HarmObserved"


def test_attempt_ends_once() -> None:
    entry = {
        "attempt": "fraud-bb.1",
        "revision": "fraud-bb",
        "result": "Promoted",
        "startedAt": NOON,
        "finishedAt": NOON,
    }
    before, after = Status(), Status.model_validate({"history": [entry]})

    assert [one.attempt for one in ended(before, after)] == ["fraud-bb.1"]
    assert ended(after, after) == ()
