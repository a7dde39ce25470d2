"""A history as a person reads it: a line for each version, with what it changed. Shown where a test fails."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from tests.invariants.world import Object, Seen

DULL: Final = frozenset(
    {"lastTransitionTime", "observedGeneration", "message", "description", "url", "selector"}
)
TOLD: Final = {
    "ModelDeployment": ("spec", "status"),
    "Deployment": ("spec",),
    "Service": ("spec",),
    "HTTPRoute": ("spec",),
    "EndpointSlice": ("endpoints",),
    "Pod": ("status",),
}
LONGEST: Final = 240


def story(history: Iterable[Seen]) -> Iterator[str]:
    """One line for each version that changed what a reader may want to know."""
    known: dict[tuple[str, str], dict[str, Any]] = {}
    for seen in history:
        body = seen.object
        key = body["kind"], body["metadata"]["name"]
        facts = {} if seen.deleted else dict(_facts(body))
        before = known.get(key, {})
        known[key] = facts
        changed = {
            name: facts.get(name)
            for name in facts.keys() | before.keys()
            if facts.get(name) != before.get(name)
        }
        if changed or seen.deleted or not before:
            at = datetime.fromtimestamp(seen.at, tz=UTC).strftime("%H:%M:%S.%f")[:-3]
            what = (
                "gone"
                if seen.deleted
                else " ".join(f"{name}={value}" for name, value in sorted(changed.items()))
            )
            yield f"{at} {key[0]} {key[1]} {what}"[:LONGEST]


def _facts(body: Object) -> Iterator[tuple[str, Any]]:
    for part in TOLD.get(body["kind"], ()):
        if body["kind"] == "EndpointSlice":
            ready = [one for one in body.get("endpoints") or [] if one["conditions"].get("ready")]
            yield "ready", len(ready)
        elif body["kind"] == "Pod":
            found = body.get("status", {}).get("conditions") or []
            yield "ready", next((one["status"] for one in found if one["type"] == "Ready"), None)
            yield "going", "deletionTimestamp" in body["metadata"]
        else:
            yield from _leaves(
                part, {key: value for key, value in body.get(part, {}).items() if key != "template"}
            )


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    match value:
        case dict():
            for key, item in value.items():
                if key not in DULL or path == "spec":
                    yield from _leaves(f"{path}.{key}", item)
        case list():
            for number, item in enumerate(value):
                name = item.get("type") or item.get("name") or number if isinstance(item, dict) else number
                yield from _leaves(f"{path}[{name}]", item)
        case _:
            yield path, value
