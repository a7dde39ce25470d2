"""Whether a field that Serin applied is still Serin's, told from managedFields alone.

A person's edit takes a field out of our set, or leaves an added one beside it; an owner who set the same
value only joins us, and no apply of ours could undo that. So the set as a whole is remembered when Serin
writes, and compared. After a restart nothing is remembered, and the structure has to tell: what must be
ours is, and nobody else holds a field of the spec that we do not. A false alarm costs one apply that
changes nothing, once.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from serin.domain.names import (
    CONTENT_ANNOTATION,
    EPOCH_ANNOTATION,
    FIELD_MANAGER,
    REJECTED_ANNOTATION,
)

ALWAYS_OURS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "Deployment": (("f:spec", "f:replicas"), ("f:spec", "f:selector"), ("f:spec", "f:template")),
    "Service": (("f:spec", "f:selector"), ("f:spec", "f:ports")),
    "HTTPRoute": (("f:spec", "f:rules"), ("f:spec", "f:parentRefs")),
    "ControllerRevision": (),
}
"""Fields that every manifest of ours sets; kinds that are not listed are not written by Serin."""

PASSING: Final = frozenset({f"f:{EPOCH_ANNOTATION}", f"f:{REJECTED_ANNOTATION}"})
"""Annotations of a Deployment that are no part of its content; who looks at them compares their values."""

FieldSet = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ownership:
    """What Serin owned of an object right after it wrote it, as a number, and which write that was."""

    content: str | None
    fields: int


def ownership(metadata: Mapping[str, Any]) -> Ownership:
    """What Serin owns of the object now."""
    entry = _applied(metadata)
    fields = json.dumps(_lasting(entry.get("fieldsV1") or {}), sort_keys=True) if entry else ""
    return Ownership((metadata.get("annotations") or {}).get(CONTENT_ANNOTATION), hash(fields))


def written_at(metadata: Mapping[str, Any]) -> datetime | None:
    """When Serin's latest effective apply was."""
    entry = _applied(metadata)
    return datetime.fromisoformat(entry["time"]) if entry and "time" in entry else None


def taken(kind: str, metadata: Mapping[str, Any]) -> bool:
    """Whether the structure alone shows that somebody took a field, or removed one."""
    ours = (_applied(metadata) or {}).get("fieldsV1") or {}
    if any(leaf not in ours.get(root, {}) for root, leaf in ALWAYS_OURS[kind]):
        return True
    our_spec = set(_leaves(ours.get("f:spec", {})))
    return any(
        leaf not in our_spec
        for entry in metadata.get("managedFields") or ()
        if entry["manager"] != FIELD_MANAGER and entry.get("subresource") != "status"
        for leaf in _leaves((entry.get("fieldsV1") or {}).get("f:spec", {}))
    )


def _lasting(fields: FieldSet) -> FieldSet:
    """Without the annotations that some of our writes add and others take away, though the content stays.

    Such a write is often shown before its answer has come; it must not be taken for an edit by somebody else.
    """
    metadata = fields.get("f:metadata") or {}
    annotations = metadata.get("f:annotations") or {}
    if not annotations.keys() & PASSING:
        return fields
    kept = {name: inner for name, inner in annotations.items() if name not in PASSING}
    return {**fields, "f:metadata": {**metadata, "f:annotations": kept}}


def _applied(metadata: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return next(
        (
            entry
            for entry in metadata.get("managedFields") or ()
            if entry["manager"] == FIELD_MANAGER and entry["operation"] == "Apply"
        ),
        None,
    )


def _leaves(fields: FieldSet, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, inner in fields.items():
        if inner:
            yield from _leaves(inner, (*path, name))
        else:
            yield (*path, name)
