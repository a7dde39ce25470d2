"""What each state waits for and where it leads when it has it: one function a state.

Interruptions were decided before (`interruptions`); where an arrow leads is `course`, what follows from it
for pods and traffic is `shape`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from serin.domain.gates import GateRun
from serin.domain.intent import OnInconclusive
from serin.domain.names import RevisionHash
from serin.domain.rollout import course as to
from serin.domain.rollout.course import Course
from serin.domain.rollout.gates import STEP_GATES, WORD_GATES, first_hold
from serin.domain.rollout.gating import ended_at, gated, names_before, skipped
from serin.domain.rollout.questions import (
    asks_for,
    awaiting_router,
    drain_ends,
    drained,
    is_retried,
    merged_step,
    stable_is_down,
    until_ready,
    view_of,
)
from serin.domain.rollout.shape import canary_pods, size_of, weight_now
from serin.domain.rollout.world import Hold, Notice, Reason, World, canary_of, hash_of
from serin.domain.routers.router import UNREPORTED
from serin.domain.status import Rollout, State


@dataclass(frozen=True, slots=True)
class Turn:
    """What one state's function answers: the course, what it waits for, and pods to raise meanwhile."""

    course: Course
    hold: Hold | None = None
    raising: int = 0
    released: frozenset[RevisionHash] = frozenset()
    timers: tuple[datetime, ...] = field(default=())
    due: GateRun | None = None


def idle(world: World, course: Course) -> Turn:
    """No attempt is under way: one begins where the spec asks for another revision."""
    if world.wanted == course.stable:
        refusal = world.router.refusal(world.observed)
        if refusal is None:
            return Turn(course)
        return Turn(course, Hold(Reason.ROUTER_UNAVAILABLE, f"the route is not accepted: {refusal}"))
    rejection = next((entry for entry in course.rejected if entry.hash == world.wanted), None)
    if rejection is not None and not is_retried(world, course):
        return Turn(course, Hold(Reason.ROLLED_BACK, rejection.message or rejection.reason))
    return Turn(to.begun(world, course))


def preparing(world: World, course: Course, rollout: Rollout) -> Turn:
    """The canary loads at weight 0."""
    canary, released = canary_of(world.intent, rollout), drained(world, rollout)
    if course.stable is None:
        return _first_deployment(world, course, rollout)
    size, asked = size_of(world, rollout), asks_for(world, rollout)
    down = stable_is_down(world)
    straight = not size or asked == "full" or down
    needed = size if straight else canary_pods(world, rollout, rollout.step)
    patience = world.intent.rollout.progress_deadline
    hold, timers = until_ready(world, rollout, revision=canary, needed=needed, patience=patience)
    course, hold = _with_stall(world, course, hold)
    if hold is None and rollout.confirmed_at is None and not down:
        hold = awaiting_router(world, "the router has not confirmed the stable weight")
    if rollout.paused_at is not None and (hold is None or hold.reason not in STALLING):
        hold = Hold(Reason.PAUSED, "paused on request")
    if hold is not None:
        return Turn(course, hold, raising=needed, released=released, timers=timers)
    if straight:
        why = Reason.STABLE_UNAVAILABLE if down else Reason.STEPS_PASSED
        why = Reason.REQUESTED if asked == "full" else why
        if why in AROUND:
            last = len(world.intent.rollout.steps)
            course = _gates_before(world, course, last, around=AROUND[why]).course
        return Turn(to.promoting(world, course, why), released=released)
    index = merged_step(world, rollout, rollout.step)
    stop = _gates_before(world, course, index, around=AROUND[Reason.REQUESTED] if asked else None)
    if stop.hold is not None:
        return replace(stop, raising=needed, released=released)
    course = stop.course
    # After a loss the step is taken up again, never a higher weight than was ever given (I5).
    weight = min([world.step(index).weight, *_highest(rollout)])
    return Turn(to.at_step(world, course, index, weight), released=released)


def _highest(rollout: Rollout) -> list[int]:
    return [max(shift.weight for shift in rollout.shifts)] if rollout.shifts else []


def _first_deployment(world: World, course: Course, rollout: Rollout) -> Turn:
    """Nothing serves yet: no canary and no analysis, stable as soon as it is complete and routed."""
    canary = canary_of(world.intent, rollout)
    hold, timers = until_ready(
        world,
        rollout,
        revision=canary,
        needed=world.intent.replicas,
        patience=world.intent.rollout.progress_deadline,
    )
    course, hold = _with_stall(world, course, hold)
    if hold is None and rollout.confirmed_at is None:
        hold = awaiting_router(world, "the router has not confirmed the route")
    if hold is not None:
        return Turn(course, hold, timers=timers)
    return Turn(to.finished(world, replace(course, stable=canary), Reason.PROMOTED))


