"""The state machine: one look at the world, one decision.

Precedence of what may happen next: abort > harm > supersede > pause > promote > Safe. Progress is evaluated before
deadlines. Each state has one function here; where an arrow leads is `course`, what follows from it is `shape`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from serin.domain.analysis.verdict import Assessment, Verdict
from serin.domain.intent import OnInconclusive
from serin.domain.names import REVISION_LABEL, RevisionHash
from serin.domain.observed import PodProblem, PodView
from serin.domain.rollout import course as to
from serin.domain.rollout.course import Course
from serin.domain.rollout.gates import STEP_GATES, WORD_GATES, StepView, first_hold
from serin.domain.rollout.shape import Shape, canary_pods, has_third, shape, size_of
from serin.domain.rollout.world import (
    Decision,
    Hold,
    Memo,
    Notice,
    Reason,
    World,
    canary_of,
    hash_of,
    revision_name,
)
from serin.domain.routers.router import UNREPORTED
from serin.domain.status import Draining, Rollout, State

ENDPOINT_LOSSES: Final = 3
"""The third loss of all ready endpoints in one attempt is harm (I1)."""
CRASHES: Final = 2
"""Restarts from which a waiting container counts as a crash loop: one crash may be the node's fault."""
STABLE_DOWN: Final = timedelta(seconds=60)
"""How long the stable revision must have been without endpoints before a ready canary takes over unproved."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one state's function answers: the course, what it waits for, and pods to raise meanwhile."""

    course: Course
    hold: Hold | None = None
    raising: int = 0
    released: frozenset[RevisionHash] = frozenset()
    timers: tuple[datetime, ...] = field(default=())


def advance(world: World) -> Decision:
    """What ought to be true now. Deriving it twice from the same world gives the same."""
    course = to.course_of(world)
    memo = _remembered(world, course)
    world = replace(world, memo=memo)
    if course.rollout is not None:
        rollout = course.rollout.model_copy(update={"confirmed_at": memo.confirmed_since})
        course = replace(
            course, rollout=to.with_pause(rollout, paused=_paused(world, rollout), now=world.now)
        )
    turn = _turn(world, course)
    if course.rollout is not None and turn.course.rollout is None:
        # What follows an attempt is decided with its end, or a waiter would see a Ready that is not meant.
        turn = replace(_idle(world, turn.course), released=turn.released)
    made = shape(world, turn.course, raising=turn.raising, released=turn.released)
    return _decision(world, turn, made)


def _turn(world: World, course: Course) -> Turn:
    rollout = course.rollout
    if rollout is None:
        return _idle(world, course)
    interrupted = _abort(world, course, rollout) or _harm(world, course, rollout)
    interrupted = interrupted or _supersede(world, course, rollout)
    if interrupted is not None:
        return Turn(interrupted)
    return STATES[rollout.state](world, course, rollout)


def _decision(world: World, turn: Turn, made: Shape) -> Decision:
    course = turn.course
    moved = _arrow(world.status.rollout) != _arrow(course.rollout)
    timers = list(turn.timers)
    if turn.hold and turn.hold.look_again is not None:
        timers.append(world.now + turn.hold.look_again)
    drain = world.intent.traffic.drain + UNREPORTED
    ends = [entry.since + drain for entry in (course.rollout.draining if course.rollout else ())]
    timers += [end for end in ends if end > world.now]
    look_again = max(min(timers) - world.now, timedelta(0)) if timers else None
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
        notices=course.notices,
        look_again=timedelta(0) if moved else look_again,
        renewed=course.stable if returning and course.rollout and course.rollout.previous else None,
    )


def _arrow(rollout: Rollout | None) -> tuple[str, str, int] | None:
    return (rollout.attempt, rollout.state, rollout.step) if rollout else None


# What is remembered between looks


def _remembered(world: World, course: Course) -> Memo:
    """Since when the weights are in place and the stable revision is down, as far as this process has seen."""
    down = course.stable is not None and not world.ready(course.stable) and world.intent.replicas > 0
    since = (
        world.memo.confirmed_since or (course.rollout.confirmed_at if course.rollout else None) or world.now
    )
    return Memo(
        confirmed_since=since if _in_place(world, course) else None,
        stable_down_since=(world.memo.stable_down_since or world.now) if down else None,
    )


