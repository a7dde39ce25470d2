"""What is done to a leaf: deleted, doubled, halved, toggled, pushed, popped, emptied, made nonsense of."""

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any, Final

Spec = dict[str, Any]
NONSENSE: Final = "no such thing!"


def mutations(
    spec: Mapping[str, Any], at: str, schema: Mapping[str, Any], *, other: object, whole: object
) -> Iterator[tuple[str, Spec]]:
    """Specs that differ from this one at one leaf, by what was done to it."""
    path = keys(at)
    value = _get(spec, path)
    for name, changed in _values(value, schema, other):
        yield name, _with(spec, path, changed)
    yield "deleted", _without(spec, path)
    if whole is not None:
        yield "another whole", _with(spec, path[:-1], whole)
    holder = _get(spec, path[:-1])
    if isinstance(path[-1], int):
        yield "pushed", _with(spec, path[:-1], [*holder, other])
        yield "popped", _with(spec, path[:-1], holder[:-1])
        yield "emptied", _with(spec, path[:-1], [])
    lists = [index for index, key in enumerate(path[:-1]) if isinstance(key, int)]
    if lists and path[lists[-1]] == len(_get(spec, path[: lists[-1]])) - 1:
        yield "its entry popped", _with(spec, path[: lists[-1]], _get(spec, path[: lists[-1]])[:-1])


def _values(value: Any, schema: Mapping[str, Any], other: object) -> Iterator[tuple[str, Any]]:
    match value:
        case bool():
            yield "toggled", not value
            yield "nonsense", NONSENSE
        case int():
            yield "doubled", value * 2
            yield "halved", value // 2
            yield "negated", -value
            yield "nonsense", NONSENSE
        case str():
            yield "doubled", value + value
            yield "halved", value[: len(value) // 2]
            yield "emptied", ""
            yield "nonsense", NONSENSE
            yield "of another type", 7
            yield from ((one, one) for one in schema.get("enum", ()) if one != value)
        case _:
            yield "nonsense", NONSENSE
    if other is not None:
        yield "another", other


def keys(at: str) -> list[str | int]:
    """`steps[0].name` as the keys that lead there."""
    return [int(part) if part.isdigit() else part for part in re.findall(r"[^.\[\]]+", at)]


def _get(spec: Any, path: list[str | int]) -> Any:
    for key in path:
        spec = spec[key]
    return spec


def _with(spec: Mapping[str, Any], path: list[str | int], value: Any) -> Spec:
    made = deepcopy(dict(spec))
    _get(made, path[:-1])[path[-1]] = value
    return made


def _without(spec: Mapping[str, Any], path: list[str | int]) -> Spec:
    made = deepcopy(dict(spec))
    del _get(made, path[:-1])[path[-1]]
    return made
