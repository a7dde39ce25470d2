"""Each obstacle to a step: what it states, and that it stands alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from serin.domain.analysis.verdict import Assessment, Verdict
from serin.domain.intent import OnInconclusive, Step
from serin.domain.rollout.gates import STEP_GATES, WORD_GATES, StepView, first_hold, too_early
from serin.domain.rollout.world import Reason

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


def word(verdict: Verdict) -> Assessment:
    return Assessment(
        attempt="fraud-1.1",
        step=0,
        policy_hash="p",
        verdict=verdict,
        signals=(),
        boundary=NOW.timestamp(),
        reason=verdict.value,
        message="as the judge says",
        available=True,
    )


OPEN = StepView(
    step=Step(name="first", weight=5, minimum=timedelta(seconds=60)),
    now=NOW,
    confirmed_since=NOW - timedelta(seconds=100),
    held=timedelta(0),
    deadline=timedelta(seconds=600),
    on_inconclusive=OnInconclusive.PAUSE,
    paused=False,
    judged=True,
    assessment=word(Verdict.SAFE),
    refusal=None,
)
LATE = replace(OPEN, confirmed_since=NOW - timedelta(seconds=600))


def test_nothing_is_in_the_way_of_a_safe_step_that_lasted() -> None:
    assert first_hold(OPEN) is None


@pytest.mark.parametrize(
    ("view", "reason"),
    [
        (replace(OPEN, confirmed_since=None), Reason.AWAITING_ROUTER),
        (replace(OPEN, confirmed_since=None, refusal="no such Gateway"), Reason.ROUTER_UNAVAILABLE),
        (replace(OPEN, paused=True), Reason.PAUSED),
        (replace(OPEN, step=replace(OPEN.step, waits=True)), Reason.AWAITING_PROMOTION),
        (replace(OPEN, held=timedelta(seconds=41)), Reason.MINIMUM_TIME),
        (replace(OPEN, assessment=None), Reason.NO_DATA),
        (replace(OPEN, assessment=word(Verdict.NO_DATA)), Reason.NO_DATA),
        (replace(OPEN, assessment=word(Verdict.UNDECIDED)), Reason.UNDECIDED),
        (replace(LATE, assessment=word(Verdict.UNDECIDED)), Reason.INCONCLUSIVE),
    ],
)
def test_each_obstacle_has_its_reason(view: StepView, reason: Reason) -> None:
    hold = first_hold(view)

    assert hold is not None
    assert hold.reason is reason


@pytest.mark.parametrize("verdict", [Verdict.NO_DATA, None])
@pytest.mark.parametrize("choice", OnInconclusive)
def test_no_deadline_opens_a_step_without_data(verdict: Verdict | None, choice: OnInconclusive) -> None:
    view = replace(LATE, assessment=word(verdict) if verdict else None, on_inconclusive=choice)

    hold = first_hold(view)

    assert hold is not None
    assert hold.reason is Reason.NO_DATA


def test_advance_opens_an_undecided_step_at_its_deadline_and_not_before() -> None:
    undecided = replace(LATE, assessment=word(Verdict.UNDECIDED), on_inconclusive=OnInconclusive.ADVANCE)

    assert first_hold(undecided) is None
    assert first_hold(replace(undecided, held=timedelta(seconds=1))) is not None


def test_without_a_judge_time_alone_opens_a_step() -> None:
    assert first_hold(replace(OPEN, judged=False, assessment=None)) is None


def test_a_persons_promote_waits_for_router_and_pause_alone() -> None:
    early = replace(OPEN, held=timedelta(seconds=99), assessment=None)

    assert first_hold(early, WORD_GATES) is None
    assert first_hold(replace(early, paused=True), WORD_GATES) is not None
    assert first_hold(replace(early, confirmed_since=None), WORD_GATES) is not None


@pytest.mark.parametrize("gate", STEP_GATES, ids=lambda gate: gate.__name__)
def test_every_gate_stands_alone(gate: object) -> None:
    assert callable(gate)
    assert gate(replace(OPEN, step=replace(OPEN.step, waits=False))) is None


def test_time_does_not_count_before_the_weight_is_in_place() -> None:
    """Whatever stands before this gate."""
    hold = too_early(replace(OPEN, confirmed_since=None))

    assert hold is not None
    assert hold.look_again == OPEN.step.minimum