def _in_place(world: World, course: Course) -> bool:
    """Whether the router has what the course asks for, before this look's transition."""
    wanted = shape(world, course, released=frozenset())
    selected = world.observed.root.selector.get(REVISION_LABEL) if world.observed.root else None
    if world.router.widens_root():
        rollout = course.rollout
        if rollout is not None and rollout.state is State.STEPPING:
            canary = canary_of(world.intent, rollout)
            if world.ready(canary) < canary_pods(world, rollout, rollout.step):
                return False
            if has_third(world, frozenset({course.stable, canary})):
                return False
        return world.observed.root is not None and selected == wanted.root
    if wanted.weights is None:
        return False
    shown = world.router.observed(world.observed, world.intent)
    asked = {revision: weight for revision, weight in wanted.weights.items() if weight}
    written = world.observed.route.written_at if world.observed.route else None
    return shown == asked and world.router.confirmed(world.observed, written, world.now)


# Interruptions, in the order of precedence


def _abort(world: World, course: Course, rollout: Rollout) -> Course | None:
    if rollout.state is State.ROLLING_BACK or world.intent.requests.abort != rollout.attempt:
        return None
    name = revision_name(world.intent, canary_of(world.intent, rollout))
    return to.rolling_back(world, course, Reason.ABORTED, f"{name}: aborted on request")


def _harm(world: World, course: Course, rollout: Rollout) -> Course | None:
    """Harm in every form: by evidence, by crash loop, by endpoints lost too often."""
    if rollout.state is State.ROLLING_BACK or course.stable is None:
        return None
    canary = canary_of(world.intent, rollout)
    name = revision_name(world.intent, canary)
    word = _word(world, rollout)
    if word is not None and word.verdict is Verdict.HARM and world.judged and rollout.state in JUDGED_STATES:
        return to.rolling_back(world, course, Reason.HARM, word.message)
    crashed = crash_looping(world, canary)
    if crashed is not None:
        message = f"{name}: pod {crashed.name} crashed {crashed.restarts} times in a row ({crashed.detail})"
        return to.rolling_back(world, course, Reason.CRASH_LOOP, message)
    if world.ready(canary) or rollout.state not in SERVING_STATES or not size_of(world, rollout):
        return None
    if rollout.state is State.BAKING:
        if rollout.previous is None or not world.ready(hash_of(world.intent, rollout.previous.revision)):
            return None
        return to.rolling_back(world, course, Reason.LOST_ENDPOINTS, f"{name} has no ready endpoint left")
    if rollout.losses + 1 >= ENDPOINT_LOSSES:
        message = f"{name} lost all its ready endpoints {ENDPOINT_LOSSES} times"
        return to.rolling_back(world, course, Reason.LOST_ENDPOINTS, message)
    if not world.ready(course.stable):
        return None
    return to.back_to_preparing(world, course)


def _supersede(world: World, course: Course, rollout: Rollout) -> Course | None:
    """The spec asks for something else than the attempt under way."""
    canary, wanted = canary_of(world.intent, rollout), world.wanted
    if wanted == canary or rollout.state is State.ROLLING_BACK:
        return None
    name, other = revision_name(world.intent, canary), revision_name(world.intent, wanted)
    if course.stable is None:
        return to.begun(world, to.finished(world, course, Reason.SUPERSEDED))
    if rollout.state is State.BAKING:
        if rollout.previous and wanted == hash_of(world.intent, rollout.previous.revision):
            return to.rolling_back(world, course, Reason.REVERTED, f"{name}: the spec is {other}'s again")
        if rollout.previous and rollout.previous.until > world.now:
            return to.bake_cut_short(world, course)
        return None
    if wanted == course.stable:
        return to.rolling_back(world, course, Reason.REVERTED, f"{name}: the spec is {other}'s again")
    if any(entry.hash == wanted for entry in course.rejected) and not _retried(world, course):
        return to.rolling_back(world, course, Reason.SUPERSEDED, f"{name}: superseded by {other}")
    draining = (*rollout.draining, Draining(revision=name, since=world.now))
    return to.begun(world, to.finished(world, course, Reason.SUPERSEDED), draining)


# States


def _idle(world: World, course: Course) -> Turn:
    if world.wanted == course.stable:
        return Turn(course)
    rejection = next((entry for entry in course.rejected if entry.hash == world.wanted), None)
    if rejection is not None and not _retried(world, course):
        return Turn(course, Hold(Reason.ROLLED_BACK, rejection.message or rejection.reason))
    return Turn(to.begun(world, course))


