"""What stands between a step and the next (I5, I6). Harm is decided before; a person's promote goes around.

No gate relies on the one before it: their order only chooses which obstacle a person reads first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from serin.domain.analysis.verdict import Assessment, Verdict
from serin.domain.intent import OnInconclusive, Step
from serin.domain.rollout.world import Hold, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """One step as its gates see it.

    Attributes:
        confirmed_since: When the router had the weight; None while it has not.
        held: How long the step was paused, which does not count.
        assessment: The judge's word on exactly this step, fresh; None if there is none.
        judged: Whether evidence is needed at all.
    """

    step: Step
    now: datetime
    confirmed_since: datetime | None
    held: timedelta
    deadline: timedelta
    on_inconclusive: OnInconclusive
    paused: bool
    judged: bool
    assessment: Assessment | None
    refusal: str | None

    @property
    def elapsed(self) -> timedelta:
        """Time at the confirmed weight, pauses left out."""
        if self.confirmed_since is None:
            return timedelta(0)
        return self.now - self.confirmed_since - self.held

    @property
    def overdue(self) -> bool:
        """Whether the step's deadline has passed without a decision."""
        return self.elapsed >= self.deadline

    @property
    def verdict(self) -> Verdict:
        """The judge's word; silence is missing data."""
        return self.assessment.verdict if self.assessment else Verdict.NO_DATA


Gate = Callable[[StepView], Hold | None]


def not_in_place(step: StepView) -> Hold | None:
    """The router does not have the step's weight yet."""
    if step.confirmed_since is not None:
        return None
    if step.refusal:
        return Hold(Reason.ROUTER_UNAVAILABLE, f"the route is not accepted: {step.refusal}")
    return Hold(Reason.AWAITING_ROUTER, "the router has not confirmed the weight yet", timedelta(seconds=1))


def held_by_a_person(step: StepView) -> Hold | None:
    """`spec.paused` or the pause annotation."""
    return Hold(Reason.PAUSED, "paused on request") if step.paused else None


def awaiting_word(step: StepView) -> Hold | None:
    """The step has `pause` and nobody has promoted it."""
    if not step.step.waits:
        return None
    return Hold(Reason.AWAITING_PROMOTION, f"step {step.step.name} waits for a person's promote")


def too_early(step: StepView) -> Hold | None:
    """The step's minimum time has not passed."""
    left = step.step.minimum - step.elapsed
    if left <= timedelta(0):
        return None
    return Hold(
        Reason.MINIMUM_TIME, f"the step lasts at least {step.step.minimum.total_seconds():.0f} s", left
    )


def without_data(step: StepView) -> Hold | None:
    """The judge sees nothing, whatever the deadline says (I6)."""
    if not step.judged or step.verdict is not Verdict.NO_DATA:
        return None
    message = step.assessment.message if step.assessment else "no verdict on this step yet"
    return Hold(Reason.NO_DATA, message)


def not_shown_safe(step: StepView) -> Hold | None:
    """The evidence does not reach yet, and the user has not said to go on without."""
    if not step.judged or step.verdict is Verdict.SAFE:
        return None
    message = step.assessment.message if step.assessment else "no verdict on this step yet"
    if not step.overdue:
        return Hold(Reason.UNDECIDED, message, step.deadline - step.elapsed)
    if step.on_inconclusive is OnInconclusive.ADVANCE:
        return None
    return Hold(Reason.INCONCLUSIVE, f"undecided at the step's deadline: {message}")


STEP_GATES: Final[tuple[Gate, ...]] = (
    not_in_place,
    held_by_a_person,
    awaiting_word,
    too_early,
    without_data,
    not_shown_safe,
)
WORD_GATES: Final[tuple[Gate, ...]] = (not_in_place, held_by_a_person)
"""What even a person's promote waits for."""


def first_hold(step: StepView, gates: Sequence[Gate] = STEP_GATES) -> Hold | None:
    """The obstacle to report, or None: the weight may rise."""
    return next((hold for gate in gates if (hold := gate(step))), None)
