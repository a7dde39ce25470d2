"""`docs/resource.md`: every field of the resource, told from its schema, so that the page cannot lie."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from serin.api.crd import crd

HEAD: Final = """# The resource

`ModelDeployment`, group `serin.dev`, version `v1alpha1`, short name `mdep`. Unknown fields are refused by
the server, inside `spec.template` too, whose schema is Kubernetes' own PodTemplateSpec.
`kubectl explain mdep.spec` tells the same.

A change of `model` (but for `version`), `runtime`, `resources` or `template` is a new revision and starts a
rollout; a change of any other field takes effect where it is, and restarts no pod.
"""


def text() -> str:
    """The page."""
    root = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    parts = [HEAD]
    for part, title in (("spec", "Spec"), ("status", "Status")):
        rows = [_row(path, schema) for path, schema in _fields(root[part], part)]
        parts.append(
            f"## {title}\n\n| field | type | default | meaning |\n|---|---|---|---|\n" + "\n".join(rows)
        )
    return "\n".join(parts) + "\n"


def _fields(node: Mapping[str, Any], path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, child in node.get("properties", {}).items():
        where = f"{path}.{name}"
        yield where, child
        if where != "spec.template":
            yield from _fields(child, where)
            yield from _fields(child.get("items", {}), f"{where}[]")


def _row(path: str, schema: Mapping[str, Any]) -> str:
    meaning = " ".join(str(schema.get("description", "")).split()).replace("|", "\\|")
    default = json.dumps(schema["default"]) if "default" in schema else ""
    shown = f"`{default}`" if default and len(default) < 40 else ("see `kubectl explain`" if default else "")
    return f"| `{path}` | {_type(schema)} | {shown} | {meaning} |"


def _type(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " or ".join(str(value) for value in schema["enum"])
    if schema.get("x-kubernetes-int-or-string"):
        return "number or text"
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    return {"string": "text", "integer": "whole number", "boolean": "true or false"}.get(
        str(schema.get("type")), "object"
    )
