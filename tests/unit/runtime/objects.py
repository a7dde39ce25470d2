"""Objects as a watch delivers them, with good defaults and named changes."""

from collections.abc import Mapping, Sequence
from typing import Any

Object = dict[str, Any]


def model(
    *,
    name: str = "fraud",
    uid: str = "m-1",
    version: int = 10,
    generation: int = 1,
    annotations: Mapping[str, str] | None = None,
    status: Mapping[str, Any] | None = None,
    status_managers: Sequence[str] = ("serin",),
    **metadata: Any,
) -> Object:
    """A ModelDeployment whose status was written by the managers named."""
    written = {"operation": "Update", "subresource": "status", "fieldsV1": {"f:status": {"f:phase": {}}}}
    return {
        "apiVersion": "serin.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {
            "name": name,
            "namespace": "ml",
            "uid": uid,
            "resourceVersion": str(version),
            "generation": generation,
            "annotations": dict(annotations or {}),
            "managedFields": [{"manager": manager, **written} for manager in status_managers],
            **metadata,
        },
        "spec": {"replicas": 1},
        "status": dict(status or {"observedGeneration": 1, "phase": "Idle"}),
    }


def child(
    kind: str, *, revision: str | None = "r1", uid: str = "c-1", version: int = 20, **body: Any
) -> Object:
    """A child of `ml/fraud`; `name` defaults to that of the revision, or of the model without one."""
    labels = {"serin.dev/model": "fraud"} | ({"serin.dev/revision": revision} if revision else {})
    name = body.pop("name", f"fraud-{revision}" if revision else "fraud")
    return {
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": "ml",
            "uid": uid,
            "resourceVersion": str(version),
            "generation": 1,
            "labels": labels,
            **body.pop("metadata", {}),
        },
        **body,
    }


def deployment(*, ready: int = 0, desired: int = 1, **changes: Any) -> Object:
    status = {"replicas": desired, "readyReplicas": ready, "observedGeneration": 1}
    return child("Deployment", spec={"replicas": desired}, status=status, **changes)


def service(*, revision: str | None = "r1", **changes: Any) -> Object:
    selector = {"serin.dev/revision": revision or "r1"}
    spec = {"selector": selector, "ports": [{"name": "http", "port": 80}]}
    return child("Service", revision=revision, spec=spec, **changes)


def endpoints(*pods: str, ready: bool | None = True, **changes: Any) -> Object:
    """An EndpointSlice with one endpoint for each pod."""
    rows = [
        {
            "addresses": [f"10.0.0.{number}"],
            "targetRef": {"kind": "Pod", "uid": pod},
            "conditions": {} if ready is None else {"ready": ready},
        }
        for number, pod in enumerate(pods)
    ]
    made = child("EndpointSlice", **{"name": "fraud-r1-abc", **changes}, endpoints=rows)
    labels = made["metadata"]["labels"]
    revision = labels.get("serin.dev/revision")
    labels.setdefault("kubernetes.io/service-name", f"fraud-{revision}" if revision else "fraud")
    return made


def pod(*, name: str = "fraud-r1-x-y", status: Mapping[str, Any] | None = None, **changes: Any) -> Object:
    return child("Pod", name=name, status=dict(status or {}), **changes)


def route(
    *,
    weights: Mapping[str, int] | None = None,
    parents: Sequence[Mapping[str, Any]] = ({"name": "public"},),
    reports: Sequence[Mapping[str, Any]] = (),
    **changes: Any,
) -> Object:
    backends = [{"name": name, "weight": weight} for name, weight in (weights or {"fraud-r1": 100}).items()]
    spec = {"parentRefs": list(parents), "rules": [{"backendRefs": backends}]}
    return child("HTTPRoute", revision=None, spec=spec, status={"parents": list(reports)}, **changes)


def report(
    *, parent: str = "public", accepted: str = "True", resolved: str = "True", generation: int = 1, **ref: Any
) -> Object:
    """What a gateway's controller says of a route."""
    rows = {"Accepted": accepted, "ResolvedRefs": resolved}
    return {
        "parentRef": {"name": parent, **ref},
        "controllerName": "example.com/gateway",
        "conditions": [
            {
                "type": kind,
                "status": status,
                "reason": "R",
                "message": "why",
                "observedGeneration": generation,
            }
            for kind, status in rows.items()
        ],
    }


def seen(obj: Object, kind: str = "MODIFIED") -> Object:
    """The watch event of an object."""
    return {"type": kind, "object": obj}