def _preparing(world: World, course: Course, rollout: Rollout) -> Turn:
    canary = canary_of(world.intent, rollout)
    released = _drained(world, rollout)
    if course.stable is None:
        return _first_deployment(world, course, rollout)
    steps = world.intent.rollout.steps
    size = size_of(world, rollout)
    straight = not steps or not size or _asks_for(world, rollout) == "full" or _stable_is_down(world)
    needed = size if straight else canary_pods(world, rollout, rollout.step)
    hold, timers = _until_ready(world, rollout, canary, needed)
    course, hold = _with_stall(world, course, hold)
    if hold is None and rollout.confirmed_at is None:
        hold = Hold(
            Reason.AWAITING_ROUTER, "the router has not confirmed the stable weight", timedelta(seconds=1)
        )
        if _stable_is_down(world):
            hold = None
    if hold is None and rollout.paused_at is not None:
        hold = Hold(Reason.PAUSED, "paused on request")
    if hold is not None:
        return Turn(course, hold, raising=needed, released=released, timers=timers)
    if straight:
        why = Reason.STABLE_UNAVAILABLE if _stable_is_down(world) else Reason.STEPS_PASSED
        if _asks_for(world, rollout) == "full":
            why = Reason.REQUESTED
        return Turn(to.promoting(world, course, why), released=released)
    return Turn(to.at_step(world, course, _merged(world, rollout, rollout.step)), released=released)


def _first_deployment(world: World, course: Course, rollout: Rollout) -> Turn:
    """Nothing serves yet: no canary and no analysis, stable as soon as it is complete and routed."""
    canary = canary_of(world.intent, rollout)
    released = _drained(world, rollout)
    hold, timers = _until_ready(world, rollout, canary, world.intent.replicas)
    course, hold = _with_stall(world, course, hold)
    if hold is None and rollout.confirmed_at is None:
        refusal = world.router.refusal(world.observed)
        hold = Hold(Reason.AWAITING_ROUTER, "the router has not confirmed the route", timedelta(seconds=1))
        if refusal:
            hold = Hold(Reason.ROUTER_UNAVAILABLE, f"the route is not accepted: {refusal}")
    if hold is not None:
        return Turn(course, hold, released=released, timers=timers)
    return Turn(to.finished(world, replace(course, stable=canary), Reason.PROMOTED), released=released)


def _stepping(world: World, course: Course, rollout: Rollout) -> Turn:
    released = _drained(world, rollout)
    view = _view(world, rollout)
    if _stable_is_down(world) and rollout.paused_at is None:
        return _raise_to(world, course, rollout, Reason.STABLE_UNAVAILABLE, full=True)
    asked = _asks_for(world, rollout)
    hold = first_hold(view, WORD_GATES if asked else STEP_GATES)
    if hold is None:
        why = Reason.REQUESTED if asked else Reason.STEPS_PASSED
        turn = _raise_to(world, course, rollout, why, full=asked == "full")
        return replace(turn, released=turn.released | released)
    inconclusive = hold.reason is Reason.INCONCLUSIVE
    if inconclusive and world.intent.rollout.on_inconclusive is OnInconclusive.ROLLBACK:
        return Turn(to.rolling_back(world, course, Reason.INCONCLUSIVE, hold.message))
    return Turn(course, hold, released=released)


def _raise_to(world: World, course: Course, rollout: Rollout, why: Reason, *, full: bool) -> Turn:
    """Capacity for what comes next first, then the step (I4). Where pods are the weight, the step comes first."""
    following = rollout.step + 1
    last = full or following >= len(world.intent.rollout.steps)
    size = size_of(world, rollout)
    index = following if last else _merged(world, rollout, following)
    if world.router.widens_root():
        moved = to.promoting(world, course, why) if last else to.at_step(world, course, index)
        return Turn(moved)
    needed = size if last else canary_pods(world, rollout, index)
    canary = canary_of(world.intent, rollout)
    if world.ready(canary) < needed:
        message = f"{world.ready(canary)} of {needed} canary pods ready for the next step"
        return Turn(course, Hold(Reason.STEPPING, message), raising=needed)
    return Turn(to.promoting(world, course, why) if last else to.at_step(world, course, index))


