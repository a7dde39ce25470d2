"""Which writes lead from what is observed to what was decided, in the order that keeps traffic served.

Order: revision, its Service and pods, root Service and route once they exist, and last what takes pods away
(I4). A write is left out if the object's content hash and its live values say that it would change nothing,
and no other manager owns a field of ours (I8). An object that is missing is written create-only (I16).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from serin.domain.gates import Outcome
from serin.domain.intent import Intent
from serin.domain.manifests import (
    Manifest,
    content,
    controller_revision,
    deployment,
    model_owner,
    revision_owner,
    revision_service,
    root_service,
    sealed,
)
from serin.domain.names import RevisionHash, child_name
from serin.domain.observed import Identity, Observed, RevisionView, WorkloadView
from serin.domain.rollout.world import Decision
from serin.domain.routers.router import Router
from serin.domain.status import State


class Guard(StrEnum):
    """What must hold of the object at the server for the write to happen (`design.md` 3, fencing)."""

    CREATE = "Create"
    SAME = "Same"
    EXACT = "Exact"


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One server-side apply.

    Attributes:
        ahead: It moves a weight, a selector or takes pods away: the status must be written before it.
    """

    manifest: Manifest
    guard: Guard
    identity: Identity | None
    ahead: bool = False

    @property
    def kind(self) -> str:
        """The manifest's kind."""
        return str(self.manifest["kind"])

    @property
    def name(self) -> str:
        """The manifest's name."""
        return str(self.manifest["metadata"]["name"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """An object that is deleted: a spent revision's ControllerRevision, and with it what that owns; a route
    that the spec no longer asks for; or the Job of a gate that nobody waits for.
    """

    kind: str
    identity: Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a plan is made from.

    Attributes:
        rendered: What a ControllerRevision of the wanted revision holds; used only where none has frozen it.
        frozen: Revisions whose ControllerRevision is gone, as they were.
    """

    intent: Intent
    decision: Decision
    observed: Observed
    router: Router
    rendered: Mapping[str, Any]
    frozen: Mapping[RevisionHash, RevisionView] = field(default_factory=dict)

    def template(self, revision: RevisionHash) -> Mapping[str, Any] | None:
        """The frozen template of a revision, rendered now only if it is new (I14)."""
        view = self.observed.revisions.get(revision) or self.frozen.get(revision)
        if view is not None:
            frozen: Mapping[str, Any] | None = view.data.get("template")
            return frozen
        return self.rendered["template"] if revision == self.intent.revision.hash else None


def plan(scene: Scene) -> tuple[Write, ...]:
    """The writes that are due now. What rests on an object that does not exist yet comes at the next look."""
    return (
        *_revisions(scene),
        *_revision_services(scene),
        *_workloads(scene, shrinking=False),
        *_traffic(scene),
        *_workloads(scene, shrinking=True),
    )


def removals(scene: Scene) -> tuple[Removal, ...]:
    """Routes of another router than the spec's, Jobs that run on, and revisions beyond the history limit."""
    decision, seen = scene.decision, scene.observed
    if decision.stable is None:
        return ()
    # The router changes only while idle, when the root Service selects the stable revision: what is left of
    # the old one would go on to send its users to a revision that is scaled down later.
    left = seen.route if scene.router.kind is None else None
    ours = left is not None and left.identity.owner_uid == scene.intent.uid
    routes = (Removal(kind="HTTPRoute", identity=left.identity),) if left and ours else ()
    wanted = routes + _abandoned(scene) + (_spent(scene) if decision.state is State.IDLE else ())
    return tuple(removal for removal in wanted if not removal.identity.terminating)


def _abandoned(scene: Scene) -> tuple[Removal, ...]:
    """Jobs of gates whose word decides nothing: that run while the attempt is over, or on its way back; and
    that ended without ever having had a pod, which are made again where they are still waited for.
    """
    over, seen = scene.decision.state in (State.ROLLING_BACK, State.IDLE), scene.observed
    owners = {None, *(view.identity.uid for view in seen.revisions.values())}
    return tuple(
        Removal(kind="Job", identity=job.identity)
        for job in seen.jobs.values()
        if job.identity.owner_uid in owners
        if (over if job.answer is None else job.answer.outcome is Outcome.NOT_STARTED)
    )


def _spent(scene: Scene) -> tuple[Removal, ...]:
    """Revisions beyond the history limit that nothing names any more (I3)."""
    decision, seen = scene.decision, scene.observed
    routed = set(seen.route.weights) if seen.route else set()
    spent = [
        view
        for view in seen.revisions.values()
        if view.hash not in (decision.stable, scene.intent.revision.hash, seen.selected)
        and child_name(scene.intent.key.name, view.hash) not in routed
        and not _has_pods(seen, view.hash)
    ]
    spent.sort(key=lambda view: view.number, reverse=True)
    return tuple(
        Removal(kind="ControllerRevision", identity=view.identity)
        for view in spent[scene.intent.history_limit :]
    )


def collides(intent: Intent, observed: Observed) -> bool:
    """Whether another revision has the wanted one's short hash. A full hash begins with it, unless edited."""
    view = observed.revisions.get(intent.revision.hash)
    return view is not None and view.full_hash.startswith(view.hash) and _other(intent, view)


def _other(intent: Intent, view: RevisionView) -> bool:
    return view.hash == intent.revision.hash and view.full_hash != intent.revision.full_hash


def _has_pods(seen: Observed, revision: RevisionHash) -> bool:
    workload = seen.workloads.get(revision)
    return bool(workload and (workload.desired or workload.replicas)) or any(
        pod.revision == revision for pod in seen.pods
    )


def _revisions(scene: Scene) -> Iterator[Write]:
    seen, intent = scene.observed, scene.intent
    for revision, size in scene.decision.sizes.items():
        view = seen.revisions.get(revision)
        if _unborn(scene, revision, size):
            continue
        if view is None and (lost := scene.frozen.get(revision)) is not None:
            yield _write(controller_revision(intent, revision, lost.full_hash, lost.number, lost.data), None)
        elif view is None and revision == intent.revision.hash:
            number = max((known.number for known in seen.revisions.values()), default=0) + 1
            full = intent.revision.full_hash
            yield _write(controller_revision(intent, revision, full, number, scene.rendered), None)
        elif view is not None and (_unowned(scene, view.identity) or _other(intent, view)):
            full = intent.revision.full_hash if revision == intent.revision.hash else view.full_hash
            manifest = controller_revision(intent, revision, full, view.number, view.data)
            yield _write(manifest, view.identity)


def _unborn(scene: Scene, revision: RevisionHash, size: int) -> bool:
    """Whether a revision never came to have a Deployment and needs none any more: taken back too soon for
    it.
    """
    return not size and revision not in scene.observed.workloads and scene.intent.replicas > 0


def _unowned(scene: Scene, identity: Identity) -> bool:
    return identity.owner_uid != scene.intent.uid or identity.foreign


def _revision_services(scene: Scene) -> Iterator[Write]:
    for revision, size in scene.decision.sizes.items():
        view, template = scene.observed.revisions.get(revision), scene.template(revision)
        if view is None or template is None or _unborn(scene, revision, size):
            continue
        if view.identity.terminating and not size:
            continue
        owner = _owner(scene, view)
        manifest = revision_service(scene.intent, revision, template, owner=owner)
        known = scene.observed.services.get(revision)
        if known is None:
            if size or not scene.intent.replicas:
                yield _write(manifest, None)
        elif (
            known.selector != manifest["spec"]["selector"]
            or _differs(known.identity, owner["uid"])
            or known.identity.content != _content(scene, view, manifest)
        ):
            yield _write(manifest, known.identity)


def _workloads(scene: Scene, *, shrinking: bool) -> Iterator[Write]:
    """Deployments that grow, or those that shrink: the latter come after traffic has moved."""
    sizes = {**dict.fromkeys(scene.observed.workloads, 0), **scene.decision.sizes}
    for revision, size in sizes.items():
        view, template = scene.observed.revisions.get(revision), scene.template(revision)
        known = scene.observed.workloads.get(revision)
        if view is None or template is None or _unborn(scene, revision, size):
            continue
        if view.identity.terminating and not size and (known is None or not known.desired):
            continue
        shrinks = known is not None and size < known.desired
        if shrinks is shrinking:
            yield from _workload(scene, view, template, known, size)


def _workload(
    scene: Scene, view: RevisionView, template: Mapping[str, Any], known: WorkloadView | None, size: int
) -> Iterator[Write]:
    revision, decision = view.hash, scene.decision
    rejection = next((entry for entry in decision.rejected if entry.hash == revision), None)
    rejected = rejection.reason if rejection and not size else None
    epoch, owner = known.epoch if known else None, _owner(scene, view)
    if revision == decision.renewed and decision.rollout is not None:
        epoch = decision.rollout.attempt
    manifest = deployment(
        scene.intent,
        revision,
        template,
        owner=owner,
        replicas=size,
        epoch=epoch,
        rejected=rejected,
    )
    if known is None:
        yield _write(manifest, None)
        return
    shown = (known.desired, known.epoch, known.rejected)
    if (
        shown != (size, epoch, rejected)
        or _differs(known.identity, owner["uid"])
        or known.identity.content != _content(scene, view, manifest)
    ):
        yield _write(manifest, known.identity, exact=size < known.desired)


def _owner(scene: Scene, view: RevisionView) -> Manifest:
    """Whose a revision's children are: its record's, or the model's while the record is on its way out, whose
    end would take them with it until a record made anew can have them.
    """
    if view.identity.terminating:
        return model_owner(scene.intent)
    return revision_owner(scene.intent, view.hash, view.identity.uid)


def _traffic(scene: Scene) -> Iterator[Write]:
    """The route before the root Service: a proxy's users move first, cluster-internal ones follow."""
    root = _root(scene)
    if scene.observed.root is None and root is not None:
        yield root
        root = None
    if (route := _route(scene)) is not None:
        yield route
    elif root is not None:
        yield root


def _root(scene: Scene) -> Write | None:
    decision, known = scene.decision, scene.observed.root
    serving = decision.root or decision.stable or scene.intent.revision.hash
    template = scene.template(serving)
    if template is None or (known is None and serving not in scene.observed.workloads):
        return None
    manifest = root_service(scene.intent, decision.root, template)
    if known is None:
        return _write(manifest, None)
    moves = known.selector != manifest["spec"]["selector"]
    view = scene.observed.revisions.get(serving)
    wanted = _content(scene, view, manifest) if view else content(manifest)
    if moves or _differs(known.identity, scene.intent.uid) or known.identity.content != wanted:
        return _write(manifest, known.identity, exact=moves)
    return None


def _route(scene: Scene) -> Write | None:
    weights, known = scene.decision.weights, scene.observed.route
    if weights is None:
        return None
    route = scene.router.route(scene.intent, weights)
    if route is None:
        return None
    manifest: Manifest = {
        **route,
        "metadata": {**route["metadata"], "ownerReferences": [model_owner(scene.intent)]},
    }
    manifest["metadata"]["labels"] = root_service(scene.intent, None, {})["metadata"]["labels"]
    if known is None:
        # Only where the root Service stands: the route's backends must exist before it names them.
        return _write(manifest, None, exact=True) if scene.observed.root else None
    asked = {revision: weight for revision, weight in weights.items() if weight}
    moves = scene.router.observed(scene.observed, scene.intent) != asked
    kept = known.identity.content == content(manifest)
    if moves or _differs(known.identity, scene.intent.uid) or not kept:
        return _write(manifest, known.identity, exact=moves)
    return None


def _differs(identity: Identity, owner_uid: str) -> bool:
    return identity.owner_uid != owner_uid or identity.foreign


def _content(scene: Scene, view: RevisionView, manifest: Manifest) -> str:
    """`content` of what is made from a revision, worked out once: the spec has a say in its ports alone."""
    intent = scene.intent
    which = (manifest["kind"], manifest["metadata"]["name"], intent.service_port, intent.grpc_port)
    if which not in view.contents:
        view.contents[which] = content(manifest)
    return view.contents[which]


def _write(manifest: Manifest, identity: Identity | None, *, exact: bool = False) -> Write:
    guard = Guard.CREATE if identity is None else Guard.EXACT if exact else Guard.SAME
    made = manifest if manifest["kind"] == "ControllerRevision" else sealed(manifest)
    return Write(manifest=made, guard=guard, identity=identity, ahead=exact)
