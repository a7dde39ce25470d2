"""The CustomResourceDefinition, made from the models: one source for what is accepted and explained.

A structural schema allows less than pydantic writes. Each difference is a step here with the server's
complaint as its reason; what no step covers raises, so that a new kind of field cannot reach a cluster
half-described.
"""

from collections.abc import Mapping
from typing import Any, Final

import yaml

from serin.api.model import ModelDeployment
from serin.api.podtemplate import pod_template_schema
from serin.api.spelling import POD_TEMPLATE
from serin.domain.names import GROUP, KIND, PLURAL, VERSION
from serin.domain.status import Status

_KEPT: Final = (
    "description",
    "type",
    "format",
    "default",
    "enum",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "maxProperties",
    "required",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
    "x-kubernetes-validations",
)
_DROPPED: Final = frozenset({"$defs", "title", "additionalProperties", "items", "properties"})
"""Noise, or handled by name. `additionalProperties: false` is what pruning and strict validation do."""
_COLUMNS: Final = (
    ("Ready", "string", '.status.conditions[?(@.type=="Ready")].status', "Serving what was asked for.", 0),
    ("Status", "string", ".status.phase", "Where the rollout stands.", 0),
    ("Weight", "integer", ".status.canary.weight", "Percent of requests that the canary gets.", 0),
    ("Stable", "string", ".status.stable.revision", "The revision that serves.", 0),
    ("Canary", "string", ".status.canary.revision", "The revision that is being tried.", 0),
    ("Replicas", "integer", ".status.replicas", "Pods with traffic.", 0),
    ("Age", "date", ".metadata.creationTimestamp", "", 0),
    ("Step", "string", ".status.canary.step", "The step under way.", 1),
    ("Runtime", "string", ".status.resolved.runtime", "The model server.", 1),
    ("URL", "string", ".status.url", "Where requests are sent to.", 1),
    ("Message", "string", ".status.message", "What happens, in one sentence.", 1),
)


class NotStructural(TypeError):
    """A model uses what a CRD cannot say; the message names the field. Not the fault of a user."""


def crd() -> dict[str, Any]:
    """The CRD as the server takes it by plain `kubectl apply`."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["mdep"],
                "categories": ["ml"],
            },
            "scope": "Namespaced",
            "versions": [_version()],
        },
    }


def crd_yaml() -> str:
    """The text that `crds/` holds and `serin crd` prints."""
    return yaml.dump(crd(), Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True)


def _version() -> dict[str, Any]:
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        "additionalPrinterColumns": [_column(*column) for column in _COLUMNS],
        "subresources": {
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.replicas",
                "statusReplicasPath": ".status.replicas",
                "labelSelectorPath": ".status.selector",
            },
        },
        "schema": {"openAPIV3Schema": _root()},
    }


def _column(name: str, kind: str, path: str, description: str, priority: int) -> dict[str, Any]:
    column: dict[str, Any] = {"name": name, "type": kind, "jsonPath": path}
    return (
        column
        | ({"description": description} if description else {})
        | ({"priority": priority} if priority else {})
    )


def _root() -> dict[str, Any]:
    schema = ModelDeployment.model_json_schema(by_alias=True)
    own = _structural({**schema, "properties": {}, "required": ["spec"]}, schema["$defs"], "")
    return own | {
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            # Named, so that a rule may point to it; restricting it is what the rule is for.
            "metadata": {"type": "object", "properties": {"name": {"type": "string"}}},
            "spec": _structural(schema["properties"]["spec"], schema["$defs"], "spec"),
            "status": _status(),
        }
    }


def _status() -> dict[str, Any]:
    schema = Status.model_json_schema(by_alias=True)
    status = _without_defaults(_structural(schema, schema["$defs"], "status"))
    # Without any status a waiter takes an object that nobody has looked at yet for a finished one.
    return {**status, "default": {"observedGeneration": -1}}


def _structural(node: Mapping[str, Any], parts: Mapping[str, Any], path: str) -> dict[str, Any]:
    """One field's schema, references inlined: `$ref` is not supported by the server."""
    node = _resolved(node, parts, path)
    if node.get(POD_TEMPLATE):
        return {**_kept(node), **pod_template_schema()}
    if node.get("x-kubernetes-int-or-string"):
        return _kept(node)
    if "type" not in node:
        raise NotStructural(f"{path}: no single type in {dict(node)}")
    unknown = node.keys() - set(_KEPT) - _DROPPED
    if unknown:
        raise NotStructural(f"{path}: a CRD has no {', '.join(sorted(unknown))}")
    return _kept(node) | _children(node, parts, path)


def _resolved(node: Mapping[str, Any], parts: Mapping[str, Any], path: str) -> dict[str, Any]:
    """The node with its reference followed and `T | None` made T: to be absent is the only null there is."""
    if "anyOf" in node:
        options = [option for option in node["anyOf"] if option != {"type": "null"}]
        if len(options) != 1:
            raise NotStructural(f"{path}: a choice between {len(options)} types")
        rest = {key: value for key, value in node.items() if key != "anyOf"}
        return _resolved({**options[0], **rest}, parts, path)
    if "$ref" in node:
        target = parts[node["$ref"].rpartition("/")[2]]
        rest = {key: value for key, value in node.items() if key != "$ref"}
        return _resolved({**target, **rest}, parts, path)
    return dict(node)


def _kept(node: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: node[key] for key in _KEPT if key in node}
    if "description" in kept:
        kept["description"] = " ".join(kept["description"].split())
    if kept.get("type") == "integer":
        kept.setdefault("format", "int64" if kept.get("maximum", 2**31) >= 2**31 else "int32")
    if "default" in kept:
        # Written out, though its fields have the same defaults: the server holds a default to the rules of
        # its part before it fills that part in, and rules look at fields that {} does not have.
        default = _without_empties(kept.pop("default"))
        if default is not None:
            kept["default"] = default
    return kept


def _children(node: Mapping[str, Any], parts: Mapping[str, Any], path: str) -> dict[str, Any]:
    if node["type"] == "array":
        made = {"items": _structural(node["items"], parts, f"{path}[]")}
        return made if "x-kubernetes-list-type" in node else made | {"x-kubernetes-list-type": "atomic"}
    if "properties" in node:
        fields = node["properties"].items()
        return {"properties": {name: _structural(child, parts, f"{path}.{name}") for name, child in fields}}
    if isinstance(node.get("additionalProperties"), dict):
        return {"additionalProperties": _structural(node["additionalProperties"], parts, f"{path}.*")}
    return {}


def _without_empties(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_empties(child) for key, child in value.items() if child not in (None, {})}
    if isinstance(value, list):
        return [_without_empties(child) for child in value]
    return value


def _without_defaults(value: Any) -> Any:
    """What the operator leaves out of a status stays out of it."""
    if isinstance(value, dict):
        return {key: _without_defaults(child) for key, child in value.items() if key != "default"}
    return value


class _Dumper(yaml.SafeDumper):
    """Writes shared parts out in full: anchors in a CRD are legal and unreadable."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
