"""Finding the status again where it was lost, from the children alone (`design.md` 3).

Backup tools drop status and owner references; taking that for a first deployment would replace what serves. What
can be read again is who serves and who was rejected; evidence, history and the attempt under way cannot.
"""

from collections.abc import Iterator
from datetime import datetime

from serin.domain.intent import Intent
from serin.domain.names import REVISION_LABEL, RevisionHash
from serin.domain.observed import Observed
from serin.domain.rollout.world import Reason, hash_of, revision_name
from serin.domain.routers.router import Router
from serin.domain.status import Finished, Rejection, RevisionStatus, Rollout, State, Status


def rebuilt(intent: Intent, seen: Observed, router: Router, now: datetime) -> Status | None:
    """The status that the children tell of; None where there are none, so that this is a first deployment."""
    stable = _serving(intent, seen, router)
    if stable is None:
        return None
    shown = router.observed(seen, intent) or {}
    others = sorted(
        (revision for revision, weight in shown.items() if weight and revision != stable),
        key=lambda revision: shown[revision],
    )
    workload = seen.workloads[stable]
    return Status(
        stable=RevisionStatus(
            revision=revision_name(intent, stable),
            weight=shown.get(stable, 100),
            replicas=workload.replicas,
            ready_replicas=workload.ready,
        ),
        rollout=_taken_back(intent, seen, others[-1], stable, now) if others else None,
        rejected=list(_rejections(intent, seen, now)),
        history=list(_asked_before(intent, now)),
    )


def _serving(intent: Intent, seen: Observed, router: Router) -> RevisionHash | None:
    """By weight in the route, else by the root Service's selector, else the newest unrejected one with pods."""
    shown = router.observed(seen, intent) or {}
    routed = [revision for revision in sorted(shown, key=lambda r: -shown[r]) if revision in seen.workloads]
    if routed:
        return routed[0]
    selected = RevisionHash(seen.root.selector.get(REVISION_LABEL, "")) if seen.root else None
    if selected in seen.workloads:
        return selected
    alive = [
        view
        for view in seen.revisions.values()
        if (workload := seen.workloads.get(view.hash)) and workload.desired and not workload.rejected
    ]
    return max(alive, key=lambda view: view.number).hash if alive else None


def _taken_back(
    intent: Intent, seen: Observed, canary: RevisionHash, stable: RevisionHash, now: datetime
) -> Rollout:
    """Any other weight goes to 0; the revision is not rejected for it."""
    return Rollout(
        attempt=f"{revision_name(intent, canary)}.{_last_asked(intent, canary) + 1}",
        state=State.ROLLING_BACK,
        since=now,
        started_at=now,
        capacity_floor=seen.workloads[stable].desired,
        reason=Reason.SUPERSEDED.value,
    )


def _rejections(intent: Intent, seen: Observed, now: datetime) -> Iterator[Rejection]:
    for workload in seen.workloads.values():
        if workload.rejected:
            name = revision_name(intent, workload.revision)
            yield Rejection(
                hash=workload.revision,
                revision=name,
                attempt=f"{name}.{_last_asked(intent, workload.revision) + 1}",
                reason=workload.rejected,
                message="rejected before the status was lost",
                at=now,
            )


def _asked_before(intent: Intent, now: datetime) -> Iterator[Finished]:
    """Requests by annotation that are present count as done: their attempts never come again."""
    for asked in _requested(intent):
        revision, _, number = asked.rpartition(".")
        if number.isdigit():
            yield Finished(
                attempt=asked,
                revision=revision,
                result=Reason.SUPERSEDED.value,
                started_at=now,
                finished_at=now,
                reason="StatusRebuilt",
            )


def _last_asked(intent: Intent, revision: RevisionHash) -> int:
    numbers = [
        int(number)
        for of, _, number in (asked.rpartition(".") for asked in _requested(intent))
        if number.isdigit() and hash_of(intent, of) == revision
    ]
    return max(numbers, default=0)


def _requested(intent: Intent) -> Iterator[str]:
    asked = intent.requests
    promoted = (asked.promote or "").rpartition(":")[0] or None
    yield from (attempt for attempt in (promoted, asked.abort, asked.retry, asked.pause) if attempt)