def stepping(world: World, course: Course, rollout: Rollout) -> Turn:
    """The canary has the weight of a step, and is looked at."""
    released = drained(world, rollout)
    if stable_is_down(world) and rollout.paused_at is None:
        turn = _raise_to(world, course, rollout, Reason.STABLE_UNAVAILABLE, full=True)
        return replace(turn, released=released)
    asked_weight = world.step(rollout.step).weight
    if asked_weight < weight_now(rollout, 100):
        return Turn(to.at_step(world, course, rollout.step, asked_weight), released=released)
    asked = asks_for(world, rollout)
    hold = first_hold(view_of(world, rollout), WORD_GATES if asked else STEP_GATES)
    if hold is None:
        why = Reason.REQUESTED if asked else Reason.STEPS_PASSED
        turn = _raise_to(world, course, rollout, why, full=asked == "full")
        return replace(turn, released=released)
    inconclusive = hold.reason is Reason.INCONCLUSIVE
    if inconclusive and world.intent.rollout.on_inconclusive is OnInconclusive.ROLLBACK:
        return Turn(to.rolling_back(world, course, Reason.INCONCLUSIVE, hold.message))
    course, _ = _with_stall(world, course, None)
    return Turn(course, hold, released=released)


def _raise_to(world: World, course: Course, rollout: Rollout, why: Reason, *, full: bool) -> Turn:
    """Capacity for what comes next first, then the step (I4). Where pods are the weight, the step comes
    first.
    """
    following = rollout.step + 1
    last = full or following >= len(world.intent.rollout.steps)
    index = following if last else merged_step(world, rollout, following)
    beyond = len(world.intent.rollout.steps) if last else index
    stop = _gates_before(world, course, beyond, around=AROUND.get(why))
    if stop.hold is not None:
        return stop
    if not world.router.widens_root():
        # The stable revision may return while pods come: then its gates are asked after all.
        waiting = course if why is Reason.STABLE_UNAVAILABLE else stop.course
        needed = size_of(world, rollout) if last else canary_pods(world, rollout, index)
        canary, limits = canary_of(world.intent, rollout), world.intent.rollout
        patience = limits.step_deadline + limits.progress_deadline
        passed = ended_at(world, waiting.attempt, names_before(world, following, beyond))
        if passed is not None:
            patience = max(patience, passed - rollout.since + limits.progress_deadline)
        hold, timers = until_ready(world, rollout, revision=canary, needed=needed, patience=patience)
        waiting, hold = _with_stall(world, waiting, hold)
        if hold is not None:
            return Turn(waiting, hold, raising=needed, timers=timers)
    if last:
        return Turn(to.promoting(world, stop.course, why))
    return Turn(to.at_step(world, stop.course, index, world.step(index).weight))


def _gates_before(world: World, course: Course, last: int, *, around: str | None) -> Turn:
    """What the gates say to a weight of the step of that index, and to those that are passed on the way."""
    rollout = course.attempt
    first = rollout.step if rollout.state is State.PREPARING else rollout.step + 1
    names = names_before(world, first, last)
    if around is not None:
        return Turn(skipped(world, course, names, around))
    found = gated(world, course, names)
    if found.hold is None:
        return Turn(found.course)
    course, hold = _with_stall(world, found.course, found.hold)
    return Turn(course, hold, due=found.due)


AROUND: Final = {
    Reason.REQUESTED: "a person's promote went around it",
    Reason.STABLE_UNAVAILABLE: "the stable revision does not answer",
}
"""Why gates are not asked, by what leads past them."""


def promoting(world: World, course: Course, rollout: Rollout) -> Turn:
    """All traffic moves to the canary."""
    canary, released = canary_of(world.intent, rollout), drained(world, rollout)
    if world.selected == canary and rollout.confirmed_at is not None:
        return Turn(to.baking(world, course), released=released)
    if rollout.confirmed_at is None and world.observed.route is not None:
        refused = awaiting_router(world, "traffic is moving to the new revision")
        if refused.reason is Reason.ROUTER_UNAVAILABLE:
            return Turn(course, refused, released=released)
    hold, timers = until_ready(
        world,
        rollout,
        revision=canary,
        needed=size_of(world, rollout),
        patience=world.intent.rollout.progress_deadline,
    )
    course, hold = _with_stall(world, course, hold)
    moving = Hold(Reason.PROMOTING, "traffic is moving to the new revision", timedelta(seconds=1))
    return Turn(course, hold or moving, released=released, timers=timers)


