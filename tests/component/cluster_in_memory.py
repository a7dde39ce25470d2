"""An API server, its controllers and a gateway, in memory and as simple as the reconciler lets them be.

Implements the `Kube` protocol with the answers that `tests/contract/test_fences.py` pins on the real server, and
shows every change to a store as a watch would. Pods are ready, and routes accepted, when `settle` is called.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from serin.domain.names import KIND, MODEL_LABEL, REVISION_LABEL, Key
from serin.kube.errors import Conflict, NotFound, Request
from serin.kube.fences import CreateOnly, Exact, Existing, Fence
from serin.runtime.store import Store

Object = dict[str, Any]
NAMESPACE = "ml"


class Killed(BaseException):
    """The process ends in the middle of a call."""


@dataclass(slots=True)
class ClusterInMemory:
    """Objects by kind and name, in one namespace.

    Attributes:
        writes: Every write that was asked for, as `verb kind/name`.
        kill_at: The number of the write at which the process dies; None never.
        after_acting: Whether it dies after the server has acted.
        unready: Revisions whose pods never get ready.
    """

    now: datetime = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
    objects: dict[tuple[str, str], Object] = field(default_factory=dict)
    version: int = 1
    writes: list[str] = field(default_factory=list)
    kill_at: int | None = None
    after_acting: bool = False
    unready: set[str] = field(default_factory=set)
    store: Store = field(default_factory=Store)
    routes_seen: list[dict[str, int]] = field(default_factory=list)

    # The Kube protocol

    async def apply(self, manifest: Mapping[str, Any], *, fence: Fence) -> Object:
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        self._call(f"apply {kind}/{name}", before=True)
        known = self.objects.get((kind, name))
        self._fence(fence, known, Request("apply", kind, NAMESPACE, name))
        made = copy.deepcopy(dict(manifest))
        metadata = made["metadata"]
        metadata["uid"] = known["metadata"]["uid"] if known else f"{kind}-{name}-{self.version}"
        metadata["generation"] = known["metadata"]["generation"] + 1 if known else 1
        if known and "status" in known:
            made["status"] = known["status"]
        self._put(kind, name, made, told=False)
        if kind == "HTTPRoute":
            backends = made["spec"]["rules"][0]["backendRefs"]
            self.routes_seen.append({entry["name"]: entry["weight"] for entry in backends})
        self._call(f"apply {kind}/{name}", before=False)
        return copy.deepcopy(self.objects[kind, name])

    async def patch_status(
        self, key: Key, status: Mapping[str, Any], *, previous: Mapping[str, Any], resource_version: str
    ) -> Object:
        self._call(f"status {key.name}", before=True)
        known = self.objects[KIND, key.name]
        if known["metadata"]["resourceVersion"] != resource_version:
            raise Conflict(Request("patch status of", KIND, *key), "stale", status=409)
        self._put(KIND, key.name, {**copy.deepcopy(known), "status": copy.deepcopy(dict(status))}, told=False)
        self._call(f"status {key.name}", before=False)
        return copy.deepcopy(self.objects[KIND, key.name])

    async def get(self, kind: str, namespace: str, name: str) -> Object:
        if (kind, name) not in self.objects:
            raise NotFound(Request("get", kind, namespace, name), "no such object", status=404)
        return copy.deepcopy(self.objects[kind, name])

    async def delete(self, kind: str, namespace: str, name: str, *, uid: str) -> None:
        self._call(f"delete {kind}/{name}", before=True)
        gone = self.objects.pop((kind, name))
        self._tell(kind, "DELETED", gone)
        for (child_kind, child), obj in list(self.objects.items()):
            owners = obj["metadata"].get("ownerReferences") or []
            if any(owner["uid"] == gone["metadata"]["uid"] for owner in owners):
                self._tell(child_kind, "DELETED", self.objects.pop((child_kind, child)))

    # What people and controllers do

    def submit(self, name: str, spec: Mapping[str, Any], **annotations: str) -> Key:
        known = self.objects.get((KIND, name))
        metadata = {
            "name": name,
            "namespace": NAMESPACE,
            "uid": known["metadata"]["uid"] if known else f"uid-of-{name}",
            "generation": known["metadata"]["generation"] + 1 if known else 1,
            "annotations": {f"serin.dev/{word}": value for word, value in annotations.items()},
        }
        made = {"apiVersion": "serin.dev/v1alpha1", "kind": KIND, "metadata": metadata, "spec": dict(spec)}
        made["status"] = known["status"] if known else {"observedGeneration": -1}
        self._put(KIND, name, made)
        return Key(NAMESPACE, name)

    def settle(self) -> bool:
        """Let controllers and gateway catch up with what was asked of them; whether that changed anything."""
        before = self.version
        for (kind, name), obj in list(self.objects.items()):
            if kind == "Deployment":
                self._run_pods(name, obj)
            if kind == "HTTPRoute":
                parents = [_accepted(ref, obj["metadata"]["generation"]) for ref in obj["spec"]["parentRefs"]]
                if obj.get("status") != {"parents": parents}:
                    self._put(kind, name, {**obj, "status": {"parents": parents}})
        return self.version != before

    def lose(self, kind: str, name: str) -> Object:
        return self.objects.pop((kind, name))

    def restart(self) -> None:
        """A new process: an empty store that lists everything anew."""
        self.store = Store()
        for (kind, _), obj in self.objects.items():
            self._tell(kind, "ADDED", obj)

    def edit(self, kind: str, name: str, change: Callable[[Object], None]) -> None:
        obj = copy.deepcopy(self.objects[kind, name])
        change(obj)
        self._put(kind, name, obj)

    def selected(self, model: str) -> str | None:
        selector: dict[str, str] = self.objects["Service", model]["spec"]["selector"]
        return selector.get(REVISION_LABEL)

    def _run_pods(self, name: str, obj: Object) -> None:
        wanted = obj["spec"]["replicas"]
        ready = 0 if name in self.unready else wanted
        status = {
            "replicas": wanted,
            "readyReplicas": ready,
            "observedGeneration": obj["metadata"]["generation"],
        }
        if obj.get("status") != status:
            self._put("Deployment", name, {**obj, "status": status})
        endpoints = [
            {
                "addresses": [f"10.0.0.{index}"],
                "conditions": {"ready": True},
                "targetRef": {"uid": f"{name}-{index}"},
            }
            for index in range(ready)
        ]
        labels = {label: obj["metadata"]["labels"][label] for label in (MODEL_LABEL, REVISION_LABEL)}
        made = {"metadata": {"name": name, "namespace": NAMESPACE, "labels": labels}, "endpoints": endpoints}
        known = self.objects.get(("EndpointSlice", name))
        if known is None or known["endpoints"] != endpoints:
            made["metadata"]["uid"] = f"slice-{name}"
            self._put("EndpointSlice", name, made)

    # How the server keeps things

    def _fence(self, fence: Fence, known: Object | None, request: Request) -> None:
        match fence, known:
            case CreateOnly(), None:
                return
            case Existing(uid=uid), dict() if known["metadata"]["uid"] == uid:
                return
            case Exact(uid=uid, resource_version=version), dict() if (
                known["metadata"]["uid"] == uid and known["metadata"]["resourceVersion"] == version
            ):
                return
        raise Conflict(request, f"the fence {fence} holds", status=409)

    def _put(self, kind: str, name: str, obj: Object, *, told: bool = True) -> None:
        self.version += 1
        event = "MODIFIED" if (kind, name) in self.objects else "ADDED"
        obj["metadata"]["resourceVersion"] = str(self.version)
        if kind in ("Deployment", "Service", "HTTPRoute", "ControllerRevision"):
            obj["metadata"]["managedFields"] = _managed(obj, self.now)
        self.objects[kind, name] = obj
        if told:
            self._tell(kind, event, obj)

    def _tell(self, kind: str, event: str, obj: Object) -> None:
        shown = {"type": event, "object": copy.deepcopy(obj)}
        if kind == KIND:
            self.store.put(shown)
        else:
            self.store.observe(kind, shown)

    def _call(self, what: str, *, before: bool) -> None:
        if before:
            self.writes.append(what)
        if self.kill_at == len(self.writes) and before is not self.after_acting:
            self.kill_at = None
            raise Killed(what)


def _accepted(ref: Object, generation: int) -> Object:
    conditions = [
        {"type": kind, "status": "True", "observedGeneration": generation, "reason": kind, "message": ""}
        for kind in ("Accepted", "ResolvedRefs")
    ]
    return {"parentRef": ref, "controllerName": "serin.dev/test-gateway", "conditions": conditions}


def _managed(obj: Object, now: datetime) -> list[Object]:
    fields = {f"f:{name}": {} for name in obj.get("spec", {})}
    return [
        {
            "manager": "serin",
            "operation": "Apply",
            "time": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "fieldsV1": {"f:spec": fields},
        }
    ]


@dataclass(slots=True)
class Clock:
    """A clock that stands still until it is moved."""

    cluster: ClusterInMemory

    def __call__(self) -> datetime:
        return self.cluster.now

    def move(self, seconds: float) -> None:
        self.cluster.now += timedelta(seconds=seconds)
