"""What an attempt keeps of its analysis: the policy it is judged by, and what the judge learnt for it."""

from dataclasses import replace
from typing import Any

from serin.domain.analysis.verdict import Assessment
from serin.domain.rollout.course import Course
from serin.domain.rollout.world import Notice, World
from serin.domain.status import Rollout, Shift, SignalPin, State


def repinned(world: World, course: Course) -> Course:
    """The same attempt under a changed analysis: what was counted under the old one counts no longer (I5)."""
    rollout, policy = course.attempt, world.intent.analysis.fingerprint()
    if rollout.policy_hash == policy:
        return course
    update: dict[str, Any] = {"policy_hash": policy, "pins": []}
    if rollout.analysis_start is not None:
        update["analysis_start"] = world.now
    if rollout.state is State.STEPPING:
        weight = rollout.shifts[-1].weight if rollout.shifts else world.step(rollout.step).weight
        shift = Shift(step=rollout.step, weight=weight, at=world.now)
        update |= {"shifts": [shift], "confirmed_at": None, "paused_seconds": 0}
        if rollout.paused_at is not None:
            update["paused_at"] = world.now
    notice = Notice("AnalysisChanged", f"{rollout.attempt}: the analysis has changed; evidence starts anew")
    return replace(course, rollout=rollout.model_copy(update=update)).told(notice)


def with_pins(rollout: Rollout, word: Assessment | None) -> Rollout:
    """The same attempt with what the judge learnt before its comparison began; once told it stays."""
    known = {pin.name for pin in rollout.pins}
    told = [one for one in word.signals if one.pin is not None] if word is not None else []
    new = [
        SignalPin(name=one.name, phi=repr(one.pin.phi), usual=repr(one.pin.usual))
        for one in told
        if one.pin is not None and one.name not in known
    ]
    return rollout.model_copy(update={"pins": [*rollout.pins, *new]}) if new else rollout