def _promoting(world: World, course: Course, rollout: Rollout) -> Turn:
    canary = canary_of(world.intent, rollout)
    root = world.observed.root
    moved = root is not None and root.selector.get(REVISION_LABEL) == canary
    if moved and rollout.confirmed_at is not None:
        return Turn(to.baking(world, course))
    return Turn(course, Hold(Reason.PROMOTING, "traffic is moving to the new revision", timedelta(seconds=1)))


def _baking(world: World, course: Course, rollout: Rollout) -> Turn:
    previous = rollout.previous
    if previous is None:
        return Turn(to.finished(world, course, Reason.PROMOTED))
    before = hash_of(world.intent, previous.revision)
    over = max(
        previous.until + to.held(rollout, world.now),
        rollout.since + world.intent.traffic.drain + UNREPORTED,
    )
    if rollout.paused_at is not None:
        return Turn(course, Hold(Reason.PAUSED, "the bake is paused on request"))
    if world.now < over:
        message = f"{previous.revision} is kept warm until the bake ends"
        return Turn(course, Hold(Reason.BAKING, message, over - world.now))
    if world.desired(before):
        return Turn(course, Hold(Reason.BAKING, "the bake is over"), released=frozenset({before}))
    return Turn(to.finished(world, course, Reason.PROMOTED), released=frozenset({before}))


def _rolling_back(world: World, course: Course, rollout: Rollout) -> Turn:
    canary = canary_of(world.intent, rollout)
    waiting = [entry for entry in rollout.draining if hash_of(world.intent, entry.revision) == canary]
    drained = _drained(world, rollout) - {canary}
    if course.stable is not None and rollout.confirmed_at is None:
        hold = Hold(
            Reason.ROLLING_BACK, "traffic is moving back to the stable revision", timedelta(seconds=1)
        )
        return Turn(course, hold, released=drained)
    if waiting and rollout.confirmed_at is not None:
        left = rollout.confirmed_at + world.intent.traffic.drain - world.now
        if left > timedelta(0):
            hold = Hold(Reason.ROLLING_BACK, f"{waiting[0].revision} drains", left)
            return Turn(course, hold, released=drained)
    if world.desired(canary):
        hold = Hold(Reason.ROLLING_BACK, "the canary goes")
        return Turn(course, hold, released=drained | {canary})
    aside = [
        entry for entry in rollout.draining if hash_of(world.intent, entry.revision) not in {*drained, canary}
    ]
    if aside:
        left = max(entry.since for entry in aside) + world.intent.traffic.drain + UNREPORTED - world.now
        return Turn(course, Hold(Reason.ROLLING_BACK, f"{aside[0].revision} drains", left), released=drained)
    result = (
        Reason.ROLLED_BACK if rollout.reason not in PEACEFUL else Reason(rollout.reason or Reason.REVERTED)
    )
    return Turn(to.finished(world, course, result), released=drained | {canary})


STATES: Final[dict[State, Callable[[World, Course, Rollout], Turn]]] = {
    State.PREPARING: _preparing,
    State.STEPPING: _stepping,
    State.PROMOTING: _promoting,
    State.BAKING: _baking,
    State.ROLLING_BACK: _rolling_back,
}
JUDGED_STATES: Final = frozenset({State.STEPPING, State.PROMOTING})
SERVING_STATES: Final = frozenset({State.STEPPING, State.PROMOTING, State.BAKING})
PEACEFUL: Final = frozenset({Reason.REVERTED.value, Reason.SUPERSEDED.value})


# Questions


def crash_looping(world: World, revision: RevisionHash) -> PodView | None:
    """A pod that was scheduled and pulled, and crashes again and again."""
    return next(
        (
            pod
            for pod in world.observed.pods
            if pod.revision == revision
            and not pod.terminating
            and pod.problem is PodProblem.CRASH_LOOP
            and pod.restarts >= CRASHES
        ),
        None,
    )


def _paused(world: World, rollout: Rollout) -> bool:
    return world.intent.paused or world.intent.requests.pause == rollout.attempt


def _retried(world: World, course: Course) -> bool:
    asked = world.intent.requests.retry
    return any(entry.attempt == asked and entry.hash == world.wanted for entry in course.rejected)


