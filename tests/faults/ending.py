"""What a run comes to: the objects without what differs by chance, who was made and removed, the way there.

All of it is read from the watcher's history, which has every version of every object.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.component.workloads import VOLATILE
from tests.invariants.world import KIND, Object, Seen, labels, route_weights

GENERATED: Final = frozenset({"Pod", "EndpointSlice"})
"""Their names are chance, and so is what controllers and nodes write into them."""
CHANCE: Final = VOLATILE | {
    "annotations",
    "clusterIP",
    "clusterIPs",
    "creationTimestamp",
    "epoch",
    "parents",
}
COUNTS: Final = frozenset({"replicas", "readyReplicas"})
ANNOTATION: Final = "serin.dev/"
UNLIKE: Final = frozenset({"serin.dev/epoch", "serin.dev/content"})


@dataclass(frozen=True, slots=True)
class Ending:
    """What is compared.

    Attributes:
        objects: What is there, by kind and name; of pods, how many of each revision.
        made, removed: How many objects of each kind and name came and went.
        path: The versions of what moves traffic and pods, one after the other, by the object.
    """

    objects: Mapping[str, Any]
    made: Mapping[str, int]
    removed: Mapping[str, int]
    path: Mapping[str, tuple[str, ...]]


def ending_of(history: Iterable[Seen], namespace: str) -> Ending:
    """The end of a history, and its way there."""
    live: dict[str, Object] = {}
    made: Counter[str] = Counter()
    removed: Counter[str] = Counter()
    path: dict[str, list[str]] = {}
    for seen in history:
        body = seen.object
        what, uid = _called(body), body["metadata"]["uid"]
        if seen.deleted:
            if live.pop(uid, None):
                removed[what] += 1
            continue
        made[what] += uid not in live
        live[uid] = body
        if (place := _place(body)) is not None and path.setdefault(what, [""])[-1] != place:
            path[what].append(place)
    return Ending(
        objects=_masked_all(live.values(), namespace),
        made=dict(made),
        removed=dict(removed),
        path={what: tuple(places[1:]) for what, places in path.items()},
    )


def going(history: Iterable[Seen]) -> set[str]:
    """The uids of objects that are on their way out."""
    found: set[str] = set()
    for seen in history:
        meta = seen.object["metadata"]
        if seen.deleted:
            found.discard(meta["uid"])
        elif "deletionTimestamp" in meta:
            found.add(meta["uid"])
    return found


def differences(found: Ending, wanted: Ending, *, but: Collection[str] = ()) -> list[str]:
    """What differs, in words; empty if nothing. How many came and went does not matter of these kinds."""
    told: list[str] = []
    for part in ("objects", "made", "removed", "path"):
        has, needs = getattr(found, part), getattr(wanted, part)
        for what in sorted(has.keys() | needs.keys()):
            if part in ("made", "removed") and what.partition(" ")[0] in but:
                continue
            if has.get(what) != needs.get(what):
                told += [f"{part} {what}: {line}" for line in _apart(has.get(what), needs.get(what))]
    return told


def _apart(found: Any, wanted: Any, at: str = "") -> list[str]:
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        keys = sorted(found.keys() | wanted.keys())
        return [
            line
            for key in keys
            if found.get(key) != wanted.get(key)
            for line in _apart(found.get(key), wanted.get(key), f"{at}.{key}")
        ]
    return [f"{at or 'it'} is {found!r}, and without faults {wanted!r}"]


def _called(body: Object) -> str:
    kind, name = body["kind"], body["metadata"]["name"]
    if kind in GENERATED:
        name = labels(body).get("serin.dev/revision", "of all")
    return f"{kind} {name}"


def _place(body: Object) -> str | None:
    """Where traffic goes by this object, or how many pods it wants."""
    match body["kind"]:
        case "HTTPRoute":
            return str({name: weight for name, weight in sorted(route_weights(body).items()) if weight})
        case "Deployment":
            return str(body["spec"]["replicas"])
        case "Service" if "serin.dev/revision" not in labels(body):
            return str(body["spec"]["selector"].get("serin.dev/revision"))
    return None


def _masked_all(live: Iterable[Object], namespace: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for body in live:
        what = _called(body)
        if body["kind"] in GENERATED:
            found[what] = found.get(what, 0) + 1
            continue
        # The status of what controllers look after is theirs.
        shown = _masked({part: body[part] for part in body if part != "status" or body["kind"] == KIND})
        shown["annotations"] = _said(body)
        if status := shown.get("status"):
            shown["status"] = _uncounted(status)
        found[what] = json.loads(json.dumps(shown).replace(namespace, "the-namespace"))
    return found


def _uncounted(status: Any) -> Any:
    """Counts are written at most every ten seconds; the pods themselves are counted elsewhere."""
    if isinstance(status, Mapping):
        return {name: _uncounted(inner) for name, inner in status.items() if name not in COUNTS}
    return status


def _said(body: Object) -> dict[str, str]:
    """Our annotations, but for what counts writes, or is made of the host, which is the namespace's."""
    said = body["metadata"].get("annotations") or {}
    return {name: text for name, text in said.items() if name.startswith(ANNOTATION) and name not in UNLIKE}


def _masked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _masked(inner) for name, inner in value.items() if name not in CHANCE}
    if isinstance(value, list):
        return [_masked(inner) for inner in value]
    return value
