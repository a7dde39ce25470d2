"""The part of a decision that is remembered: attempt, stable pointer, rejections, history.

Each function is one arrow of the state machine's picture and returns a new `Course`; none of them asks
whether the arrow may be taken.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from serin.domain.names import RevisionHash
from serin.domain.rollout.limits import numbers
from serin.domain.rollout.record import next_attempt, rejection, version_of
from serin.domain.rollout.world import REJECTING, Notice, Reason, World, canary_of, hash_of, revision_name
from serin.domain.status import Draining, Finished, Previous, Rejection, Rollout, Shift, State

REMEMBERED_REJECTIONS = 20
REMEMBERED_ATTEMPTS = 10
REMEMBERED_DRAINS = 20
REMEMBERED_SHIFTS = 64
"""As many as the schema of the status allows."""

MOVING_AWAY = frozenset({State.PREPARING, State.PROMOTING, State.ROLLING_BACK})
"""States whose confirmation means that revisions of earlier attempts have no traffic any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Where the model stands, and what there is to tell about how it got there."""

    stable: RevisionHash | None
    rollout: Rollout | None
    rejected: tuple[Rejection, ...]
    history: tuple[Finished, ...]
    notices: tuple[Notice, ...] = ()

    @property
    def attempt(self) -> Rollout:
        """The attempt under way; a mistake of the caller where there is none."""
        if self.rollout is None:
            raise ValueError("no attempt is under way")
        return self.rollout

    @property
    def serving(self) -> RevisionHash:
        """The stable revision; a mistake of the caller in a first deployment."""
        if self.stable is None:
            raise ValueError("no revision is stable yet")
        return self.stable

    def told(self, notice: Notice) -> "Course":
        """The same with one more thing to tell."""
        return replace(self, notices=(*self.notices, notice))


def course_of(world: World) -> Course:
    """Where the status says the model stands."""
    return Course(
        stable=world.stable,
        rollout=world.status.rollout,
        rejected=tuple(world.status.rejected),
        history=tuple(world.status.history),
    )


def begun(world: World, course: Course, draining: tuple[Draining, ...] = ()) -> Course:
    """A new attempt at the wanted revision; the canary prepares at weight 0."""
    name = revision_name(world.intent, world.wanted)
    stable_size = max(world.intent.replicas, world.desired(course.stable)) if course.stable else 0
    kept = [entry for entry in draining if world.desired(hash_of(world.intent, entry.revision))]
    rollout = Rollout(
        attempt=next_attempt(world, world.wanted),
        state=State.PREPARING,
        since=world.now,
        started_at=world.now,
        router=world.intent.traffic.router.value,
        capacity_floor=stable_size,
        draining=kept[-REMEMBERED_DRAINS:],
        policy_hash=world.intent.analysis.fingerprint(),
    )
    rejected = tuple(entry for entry in course.rejected if entry.hash != world.wanted)
    verb = "started beside" if course.stable else "deployed for the first time"
    beside = f" {revision_name(world.intent, course.stable)}" if course.stable else ""
    notice = Notice("RolloutStarted", f"{name} {verb}{beside}")
    return replace(course, rollout=rollout, rejected=rejected).told(notice)


def superseded(world: World, course: Course, result: Reason) -> Course:
    """Another revision is wanted: the canary drains at weight 0 while the new one prepares."""
    rollout = course.attempt
    canary = canary_of(world.intent, rollout)
    draining = tuple(rollout.draining)
    if rollout.shifts or _may_be_answering(world, canary):
        name = revision_name(world.intent, canary)
        draining = tuple(entry for entry in draining if entry.revision != name)
        draining += (Draining(revision=name, since=world.now),)
    return begun(world, finished(world, course, result), draining)


def at_step(world: World, course: Course, index: int, weight: int) -> Course:
    """The canary has the capacity of a step and gets its weight."""
    step = world.step(index)
    rollout = course.attempt.model_copy(
        update={
            "state": State.STEPPING,
            "step": index,
            "since": world.now,
            "step_started_at": world.now,
            "confirmed_at": None,
            "paused_at": None,
            "paused_seconds": 0,
            "stalled": None,
            "analysis_start": course.attempt.analysis_start or world.now,
            "shifts": _shifted(course.attempt, index, weight, world.now),
            "draining": _confirmed(course.attempt, world.now),
        }
    )
    canary = revision_name(world.intent, canary_of(world.intent, rollout))
    course = replace(course, rollout=rollout)
    size = max(world.intent.replicas, rollout.capacity_floor)
    given = world.router.weight(world.router.pods(weight, size), size, weight)
    if given > weight:
        message = f"one pod of {size + 1} is {given} %, more than the {weight} % of step {step.name}"
        course = course.told(Notice("CoarseWeight", message, warning=True))
    return course.told(Notice("StepStarted", f"{canary} at {given} % (step {step.name})"))


def back_to_preparing(world: World, course: Course) -> Course:
    """The canary has lost its last ready endpoint: weight 0, and the same step once more when it is back
    (I1).
    """
    losses = course.attempt.losses + 1
    rollout = course.attempt.model_copy(
        update={
            "state": State.PREPARING,
            "since": world.now,
            "confirmed_at": None,
            "losses": losses,
            "stalled": None,
            "shifts": _shifted(course.attempt, course.attempt.step, 0, world.now),
            "paused_at": None,
            "paused_seconds": 0,
        }
    )
    canary = revision_name(world.intent, canary_of(world.intent, rollout))
    notice = Notice("CanaryLost", f"{canary} has no ready endpoint left (loss {losses} of 3)", warning=True)
    return replace(course, rollout=rollout).told(notice)


def promoting(world: World, course: Course, why: Reason) -> Course:
    """The canary has full capacity and gets all traffic. Told with the promotion itself, in `baking`."""
    rollout = course.attempt.model_copy(
        update={
            "state": State.PROMOTING,
            "since": world.now,
            "confirmed_at": None,
            "paused_at": None,
            "paused_seconds": 0,
            "stalled": None,
            "reason": why.value,
            "draining": _confirmed(course.attempt, world.now),
            "shifts": _shifted(course.attempt, course.attempt.step, 100, world.now),
        }
    )
    return replace(course, rollout=rollout)


def baking(world: World, course: Course) -> Course:
    """The stable pointer moves; the revision before stays warm."""
    canary = canary_of(world.intent, course.attempt)
    warm = max(world.intent.rollout.bake, world.intent.traffic.drain)
    before = revision_name(world.intent, course.serving)
    rollout = course.attempt.model_copy(
        update={
            "state": State.BAKING,
            "since": world.now,
            "confirmed_at": None,
            "previous": Previous(revision=before, until=world.now + warm),
            "draining": _confirmed(course.attempt, world.now),
            "paused_at": None,
            "paused_seconds": 0,
        }
    )
    notice = Notice("Promoted", f"{revision_name(world.intent, canary)} is stable; {before} stays warm")
    return replace(course, stable=canary, rollout=rollout).told(notice)


def bake_cut_short(world: World, course: Course) -> Course:
    """A new spec arrives in the bake: the revision before is given up as soon as it has drained."""
    previous = course.attempt.previous and course.attempt.previous.model_copy(update={"until": world.now})
    return replace(course, rollout=course.attempt.model_copy(update={"previous": previous}))


def rolling_back(world: World, course: Course, reason: Reason, message: str) -> Course:
    """Traffic returns to the revision that was stable when the attempt began."""
    rollout, stable = course.attempt, course.stable
    canary = canary_of(world.intent, rollout)
    returned = rollout.previous
    if returned is not None:
        stable = hash_of(world.intent, returned.revision)
    answering = bool(rollout.shifts) or _may_be_answering(world, canary)
    draining = list(rollout.draining)
    if answering:
        draining = [entry for entry in draining if entry.revision != revision_name(world.intent, canary)]
        draining.append(Draining(revision=revision_name(world.intent, canary), since=world.now))
    rollout = rollout.model_copy(
        update={
            "state": State.ROLLING_BACK,
            "since": world.now,
            "confirmed_at": None,
            "reason": reason.value,
            "draining": draining[-REMEMBERED_DRAINS:],
            "stalled": None,
        }
    )
    rejected = course.rejected
    if reason in REJECTING:
        known = numbers(world, rollout) if reason is Reason.GUARD else {}
        entry = rejection(world, rollout, reason, message).model_copy(update=known)
        rejected = (*(kept for kept in rejected if kept.hash != canary), entry)[-REMEMBERED_REJECTIONS:]
    notice = Notice(reason.value, message, warning=reason in REJECTING)
    return replace(course, stable=stable, rollout=rollout, rejected=rejected).told(notice)


def finished(world: World, course: Course, result: Reason) -> Course:
    """The attempt is over."""
    rollout = course.attempt
    canary = revision_name(world.intent, canary_of(world.intent, rollout))
    entry = Finished(
        attempt=rollout.attempt,
        revision=canary,
        version=version_of(world, canary),
        result=result.value,
        started_at=rollout.started_at,
        finished_at=world.now,
        reason=rollout.reason,
    )
    notice = Notice("RolloutFinished", f"{canary}: {result.value}", warning=result is Reason.ROLLED_BACK)
    history = (*course.history, entry)[-REMEMBERED_ATTEMPTS:]
    return replace(course, rollout=None, history=history).told(notice)


def with_pause(rollout: Rollout, *, paused: bool, now: datetime) -> Rollout:
    """The same attempt with the clock of its deadlines stopped or going on."""
    if paused and rollout.paused_at is None:
        return rollout.model_copy(update={"paused_at": now})
    if not paused and rollout.paused_at is not None:
        held = rollout.paused_seconds + int((now - rollout.paused_at).total_seconds())
        return rollout.model_copy(update={"paused_at": None, "paused_seconds": held})
    return rollout


def held(rollout: Rollout, now: datetime) -> timedelta:
    """How long the state was paused."""
    running = now - rollout.paused_at if rollout.paused_at else timedelta(0)
    return timedelta(seconds=rollout.paused_seconds) + running


def _shifted(rollout: Rollout, step: int, weight: int, now: datetime) -> list[Shift]:
    """The changes of weight so far, the latest closed by its confirmation, and one more."""
    shifts = list(rollout.shifts)
    if shifts:
        shifts[-1] = shifts[-1].model_copy(update={"confirmed_at": rollout.confirmed_at or now})
    return [*shifts, Shift(step=step, weight=weight, at=now)][-REMEMBERED_SHIFTS:]


def _confirmed(rollout: Rollout, now: datetime) -> list[Draining]:
    """Drains begin when the router has the weights; leaving a state that waited for that, it is known."""
    if rollout.state not in MOVING_AWAY:
        return list(rollout.draining)
    at = rollout.confirmed_at or now
    canary = rollout.attempt.rpartition(".")[0]
    return [
        entry.model_copy(update={"since": max(entry.since, at)})
        for entry in rollout.draining
        if entry.revision != canary
    ]


def _may_be_answering(world: World, revision: RevisionHash) -> bool:
    """Whether the route or the root Service names the revision, so that requests may be on their way."""
    return bool(world.shown.get(revision))
