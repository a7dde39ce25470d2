"""CRDs' schemas as an API server reads them with strict validation: unknown fields are faults, too."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from tests.cluster.cluster import documents
from tests.cluster.resources import Object


class Schemas:
    """The schemas of some CRDs, by kind and version."""

    def __init__(self, files: Iterable[Path]) -> None:
        specs = [definition["spec"] for file in files for definition in documents(file)]
        self._known = {
            (f"{spec['group']}/{one['name']}", spec["names"]["kind"]): one["schema"]["openAPIV3Schema"]
            for spec in specs
            for one in spec["versions"]
        }

    def __contains__(self, body: Object) -> bool:
        return (body["apiVersion"], body["kind"]) in self._known

    def properties(self, api_version: str, kind: str, field: str) -> set[str]:
        """The names that may stand in one field of an object."""
        return set(self._known[api_version, kind]["properties"][field]["properties"])

    def faults(self, body: Object) -> list[str]:
        """What the server would refuse, each with its place."""
        schema = self._known[body["apiVersion"], body["kind"]]
        wrong = [f"{one.json_path}: {one.message}" for one in Draft202012Validator(schema).iter_errors(body)]
        return [*wrong, *_unknown(schema, body, "$")]


def _unknown(schema: Any, value: Any, place: str) -> Iterator[str]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown(schema.get("items", {}), item, f"{place}[{index}]")
    if not isinstance(value, dict) or place == "$.metadata":
        return
    known, others = schema.get("properties", {}), schema.get("additionalProperties")
    free = schema.get("x-kubernetes-preserve-unknown-fields") or others is True
    for key, item in value.items():
        if key in known:
            yield from _unknown(known[key], item, f"{place}.{key}")
        elif isinstance(others, dict):
            yield from _unknown(others, item, f"{place}.{key}")
        elif not free:
            yield f"{place}.{key}: unknown field"
