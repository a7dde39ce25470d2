"""What the gateways' controllers say of an HTTPRoute: `status.parents`, matched to `spec.parentRefs`.

A controller reports per parentRef, with the generation it has seen; a word about an older one says
nothing about the weights written since. Several controllers may report on one parentRef: one that has
taken the route is enough. Some never name a generation: their yes may be an old one and is not waited for,
their no is believed.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

Object = Mapping[str, Any]

NEEDED: Final = ("Accepted", "ResolvedRefs")


def reported(route: Object) -> bool:
    """Some controller has written about one of our parentRefs what can be waited for or is final: the
    generation that it means, whichever, or a refusal.
    """
    return any(
        "observedGeneration" in condition or _refuses(condition)
        for ref in _refs(route)
        for entry in _entries(route, ref)
        for condition in entry.get("conditions") or ()
    )


def accepted(route: Object) -> bool:
    """Every parentRef is Accepted and ResolvedRefs at the current generation."""
    refs = list(_refs(route))
    return bool(refs) and all(any(_holds(route, entry) for entry in _entries(route, ref)) for ref in refs)


def refusal(route: Object) -> str | None:
    """The first objection to the current generation, in the controller's words."""
    for ref in _refs(route):
        for entry in _entries(route, ref):
            for kind, condition in _current(route, entry).items():
                if kind in NEEDED and condition["status"] == "False":
                    reason, message = condition.get("reason", ""), condition.get("message", "")
                    return f"{ref['name']}: {kind} is False/{reason}: {message}".rstrip(": ")
    return None


def _refs(route: Object) -> Iterator[Object]:
    yield from route["spec"].get("parentRefs") or ()


def _entries(route: Object, ref: Object) -> Iterator[Object]:
    namespace = route["metadata"]["namespace"]
    wanted = _place(ref, namespace)
    for entry in (route.get("status") or {}).get("parents") or ():
        if _place(entry["parentRef"], namespace) == wanted:
            yield entry


def _place(ref: Object, namespace: str) -> tuple[object, ...]:
    """A parentRef with the defaults that a controller may or may not have written out."""
    return (
        ref.get("group", "gateway.networking.k8s.io"),
        ref.get("kind", "Gateway"),
        ref.get("namespace", namespace),
        ref["name"],
        ref.get("sectionName"),
        ref.get("port"),
    )


def _current(route: Object, entry: Object) -> Mapping[str, Object]:
    generation = route["metadata"]["generation"]
    return {
        condition["type"]: condition
        for condition in entry.get("conditions") or ()
        if condition.get("observedGeneration", 0) >= generation or _refuses(condition)
    }


def _refuses(condition: Object) -> bool:
    """A no that names no generation."""
    return "observedGeneration" not in condition and condition["status"] == "False"


def _holds(route: Object, entry: Object) -> bool:
    current = _current(route, entry)
    return all(kind in current and current[kind]["status"] == "True" for kind in NEEDED)
