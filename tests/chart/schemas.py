"""Kubernetes' own schemas of every version the chart is for, strict; from a package: no cluster is needed."""

import json
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from tests.cluster.resources import Object


def faults(body: Object, kubernetes: str) -> Iterator[str]:
    """What that version would refuse, by its place; fields that it does not know are faults."""
    for error in _validator(body["kind"], body["apiVersion"], kubernetes).iter_errors(body):
        yield f"{body['kind']} {body['metadata']['name']} {error.json_path}: {error.message}"


@cache
def _validator(kind: str, api_version: str, kubernetes: str) -> Any:
    # rbac.authorization.k8s.io/v1 is rbac-v1 there.
    group = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", api_version)
    return Draft202012Validator(
        _read(kubernetes, f"{kind.lower()}-{group}.json"), registry=_definitions(kubernetes)
    )


@cache
def _definitions(kubernetes: str) -> Any:
    return Resource.from_contents(_read(kubernetes, "_definitions.json")) @ Registry()


def _read(kubernetes: str, name: str) -> Any:
    folder = files("kubernetes_validate") / "kubernetes-json-schema" / f"v{kubernetes}.0-local-strict"
    return json.loads((folder / name).read_text(encoding="utf-8"))
