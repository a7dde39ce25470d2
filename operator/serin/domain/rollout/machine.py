"""The state machine: one look at the world, one decision.

Precedence of what may happen next: abort > harm > supersede > pause > promote > Safe. Progress is evaluated
before deadlines. `interruptions` and `states` decide where to go, `course` remembers it, and `shape` says
what follows from it; here they are put together.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from serin.domain.rollout import course as to
from serin.domain.rollout.course import Course
from serin.domain.rollout.gating import settled
from serin.domain.rollout.interruptions import interruption
from serin.domain.rollout.pinning import repinned, with_pins
from serin.domain.rollout.questions import STABLE_DOWN, drain_ends, is_paused, word_on
from serin.domain.rollout.shape import Shape, canary_pods, shape
from serin.domain.rollout.states import STATES, Turn, idle
from serin.domain.rollout.world import Decision, Memo, World, canary_of
from serin.domain.status import Rollout, State

RETURNING: Final = frozenset({State.PREPARING, State.BAKING, State.ROLLING_BACK})
"""States that wait for the root Service too: whoever is to lose all traffic may have had it already."""


def advance(world: World) -> Decision:
    """What ought to be true now. Deriving it twice from the same world gives the same."""
    course = to.course_of(world)
    memo = _remembered(world, course)
    world = replace(world, memo=memo)
    if course.rollout is not None:
        rollout = course.rollout.model_copy(update={"confirmed_at": memo.confirmed_since})
        paused = is_paused(world, rollout)
        course = replace(course, rollout=to.with_pause(rollout, paused=paused, now=world.now))
        course = repinned(world, course)
        course = replace(course, rollout=with_pins(course.attempt, word_on(world, course.attempt)))
        course = settled(world, course)
    turn = _turn(world, course)
    if course.rollout is not None and turn.course.rollout is None:
        # What follows an attempt is decided with its end, or a waiter would see a Ready that is not meant.
        turn = replace(idle(world, turn.course), released=turn.released)
    made = shape(world, turn.course, raising=turn.raising, released=turn.released)
    return _decision(world, turn, made)


def _turn(world: World, course: Course) -> Turn:
    rollout = course.rollout
    if rollout is None:
        return idle(world, course)
    interrupted = interruption(world, course, rollout)
    if interrupted is not None:
        return Turn(interrupted)
    return STATES[rollout.state](world, course, rollout)


def _decision(world: World, turn: Turn, made: Shape) -> Decision:
    course = turn.course
    moved = _arrow(world.status.rollout) != _arrow(course.rollout)
    returning = course.rollout is not None and course.rollout.state is State.ROLLING_BACK
    return Decision(
        stable=course.stable,
        rollout=course.rollout,
        sizes=made.sizes,
        weights=made.weights,
        root=made.root,
        rejected=course.rejected,
        history=course.history,
        memo=replace(world.memo, confirmed_since=None) if moved else world.memo,
        hold=turn.hold,
        due=turn.due,
        notices=course.notices,
        look_again=timedelta(0) if moved else _look_again(world, turn),
        renewed=course.stable if returning and course.rollout and course.rollout.previous else None,
    )


def _look_again(world: World, turn: Turn) -> timedelta | None:
    """The soonest of what only time will bring."""
    timers = list(turn.timers)
    if turn.hold and turn.hold.look_again is not None:
        timers.append(world.now + turn.hold.look_again)
    rollout = turn.course.rollout
    if rollout is not None:
        ends = [drain_ends(world, rollout, entry) for entry in rollout.draining]
        timers += [end for end in ends if end is not None]
        if world.memo.stable_down_since is not None:
            timers.append(world.memo.stable_down_since + STABLE_DOWN)
    coming = [timer for timer in timers if timer > world.now]
    return min(coming) - world.now if coming else None


def _arrow(rollout: Rollout | None) -> object:
    """What tells one state, step or weight from the next."""
    if rollout is None:
        return None
    shift = rollout.shifts[-1] if rollout.shifts else None
    return (
        rollout.attempt,
        rollout.state,
        rollout.step,
        shift and (shift.step, shift.weight, shift.at),
    )


def _remembered(world: World, course: Course) -> Memo:
    """Since when the weights are in place and the stable revision is down, as far as this process has seen.

    What the status says of it is believed once, after a start: later a loss of the weights must not be
    forgotten for it.
    """
    memo, rollout = world.memo, course.rollout
    down = course.stable is not None and not world.ready(course.stable) and world.intent.replicas > 0
    since = memo.confirmed_since if memo.known else rollout.confirmed_at if rollout else None
    return Memo(
        known=True,
        confirmed_since=(since or world.now) if _in_place(world, course) else None,
        stable_down_since=(memo.stable_down_since or world.now) if down else None,
    )


def _in_place(world: World, course: Course) -> bool:
    """Whether the router has what the course asks for, before this look's transition."""
    wanted = shape(world, course, released=frozenset())
    root, selected = world.observed.root, world.selected
    state = course.rollout.state if course.rollout else State.IDLE
    if world.router.widens_root():
        return root is not None and selected == wanted.root and _moved_as_meant(world, course)
    if wanted.weights is None or (state in RETURNING and selected != wanted.root):
        return False
    shown = world.router.observed(world.observed, world.intent)
    asked = {revision: weight for revision, weight in wanted.weights.items() if weight}
    written = world.observed.route.written_at if world.observed.route else None
    return shown == asked and world.router.confirmed(world.observed, written, world.now)


def _moved_as_meant(world: World, course: Course) -> bool:
    """Whether the root Service is where the state wants it in the end, and not where it has to wait."""
    rollout = course.rollout
    if rollout is None or course.stable is None:
        return True
    canary, selected = canary_of(world.intent, rollout), world.selected
    match rollout.state:
        case State.STEPPING:
            enough = world.ready(canary) >= canary_pods(world, rollout, rollout.step)
            return enough and selected is None
        case State.PROMOTING:
            return selected == canary
        case _:
            return selected == course.stable
