"""When the gates of the spec are asked, and what follows from their answers.

A gate is asked when nothing else is in the way of what it stands before, and what it said is remembered in
the status before a weight rises on it. The answer to a question under way counts at any time, as harm does.
A person's promote goes around gates as it goes around evidence (I18), and so does a dead stable revision.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from serin.domain.analysis.policy import Mode
from serin.domain.gates import PROMOTION, GateAnswer, GatePolicy, GateRun, Outcome
from serin.domain.rollout.course import Course
from serin.domain.rollout.world import Hold, Notice, Reason, World, canary_of, revision_name
from serin.domain.status import GateResult, GateStatus, Rollout

REMEMBERED_GATES: Final = 32
TEMPLATE_SECONDS: Final = 15
"""How often a template is looked for that is missing."""


@dataclass(frozen=True, slots=True)
class Gated:
    """What the gates before a step come to: where they leave the course, and what it waits for."""

    course: Course
    hold: Hold | None = None
    due: GateRun | None = None


def settled(world: World, course: Course) -> Course:
    """The course with the answers that have come taken in."""
    for gate in world.intent.gates:
        entry = _entry(course.attempt, gate)
        if entry is None or entry.result is not GateResult.RUNNING:
            continue
        answer = _answer(world, _run(world, course, gate, entry.tries))
        if answer is not None and answer.outcome is not Outcome.NOT_STARTED:
            course = _answered(world, course, gate, entry, answer)
    return course


def gated(world: World, course: Course, before: Sequence[str]) -> Gated:
    """What the gates say to steps of these names, and which one is to be asked now."""
    for gate in _gates(world, before):
        entry = _entry(course.attempt, gate)
        if entry is None:
            entry = GateStatus(
                name=gate.name, step=gate.before, tries=1, result=GateResult.RUNNING, at=world.now
            )
            course = _with(course, entry)
        if entry.result is GateResult.RUNNING:
            return _waiting(world, course, gate, entry)
    return Gated(course)


def skipped(world: World, course: Course, before: Sequence[str], why: str) -> Course:
    """The course with the gates before these steps gone around."""
    for gate in _gates(world, before):
        entry = _entry(course.attempt, gate)
        if entry is None or entry.result is GateResult.RUNNING:
            tries = entry.tries if entry else 0
            made = GateStatus(
                name=gate.name, step=gate.before, tries=tries, result=GateResult.SKIPPED, at=world.now
            )
            course = _with(course, made.model_copy(update={"message": why}))
    return course


def failed_gate(world: World, rollout: Rollout) -> str | None:
    """What a gate says against the revision; None where none does, or it may not act."""
    if world.intent.analysis.mode is not Mode.ENFORCE:
        return None
    entries = [_entry(rollout, gate) for gate in world.intent.gates]
    failed = next((one for one in entries if one and one.result is GateResult.FAILED), None)
    return f"gate {failed.name} before {failed.step} failed: {failed.message}" if failed else None


def names_before(world: World, first: int, last: int) -> list[str]:
    """The steps from one index to another; one beyond the last step is the promotion."""
    steps = world.intent.rollout.steps
    names = [step.name for step in steps[first : last + 1]]
    return [*names, PROMOTION] if last >= len(steps) else names


def ended_at(world: World, rollout: Rollout, before: Sequence[str]) -> datetime | None:
    """When the last of the gates before these steps was through."""
    entries = [_entry(rollout, gate) for gate in _gates(world, before)]
    return max((entry.at for entry in entries if entry), default=None)


def _gates(world: World, before: Sequence[str]) -> Iterator[GatePolicy]:
    if world.intent.analysis.mode is not Mode.OFF:
        yield from (gate for gate in world.intent.gates if gate.before in before)


def _entry(rollout: Rollout, gate: GatePolicy) -> GateStatus | None:
    key = (gate.name, gate.before)
    return next((entry for entry in rollout.gates if (entry.name, entry.step) == key), None)


def _with(course: Course, entry: GateStatus) -> Course:
    rollout, key = course.attempt, (entry.name, entry.step)
    others = [one for one in rollout.gates if (one.name, one.step) != key]
    gates = [*others, entry][-REMEMBERED_GATES:]
    return replace(course, rollout=rollout.model_copy(update={"gates": gates}))


def _run(world: World, course: Course, gate: GatePolicy, number: int) -> GateRun:
    rollout = course.attempt
    canary = canary_of(world.intent, rollout)
    return GateRun(
        gate=gate,
        attempt=rollout.attempt,
        canary=revision_name(world.intent, canary),
        stable=revision_name(world.intent, course.stable) if course.stable else "",
        revision=canary,
        number=number,
    )


def _answer(world: World, run: GateRun) -> GateAnswer | None:
    """What a try came to, as far as anybody knows: a Job that is the revision's own, or nobody's since its
    record was deleted from above it; or who was asked.
    """
    job, revision = world.observed.jobs.get(run.job), world.observed.revisions.get(run.revision)
    if run.gate.template is not None and job is not None and revision is not None:
        return job.answer if job.identity.owner_uid in (None, revision.identity.uid) else None
    return world.answers.get(run.identity)


def _answered(
    world: World, course: Course, gate: GatePolicy, entry: GateStatus, answer: GateAnswer
) -> Course:
    name = f"gate {gate.name} before {gate.before}"
    update: dict[str, object] = {"at": world.now, "message": answer.message[:1024] or None}
    if answer.outcome is Outcome.SUCCEEDED:
        made = entry.model_copy(update={**update, "result": GateResult.SUCCEEDED})
        return _with(course, made).told(Notice("GateSucceeded", f"{name} succeeded"))
    if answer.outcome is Outcome.FAILED and entry.tries <= gate.retries:
        again = {"tries": entry.tries + 1, "at": world.now + gate.pause(entry.tries)}
        notice = Notice("GateTriedAgain", f"{name}, try {entry.tries}: {answer.message}", warning=True)
        return _with(course, entry.model_copy(update={**update, **again})).told(notice)
    made = entry.model_copy(update={**update, "result": GateResult.FAILED})
    course = _with(course, made)
    if world.intent.analysis.mode is Mode.ENFORCE:
        return course
    return course.told(Notice("GateFailed", f"{name} failed: {answer.message}", warning=True))


def _waiting(world: World, course: Course, gate: GatePolicy, entry: GateStatus) -> Gated:
    """The try under way: to be asked where it is time, and nobody is asking yet."""
    run, name = _run(world, course, gate, entry.tries), f"gate {gate.name} before {gate.before}"
    answer = _answer(world, run)
    if answer is not None:
        again = timedelta(seconds=TEMPLATE_SECONDS)
        return Gated(course, Hold(Reason.GATE_NOT_READY, f"{name}: {answer.message}", again), due=run)
    if entry.at > world.now:
        message = f"{name} is tried again: {entry.message}"
        return Gated(course, Hold(Reason.AWAITING_GATE, message, entry.at - world.now))
    what = f"Job {run.job} runs" if gate.template is not None else "the webhook is asked"
    return Gated(course, Hold(Reason.AWAITING_GATE, f"{name}: {what}, try {run.number}"), due=run)
