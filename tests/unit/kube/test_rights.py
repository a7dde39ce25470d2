"""The rights asked for are those of `manifests/`; what is missing is said with the rule that grants it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web

from serin.kube.kinds import CHILDREN, DEPLOYMENT, LEASE, MODEL_DEPLOYMENT
from serin.kube.rights import Right, cure, missing, needed, needed_for_lease
from serin.kube.transport import Transport
from tests.unit.kube.test_client import kubeconfig, server

ACCESS = Path(__file__).parents[3] / "manifests" / "base" / "access.yaml"


def granted(kind: str) -> Iterator[tuple[str, str, str, str]]:
    for body in yaml.safe_load_all(ACCESS.read_text()):
        if body["kind"] != kind:
            continue
        for rule in body["rules"]:
            for name in rule.get("resourceNames", [""]):
                for resource in rule["resources"]:
                    yield from (
                        (group, resource, name, verb) for group in rule["apiGroups"] for verb in rule["verbs"]
                    )


def rows(rights: list[Right]) -> list[tuple[str, str, str, str]]:
    return sorted((right.kind.group, right.resource, right.name, right.verb) for right in rights)


def test_the_rights_asked_for_are_those_granted() -> None:
    assert rows(needed(CHILDREN, [])) == sorted(granted("ClusterRole"))
    assert rows(needed_for_lease("serin-system", "serin")) == sorted(granted("Role"))


def test_what_is_missing_is_said_with_its_rules() -> None:
    lacking = [
        Right(verb="patch", kind=DEPLOYMENT),
        Right(verb="create", kind=DEPLOYMENT),
        Right(verb="patch", kind=MODEL_DEPLOYMENT, subresource="status"),
        Right(verb="update", kind=LEASE, namespace="serin-system", name="serin"),
    ]

    assert cure(lacking) == (
        "rights are missing in the whole cluster; add to the rules of the operator's ClusterRole: "
        '{apiGroups: ["apps"], resources: [deployments], verbs: [patch, create]}, '
        '{apiGroups: ["serin.dev"], resources: [modeldeployments/status], verbs: [patch]}; '
        "rights are missing in namespace serin-system; "
        "add to the rules of the operator's Role in serin-system: "
        '{apiGroups: ["coordination.k8s.io"], resources: [leases], verbs: [update], resourceNames: [serin]}'
    )


async def test_the_server_is_asked_for_each_right_in_each_namespace(tmp_path: Path) -> None:
    async def reviewing(request: web.Request) -> web.Response:
        asked: dict[str, Any] = (await request.json())["spec"]["resourceAttributes"]
        allowed = (asked["namespace"], asked["resource"], asked["verb"]) != ("science", "pods", "watch")
        return web.json_response({"status": {"allowed": allowed}}, status=201)

    async with server(reviewing) as port, Transport.connected(kubeconfig(tmp_path, port)) as transport:
        found = await missing(transport, needed(CHILDREN, ["ml", "science"]))

    assert [(right.namespace, right.resource, right.verb) for right in found] == [
        ("science", "pods", "watch")
    ]
