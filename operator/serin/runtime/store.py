"""What the watches have shown, by ModelDeployment: the only thing a look reads of the cluster.

The answer to each of our own writes goes in as well, so a look never decides on a state older than its
last write; a watch event from before it is dropped, told by the resource version. Deletions may be lost
by a watch (after a 410 it starts anew): those are the sweeper's.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from serin.domain.names import FIELD_MANAGER, KIND, MODEL_LABEL, REQUEST_ANNOTATIONS, Key
from serin.domain.observed import (
    JobView,
    Observed,
    PodView,
    RevisionView,
    RouteView,
    ServiceView,
    WorkloadView,
)
from serin.kube.client import Named
from serin.runtime.departures import Departures
from serin.runtime.ownership import ALWAYS_OURS, Ownership, ownership, taken
from serin.runtime.projections import Object, SliceView, View, project
from serin.runtime.slimming import slim


@dataclass(frozen=True, slots=True)
class _Child:
    uid: str
    version: int
    view: View | None
    owned: Ownership | None


class Store:
    """Newest known state of every ModelDeployment and its children. Nothing here waits or does I/O.

    `put`, `observe` and `drop` return the key to look at, or None where nothing changed that matters.
    """

    def __init__(self) -> None:
        self._models: dict[Key, Object] = {}
        self._children: dict[Key, dict[tuple[str, str], _Child]] = {}
        self._departures = Departures()

    def put(self, event: Mapping[str, Any]) -> Key | None:
        """Take in a watch event of a ModelDeployment."""
        obj = event["object"]
        key = _own_key(obj)
        if event["type"] == "DELETED":
            return self._remove_model(key, obj["metadata"]["uid"], at=_version(obj["metadata"]))
        known = self._models.get(key)
        if self._departures.late(obj) or self._no_news(obj, known):
            return None
        self._models[key] = slim(obj)
        return key if known is None or _matters(known, obj) else None

    def observe(self, kind: str, event: Mapping[str, Any]) -> Key | None:
        """Take in a watch event of a child."""
        obj = event["object"]
        metadata = obj["metadata"]
        if not (key := _owner_key(metadata)):
            return None
        if event["type"] == "DELETED":
            return self._remove_child(key, kind, metadata["name"], metadata["uid"], at=_version(metadata))
        if self._departures.late(obj):
            return None
        if before := self._home_before(key, kind, metadata):
            if self._children[before][kind, metadata["name"]].version >= _version(metadata):
                return None
            del self._children[before][kind, metadata["name"]]
            self._take_in(key, kind, obj, written=False)
            return before
        return key if self._take_in(key, kind, obj, written=False) else None

    def remember(self, kind: str, obj: Object) -> None:
        """Take in the answer to a write of our own."""
        if self._departures.late(obj):
            return
        if kind == KIND:
            key = _own_key(obj)
            if not self._no_news(obj, self._models.get(key)):
                self._models[key] = slim(obj)
        elif owner := _owner_key(obj["metadata"]):
            self._take_in(owner, kind, obj, written=True)

    def version(self, kind: str, obj: Object) -> int:
        """The newest version known of that very object, by watch or by answer; -1 for none."""
        metadata = obj["metadata"]
        if kind == KIND:
            known = self._models.get(_own_key(obj))
            same = known is not None and known["metadata"]["uid"] == metadata["uid"]
            return _version(known["metadata"]) if known and same else -1
        owner = _owner_key(metadata)
        child = self._children.get(owner, {}).get((kind, metadata["name"])) if owner else None
        return child.version if child and child.uid == metadata["uid"] else -1

    def model(self, key: Key) -> Object | None:
        """The ModelDeployment as it was last seen or written, without managedFields."""
        return self._models.get(key)

    def observed(self, key: Key) -> Observed:
        """The children of a ModelDeployment."""
        views = [child.view for child in self._children.get(key, {}).values()]
        services = [view for view in views if isinstance(view, ServiceView)]
        return Observed(
            revisions={view.hash: view for view in views if isinstance(view, RevisionView)},
            workloads={view.revision: view for view in views if isinstance(view, WorkloadView)},
            services={view.revision: view for view in services if view.revision},
            root=next((view for view in services if view.identity.name == key.name), None),
            route=next((view for view in views if isinstance(view, RouteView)), None),
            ready_endpoints=_ready_endpoints(views),
            pods=tuple(view for view in views if isinstance(view, PodView)),
            jobs={view.identity.name: view for view in views if isinstance(view, JobView)},
        )

    def lost(self, key: Key, kind: str, name: str) -> bool:
        """Whether a ModelDeployment had a child of that name, of a kind that Serin writes, that went."""
        return self._departures.lost(key, kind, name)

    def keys(self) -> tuple[Key, ...]:
        """The ModelDeployments known."""
        return tuple(self._models)

    def forget(self, key: Key) -> None:
        """The ModelDeployment is gone. Its children stay until they are seen to go."""
        if model := self._models.get(key):
            self._remove_model(key, model["metadata"]["uid"], at=_version(model["metadata"]))

    def names(self, kind: str) -> Iterator[Named]:
        """Everything known of a kind, for comparison with a list of what exists."""
        if kind == KIND:
            for model in self._models.values():
                metadata = model["metadata"]
                yield Named(
                    metadata["namespace"], metadata["name"], metadata["uid"], metadata["resourceVersion"]
                )
            return
        for key, children in self._children.items():
            for (child_kind, name), child in children.items():
                if child_kind == kind:
                    yield Named(key.namespace, name, child.uid, str(child.version))

    def drop(self, kind: str, namespace: str, name: str, uid: str, *, at: float) -> Key | None:
        """Forget that very object, whose deletion no watch has shown; `at` is when it was not there any
        more.
        """
        if kind == KIND:
            return self._remove_model(Key(namespace, name), uid, at=at)
        for key, children in self._children.items():
            if key.namespace == namespace and (kind, name) in children:
                return self._remove_child(key, kind, name, uid, at=at)
        return None

    def _home_before(self, key: Key, kind: str, metadata: Mapping[str, Any]) -> Key | None:
        """Whose an object was that somebody has labelled as another model's; the name of a child tells it."""
        name = metadata["name"]
        if (kind, name) in self._children.get(key, {}):
            return None
        owner = name
        while owner:
            before = Key(key.namespace, owner)
            known = self._children.get(before, {}).get((kind, name))
            if before != key and known is not None and known.uid == metadata["uid"]:
                return before
            owner = owner.rpartition("-")[0]
        return None

    def _take_in(self, key: Key, kind: str, obj: Object, *, written: bool) -> bool:
        """Keep the newer of what is known and what comes; whether a decision may rest on the difference."""
        metadata = obj["metadata"]
        name, uid, version = metadata["name"], metadata["uid"], _version(metadata)
        children = self._children.setdefault(key, {})
        known = children.get((kind, name))
        # Only the answer to a write tells what we owned then, though the watch may have shown the rest.
        if known and version < known.version + (not written):
            return False
        owned, foreign = _ownership(kind, metadata, known, written=written)
        view = project(kind, obj, foreign=foreign)
        children[kind, name] = _Child(uid, version, view, owned)
        if known is None or known.uid != uid:
            return view is not None
        return _unversioned(known.view) != _unversioned(view)

    def _no_news(self, obj: Object, known: Object | None) -> bool:
        """Whether it is what is known, such as a write of ours whose answer came first, or older."""
        return known is not None and _version(obj["metadata"]) <= _version(known["metadata"])

    def _remove_model(self, key: Key, uid: str, *, at: float) -> Key | None:
        self._departures.went(uid, at)
        known = self._models.get(key)
        if known is None or known["metadata"]["uid"] != uid:
            return None
        del self._models[key]
        return key

    def _remove_child(self, key: Key, kind: str, name: str, uid: str, *, at: float) -> Key | None:
        self._departures.went(uid, at)
        children = self._children.get(key, {})
        known = children.get((kind, name))
        if known is None or known.uid != uid:
            return None
        del children[kind, name]
        if not children:
            del self._children[key]
        if not isinstance(known.view, PodView | SliceView):
            self._departures.child_went(key, kind, name)
        return key


