"""The operator's own rights, in either installation: all that it uses, and none that it does not."""

from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from serin.api.intent import intent_of
from serin.domain.gates import GatePolicy, GateRun
from serin.domain.intent import Intent
from serin.domain.names import child_name
from tests.cluster.audit import Requests
from tests.cluster.cluster import Cluster, documents
from tests.cluster.gateway import Gateway
from tests.cluster.namespaces import fresh_namespace
from tests.cluster.resources import (
    CONTROLLER_REVISIONS,
    DEPLOYMENTS,
    HTTP_ROUTES,
    JOBS,
    SERVICES,
    Object,
    Resource,
)
from tests.operator.test_gates import EVALUATOR, EVALUATOR_IMAGE, template, under_way, with_job
from tests.stage.model import Model, attempt, condition, conditions, spec
from tests.tenancy.operators import Post, Posted, everywhere, restricted

MANIFESTS: Final = Path(__file__).parents[2] / "manifests"
RESTRICTED: Final = ("namespaced-install.yaml", "namespaced-access.yaml")
EVERYONES: Final = frozenset({"selfsubjectaccessreviews", "selfsubjectrulesreviews"})
"""What any account may ask."""
ELECTION: Final = "leases"
"""Of the operator's own namespace; how they are used is for those to test who hold them."""
NEVER: Final = (
    "secrets",
    "configmaps",
    "serviceaccounts",
    "pods/exec",
    "pods/log",
    "nodes",
    "roles",
    "tokenreviews",
)
Right = tuple[str, str]


def granted(post: Post) -> Iterator[Right]:
    for rule in post.rules:
        yield from ((verb, resource) for verb in rule["verbs"] for resource in rule["resources"])


def used(requests: Requests) -> Iterator[Right]:
    """An apply that creates has to be allowed as create too, and is logged as patch."""
    for one in requests:
        if one.resource and one.resource not in EVERYONES:
            resource = "/".join(filter(None, (one.resource, one.subresource)))
            yield one.verb, resource
            if (one.verb, one.code) == ("patch", 201):
                yield "create", resource


@pytest.mark.parametrize("file", ["base/access.yaml", *RESTRICTED])
def test_no_right_leads_to_more_rights(file: str) -> None:
    rules = [rule for body in documents(MANIFESTS / file) for rule in body.get("rules", ())]

    for rule in rules:
        assert "*" not in [*rule["verbs"], *rule["resources"], *rule["apiGroups"]]
        assert not {"escalate", "bind", "impersonate", "deletecollection", "update"} & set(rule["verbs"]) or (
            rule["resources"] == [ELECTION]
        )
        assert not set(NEVER) & set(rule["resources"])
        assert set(rule) <= {"apiGroups", "resources", "verbs", "resourceNames"}


def test_the_restricted_operator_has_no_right_in_the_cluster() -> None:
    bodies = [one for file in RESTRICTED for one in documents(MANIFESTS / file)]

    assert not [one for one in bodies if one["kind"].startswith("ClusterRole")]
    [access] = [one for one in documents(MANIFESTS / "namespaced-access.yaml") if one["kind"] == "Role"]
    [everywhere_] = [one for one in documents(MANIFESTS / "base/access.yaml") if one["kind"] == "ClusterRole"]
    assert access["rules"] == everywhere_["rules"]


async def test_everywhere_what_is_granted_is_what_is_used(
    cluster: Cluster, gateway: Gateway, account: Path, namespace: str
) -> None:
    post = everywhere()

    async with Posted(cluster, "everywhere", account, namespaces=()) as serin:
        await holds_what_it_uses(cluster, post, serin, Model(cluster.api, namespace, "right"))


async def test_in_some_namespaces_what_is_granted_is_what_is_used(
    cluster: Cluster, gateway: Gateway, account: Path, namespace: str
) -> None:
    async with AsyncExitStack() as more:
        other = await more.enter_async_context(fresh_namespace(cluster.api))
        outside = await more.enter_async_context(fresh_namespace(cluster.api))
        post = await restricted(cluster, [namespace, other])
        kubeconfig = await cluster.service_account_kubeconfig(*post.account)
        await Model(cluster.api, outside).apply(spec("1", replicas=1))
        second = Model(cluster.api, other)
        await second.apply(spec("1", replicas=1, router="Replicas"))

        async with Posted(cluster, "restricted", kubeconfig, namespaces=post.namespaces) as serin:
            await holds_what_it_uses(cluster, post, serin, Model(cluster.api, namespace, "right"))
            await second.until(condition("Ready"))

        assert await cluster.api.list(DEPLOYMENTS, outside) == []


