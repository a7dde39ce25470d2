"""What is kept of a child: the few facts decisions rest on, read once when the watch shows it.

A Deployment costs 20 KB as dicts and a tenth of that as a view. A view is None where the object carries
our label but is none of ours, such as a Pod without a revision. Labels get copied (`kubectl expose` does it),
so what Serin names must have that name as well: it would be taken for the object it was copied from (I16).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from serin.domain.gates import GateAnswer, Outcome
from serin.domain.intent import GatewayIntent
from serin.domain.manifests import owner_of
from serin.domain.names import (
    CONTENT_ANNOTATION,
    EPOCH_ANNOTATION,
    FULL_HASH_ANNOTATION,
    GATE_LABEL,
    MODEL_LABEL,
    REJECTED_ANNOTATION,
    REVISION_LABEL,
    RevisionHash,
    child_name,
)
from serin.domain.observed import (
    Identity,
    JobView,
    PodView,
    RevisionView,
    RouteView,
    ServiceView,
    WorkloadView,
)
from serin.runtime.ownership import written_at
from serin.runtime.packed import Packed
from serin.runtime.parents import accepted, refusal, reported
from serin.runtime.podproblems import clipped, problem_of

Object = Mapping[str, Any]

SERVICE_LABEL: Final = "kubernetes.io/service-name"
"""Where an EndpointSlice says whose it is."""


PLACED_BY: Final = ("name", "namespace", "sectionName", "port")
"""What our parentRefs say; the server adds the rest."""


@dataclass(frozen=True, slots=True)
class SliceView:
    """The ready endpoints in one EndpointSlice of a revision's Service, by pod where the slice tells it."""

    revision: RevisionHash
    ready: frozenset[str]


View = RevisionView | WorkloadView | ServiceView | RouteView | PodView | SliceView | JobView


def project(kind: str, obj: Object, *, foreign: bool = False) -> View | None:
    """The view of a child of one of the watched kinds."""
    return _PROJECTIONS[kind](obj, foreign)


def _identity(obj: Object, foreign: bool) -> Identity:
    metadata = obj["metadata"]
    owner = owner_of(obj)
    return Identity(
        name=metadata["name"],
        uid=metadata["uid"],
        resource_version=metadata["resourceVersion"],
        owner_uid=owner["uid"] if owner else None,
        content=_annotation(obj, CONTENT_ANNOTATION),
        foreign=foreign,
        terminating="deletionTimestamp" in metadata,
    )


def _labels(obj: Object) -> Mapping[str, str]:
    return obj["metadata"].get("labels") or {}


def _revision(obj: Object) -> RevisionHash | None:
    label = _labels(obj).get(REVISION_LABEL)
    return RevisionHash(label) if label else None


def _named_revision(obj: Object, name: str) -> RevisionHash | None:
    """The revision that both the labels and the name speak of."""
    revision = _revision(obj)
    return revision if revision and name == child_name(_labels(obj)[MODEL_LABEL], revision) else None


def _annotation(obj: Object, name: str) -> str | None:
    return (obj["metadata"].get("annotations") or {}).get(name)


def _controller_revision(obj: Object, foreign: bool) -> RevisionView | None:
    if not (revision := _named_revision(obj, obj["metadata"]["name"])):
        return None
    return RevisionView(
        identity=_identity(obj, foreign),
        hash=revision,
        full_hash=_annotation(obj, FULL_HASH_ANNOTATION) or "",
        number=obj.get("revision", 0),
        data=Packed(obj.get("data") or {}),
    )


def _deployment(obj: Object, foreign: bool) -> WorkloadView | None:
    if not (revision := _named_revision(obj, obj["metadata"]["name"])):
        return None
    spec, status = obj["spec"], obj.get("status") or {}
    return WorkloadView(
        identity=_identity(obj, foreign),
        revision=revision,
        desired=spec.get("replicas", 1),
        replicas=status.get("replicas", 0),
        ready=status.get("readyReplicas", 0),
        settled=status.get("observedGeneration", 0) >= obj["metadata"]["generation"],
        rejected=_annotation(obj, REJECTED_ANNOTATION),
        epoch=_annotation(obj, EPOCH_ANNOTATION),
        failure=_failure(status),
    )


def _failure(status: Mapping[str, Any]) -> str | None:
    """Why pods are refused: a quota, a ServiceAccount that is missing, a security policy."""
    for condition in status.get("conditions") or ():
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            return clipped(condition.get("message", ""))
    return None