def baking(world: World, course: Course, rollout: Rollout) -> Turn:
    """The canary is stable; the revision before it stays warm."""
    previous = rollout.previous
    if previous is None:
        return Turn(to.finished(world, course, Reason.PROMOTED))
    before, released = hash_of(world.intent, previous.revision), drained(world, rollout)
    superseded = world.wanted != canary_of(world.intent, rollout)
    warm = previous.until if superseded else previous.until + to.held(rollout, world.now)
    if rollout.paused_at is not None and not superseded:
        return Turn(course, Hold(Reason.PAUSED, "the bake is paused on request"), released=released)
    if rollout.confirmed_at is None and world.desired(before):
        # Somebody has moved traffic back by hand: it drains anew from when that is undone (I3).
        message = f"{previous.revision} is kept warm until the router has taken its traffic"
        return Turn(course, Hold(Reason.BAKING, message, timedelta(seconds=1)), released=released)
    without_traffic = max(rollout.since + UNREPORTED, rollout.confirmed_at or rollout.since)
    over = max(warm, without_traffic + world.intent.traffic.drain)
    if world.now < over:
        message = f"{previous.revision} is kept warm until the bake ends"
        return Turn(course, Hold(Reason.BAKING, message, over - world.now), released=released)
    if world.desired(before):
        return Turn(course, Hold(Reason.BAKING, "the bake is over"), released=released | {before})
    return Turn(to.finished(world, course, Reason.PROMOTED), released=released | {before})


def rolling_back(world: World, course: Course, rollout: Rollout) -> Turn:
    """Traffic first, then the drain, then the canary's pods."""
    canary = canary_of(world.intent, rollout)
    released = drained(world, rollout)
    if course.stable is not None and rollout.confirmed_at is None:
        hold = awaiting_router(world, "traffic is moving back to the stable revision")
        if hold.reason is not Reason.ROUTER_UNAVAILABLE:
            hold = Hold(Reason.ROLLING_BACK, hold.message, hold.look_again)
        return Turn(course, hold, released=released)
    answering = [
        (entry.revision, end)
        for entry in rollout.draining
        if (end := drain_ends(world, rollout, entry)) is not None
        and end > world.now
        and world.desired(hash_of(world.intent, entry.revision))
    ]
    for revision, end in answering:
        if hash_of(world.intent, revision) == canary:
            hold = Hold(Reason.ROLLING_BACK, f"{revision} drains", end - world.now)
            return Turn(course, hold, released=released)
    released |= {canary}
    if world.desired(canary):
        return Turn(course, Hold(Reason.ROLLING_BACK, "the canary goes"), released=released)
    if answering:
        revision, end = max(answering, key=lambda one: one[1])
        hold = Hold(Reason.ROLLING_BACK, f"{revision} drains", end - world.now)
        return Turn(course, hold, released=released)
    peaceful = rollout.reason in PEACEFUL
    result = Reason(rollout.reason or Reason.REVERTED) if peaceful else Reason.ROLLED_BACK
    return Turn(to.finished(world, course, result), released=released)


PEACEFUL: Final = frozenset({Reason.REVERTED.value, Reason.SUPERSEDED.value})
STATES: Final[dict[State, Callable[[World, Course, Rollout], Turn]]] = {
    State.PREPARING: preparing,
    State.STEPPING: stepping,
    State.PROMOTING: promoting,
    State.BAKING: baking,
    State.ROLLING_BACK: rolling_back,
}
STALLING: Final = frozenset({Reason.PROGRESS_DEADLINE, Reason.POD_PROBLEM, Reason.GATE_NOT_READY})


def _with_stall(world: World, course: Course, hold: Hold | None) -> tuple[Course, Hold | None]:
    """The course with the reason why pods do not get ready, told once."""
    stalled = hold.reason.value if hold and hold.reason in STALLING else None
    if stalled == course.attempt.stalled:
        return course, hold
    course = replace(course, rollout=course.attempt.model_copy(update={"stalled": stalled}))
    if hold is not None and stalled:
        course = course.told(Notice(stalled, hold.message, warning=True))
    return course, hold
