"""`.status` as a whole, made from a decision. How urgent it is to write it is `urgency`."""

from collections.abc import Mapping
from datetime import datetime

from serin.domain.conditions import (
    BLOCKING,
    SPEAKING,
    Look,
    Standing,
    Word,
    availability,
    conditions,
    standing,
)
from serin.domain.findings import AVAILABLE, analysis_available, analysis_status
from serin.domain.names import MODEL_LABEL, REVISION_LABEL, RevisionHash
from serin.domain.rollout.limits import with_guards
from serin.domain.rollout.record import version_of
from serin.domain.rollout.world import Decision, World, canary_of, revision_name
from serin.domain.status import (
    Condition,
    Resolved,
    RevisionStatus,
    State,
    Status,
)


def status_of(world: World, decision: Decision, row: Standing | None = None) -> Status:
    """The status that tells this decision; `row` overrides its row of the truth table, for a spec that is
    refused.
    """
    intent, seen = world.intent, world.observed
    row = row or standing(decision, sentence(world, decision))
    weights = _weights(world, decision)
    stable, canary = decision.stable, _shown_canary(world, decision)
    serving = [revision for revision, weight in weights.items() if weight]
    workloads = [seen.workloads[revision] for revision in serving if revision in seen.workloads]
    return Status(
        observed_generation=intent.generation,
        phase=row.phase,
        message=row.message[:1024],
        url=_url(world),
        replicas=sum(workload.replicas for workload in workloads),
        ready_replicas=sum(workload.ready for workload in workloads),
        selector=_selector(world, serving),
        resolved=_resolved(world),
        stable=_revision(world, decision, stable, weights) if stable else None,
        canary=_revision(world, decision, canary, weights) if canary else None,
        rollout=decision.rollout,
        analysis=with_guards(world, decision, analysis_status(world, decision)),
        rejected=list(decision.rejected),
        history=list(decision.history),
        conditions=conditions(
            Look(now=world.now, generation=intent.generation, before=world.status.conditions),
            row,
            available=availability(world, stable),
            analysis=analysis_available(world, decision),
        ),
    )


def refused_status(status: Status, row: Standing, *, generation: int, now: datetime) -> Status:
    """The same status for a spec that cannot be followed, where no decision could be made."""
    look = Look(now=now, generation=generation, before=status.conditions)
    known, analysis = look.known("Available"), look.known(AVAILABLE)
    return status.model_copy(
        update={
            "observed_generation": generation,
            "phase": row.phase,
            "message": row.message[:1024],
            "conditions": conditions(
                look,
                row,
                available=_kept(known) or ("False", row.reason.value, "no revision has become ready yet"),
                analysis=_kept(analysis),
            ),
        }
    )


def _kept(condition: Condition | None) -> Word | None:
    return (condition.status, condition.reason, condition.message) if condition else None


def _resolved(world: World) -> Resolved:
    view = world.observed.revisions.get(world.wanted)
    pinned = view.data.get("runtime") if view else None
    return Resolved(
        runtime=str(pinned or world.runtime_pin), revision=revision_name(world.intent, world.wanted)
    )


def sentence(world: World, decision: Decision) -> str:
    """One line for a person: what is going on, the numbers it rests on, what comes next."""
    stable = revision_name(world.intent, decision.stable) if decision.stable else None
    rollout, hold = decision.rollout, decision.hold
    if rollout is None:
        if hold is not None and hold.reason in BLOCKING:
            return f"{stable} is stable, but {hold.message}"
        if hold is not None:
            where = f"all traffic is on {stable}" if stable else "nothing serves"
            return f"{hold.message}; {where}; this revision is not tried again by itself"
        return f"{stable} serves all traffic"
    canary = revision_name(world.intent, canary_of(world.intent, rollout))
    told = hold is not None and hold.reason in SPEAKING | BLOCKING
    waiting = f": {hold.message}" if hold and told else ""
    if decision.stable is None:
        return f"{canary} is deployed for the first time{waiting}"
    match rollout.state:
        case State.STEPPING:
            weight = _weights(world, decision).get(canary_of(world.intent, rollout), 0)
            return f"canary {canary} at {weight} %{waiting}"
        case State.BAKING:
            before = rollout.previous.revision if rollout.previous else stable
            return f"{canary} is promoted; {before} stays warm until the bake ends{waiting}"
        case State.ROLLING_BACK:
            return f"{canary} is taken back ({rollout.reason}); {stable} takes all traffic{waiting}"
        case State.PROMOTING:
            return f"canary {canary} takes all traffic{waiting}"
        case _:
            return f"canary {canary} is getting ready beside {stable}{waiting}"


def _weights(world: World, decision: Decision) -> Mapping[RevisionHash, int]:
    if decision.stable is None and decision.rollout is not None:
        return {canary_of(world.intent, decision.rollout): 100}
    if decision.weights is not None:
        return decision.weights
    return world.shown


def _shown_canary(world: World, decision: Decision) -> RevisionHash | None:
    if decision.rollout is None or decision.stable is None:
        return None
    canary = canary_of(world.intent, decision.rollout)
    return canary if canary != decision.stable else None


def _revision(
    world: World, decision: Decision, revision: RevisionHash, weights: Mapping[RevisionHash, int]
) -> RevisionStatus:
    workload = world.observed.workloads.get(revision)
    rollout = decision.rollout
    stepping = rollout is not None and rollout.state is State.STEPPING and revision != decision.stable
    name = revision_name(world.intent, revision)
    return RevisionStatus(
        revision=name,
        version=version_of(world, name),
        weight=weights.get(revision, 0),
        step=world.step(rollout.step).name if stepping and rollout else None,
        replicas=workload.replicas if workload else 0,
        ready_replicas=workload.ready if workload else 0,
    )


def _selector(world: World, serving: list[RevisionHash]) -> str:
    revisions = ",".join(sorted(serving)) if serving else "none"
    return f"{MODEL_LABEL}={world.intent.key.name},{REVISION_LABEL} in ({revisions})"


def _url(world: World) -> str:
    key, gateway = world.intent.key, world.intent.traffic.gateway
    hosts = [host for host in (gateway.hostnames if gateway else ()) if not host.startswith("*")]
    if gateway is not None and hosts:
        return f"http://{hosts[0]}{gateway.path}"
    port = "" if world.intent.service_port == 80 else f":{world.intent.service_port}"
    return f"http://{key.name}.{key.namespace}.svc{port}"