def _service(obj: Object, foreign: bool) -> ServiceView:
    spec = obj["spec"]
    return ServiceView(
        identity=_identity(obj, foreign),
        revision=_named_revision(obj, obj["metadata"]["name"]),
        selector=spec.get("selector") or {},
        ports=tuple((port.get("name", ""), port["port"]) for port in spec.get("ports") or ()),
    )


def _http_route(obj: Object, foreign: bool) -> RouteView | None:
    if obj["metadata"]["name"] != _labels(obj)[MODEL_LABEL]:
        return None
    return RouteView(
        identity=_identity(obj, foreign),
        weights=_weights(obj["spec"].get("rules") or ()),
        reported=reported(obj),
        accepted=accepted(obj),
        refusal=refusal(obj),
        written_at=written_at(obj["metadata"]),
        gateway=_gateway(obj["spec"]),
    )


def _gateway(spec: Mapping[str, Any]) -> GatewayIntent:
    refs = spec.get("parentRefs") or ()
    rules = spec.get("rules") or ()
    matches: Any = next((rule["matches"] for rule in rules if rule.get("matches")), ({},))
    return GatewayIntent(
        parent_refs=tuple({name: ref[name] for name in PLACED_BY if name in ref} for ref in refs),
        hostnames=tuple(spec.get("hostnames") or ()),
        path=(matches[0].get("path") or {}).get("value", "/"),
    )


def _weights(rules: Any) -> Mapping[str, int]:
    backends = next((rule["backendRefs"] for rule in rules if rule.get("backendRefs")), ())
    return {backend["name"]: backend.get("weight", 1) for backend in backends}


def _endpoint_slice(obj: Object, _: bool) -> SliceView | None:
    # The controller copies the Service's labels: the root Service's slices carry no revision, and those of a
    # Service that was copied from ours carry ours, though its endpoints may be ready by another rule. Without
    # the name of a Service nobody routes to them.
    if not (revision := _named_revision(obj, _labels(obj).get(SERVICE_LABEL, ""))):
        return None
    return SliceView(
        revision,
        frozenset(
            (endpoint.get("targetRef") or {}).get("uid") or endpoint["addresses"][0]
            for endpoint in obj.get("endpoints") or ()
            if (endpoint.get("conditions") or {}).get("ready") is not False
        ),
    )


def _pod(obj: Object, _: bool) -> PodView | None:
    if not (revision := _revision(obj)):
        return None
    metadata, status = obj["metadata"], obj.get("status") or {}
    problem, detail = problem_of(status)
    return PodView(
        name=metadata["name"],
        uid=metadata["uid"],
        revision=revision,
        ready_since=_ready_since(status),
        restarts=sum(container["restartCount"] for container in status.get("containerStatuses") or ()),
        problem=problem,
        detail=detail,
        terminating="deletionTimestamp" in metadata,
    )


def _ready_since(status: Mapping[str, Any]) -> datetime | None:
    for condition in status.get("conditions") or ():
        if condition["type"] == "Ready" and condition["status"] == "True":
            since = condition.get("lastTransitionTime")
            return datetime.fromisoformat(since) if since else None
    return None


def _job(obj: Object, foreign: bool) -> JobView | None:
    if GATE_LABEL not in _labels(obj):
        return None
    status = obj.get("status") or {}
    ended = {one["type"]: one for one in status.get("conditions") or () if one["status"] == "True"}
    answer = None
    if "Complete" in ended:
        answer = GateAnswer(Outcome.SUCCEEDED, f"Job {obj['metadata']['name']} is complete")
    elif failed := ended.get("Failed"):
        why = ": ".join(part for part in (failed.get("reason"), failed.get("message")) if part)
        # A quota or an admission policy refused every pod: nobody has asked the revision anything.
        idle = failed.get("reason") == "DeadlineExceeded" and not (
            status.get("failed") or status.get("active")
        )
        outcome = Outcome.NOT_STARTED if idle else Outcome.FAILED
        no_pod = "no pod of it could be made: " if idle else ""
        answer = GateAnswer(outcome, f"Job {obj['metadata']['name']}: {no_pod}{why}")
    return JobView(identity=_identity(obj, foreign), answer=answer)


_PROJECTIONS: Final[Mapping[str, Callable[[Object, bool], View | None]]] = {
    "ControllerRevision": _controller_revision,
    "Deployment": _deployment,
    "Service": _service,
    "HTTPRoute": _http_route,
    "EndpointSlice": _endpoint_slice,
    "Pod": _pod,
    "Job": _job,
}
