"""What ends the normal course of a state, in the order of precedence: abort, harm, another spec.

Each function answers with the course that follows, or None where it has nothing to say.
"""

from dataclasses import replace
from typing import Final

from serin.domain.analysis.verdict import Verdict
from serin.domain.names import RevisionHash
from serin.domain.rollout import course as to
from serin.domain.rollout.course import Course
from serin.domain.rollout.gating import failed_gate
from serin.domain.rollout.limits import broken_guard
from serin.domain.rollout.questions import crash_looping, crashes_alike, is_retried, word_on
from serin.domain.rollout.shape import size_of
from serin.domain.rollout.world import Reason, World, canary_of, hash_of, revision_name
from serin.domain.status import Rollout, State

ENDPOINT_LOSSES: Final = 3
"""The third loss of all ready endpoints in one attempt is harm (I1)."""

JUDGED_STATES: Final = frozenset({State.STEPPING, State.PROMOTING})
GATED_STATES: Final = frozenset({State.PREPARING, State.STEPPING})
SERVING_STATES: Final = frozenset({State.STEPPING, State.PROMOTING, State.BAKING})


def interruption(world: World, course: Course, rollout: Rollout) -> Course | None:
    """The course of the strongest interruption; None where nothing interrupts."""
    return (
        _abort(world, course, rollout) or _harm(world, course, rollout) or _supersede(world, course, rollout)
    )


def _abort(world: World, course: Course, rollout: Rollout) -> Course | None:
    if rollout.state is State.ROLLING_BACK or world.intent.requests.abort != rollout.attempt:
        return None
    name = revision_name(world.intent, canary_of(world.intent, rollout))
    return to.rolling_back(world, course, Reason.ABORTED, f"{name}: aborted on request")


def _harm(world: World, course: Course, rollout: Rollout) -> Course | None:
    """Harm in every form: by evidence, by a guard or a gate, by crash loop, by endpoints lost too often."""
    if rollout.state is State.ROLLING_BACK or course.stable is None:
        return None
    canary = canary_of(world.intent, rollout)
    word = word_on(world, rollout)
    if word is not None and word.verdict is Verdict.HARM and world.judged and rollout.state in JUDGED_STATES:
        return to.rolling_back(world, course, Reason.HARM, word.message)
    if (broken := _past_a_limit(world, course, rollout) or _refused(world, course, rollout)) is not None:
        return broken
    crashed = crash_looping(world, canary)
    if crashed is not None and not crashes_alike(world, canary, _compared(world, course, rollout)):
        name = revision_name(world.intent, canary)
        message = f"{name}: pod {crashed.name} crashed {crashed.restarts} times in a row ({crashed.detail})"
        return to.rolling_back(world, course, Reason.CRASH_LOOP, message)
    if world.ready(canary) or rollout.state not in SERVING_STATES or not size_of(world, rollout):
        return None
    return _lost(world, course, rollout)


def _compared(world: World, course: Course, rollout: Rollout) -> RevisionHash | None:
    """The revision beside the canary's; in the bake, when the canary is stable, the one before."""
    return hash_of(world.intent, rollout.previous.revision) if rollout.previous else course.stable


def _past_a_limit(world: World, course: Course, rollout: Rollout) -> Course | None:
    """A guard has failed so often in a row that it is harm."""
    broken = broken_guard(world, rollout) if world.judged and rollout.state in SERVING_STATES else None
    if broken is None or (rollout.state is State.BAKING and not _can_go_back(world, rollout)):
        return None
    name = revision_name(world.intent, canary_of(world.intent, rollout))
    return to.rolling_back(world, course, Reason.GUARD, f"{name}: {broken.sentence}")


def _refused(world: World, course: Course, rollout: Rollout) -> Course | None:
    """A gate has failed for good."""
    failed = failed_gate(world, rollout) if rollout.state in GATED_STATES else None
    if failed is None:
        return None
    name = revision_name(world.intent, canary_of(world.intent, rollout))
    return to.rolling_back(world, course, Reason.GATE, f"{name}: {failed}")


def _can_go_back(world: World, rollout: Rollout) -> bool:
    """Whether the revision before the bake is warm and answers."""
    before = rollout.previous
    return before is not None and bool(world.ready(hash_of(world.intent, before.revision)))


def _lost(world: World, course: Course, rollout: Rollout) -> Course | None:
    """The canary has no ready endpoint left (I1)."""
    name = revision_name(world.intent, canary_of(world.intent, rollout))
    if rollout.state is State.BAKING:
        if not _can_go_back(world, rollout):
            return None
        return to.rolling_back(world, course, Reason.LOST_ENDPOINTS, f"{name} has no ready endpoint left")
    if not world.ready(course.stable):
        # Both are gone: nothing is told of the canary, and there is nowhere to go.
        return None
    if rollout.losses + 1 >= ENDPOINT_LOSSES:
        message = f"{name} lost all its ready endpoints {ENDPOINT_LOSSES} times"
        return to.rolling_back(world, course, Reason.LOST_ENDPOINTS, message)
    return to.back_to_preparing(world, course)


def _supersede(world: World, course: Course, rollout: Rollout) -> Course | None:
    """The spec asks for something else than the attempt under way."""
    canary, wanted = canary_of(world.intent, rollout), world.wanted
    if wanted == canary:
        return None
    known_bad = any(entry.hash == wanted for entry in course.rejected) and not is_retried(world, course)
    if course.stable is None:
        if rollout.state is State.ROLLING_BACK:
            return None
        if known_bad:
            return to.finished(world, course, Reason.SUPERSEDED)
        if size_of(world, rollout) and world.ready(canary) >= size_of(world, rollout):
            # It lacks no more than the router's word: who is served by it is not cut off.
            served = replace(course, stable=canary)
            return to.begun(world, to.finished(world, served, Reason.PROMOTED))
        return to.begun(world, to.finished(world, course, Reason.SUPERSEDED))
    if rollout.state is State.ROLLING_BACK:
        # With nothing alive to return to, only another revision leads out.
        stuck = not world.ready(course.stable) and wanted != course.stable and not known_bad
        return to.superseded(world, course, Reason.ROLLED_BACK) if stuck else None
    name, other = revision_name(world.intent, canary), revision_name(world.intent, wanted)
    if rollout.state is State.BAKING:
        return _supersede_baking(world, course, rollout)
    if wanted == course.stable:
        return to.rolling_back(world, course, Reason.REVERTED, f"{name}: the spec is {other}'s again")
    if known_bad:
        return to.rolling_back(world, course, Reason.SUPERSEDED, f"{name}: superseded by {other}")
    return to.superseded(world, course, Reason.SUPERSEDED)


def _supersede_baking(world: World, course: Course, rollout: Rollout) -> Course | None:
    previous = rollout.previous
    if previous is None:
        return None
    before = hash_of(world.intent, previous.revision)
    if world.wanted == before and world.desired(before):
        name = revision_name(world.intent, canary_of(world.intent, rollout))
        message = f"{name}: the spec is {previous.revision}'s again"
        return to.rolling_back(world, course, Reason.REVERTED, message)
    if previous.until > world.now:
        return to.bake_cut_short(world, course)
    return None
