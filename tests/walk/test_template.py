"""A1 for `spec.template`: every leaf of a PodTemplateSpec reaches the pods as written."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from serin.api.intent import intent_of
from serin.api.podtemplate import pod_template_schema
from serin.catalogue.loader import builtin
from serin.domain.intent import Intent
from serin.domain.render import render_template

Path = tuple[str, ...]
SCHEMA: Final = pod_template_schema()
ITEM: Final = "[]"
NAMED: Final = {"containers": "model", "initContainers": "before"}
"""Containers that a leaf is tried in."""


def test_every_leaf_of_the_template_reaches_the_pods() -> None:
    _, nothing = rendered({})
    lost = []
    for path in leaves(SCHEMA):
        made = template(SCHEMA, path)
        pods, revision = rendered(made)
        if _at(pods, path) != _at(made, path) or revision == nothing:
            lost.append(".".join(path))

    assert lost == []


def rendered(written: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """The pods' template, and the hash of the revision."""
    spec = {"model": {"format": "sklearn"}, "template": written}
    made = intent_of({"metadata": {"name": "iris"}, "spec": spec})
    assert isinstance(made, Intent), made
    return render_template(made, builtin().runtime("mlserver")), made.revision.hash


def leaves(schema: Mapping[str, Any], path: Path = ()) -> Iterator[Path]:
    """The way to every leaf; a list's entries are one step."""
    if schema.get("properties"):
        for name, child in schema["properties"].items():
            yield from leaves(child, (*path, name))
    elif isinstance(schema.get("additionalProperties"), Mapping):
        yield from leaves(schema["additionalProperties"], (*path, "some.example/key"))
    elif "items" in schema:
        yield from leaves(schema["items"], (*path, ITEM))
    else:
        yield path


def template(schema: Mapping[str, Any], path: Path, *, field: str = "") -> Any:
    """The smallest valid template that has this leaf."""
    if schema.get("properties"):
        made = {name: _smallest(schema["properties"][name], name) for name in schema.get("required", ())}
        if path:
            made[path[0]] = template(schema["properties"][path[0]], path[1:], field=path[0])
        return made | ({"name": NAMED[field]} if field in NAMED else {})
    if isinstance(schema.get("additionalProperties"), Mapping):
        return {path[0]: template(schema["additionalProperties"], path[1:])}
    if "items" in schema:
        return [template(schema["items"], path[1:], field=field)]
    return _value(schema, field)


def _smallest(schema: Mapping[str, Any], name: str) -> Any:
    if schema.get("properties"):
        return {one: _smallest(schema["properties"][one], one) for one in schema.get("required", ())}
    if "items" in schema:
        return [_smallest(schema["items"], name)]
    if isinstance(schema.get("additionalProperties"), Mapping):
        return {}
    return _value(schema, name)


def _value(schema: Mapping[str, Any], field: str) -> Any:
    """A value that is nobody's default."""
    if schema.get("x-kubernetes-int-or-string"):
        return 7
    match schema["type"]:
        case "integer" | "number":
            return 7
        case "boolean":
            return True
        case "object":
            return {}
    if enum := schema.get("enum"):
        return next(one for one in enum if one != schema.get("default"))
    return NAMED.get(field, "walked")


def _at(value: Any, path: Path) -> Any:
    """What is at the end of a way; of a list, the entry that was written, which is the last."""
    for index, key in enumerate(path):
        if key == ITEM:
            named = NAMED.get(path[index - 1])
            chosen = [one for one in value if named and one.get("name") == named] or value
            value = chosen[-1]
        else:
            value = value[key]
    return value
