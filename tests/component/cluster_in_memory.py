"""An API server in memory, as simple as the reconciler lets it be, with the faults that real ones have.

Implements the `Kube` protocol with the answers that `tests/contract/test_fences.py` pins on the real server,
and shows every change to a store as a watch would, unless that watch is frozen. Each version of each object
is held against the invariants as it is made. What controllers and gateways do is `controllers`.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from serin.domain.names import KIND, MODEL_LABEL, REVISION_LABEL, Key
from serin.kube.client import Listing, Named
from serin.kube.errors import Conflict, Forbidden, NotFound, Request, Unavailable
from serin.kube.fences import CreateOnly, Exact, Existing, Fence
from serin.kube.streams import Page
from serin.runtime.departures import gone
from serin.runtime.store import Store
from tests.component.excuses import excused
from tests.invariants.rules import violations
from tests.invariants.world import Seen, World

Object = dict[str, Any]
NAMESPACE = "ml"
WRITTEN = ("Deployment", "Service", "HTTPRoute", "ControllerRevision", "Job")


class Killed(BaseException):
    """The process ends in the middle of a call."""


@dataclass(slots=True)
class ClusterInMemory:
    """Objects by kind and name, in one namespace.

    Attributes:
        writes: Every write that was asked for, as `verb kind/name`.
        wasted: Those of them that changed nothing.
        reads: What was asked of the server beside writes, as `kind/name`, or listed, as `kind`.
        kill_at: The number of the write at which the process dies; None never. Counted in `calls`.
        kill_again_after: Writes of the next process until it dies, too.
        after_acting: Whether it dies after the server has acted.
        denied: Kinds that the operator may not write.
        frozen: Kinds whose watch shows nothing any more.
        mute: Whether the server acts on the next write but its answer is lost.
        tampered_at: When somebody else last moved traffic.
        skew: How far the operator's clock is ahead of everybody else's.
    """

    now: datetime = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
    objects: dict[tuple[str, str], Object] = field(default_factory=dict)
    version: int = 1
    writes: list[str] = field(default_factory=list)
    wasted: list[str] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)
    calls: int = 0
    kill_at: int | None = None
    kill_again_after: int | None = None
    after_acting: bool = False
    denied: set[str] = field(default_factory=set)
    frozen: set[str] = field(default_factory=set)
    mute: bool = False
    tampered_at: datetime | None = None
    skew: timedelta = timedelta(0)
    store: Store = field(default_factory=Store)
    path: list[Mapping[str, int]] = field(default_factory=list)
    world: World = field(default_factory=World)

    # The Kube protocol

    async def apply(self, manifest: Mapping[str, Any], *, fence: Fence) -> Object:
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        request = Request("apply", kind, NAMESPACE, name)
        self._call(f"apply {kind}/{name}", before=True)
        if kind in self.denied:
            raise Forbidden(request, "not allowed", status=403)
        known = self.objects.get((kind, name))
        _check(fence, known, request)
        made = _applied(manifest, known, uid=f"{kind}-{name}-{self.version}", now=self.now)
        if known is not None and _content(known) == _content(made):
            self.wasted.append(f"apply {kind}/{name}")
        else:
            self._put(kind, name, made, told=False)
        self._call(f"apply {kind}/{name}", before=False)
        self._answer(request)
        return copy.deepcopy(self.objects[kind, name])

    async def patch_status(
        self, key: Key, status: Mapping[str, Any], *, previous: Mapping[str, Any], resource_version: str
    ) -> Object:
        request = Request("patch status of", KIND, *key)
        self._call(f"status {key.name}", before=True)
        known = self.objects.get((KIND, key.name))
        if known is None:
            raise NotFound(request, "no such object", status=404)
        if known["metadata"]["resourceVersion"] != resource_version:
            raise Conflict(request, "stale", status=409)
        made = copy.deepcopy(known)
        if made.get("status") == status:
            self.wasted.append(f"status {key.name}")
        made["status"] = copy.deepcopy(dict(status))
        made["metadata"]["managedFields"] = [
            *(entry for entry in known["metadata"]["managedFields"] if entry["manager"] != "serin"),
            _entry("serin", ["f:status"], self.now, operation="Update", subresource="status"),
        ]
        self._put(KIND, key.name, made, told=False)
        self._call(f"status {key.name}", before=False)
        self._answer(request)
        return copy.deepcopy(self.objects[KIND, key.name])

    async def get(self, kind: str, namespace: str, name: str) -> Object:
        if (kind, name) not in self.objects:
            raise NotFound(Request("get", kind, namespace, name), "no such object", status=404)
        return copy.deepcopy(self.objects[kind, name])

    async def newest(self, kind: str, namespace: str, name: str) -> Page:
        found = self.objects.get((kind, name))
        ours = found is not None and (kind == KIND or _labelled(found))
        self.reads.append(f"{kind}/{name}")
        return Page(str(self.version), (copy.deepcopy(found),) if found and ours else (), rest="")

    async def list_metadata(self, kind: str, namespace: str | None = None) -> Listing:
        self.reads.append(kind)
        found = [obj["metadata"] for (known, _), obj in self.objects.items() if known == kind]
        rows = [Named(NAMESPACE, one["name"], one["uid"], one["resourceVersion"]) for one in found]
        return Listing(str(self.version), tuple(rows))

    async def delete(self, kind: str, namespace: str, name: str, *, uid: str) -> Object | None:
        self._call(f"delete {kind}/{name}", before=True)
        known = self.objects.get((kind, name))
        if known is None:
            return None
        if known["metadata"]["uid"] != uid:
            raise Conflict(Request("delete", kind, namespace, name), "another one by now", status=409)
        if known["metadata"].get("finalizers"):
            held = {**known["metadata"], "deletionTimestamp": self.now.isoformat()}
            self._put(kind, name, {**known, "metadata": held}, told=False)
        else:
            self.remove(kind, name, ours=True)
        self._call(f"delete {kind}/{name}", before=False)
        return copy.deepcopy(self.objects.get((kind, name)))

    async def stays(self, kind: str, namespace: str, name: str, *, uid: str) -> bool:
        self.reads.append(f"{kind}/{name}")
        known = self.objects.get((kind, name))
        if known is None or "deletionTimestamp" in known["metadata"]:
            return False
        return bool(known["metadata"]["uid"] == uid)

    # What people do

    def submit(self, name: str, spec: Mapping[str, Any], **annotations: str) -> Key:
        """Apply a ModelDeployment, annotations and all."""
        known = self.objects.get((KIND, name))
        generation = known["metadata"]["generation"] if known else 0
        asked = {f"serin.dev/{word}": value for word, value in annotations.items()}
        metadata = {
            "name": name,
            "namespace": NAMESPACE,
            "uid": known["metadata"]["uid"] if known else f"uid-of-{name}-{self.version}",
            "generation": generation + (known is None or known["spec"] != spec),
            "annotations": asked,
            "managedFields": [
                *(
                    e
                    for e in (known["metadata"]["managedFields"] if known else ())
                    if e["manager"] == "serin"
                ),
                _entry("kubectl", ["f:spec"], self.now + timedelta(microseconds=self.version)),
            ],
        }
        made = {"apiVersion": "serin.dev/v1alpha1", "kind": KIND, "metadata": metadata, "spec": dict(spec)}
        made["status"] = known["status"] if known else {"observedGeneration": -1}
        self._put(KIND, name, made)
        return Key(NAMESPACE, name)

    def edit(self, kind: str, name: str, change: Callable[[Object], None]) -> None:
        """Somebody else changes an object; what they change of its spec is theirs from now on."""
        known = self.objects[kind, name]
        made = copy.deepcopy(known)
        change(made)
        self._tampered(kind)
        spec, before = made.get("spec", {}), known.get("spec", {})
        changed = [f"f:{field}" for field in {*spec, *before} if spec.get(field) != before.get(field)]
        for entry in made["metadata"].get("managedFields", []):
            if entry["manager"] == "serin":
                ours = entry["fieldsV1"].get("f:spec", {})
                entry["fieldsV1"]["f:spec"] = {f: {} for f in ours if f not in changed}
        theirs = _entry("somebody", [], self.now + timedelta(microseconds=self.version))
        theirs["fieldsV1"] = {"f:spec": {name: {} for name in changed}}
        others = [e for e in made["metadata"].get("managedFields", []) if e["manager"] != "somebody"]
        made["metadata"]["managedFields"] = [*others, theirs]
        made["metadata"]["generation"] = known["metadata"]["generation"] + bool(changed)
        self._put(kind, name, made)

    def remove(self, kind: str, name: str, *, ours: bool = False) -> None:
        """Delete an object, and whatever it owns."""
        if not ours:
            self._tampered(kind)
        gone = self.objects.pop((kind, name))
        self.version += 1
        gone["metadata"]["resourceVersion"] = str(self.version)
        self._tell(kind, "DELETED", gone)
        self._watch(gone, ours=ours, deleted=True)
        for (child_kind, child), obj in list(self.objects.items()):
            owners = obj["metadata"].get("ownerReferences") or []
            owned = any(owner["uid"] == gone["metadata"]["uid"] for owner in owners)
            if owned and (child_kind, child) in self.objects:
                self.remove(child_kind, child, ours=ours)

    # What a process sees

    def restart(self) -> None:
        """A new process: an empty store that lists everything anew."""
        self.store = Store()
        self.frozen.clear()
        if self.kill_again_after is not None:
            self.kill_at, self.kill_again_after = self.calls + self.kill_again_after, None
        for (kind, _), obj in self.objects.items():
            self._tell(kind, "ADDED", obj)

    def hide(self, kind: str) -> None:
        """A new process, whose watch of a kind has shown nothing yet."""
        self.store = Store()
        self.frozen.add(kind)
        for (shown, _), obj in self.objects.items():
            self._tell(shown, "ADDED", obj)

    def thaw(self) -> None:
        """The watches show again what they have missed, deletions included, as a sweep finds them."""
        self.frozen.clear()
        for kind in (*WRITTEN, "EndpointSlice", "Pod"):
            existing = {obj["metadata"]["uid"] for (shown, _), obj in self.objects.items() if shown == kind}
            for row in gone(self.store.names(kind), existing, namespace=None, at=self.version):
                self.store.drop(kind, row.namespace, row.name, row.uid, at=self.version)
        for (kind, _), obj in self.objects.items():
            self._tell(kind, "MODIFIED", obj)

    def selected(self, model: str) -> str | None:
        selector: dict[str, str] = self.objects["Service", model]["spec"]["selector"]
        return selector.get(REVISION_LABEL)

    def show(self, kind: str, name: str, obj: Object) -> None:
        """A controller's write."""
        self._put(kind, name, obj)

    # How the server keeps things

    def _put(self, kind: str, name: str, obj: Object, *, told: bool = True) -> None:
        self.version += 1
        before = self.objects.get((kind, name))
        event = "ADDED" if before is None else "MODIFIED"
        obj["kind"] = kind
        obj["metadata"]["resourceVersion"] = str(self.version)
        self.objects[kind, name] = obj
        if before is not None and kind != KIND and not _labelled(obj):
            # A watch that selects by our label takes it for deleted, and shows it as it was.
            event, shown = (
                "DELETED",
                {**before, "metadata": {**before["metadata"], "resourceVersion": str(self.version)}},
            )
        else:
            shown = obj
        if told:
            self._tell(kind, event, shown)
        self._watch(obj, ours=not told)

    def _tampered(self, kind: str) -> None:
        if kind in ("HTTPRoute", "Service", KIND):
            self.tampered_at = self.now

    def _tell(self, kind: str, event: str, obj: Object) -> None:
        if kind in self.frozen:
            return
        shown = {"type": event, "object": copy.deepcopy(obj)}
        if kind == KIND:
            self.store.put(shown)
        else:
            self.store.observe(kind, shown)

    def _watch(self, obj: Object, *, ours: bool, deleted: bool = False) -> None:
        """Hold the new version against every invariant; they bind the operator's writes."""
        seen = Seen(at=self.now.timestamp(), object=obj, deleted=deleted)
        # What an operator cannot see, or somebody else did to the traffic, is not held against it.
        since = self.now - self.tampered_at if self.tampered_at else timedelta.max
        blind = ("I1", "I4") if self.frozen else ("I4",) if since < timedelta(seconds=40) else ()
        broken = [one for one in violations([seen], self.world) if one.invariant not in blind]
        broken = [one for one in broken if not excused(one)]
        assert not (broken and ours), "\n".join(map(str, broken))
        shown = self.world.traffic(obj["metadata"]["name"])
        named = obj["metadata"].get("labels") or {}
        moves = obj["kind"] in ("HTTPRoute", "Service") and not named.get(REVISION_LABEL)
        if moves and not deleted and (not self.path or self.path[-1] != shown):
            self.path.append(shown)

    def _call(self, what: str, *, before: bool) -> None:
        if before:
            self.writes.append(what)
            self.calls += 1
        if self.kill_at == self.calls and before is not self.after_acting:
            self.kill_at = None
            raise Killed(what)

    def _answer(self, request: Request) -> None:
        if self.mute:
            self.mute = False
            raise Unavailable(request, "the connection was lost")


