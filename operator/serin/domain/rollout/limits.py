"""The guards of an attempt: what they are asked, what they have come to, and how that is shown.

They look from the first step until the bake ends. A guard is known by all that it says: a limit that was
changed starts counting anew, and what the old one had counted is gone with it.
"""

from serin.domain.analysis.guards import GuardReading, GuardRequest
from serin.domain.analysis.policy import Mode
from serin.domain.analysis.verdict import Verdict
from serin.domain.rollout.world import Decision, World, canary_of, revision_name
from serin.domain.status import AnalysisStatus, GuardStatus, Rollout, State

GUARDED = frozenset({State.STEPPING, State.PROMOTING, State.BAKING})


def guard_request(world: World, decision: Decision, *, interval: float) -> GuardRequest | None:
    """What to look at; None while no guard has anything to say."""
    rollout, guards = decision.rollout, world.intent.guards
    if rollout is None or rollout.state not in GUARDED or not guards or not asked_for(world):
        return None
    before = rollout.previous.revision if rollout.previous else None
    if before is None and rollout.state is not State.BAKING and decision.stable is not None:
        before = revision_name(world.intent, decision.stable)
    if before is None:
        return None
    return GuardRequest(
        attempt=rollout.attempt,
        namespace=world.intent.key.namespace,
        canary=revision_name(world.intent, canary_of(world.intent, rollout)),
        stable=before,
        guards=guards,
        interval=interval,
        labels=world.intent.samples.labels,
    )


def asked_for(world: World) -> bool:
    """Whether there is anybody to ask, and a wish to."""
    return world.prometheus and world.intent.analysis.mode is not Mode.OFF


def guards_on(world: World, rollout: Rollout) -> list[GuardReading]:
    """What the guards say of the attempt, by the limits of today and in their order."""
    said = {one.guard: one for one in world.guards if one.attempt == rollout.attempt}
    return [said[guard] for guard in world.intent.guards if guard in said]


def broken_guard(world: World, rollout: Rollout) -> GuardReading | None:
    """A guard that failed too often in a row."""
    return next((one for one in guards_on(world, rollout) if one.verdict is Verdict.HARM), None)


def numbers(world: World, rollout: Rollout) -> dict[str, str]:
    """The numbers of the guard that condemns a revision, as its rejection keeps them."""
    broken = broken_guard(world, rollout)
    if broken is None or broken.value is None:
        return {}
    return {"guard": broken.guard.name, "value": f"{broken.value:.6g}", "limit": str(broken.limit)}


def with_guards(world: World, decision: Decision, shown: AnalysisStatus | None) -> AnalysisStatus | None:
    """The analysis as it is shown, with the guards; with those of before while none has looked yet."""
    readings = guards_on(world, decision.rollout) if decision.rollout is not None else []
    guards = [_shown(one) for one in readings]
    if not guards and world.status.analysis is not None:
        guards = world.status.analysis.guards
    if not guards:
        return shown
    base = shown or AnalysisStatus(verdict=Verdict.NO_DATA.value)
    return base.model_copy(update={"guards": guards})


def _shown(reading: GuardReading) -> GuardStatus:
    guard = reading.guard
    limit = reading.limit if reading.limit is not None else guard.nearest
    return GuardStatus(
        name=guard.name,
        value=None if reading.value is None else f"{reading.value:.6g}",
        limit=str(limit),
        failures=reading.failures,
        verdict=reading.verdict.value,
        note=reading.note or None,
    )
