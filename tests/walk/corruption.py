"""A status as no operator would have written it, as far as the schema lets it through: one leaf at a time.

The schema of the CRD says what the server takes; what it refuses cannot be there.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any, Final

from serin.api.crd import crd
from tests.walk.mutations import Spec

SCHEMA: Final[Mapping[str, Any]] = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"][
    "status"
]
FUTURE, PAST = "2099-01-01T00:00:00Z", "1970-01-01T00:00:00Z"
WORDS: Final = ("", "nonsense", "fraud-0000000000", "fraud-0000000000.1", "other-0000000000.7", "a.b.c.", "9")
ALWAYS_WRITTEN: Final = ("rollout.step",)
"""What the watcher of the invariants itself relies on."""
Path = tuple[str | int, ...]


def corruptions(status: Mapping[str, Any]) -> Iterator[tuple[str, Spec]]:
    """The status with one thing in it missing, or another than it was."""
    for path, schema in _parts(status, SCHEMA, ()):
        named = ".".join(map(str, path))
        if _optional(path) and named not in ALWAYS_WRITTEN:
            yield f"{named} is missing", _without(status, path)
        for value in _values(schema):
            if value != _get(status, path):
                yield f"{named} is {value!r:.40}", _with(status, path, value)


def _parts(value: Any, schema: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    if path:
        yield path, schema
    if isinstance(value, Mapping):
        for name, child in value.items():
            yield from _parts(child, schema["properties"][name], (*path, name))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _parts(child, schema["items"], (*path, index))


def _optional(path: Path) -> bool:
    """Whether the server takes it where this is left out."""
    schema: Mapping[str, Any] = SCHEMA
    for key in path[:-1]:
        schema = schema["items"] if isinstance(key, int) else schema["properties"][key]
    return path[-1] not in schema.get("required", ())


def _values(schema: Mapping[str, Any]) -> Iterator[Any]:
    if enum := schema.get("enum"):
        yield from enum
    elif schema.get("format") == "date-time":
        yield from (FUTURE, PAST)
    elif schema["type"] == "integer":
        yield from (schema.get("minimum", -1), schema.get("maximum", 2**31 - 1), 1)
    elif schema["type"] == "string" and "pattern" not in schema:
        yield from (word for word in WORDS if len(word) <= schema.get("maxLength", 64))
    elif schema["type"] == "boolean":
        yield from (True, False)
    elif schema["type"] == "array":
        yield []


def _get(value: Any, path: Path) -> Any:
    for key in path:
        value = value[key]
    return value


def _with(status: Mapping[str, Any], path: Path, value: Any) -> Spec:
    made = deepcopy(dict(status))
    _get(made, path[:-1])[path[-1]] = value
    return made


def _without(status: Mapping[str, Any], path: Path) -> Spec:
    made = deepcopy(dict(status))
    del _get(made, path[:-1])[path[-1]]
    return made
