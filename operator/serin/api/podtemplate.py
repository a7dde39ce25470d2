"""The schema of `spec.template`, what is wrong with a template, and the spelling that equal ones share."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

from serin.api.quantities import canonical

PORT: Final = "port"
"""The one field of a template that is a number or text and no amount: 80 is a port, "80" the name of one."""
_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "object": (Mapping,),
    "array": (list, tuple),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at a path of the template."""

    path: str
    need: str


@cache
def pod_template_schema() -> Mapping[str, Any]:
    """A PodTemplateSpec as a structural schema without descriptions, of Kubernetes' own definitions."""
    text = files("serin.api").joinpath("podtemplate.schema.json").read_text(encoding="utf-8")
    return MappingProxyType(json.loads(text))


def without_defaults(template: Mapping[str, Any]) -> dict[str, Any]:
    """The template without the fields that have the value the server would give them anyway."""
    return _bare(template, pod_template_schema())  # type: ignore[no-any-return]


def with_plain_amounts(template: Mapping[str, Any]) -> dict[str, Any]:
    """The template with each amount of a resource in its one spelling."""
    return _plain(template, pod_template_schema(), "")  # type: ignore[no-any-return]


def first_fault(template: Any) -> Fault | None:
    """The first field that the server would refuse for its name or type, in the order of the template."""
    return _fault(template, pod_template_schema(), "")


def _bare(value: Any, schema: Mapping[str, Any]) -> Any:
    if isinstance(value, Mapping):
        fields = schema.get("properties", {})
        rest = schema.get("additionalProperties", {})
        return {
            name: _bare(child, fields.get(name, rest))
            for name, child in value.items()
            if "default" not in fields.get(name, {}) or fields[name]["default"] != child
        }
    if isinstance(value, list | tuple):
        return [_bare(child, schema.get("items", {})) for child in value]
    return value


def _plain(value: Any, schema: Mapping[str, Any], field: str) -> Any:
    if schema.get("x-kubernetes-int-or-string"):
        return value if field == PORT else canonical(value)
    if isinstance(value, Mapping):
        fields, rest = schema.get("properties", {}), schema.get("additionalProperties", {})
        return {name: _plain(child, fields.get(name, rest), name) for name, child in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(child, schema.get("items", {}), field) for child in value]
    return value


def _fault(value: Any, schema: Mapping[str, Any], path: str) -> Fault | None:
    if schema.get("x-kubernetes-int-or-string"):
        fits = isinstance(value, int | str) and not isinstance(value, bool)
        return None if fits else Fault(path, f"need a whole number or text, found {value!r}")
    kind = schema["type"]
    if not _is_a(value, kind):
        return Fault(path, f"need {kind}, found {value!r}")
    if kind == "array":
        faults = (_fault(child, schema["items"], f"{path}[{index}]") for index, child in enumerate(value))
        return next(filter(None, faults), None)
    return _fault_in_object(value, schema, path) if kind == "object" else None


def _is_a(value: Any, kind: str) -> bool:
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _fault_in_object(value: Mapping[str, Any], schema: Mapping[str, Any], path: str) -> Fault | None:
    fields = schema.get("properties", {})
    rest = schema.get("additionalProperties")
    for name in schema.get("required", ()):
        if name not in value:
            return Fault(f"{path}.{name}".removeprefix("."), "is needed")
    for name, child in value.items():
        place = f"{path}.{name}".removeprefix(".")
        known = fields.get(name, rest)
        if known is None:
            return Fault(place, "is not a field of a PodTemplateSpec")
        fault = _fault(child, known, place)
        if fault is not None:
            return fault
    return None