def _asks_for(world: World, rollout: Rollout) -> str | None:
    """`full` or `step` where a person's promote names exactly this attempt and step."""
    attempt, _, what = (world.intent.requests.promote or "").rpartition(":")
    if attempt != rollout.attempt:
        return None
    if what == "full":
        return "full"
    step = world.step(rollout.step) if world.intent.rollout.steps else None
    return "step" if step and what in (step.name, str(rollout.step)) else None


def _stable_is_down(world: World) -> bool:
    since = world.memo.stable_down_since
    return since is not None and world.now - since >= STABLE_DOWN


def _word(world: World, rollout: Rollout) -> Assessment | None:
    """The judge's word, if it is about this attempt under the policy it began with."""
    word = world.assessment
    if word is None or word.attempt != rollout.attempt or word.policy_hash != rollout.policy_hash:
        return None
    return word


def _view(world: World, rollout: Rollout) -> StepView:
    word = _word(world, rollout)
    if word is not None and (word.step != rollout.step or not _fresh(world, rollout, word)):
        word = None
    return StepView(
        step=world.step(rollout.step),
        now=world.now,
        confirmed_since=rollout.confirmed_at,
        held=to.held(rollout, world.now),
        deadline=world.intent.rollout.step_deadline,
        on_inconclusive=world.intent.rollout.on_inconclusive,
        paused=rollout.paused_at is not None,
        judged=world.judged,
        assessment=word,
        refusal=world.router.refusal(world.observed),
    )


def _fresh(world: World, rollout: Rollout, word: Assessment) -> bool:
    """A verdict speaks for samples after the weight was confirmed, and not for long ago (I5)."""
    if word.verdict is not Verdict.SAFE or word.boundary is None or rollout.confirmed_at is None:
        return word.verdict is not Verdict.SAFE
    decided = datetime.fromtimestamp(word.boundary, tz=world.now.tzinfo)
    return rollout.confirmed_at <= decided and world.now - decided <= world.freshness


def _drained(world: World, rollout: Rollout) -> frozenset[RevisionHash]:
    """Revisions of earlier attempts whose drain has ended."""
    end = world.intent.traffic.drain + UNREPORTED
    return frozenset(
        hash_of(world.intent, entry.revision) for entry in rollout.draining if entry.since + end <= world.now
    )


def _merged(world: World, rollout: Rollout, index: int) -> int:
    """The last of the steps that come to the same number of pods where pods are the weight."""
    if not world.router.widens_root():
        return index
    pods = canary_pods(world, rollout, index)
    while index + 1 < len(world.intent.rollout.steps) and canary_pods(world, rollout, index + 1) == pods:
        index += 1
    return index


def _until_ready(
    world: World, rollout: Rollout, revision: RevisionHash, needed: int
) -> tuple[Hold | None, tuple[datetime, ...]]:
    """What keeps a revision from being ready, and when its deadline is."""
    if world.ready(revision) >= needed and world.desired(revision) >= needed:
        return None, ()
    name = revision_name(world.intent, revision)
    deadline = rollout.since + world.intent.rollout.progress_deadline + to.held(rollout, world.now)
    reason, message = Reason.PREPARING, f"{world.ready(revision)} of {needed} pods of {name} ready"
    troubled = next(
        (
            pod
            for pod in world.observed.pods
            if pod.revision == revision and pod.problem and not pod.terminating
        ),
        None,
    )
    if troubled is not None:
        message = f"{message}; pod {troubled.name}: {troubled.problem}, {troubled.detail}"
        reason = Reason.POD_PROBLEM
    if world.now >= deadline and rollout.paused_at is None:
        return Hold(Reason.PROGRESS_DEADLINE, f"{message} at the progress deadline"), ()
    return Hold(reason, message), (deadline,)


STALLING: Final = frozenset({Reason.PROGRESS_DEADLINE, Reason.POD_PROBLEM})


def _with_stall(world: World, course: Course, hold: Hold | None) -> tuple[Course, Hold | None]:
    """The course with the reason why preparing does not get on, told once."""
    stalled = hold.reason.value if hold and hold.reason in STALLING else None
    if stalled == course.attempt.stalled:
        return course, hold
    course = replace(course, rollout=course.attempt.model_copy(update={"stalled": stalled}))
    if hold is not None and stalled:
        course = course.told(Notice(stalled, hold.message, warning=True))
    return course, hold
