"""What of the analysis is worth a write of the status by itself."""

from datetime import UTC, datetime, timedelta

import pytest

from serin.domain.status import (
    AnalysisStatus,
    Condition,
    CountsStatus,
    Resolved,
    RevisionStatus,
    Rollout,
    SignalPin,
    SignalStatus,
    State,
    Status,
)
from serin.domain.urgency import Urgency, course_changed, urgency

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SIGNAL = SignalStatus(
    name="errors",
    verdict="Undecided",
    canary=CountsStatus(events=10, bad=0),
    stable=CountsStatus(events=100, bad=1),
    evidence="0.9",
    window="2026-11-23T11:00:00Z/2026-11-23T12:00:00Z",
    query="sum(a @ 1)",
)


def status(signal: SignalStatus) -> Status:
    return Status(analysis=AnalysisStatus(verdict="Undecided", signals=[signal]))


@pytest.mark.parametrize(
    ("changes", "needed"),
    [
        ({}, Urgency.NONE),
        ({"window": "2026-11-23T11:00:00Z/2026-11-23T12:00:15Z", "query": "sum(a @ 2)"}, Urgency.NONE),
        ({"evidence": "1.1"}, Urgency.WORDS),
        ({"ratio_upper": "2", "since": NOON + timedelta(minutes=1)}, Urgency.WORDS),
        ({"canary": CountsStatus(events=11, bad=0)}, Urgency.COUNTS),
    ],
)
def test_time_of_the_numbers_goes_along_with_them(changes: dict[str, object], needed: Urgency) -> None:
    assert urgency(status(SIGNAL), status(SIGNAL.model_copy(update=changes))) is needed


def test_how_many_samples_came_late_goes_along_with_other_writes() -> None:
    before, after = (
        Status(analysis=AnalysisStatus(verdict="Undecided", late_samples=late)) for late in (None, 3)
    )

    assert urgency(before, after) is Urgency.NONE


@pytest.mark.parametrize("field", ["weight", "revision"])
@pytest.mark.parametrize("whose", ["canary", "stable"])
def test_who_has_which_share_is_told_at_once(whose: str, field: str) -> None:
    one, other = (
        RevisionStatus(revision=f"fraud-{weight}", weight=weight, replicas=1, ready_replicas=1)
        for weight in (40, 60)
    )
    changed = one.model_copy(update={field: getattr(other, field)})

    assert urgency(Status(**{whose: one}), Status(**{whose: changed})) is Urgency.TRANSITION
    assert urgency(Status(**{whose: one}), Status(**{whose: one})) is Urgency.NONE


@pytest.mark.parametrize(
    "change",
    [
        {"observed_generation": 2},
        {"phase": "Progressing"},
        {"url": "http://fraud.ml.svc"},
        {"selector": "serin.dev/model=fraud"},
        {"resolved": Resolved(runtime="custom@2", revision="fraud-1")},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_a_waiter_or_an_autoscaler_acts_on_is_told_at_once(change: dict[str, object]) -> None:
    assert urgency(Status(), Status().model_copy(update=change)) is Urgency.TRANSITION


@pytest.mark.parametrize(
    ("change", "needed"),
    [
        ({"type": "Progressing"}, Urgency.TRANSITION),
        ({"status": "False"}, Urgency.TRANSITION),
        ({"reason": "Paused"}, Urgency.TRANSITION),
        ({"observed_generation": 2}, Urgency.TRANSITION),
        ({"message": "other words"}, Urgency.WORDS),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_of_a_condition_all_but_its_words_is_told_at_once(change: dict[str, object], needed: Urgency) -> None:
    condition = Condition(
        type="Ready",
        status="True",
        observed_generation=1,
        reason="Complete",
        message="",
        last_transition_time=NOON,
    )

    before, after = (Status(conditions=[one]) for one in (condition, condition.model_copy(update=change)))

    assert urgency(before, after) is needed


def test_what_the_judge_learnt_goes_along_with_other_writes() -> None:
    """It is told when the comparison begins, and a restart that has lost it learns it again."""
    pin = SignalPin(name="errors", phi="1.5", usual="0.01")
    before = Status(rollout=ATTEMPT)
    after = Status(rollout=ATTEMPT.model_copy(update={"pins": [pin], "confirmed_at": NOON}))

    assert urgency(before, after) is Urgency.NONE
    assert not course_changed(before, after)


ATTEMPT = Rollout(attempt="fraud-1.1", state=State.PREPARING, since=NOON, started_at=NOON)


@pytest.mark.parametrize("field", ["replicas", "ready_replicas"])
@pytest.mark.parametrize(
    ("rollout", "needed"), [(None, Urgency.COUNTS), (ATTEMPT, Urgency.WORDS)], ids=["steady", "rollout"]
)
def test_pods_that_a_rollout_moves_wait_for_its_next_transition(
    rollout: Rollout | None, needed: Urgency, field: str
) -> None:
    before = Status(replicas=3, ready_replicas=1, rollout=rollout)

    assert urgency(before, before.model_copy(update={field: 2})) is needed
