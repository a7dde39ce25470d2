"""A cluster where whatever is asked for is so at once: pods are ready, and routers have what was written."""

from collections.abc import Mapping
from datetime import datetime

from serin.domain.intent import Intent, RouterKind
from serin.domain.names import MODEL_LABEL, REVISION_LABEL, RevisionHash, child_name
from serin.domain.observed import Identity, Observed, RevisionView, RouteView, ServiceView, WorkloadView
from serin.domain.rollout.world import Decision, hash_of
from serin.domain.status import State, Status


def standing(intent: Intent, status: Status) -> Observed:
    """What a status says that there is."""
    shown = [one for one in (status.stable, status.canary) if one is not None]
    if not shown:
        return Observed()
    sizes = {hash_of(intent, one.revision): one.replicas for one in shown}
    weights = {hash_of(intent, one.revision): one.weight for one in shown if one.weight}
    rollout = status.rollout
    if rollout is None and status.stable is not None:
        sizes[hash_of(intent, status.stable.revision)] = intent.replicas
    if rollout is not None and rollout.previous is not None:
        sizes[hash_of(intent, rollout.previous.revision)] = rollout.capacity_floor
    widened = rollout is not None and rollout.state is State.STEPPING and _by_pods(intent)
    stable = hash_of(intent, status.stable.revision) if status.stable else None
    return _made(intent, sizes=sizes, weights=weights, root=None if widened else stable, at=None)


def followed(intent: Intent, before: Observed, decision: Decision, now: datetime) -> Observed:
    """What there is when a decision was carried out."""
    known = dict.fromkeys((*before.workloads, intent.revision.hash), 0)
    weights = decision.weights
    if weights is None and before.route is not None:
        weights = {hash_of(intent, name): weight for name, weight in before.route.weights.items()}
    return _made(
        intent,
        sizes={**known, **decision.sizes},
        weights=weights,
        root=decision.root,
        at=before.route.written_at if before.route else now,
    )


def _by_pods(intent: Intent) -> bool:
    return intent.traffic.router is RouterKind.REPLICAS


def _made(
    intent: Intent,
    *,
    sizes: Mapping[RevisionHash, int],
    weights: Mapping[RevisionHash, int] | None,
    root: RevisionHash | None,
    at: datetime | None,
) -> Observed:
    name = intent.key.name
    selector = {MODEL_LABEL: name} | ({REVISION_LABEL: root} if root else {})
    route = None
    if not _by_pods(intent) and weights is not None:
        route = RouteView(
            identity=_identity(name),
            weights={child_name(name, revision): weight for revision, weight in weights.items()},
            reported=True,
            accepted=True,
            written_at=at,
            gateway=intent.traffic.gateway,
        )
    return Observed(
        revisions={
            revision: RevisionView(
                identity=_identity(child_name(name, revision)), hash=revision, full_hash="", number=1, data={}
            )
            for revision in sizes
        },
        workloads={
            revision: WorkloadView(
                identity=_identity(child_name(name, revision)),
                revision=revision,
                desired=size,
                replicas=size,
                ready=size,
                settled=True,
            )
            for revision, size in sizes.items()
        },
        services={
            revision: ServiceView(
                identity=_identity(child_name(name, revision)), revision=revision, selector={}, ports=()
            )
            for revision in sizes
        },
        root=ServiceView(identity=_identity(name), revision=None, selector=selector, ports=()),
        route=route,
        ready_endpoints={revision: size for revision, size in sizes.items() if size},
    )


def _identity(name: str) -> Identity:
    return Identity(name=name, uid="", resource_version="", owner_uid=None, content=None)
