"""Finding the status again where it was lost, from the children alone (`design.md` 3).

Backup tools drop status and owner references; taking that for a first deployment would replace what serves.
What can be read again is who serves and who was rejected; evidence, history and the attempt under way cannot.
Children of a ModelDeployment that had the name before tell nothing: they are about to be collected.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from serin.domain.intent import Intent
from serin.domain.names import RevisionHash
from serin.domain.observed import Observed, RouteView, ServiceView, WorkloadView
from serin.domain.rollout.contradictions import contradicts_itself, not_ahead_of
from serin.domain.rollout.course import REMEMBERED_DRAINS
from serin.domain.rollout.record import NUMBERED, requested_attempts
from serin.domain.rollout.world import Notice, Reason, revision_name
from serin.domain.routers.router import Router
from serin.domain.status import Draining, Rejection, RevisionStatus, Rollout, State, Status


def is_lost(status: Status, seen: Observed, wanted: RevisionHash) -> bool:
    """Whether the status cannot be what was last written: wiped, or edited into what never is.

    A first deployment has no stable revision either, but its attempt began with nothing beside it.
    """
    if status.stable is not None:
        stable = RevisionHash(status.stable.revision.rpartition("-")[2])
        return stable != wanted and stable not in seen.revisions
    rollout = status.rollout
    if rollout is None:
        return True
    return rollout.state not in (State.PREPARING, State.ROLLING_BACK) or rollout.capacity_floor > 0


def unshown(intent: Intent, status: Status, seen: Observed, *, router: Router) -> str | None:
    """The Deployment that is not shown as ours, though the status is empty and its pods serve: a watch is
    behind, and what serves would be taken for nothing, or for another's.
    """
    if status.stable is not None or status.rollout is not None:
        return None
    own = _own(intent, seen)
    serving = {*(router.observed(own, intent) or {}), own.selected}
    missing = [
        revision_name(intent, revision)
        for revision in serving - own.workloads.keys()
        if revision is not None and seen.ready_endpoints.get(revision)
    ]
    return min(missing, default=None)


def recovered(
    intent: Intent, status: Status, seen: Observed, *, router: Router, now: datetime
) -> tuple[Status, tuple[Notice, ...]]:
    """The status to go by: the written one, or what the children tell where that is lost, and a word on
    it.
    """
    lost = is_lost(status, seen, intent.revision.hash)
    if not lost and not contradicts_itself(intent, status, seen):
        return not_ahead_of(now, intent, status), ()
    kept = {"conditions": status.conditions, "history": status.history}
    found = rebuilt(intent, _own(intent, seen), router, now)
    if found is None:
        return Status(**kept, rejected=status.rejected), ()
    known = {entry.hash for entry in status.rejected}
    rejected = [*status.rejected, *(entry for entry in found.rejected if entry.hash not in known)]
    notice = Notice("StatusRebuilt", "the status was lost and is read from the children again", warning=True)
    return found.model_copy(update={**kept, "rejected": rejected}), (notice,)


def rebuilt(intent: Intent, seen: Observed, router: Router, now: datetime) -> Status | None:
    """The status that the children tell of; None where there are none, so that this is a first deployment."""
    stable = _serving(intent, seen, router)
    if stable is None:
        return None
    shown = router.observed(seen, intent) or {}
    alive = [view.revision for view in seen.workloads.values() if view.desired and view.revision != stable]
    others = sorted(alive, key=lambda revision: (shown.get(revision, 0), _number(seen, revision)))
    workload = seen.workloads[stable]
    return Status(
        stable=RevisionStatus(
            revision=revision_name(intent, stable),
            weight=shown.get(stable, 100),
            replicas=workload.replicas,
            ready_replicas=workload.ready,
        ),
        rollout=_taken_back(intent, others, size=workload.desired, now=now) if others else None,
        rejected=list(_rejections(intent, seen, now)),
    )


def _own(intent: Intent, seen: Observed) -> Observed:
    """The children that this ModelDeployment or its revisions own, or nobody; not those of one before it."""
    revisions = {
        revision: view
        for revision, view in seen.revisions.items()
        if view.identity.owner_uid in (None, intent.uid)
    }
    owners = {None, intent.uid, *(view.identity.uid for view in revisions.values())}

    def ours(view: WorkloadView | ServiceView | RouteView | None) -> bool:
        return view is not None and view.identity.owner_uid in owners

    return replace(
        seen,
        revisions=revisions,
        workloads={revision: view for revision, view in seen.workloads.items() if ours(view)},
        services={revision: view for revision, view in seen.services.items() if ours(view)},
        root=seen.root if ours(seen.root) else None,
        route=seen.route if ours(seen.route) else None,
    )


def _serving(intent: Intent, seen: Observed, router: Router) -> RevisionHash | None:
    """By weight in the route, else by the root Service's selector, else the newest unrejected one with
    pods.
    """
    shown = router.observed(seen, intent) or {}
    routed = [revision for revision in shown if revision in seen.workloads]
    if routed:
        # Of two that have the same share, the older one was there before the canary.
        return min(routed, key=lambda revision: (-shown[revision], _number(seen, revision)))
    selected = seen.selected
    workload = seen.workloads.get(selected) if selected else None
    if workload is not None and not workload.rejected:
        return selected
    alive = [
        view
        for view in seen.revisions.values()
        if (workload := seen.workloads.get(view.hash)) and workload.desired and not workload.rejected
    ]
    return max(alive, key=lambda view: view.number).hash if alive else None


def _number(seen: Observed, revision: RevisionHash) -> int:
    view = seen.revisions.get(revision)
    return view.number if view else 0


def _taken_back(intent: Intent, others: list[RevisionHash], *, size: int, now: datetime) -> Rollout:
    """Any other weight goes to 0, and pods go after a drain; the revision is not rejected for it."""
    names = [revision_name(intent, revision) for revision in others]
    return Rollout(
        attempt=_unasked(intent, others[-1]),
        state=State.ROLLING_BACK,
        since=now,
        started_at=now,
        router=intent.traffic.router.value,
        capacity_floor=size,
        draining=[Draining(revision=name, since=now) for name in names[-REMEMBERED_DRAINS:]],
        reason=Reason.SUPERSEDED.value,
    )


def _rejections(intent: Intent, seen: Observed, now: datetime) -> Iterator[Rejection]:
    for workload in seen.workloads.values():
        if workload.rejected:
            name = revision_name(intent, workload.revision)
            yield Rejection(
                hash=workload.revision,
                revision=name,
                attempt=_unasked(intent, workload.revision),
                reason=workload.rejected,
                message="rejected before the status was lost",
                at=now,
            )


def _unasked(intent: Intent, revision: RevisionHash) -> str:
    """An attempt that no request present names: they count as done."""
    name = revision_name(intent, revision)
    asked = [NUMBERED.fullmatch(attempt) for attempt in requested_attempts(intent)]
    numbers = [int(found["number"]) for found in asked if found and found["of"] == name]
    return f"{name}.{max(numbers, default=0) + 1}"
