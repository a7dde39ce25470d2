"""The JSON schema of a ModelDeployment, for editors and for checks without a cluster, made from the CRD.

Stricter than the CRD in one thing, as `kubectl apply` is: fields that nobody knows are faults. CEL rules have
no counterpart; `kubectl serin lint` knows them.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from serin.api.crd import crd

NAME: Final = "modeldeployment-serin.dev-v1alpha1.json"
"""As kubeconform looks for it: {kind}-{group}-{version}."""
FILE: Final = Path(__file__).parents[2] / "manifests" / "schemas" / NAME
METADATA: Final = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}


def text() -> str:
    """What the file holds."""
    [version] = crd()["spec"]["versions"]
    made = _plain(version["schema"]["openAPIV3Schema"])
    properties = made["properties"] | {
        "apiVersion": {"const": "serin.dev/v1alpha1"},
        "kind": {"const": "ModelDeployment"},
        "metadata": METADATA,
    }
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        **made,
        "properties": properties,
        "required": ["apiVersion", "kind", "metadata", "spec"],
    }
    return json.dumps(schema, ensure_ascii=False, separators=(",", ":")) + "\n"


def _plain(node: Mapping[str, Any]) -> dict[str, Any]:
    """A structural schema without what only the API server knows."""
    made = {key: value for key, value in node.items() if not key.startswith("x-kubernetes-")}
    if node.get("x-kubernetes-int-or-string"):
        made |= {"type": ["integer", "string"]}
    if "properties" in node:
        made["properties"] = {name: _plain(child) for name, child in node["properties"].items()}
        made["additionalProperties"] = False
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), dict):
            made[key] = _plain(node[key])
    # A boolean in OpenAPI 3.0, a number in JSON schema.
    for bound, plain in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if made.get(bound) is True:
            made[bound] = made.pop(plain)
    return made
