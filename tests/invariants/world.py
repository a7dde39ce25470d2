"""The world as of each version of each object, and what the rules ask of it.

A history is a sequence of `Seen`, ordered by resourceVersion; `World.take` turns each into a `Step`. Times
are arrivals at the watcher, mended by `dated`. An operator acts on what was true a moment ago: capacity and
sizes are therefore remembered for `GRACE` seconds. One world is one namespace.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import accumulate
from math import ceil
from typing import Any, Final, TypeAlias

Object: TypeAlias = dict[str, Any]

MODEL: Final = "serin.dev/model"
REVISION: Final = "serin.dev/revision"
MANAGER: Final = "serin"
KIND: Final = "ModelDeployment"
GRACE: Final = 2.0
"""How long ago something may have been true for the operator to act on it, in seconds."""
HARMFUL: Final = frozenset({"Harm", "LostEndpoints", "CrashLoop", "Aborted"})
"""Reasons away from which traffic moves before capacity is complete (I4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One version of one object, or its end."""

    at: float
    object: Object
    deleted: bool = False


def dated(history: Sequence[Seen]) -> list[Seen]:
    """A history in which nothing is younger than what was written after it.

    Each kind has a watch of its own, and on a busy machine one is seconds behind another: a version was
    written before the first arrival of all that come after it. A route's own stamp tells it, too.
    """
    routes: dict[str, Object] = {}
    written = []
    for seen in history:
        is_route, uid = seen.object["kind"] == "HTTPRoute", seen.object["metadata"]["uid"]
        written.append(_written(seen, routes.get(uid)) if is_route else seen.at)
        if is_route:
            routes[uid] = seen.object
    before_all_later = reversed([*accumulate(reversed(written), min)])
    return [replace(seen, at=at) for seen, at in zip(history, before_all_later, strict=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """From one version of an object to the next, in the world that results.

    Attributes:
        was, now: The object's versions; None before its creation and after its deletion.
        before, traffic: Percent of the model's traffic by revision name, before and after.
    """

    world: "World"
    at: float
    was: Object | None
    now: Object | None
    before: Mapping[str, int]
    traffic: Mapping[str, int]

    @property
    def object(self) -> Object:
        """The newer of the two versions."""
        found = self.now or self.was
        assert found is not None
        return found

    @property
    def kind(self) -> str:
        return str(self.object["kind"])

    @property
    def name(self) -> str:
        return str(self.object["metadata"]["name"])

    @property
    def model(self) -> str:
        """The ModelDeployment it belongs to, or an empty name."""
        return model_of(self.object)

    @property
    def revision(self) -> str:
        """The name of the revision it belongs to, or an empty one."""
        return revision_of(self.object)

    @property
    def ours(self) -> bool:
        """Whether this version was written by the operator: its apply, and nobody else's write since."""
        if self.now is None or (self.was and self.kind != KIND and _asked(self.was) == _asked(self.now)):
            return False  # a status of somebody else's, perhaps right after somebody's edit
        written, before = managed(self.now), managed(self.was) if self.was else {}
        if not any(manager == MANAGER for manager, *_ in written):
            return False
        for entry, (time, fields) in written.items():
            # Who takes a field away leaves no trace but in the entry of its owner.
            known = before.get(entry, ("", ""))
            if entry[0] == MANAGER and known[0] == time and known[1] != fields:
                return False
        others = {entry: value for entry, value in written.items() if entry[0] != MANAGER and not entry[2]}
        return all(before.get(entry) == value for entry, value in others.items())


@dataclass(slots=True)
class World:
    """Every object as last seen, and a short memory."""

    objects: dict[tuple[str, str], Object] = field(default_factory=dict)
    first: dict[tuple[str, str], Object] = field(default_factory=dict)
    """The first version of each object, by kind and uid."""
    gone: set[str] = field(default_factory=set)
    """uids of deleted objects."""
    left: dict[str, float] = field(default_factory=dict)
    """By when each revision's traffic had gone to 0."""
    _ready: dict[str, list[tuple[float, int]]] = field(default_factory=dict)
    _sizes: dict[str, list[tuple[float, int]]] = field(default_factory=dict)

    def take(self, seen: Seen) -> Step:
        """Take in the next version."""
        body = seen.object
        kind, name, uid = body["kind"], body["metadata"]["name"], body["metadata"].get("uid", "")
        model = model_of(body)
        before, was = self.traffic(model), self.objects.get((kind, name))
        if was is not None and was["metadata"].get("uid") != uid:
            was = None
        if seen.deleted:
            # Its end may be told after the next one of its name has come.
            was = self.objects.pop((kind, name)) if was else body
            self.gone.add(uid)
        else:
            self.objects[kind, name] = body
            self.first.setdefault((kind, uid), body)
        self._remember(seen.at, body)
        after = self.traffic(model)
        when = _written(seen, was)
        self.left.update(
            {revision: when for revision in before if before[revision] and not after.get(revision)}
        )
        now = None if seen.deleted else body
        return Step(world=self, at=seen.at, was=was, now=now, before=before, traffic=after)

    def get(self, kind: str, name: str) -> Object | None:
        return self.objects.get((kind, name))

    def of(self, kind: str, model: str) -> Iterator[Object]:
        """The model's objects of a kind."""
        for (known, _), body in self.objects.items():
            if known == kind and model_of(body) == model:
                yield body

    def traffic(self, model: str) -> dict[str, int]:
        """Percent of the model's traffic by revision: what its route says, else its root Service."""
        if route := self.get("HTTPRoute", model):
            return route_weights(route)
        if not model or self.get("Service", model) is None:
            return {}
        if (alone := self.selected(model)) is not None:
            return {alone: 100}
        ready = {name: count for name in self._revisions(model) if (count := self.ready(name))}
        total = sum(ready.values())
        return {name: round(100 * count / total) for name, count in ready.items()}

    def selected(self, model: str) -> str | None:
        """The one revision that the root Service selects; None where it selects all, or there is none."""
        selector = (self.get("Service", model) or {}).get("spec", {}).get("selector") or {}
        return f"{model}-{selector[REVISION]}" if model and REVISION in selector else None

    def ready(self, revision: str) -> int:
        """Ready endpoints of a revision now."""
        history = self._ready.get(revision)
        return history[-1][1] if history else 0

    def lately_ready(self, revision: str, at: float) -> int:
        """The most ready endpoints a revision had within the grace."""
        return max(_lately(self._ready.get(revision, []), at), default=0)

    def lately_asked(self, model: str, at: float) -> int:
        """The fewest replicas that the model's spec asked for within the grace."""
        return min(_lately(self._sizes.get(model, []), at), default=0)

    def pods_for(self, weight: int, model: str, at: float) -> int:
        """The ready pods that a share of the traffic takes (I4)."""
        floor = rollout(self.get(KIND, model)).get("capacityFloor", 0)
        size = max(self.lately_asked(model, at), floor)
        return min(size, max(1, ceil(size * weight / 100))) if weight else 0

    def _remember(self, at: float, body: Object) -> None:
        if body["kind"] == "EndpointSlice" and (revision := revision_of(body)):
            self._ready.setdefault(revision, []).append((at, self._endpoints(revision)))
        if body["kind"] == KIND:
            replicas = body["spec"].get("replicas", 1)
            self._sizes.setdefault(body["metadata"]["name"], []).append((at, replicas))

    def _endpoints(self, revision: str) -> int:
        ready: set[str] = set()
        for (kind, _), body in self.objects.items():
            if kind == "EndpointSlice" and revision_of(body) == revision:
                for endpoint in body.get("endpoints") or []:
                    if (endpoint.get("conditions") or {}).get("ready"):
                        ready.add((endpoint.get("targetRef") or {}).get("uid") or endpoint["addresses"][0])
        return len(ready)

    def _revisions(self, model: str) -> set[str]:
        return {name for name in self._ready if name.rpartition("-")[0] == model}


def _lately(history: list[tuple[float, int]], at: float) -> list[int]:
    """The values within the grace, with the one that held when it began."""
    older = [value for when, value in history if when <= at - GRACE]
    return older[-1:] + [value for when, value in history if at - GRACE < when <= at]


def labels(body: Object) -> Mapping[str, str]:
    return body["metadata"].get("labels") or {}


def annotations(body: Object) -> Mapping[str, str]:
    return body["metadata"].get("annotations") or {}


def model_of(body: Object) -> str:
    return str(body["metadata"]["name"]) if body["kind"] == KIND else labels(body).get(MODEL, "")


def revision_of(body: Object) -> str:
    found = labels(body)
    return f"{found[MODEL]}-{found[REVISION]}" if {MODEL, REVISION} <= found.keys() else ""


def rollout(model: Object | None) -> Mapping[str, Any]:
    """The attempt under way, or nothing."""
    return ((model or {}).get("status") or {}).get("rollout") or {}


def route_weights(route: Object) -> dict[str, int]:
    """Weights by backend, of its first rule."""
    rules = route["spec"].get("rules") or [{}]
    return {entry["name"]: entry.get("weight", 1) for entry in rules[0].get("backendRefs") or []}


def _written(seen: Seen, was: Object | None) -> float:
    """No version was written later than this: the server's stamps are whole seconds, arrivals may be late.

    A write that only takes something away has no stamp of its own, nor has a deletion.
    """
    stamp = _stamp(seen.object)
    if seen.deleted or "deletionTimestamp" in seen.object["metadata"] or stamp in ("", _stamp(was or {})):
        return seen.at
    return min(seen.at, datetime.fromisoformat(stamp).timestamp() + 1)


def _stamp(body: Object) -> str:
    entries = body.get("metadata", {}).get("managedFields") or ()
    return max((entry.get("time", "") for entry in entries), default="")


def _asked(body: Object) -> Object:
    """The object without its status, and without what every write changes."""
    noise = ("managedFields", "resourceVersion", "generation")
    metadata = {key: value for key, value in body["metadata"].items() if key not in noise}
    return {**{key: value for key, value in body.items() if key != "status"}, "metadata": metadata}


def managed(body: Object) -> dict[tuple[str, str, str], tuple[str, str]]:
    """Who manages what: manager, operation and subresource, with the time and the fields."""
    return {
        (entry["manager"], entry["operation"], entry.get("subresource", "")): (
            entry.get("time", ""),
            repr(entry.get("fieldsV1")),
        )
        for entry in body["metadata"].get("managedFields") or []
    }