async def holds_what_it_uses(cluster: Cluster, post: Post, serin: Posted, model: Model) -> None:
    cluster.images[EVALUATOR] = EVALUATOR_IMAGE
    async with cluster.audit.counting() as counted:
        await serin.restart()
        await story(cluster, model)
        await serin.at_rest()

    asked, rights = counted.requests.by(post.user), set(granted(post))
    asked = asked.that(lambda request: request.resource != ELECTION)
    # Where a namespace of another test is on its way out, nothing new is let in, whoever asks.
    ours = ("", model.namespace)
    assert [str(one) for one in asked if one.code == 403 and one.namespace in ours] == []
    assert set(used(asked)) - rights == set()
    assert {right for right in rights - set(used(asked)) if right[1] != ELECTION} == set()


async def story(cluster: Cluster, model: Model) -> None:
    """A model whose every name is taken; an abort while a gate is tried; another router."""
    first, second = meant(model, once("1")), meant(model, gated())
    name = child_name(model.name, first.revision.hash)
    taken = [
        (CONTROLLER_REVISIONS, name),
        (SERVICES, name),
        (DEPLOYMENTS, name),
        (HTTP_ROUTES, model.name),
    ]
    for resource, taken_name in taken:
        await cluster.api.create(foreign(resource, taken_name), model.namespace)
    await model.apply(once("1"))
    await freed(model, [(CONTROLLER_REVISIONS, name)])
    await freed(model, [(SERVICES, name), (DEPLOYMENTS, name)])
    await freed(model, [(HTTP_ROUTES, model.name)])
    await model.until(condition("Ready"))

    await template(model, "slow", seconds=600)
    job = first_try(model, second).job
    await cluster.api.create(foreign(JOBS, job), model.namespace)
    await model.apply(gated())
    await freed(model, [(JOBS, job)])
    seen = await model.until(condition("Ready", "Unknown", reason="AwaitingGate"))
    await under_way(model)
    tried = seen["status"]["canary"]["revision"]
    await model.ask(abort=attempt(seen))
    await model.until(condition("Stalled", reason="RolledBack"))
    await model.apply(once("1", router="Replicas"))
    await model.until(condition("Ready"))
    await cluster.api.gone(HTTP_ROUTES, model.name, model.namespace)
    await cluster.api.gone(CONTROLLER_REVISIONS, tried, model.namespace)


async def freed(model: Model, objects: list[tuple[Resource, str]]) -> None:
    """Wait until the first of the names is told to be taken, and take them all back."""
    resource, name = objects[0]
    said = f"{foreign(resource, name)['kind']} {name} exists and is not Serin's"
    await model.until(lambda seen: said in conditions(seen)["Stalled"]["message"])
    for resource, taken in objects:
        await model.api.delete(resource, taken, model.namespace)
        await model.api.gone(resource, taken, model.namespace)
    # Nothing of ours has changed: without a nudge it is seen at the next back-off.
    await model.ask(adopt=name)


def foreign(resource: Resource, name: str) -> Object:
    """An object of that name that is not Serin's."""
    labels = {"app": "theirs"}
    container = {"name": "main", "image": EVALUATOR, "args": ["600", "0"]}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    never = {"metadata": {}, "spec": {"containers": [container], "restartPolicy": "Never"}}
    kinds: dict[Resource, tuple[str, Object]] = {
        CONTROLLER_REVISIONS: ("ControllerRevision", {"revision": 1, "data": {"of": "theirs"}}),
        SERVICES: ("Service", {"spec": {"ports": [{"port": 80}]}}),
        DEPLOYMENTS: (
            "Deployment",
            {"spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": pod}},
        ),
        HTTP_ROUTES: ("HTTPRoute", {"spec": {}}),
        JOBS: ("Job", {"spec": {"suspend": True, "template": never}}),
    }
    kind, body = kinds[resource]
    return {"apiVersion": resource.api_version, "kind": kind, "metadata": {"name": name}, **body}


def meant(model: Model, wanted: Object) -> Intent:
    """What the operator makes of a spec, and so the names that it will use."""
    if wanted["traffic"]["router"] == "GatewayAPI":
        parents = {"parentRefs": [{"name": "public", "namespace": "infra"}]}
        wanted = {**wanted, "traffic": {**wanted["traffic"], "gatewayAPI": parents}}
    made = intent_of({"metadata": {"name": model.name, "namespace": model.namespace}, "spec": wanted})
    assert isinstance(made, Intent), made
    return made


def first_try(model: Model, wanted: Intent) -> GateRun:
    canary = child_name(model.name, wanted.revision.hash)
    gate = GatePolicy(
        name="eval", before="to-20", template="slow", webhook=None, timeout=timedelta(hours=1), retries=2
    )
    return GateRun(
        gate=gate, attempt=f"{canary}.1", canary=canary, stable="", revision=wanted.revision.hash, number=1
    )


def gated() -> Object:
    return {**once("2"), "analysis": {"warmUpSeconds": 0, "gates": [with_job("slow")]}}


def once(version: str, *, router: str = "GatewayAPI") -> Object:
    """A spec of one pod and one long step, of which no old revision is kept."""
    return {**spec(version, router=router, replicas=1, steps={20: 600}), "revisionHistoryLimit": 0}
