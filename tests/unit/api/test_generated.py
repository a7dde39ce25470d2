"""What is committed is what the sources make, byte for byte, and fits where it has to."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from serin.api.crd import crd, crd_yaml
from serin.api.podtemplate import pod_template_schema
from tests.unit.api.generated import FILES, REPOSITORY

LAST_APPLIED_LIMIT = 262_144
"""Bytes of all annotations of one object; plain `kubectl apply` stores the whole object in one."""


def schemas(node: Mapping[str, Any], path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every schema below one, with its path; the pod template, which is Kubernetes' own, left out."""
    if path == "spec.template":
        return
    yield path, node
    for name, child in node.get("properties", {}).items():
        yield from schemas(child, f"{path}.{name}".removeprefix("."))
    for key in ("items", "additionalProperties"):
        if key in node:
            yield from schemas(node[key], f"{path}[]")


def ours() -> dict[str, Mapping[str, Any]]:
    root = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return dict(schemas(root, ""))


@pytest.mark.parametrize(("path", "text"), FILES.items(), ids=lambda value: getattr(value, "name", ""))
def test_committed_file_is_what_its_sources_make(path: Path, text: Callable[[], str]) -> None:
    assert path.read_text(encoding="utf-8") == text(), "run python -m tests.unit.api.generated"


def test_no_field_is_another_value_in_yaml() -> None:
    names = {path.rpartition(".")[2].removesuffix("[]") for path in ours()}

    # kubectl reads YAML 1.1, where `on` is true.
    assert [name for name in names if name and yaml.safe_load(name) != name] == []


def test_crd_fits_plain_kubectl_apply() -> None:
    stored = json.dumps(yaml.safe_load(crd_yaml()), separators=(",", ":"))

    assert len(stored.encode()) < LAST_APPLIED_LIMIT / 2


def test_every_field_of_the_spec_is_described() -> None:
    undescribed = [
        path
        for path, schema in ours().items()
        if path.startswith("spec") and not path.endswith("[]") and not schema.get("description")
    ]

    assert undescribed == []


def test_status_has_room_for_the_longest_address() -> None:
    schema = ours()
    gateway = "spec.traffic.gatewayAPI"
    parts = [schema[f"{gateway}.hostnames[]"]["maxLength"], schema[f"{gateway}.path"]["maxLength"]]

    assert len("https://") + sum(parts) <= schema["status.url"]["maxLength"]


def test_everything_in_the_schema_is_bounded() -> None:
    bounds = {
        "string": ({"maxLength"}, {"enum"}, {"format"}, {"pattern"}),
        "integer": ({"minimum", "maximum"},),
        "array": ({"maxItems"},),
        "object": ({"properties"}, {"maxProperties"}, {"description"}),
        "boolean": (set(),),
    }

    unbounded = [
        path
        for path, schema in ours().items()
        if path.startswith("spec")
        and "type" in schema
        and not any(bound <= schema.keys() for bound in bounds[schema["type"]])
    ]

    assert unbounded == []


def test_every_list_says_how_it_merges() -> None:
    silent = [
        path
        for path, schema in ours().items()
        if schema.get("type") == "array" and "x-kubernetes-list-type" not in schema
    ]

    assert silent == []


def test_pod_template_keeps_upstreams_keys() -> None:
    containers = pod_template_schema()["properties"]["spec"]["properties"]["containers"]

    assert containers["x-kubernetes-list-map-keys"] == ["name"]
    assert containers["items"]["properties"]["ports"]["x-kubernetes-list-map-keys"] == [
        "containerPort",
        "protocol",
    ]
    assert containers["items"]["properties"]["resources"]["properties"]["limits"]["additionalProperties"] == {
        "x-kubernetes-int-or-string": True
    }


def test_operator_may_do_no_more_than_it_does() -> None:
    documents = yaml.safe_load_all((REPOSITORY / "manifests" / "install.yaml").read_text(encoding="utf-8"))
    role = next(body for body in documents if body["kind"] == "ClusterRole")

    granted = {
        (resource, verb) for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]
    }

    assert not [
        verb for _, verb in granted if verb in ("*", "update", "deletecollection", "escalate", "bind")
    ]
    deleted = {resource for resource, verb in granted if verb == "delete"}
    assert deleted == {"controllerrevisions", "httproutes", "jobs"}
    assert {verb for resource, verb in granted if resource == "pods"} == {"list", "watch"}
    assert "secrets" not in {resource for resource, _ in granted}