def _labelled(obj: Object) -> bool:
    return MODEL_LABEL in (obj["metadata"].get("labels") or {})


def _check(fence: Fence, known: Object | None, request: Request) -> None:
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


def _applied(manifest: Mapping[str, Any], known: Object | None, *, uid: str, now: datetime) -> Object:
    made = copy.deepcopy(dict(manifest))
    metadata = made["metadata"]
    metadata["uid"] = known["metadata"]["uid"] if known else uid
    metadata["generation"] = 1
    if known:
        changed = known.get("spec") != made.get("spec")
        metadata["generation"] = known["metadata"]["generation"] + changed
        if "status" in known:
            made["status"] = known["status"]
    metadata["managedFields"] = [_entry("serin", [f"f:{name}" for name in made.get("spec", {})], now)]
    return made


def _entry(
    manager: str, fields: list[str], at: datetime, *, operation: str = "Apply", subresource: str = ""
) -> Object:
    """An entry of managedFields; the time stands for which write it was."""
    root = "f:status" if subresource else "f:spec"
    return {
        "manager": manager,
        "operation": operation,
        "subresource": subresource,
        "time": at.isoformat(),
        "fieldsV1": {root: {name: {} for name in fields}},
    }


def _content(obj: Object) -> object:
    metadata = {
        name: value
        for name, value in obj["metadata"].items()
        if name not in ("resourceVersion", "generation", "managedFields")
    }
    managers = sorted(entry["manager"] for entry in obj["metadata"].get("managedFields", []))
    return {**obj, "metadata": metadata}, managers


@dataclass(slots=True)
class Clock:
    """The operator's clock, which stands still until it is moved."""

    cluster: ClusterInMemory

    def __call__(self) -> datetime:
        return self.cluster.now + self.cluster.skew

    def move(self, seconds: float) -> None:
        self.cluster.now += timedelta(seconds=seconds)