def _version(metadata: Mapping[str, Any]) -> int:
    return int(metadata["resourceVersion"])


def _own_key(obj: Object) -> Key:
    return Key(obj["metadata"]["namespace"], obj["metadata"]["name"])


def _owner_key(metadata: Mapping[str, Any]) -> Key | None:
    model = (metadata.get("labels") or {}).get(MODEL_LABEL)
    # An empty label is kept as well: lists by our label show such an object, and the start waits for it.
    return None if model is None else Key(metadata["namespace"], model)


def _matters(known: Object, new: Object) -> bool:
    """Whether a ModelDeployment differs in what a person, or somebody else, did to it."""
    return _asked(known) != _asked(new) or _status_touched(known, new)


def _asked(obj: Object) -> tuple[object, ...]:
    metadata = obj["metadata"]
    annotations = metadata.get("annotations") or {}
    return (
        metadata["uid"],
        metadata.get("generation"),
        metadata.get("deletionTimestamp"),
        *(annotations.get(name) for name in REQUEST_ANNOTATIONS),
    )


def _status_touched(known: Object, new: Object) -> bool:
    """Whether the status was changed by somebody else, or is gone.

    The watch often shows our own patch before its answer has come, so a difference alone says nothing.
    """
    status = new.get("status") or {}
    if status == (known.get("status") or {}):
        return False
    return status.get("observedGeneration", -1) < 0 or any(
        entry["manager"] != FIELD_MANAGER and "f:status" in (entry.get("fieldsV1") or {})
        for entry in new["metadata"].get("managedFields") or ()
    )


def _ownership(
    kind: str, metadata: Mapping[str, Any], known: _Child | None, *, written: bool
) -> tuple[Ownership | None, bool]:
    """What to hold later versions against, and whether this one has lost a field of ours.

    Nothing to hold them against means that they are judged alone, until a write of ours settles it.
    """
    if kind not in ALWAYS_OURS:
        return None, False
    now = ownership(metadata)
    if written:
        return now, False
    held = known.owned if known and known.uid == metadata["uid"] else None
    if held is None or held.content != now.content:
        # First sight, or a later write of ours whose answer is still on its way.
        lost = taken(kind, metadata)
        return None if lost else now, lost
    return held, held != now


def _unversioned(view: View | None) -> View | None:
    if view is None or isinstance(view, PodView | SliceView):
        return view
    return replace(view, identity=replace(view.identity, resource_version=""))


def _ready_endpoints(views: list[View | None]) -> Mapping[Any, int]:
    ready: dict[Any, set[str]] = {}
    for view in views:
        if isinstance(view, SliceView):
            ready.setdefault(view.revision, set()).update(view.ready)
    return {revision: len(endpoints) for revision, endpoints in ready.items()}
