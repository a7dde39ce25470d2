"""The schema of a PodTemplateSpec as a CRD may hold it, made from Kubernetes' own definitions.

Structural, without descriptions (they are four fifths of the size), and bounded where our CEL rules look. Two
things differ from upstream on purpose: `containers` is not required, since a template is merged over a
runtime's, and ephemeral containers are left out, since no template can have them.
"""

import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import serin.api

KUBERNETES: Final = "v1.37.0"
TARGET: Final = Path(serin.api.__path__[0]) / "podtemplate.schema.json"

_ROOT = "io.k8s.api.core.v1.PodTemplateSpec"
_KEPT = (
    "format",
    "enum",
    "required",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
)
_LABELS = {
    "type": "object",
    "additionalProperties": {"type": "string"},
    "maxProperties": 64,
}
_REPLACED: Mapping[str, dict[str, Any]] = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"x-kubernetes-int-or-string": True},
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {"x-kubernetes-int-or-string": True},
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time": {"type": "string", "format": "date-time"},
    "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta": {
        "type": "object",
        "properties": {"labels": _LABELS, "annotations": _LABELS},
    },
}
_LEFT_OUT = {"io.k8s.api.core.v1.PodSpec": {"ephemeralContainers"}}
_NOT_REQUIRED = {"io.k8s.api.core.v1.PodSpec": {"containers"}}
_ADDED: Mapping[tuple[str, str], dict[str, Any]] = {
    ("io.k8s.api.core.v1.ContainerPort", "protocol"): {"default": "TCP"},
    ("io.k8s.api.core.v1.LocalObjectReference", "name"): {"default": ""},
    ("io.k8s.api.core.v1.PodSpec", "containers"): {"maxItems": 32},
    ("io.k8s.api.core.v1.Container", "name"): {"maxLength": 63},
}


def pod_template_schema() -> dict[str, Any]:
    """The schema of a PodTemplateSpec as a CRD may hold it."""
    folder = files("kubernetes_validate") / "kubernetes-json-schema" / f"{KUBERNETES}-local-strict"
    definitions = json.loads((folder / "_definitions.json").read_text(encoding="utf-8"))["$defs"]
    return _definition(_ROOT, definitions)


def text() -> str:
    """What the file holds."""
    return json.dumps(pod_template_schema(), sort_keys=True, separators=(",", ":")) + "\n"


def _definition(name: str, definitions: Mapping[str, Any]) -> dict[str, Any]:
    if name in _REPLACED:
        return _REPLACED[name]
    made = _structural(definitions[name], definitions)
    for field in _LEFT_OUT.get(name, ()):
        del made["properties"][field]
    required = [field for field in made.pop("required", ()) if field not in _NOT_REQUIRED.get(name, ())]
    for (owner, field), extra in _ADDED.items():
        if owner == name:
            made["properties"][field] |= extra
    return made | ({"required": required} if required else {})


def _structural(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    if "$ref" in node:
        return _definition(node["$ref"].rpartition("/")[2], definitions)
    made: dict[str, Any] = {key: node[key] for key in _KEPT if key in node}
    kind = node["type"]
    made["type"] = next(one for one in kind if one != "null") if isinstance(kind, list) else kind
    if "properties" in node:
        made["properties"] = {
            name: _structural(child, definitions) for name, child in node["properties"].items()
        }
    if isinstance(node.get("additionalProperties"), dict):
        made["additionalProperties"] = _structural(node["additionalProperties"], definitions)
    if "items" in node:
        made["items"] = _structural(node["items"], definitions)
    if "enum" in made:
        made["enum"] = [value for value in made["enum"] if value is not None]
    return made
