"""The rights in `manifests/` are what the operator uses: all that it needs, and none that it does not."""

from collections.abc import Iterator
from typing import Final

from tests.cluster.audit import Requests
from tests.cluster.cluster import Cluster
from tests.cluster.gateway import Gateway
from tests.cluster.resources import CLUSTER_ROLES, CONTROLLER_REVISIONS, HTTP_ROUTES, SERVICES, Object
from tests.operator.test_gates import EVALUATOR, EVALUATOR_IMAGE, template, under_way, with_job
from tests.stage.model import Model, attempt, condition, spec
from tests.stage.operator import USER, Operator

EVERYONES: Final = frozenset({"selfsubjectaccessreviews", "selfsubjectrulesreviews"})
"""What any account may ask."""
RARE: Final = frozenset(
    {
        # An apply that creates has to be allowed as create too, and is logged as patch.
        ("create", "controllerrevisions"),
        ("create", "deployments"),
        ("create", "services"),
        ("create", "httproutes"),
        ("create", "jobs"),
        # Read only where the name of a new object is taken; here it is the Service's.
        ("get", "controllerrevisions"),
        ("get", "deployments"),
        ("get", "httproutes"),
        ("get", "jobs"),
    }
)
"""Granted rights that the log of this test does not show, with the reason."""
Right = tuple[str, str]


def granted(role: Object) -> Iterator[Right]:
    for rule in role["rules"]:
        yield from ((verb, resource) for verb in rule["verbs"] for resource in rule["resources"])


def used(requests: Requests) -> Iterator[Right]:
    for one in requests:
        if one.resource and one.resource not in EVERYONES:
            yield one.verb, "/".join(filter(None, (one.resource, one.subresource)))


async def test_what_is_granted_is_what_is_used(
    cluster: Cluster, gateway: Gateway, serin: Operator, fraud: Model
) -> None:
    async with cluster.audit.counting() as counted:
        await serin.restart()
        ports = [{"name": "http", "port": 80, "targetPort": 8080}]
        taken = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": fraud.name}}
        body = await cluster.api.create({**taken, "spec": {"ports": ports}}, fraud.namespace)
        await fraud.apply(spec("1", replicas=1))
        await fraud.until(condition("Stalled", reason="NameConflict"))
        await fraud.apply(once("1"), adopt=body["metadata"]["uid"])
        await fraud.until(condition("Ready"))
        assert await cluster.api.find(SERVICES, fraud.name, fraud.namespace)
        cluster.images[EVALUATOR] = EVALUATOR_IMAGE
        await template(fraud, "slow", seconds=600)
        gated = {"gates": [with_job("slow")]}
        await fraud.apply({**once("2"), "analysis": gated})
        seen = await fraud.until(condition("Ready", "Unknown", "AwaitingGate"))
        await under_way(fraud)
        tried = seen["status"]["canary"]["revision"]
        await fraud.ask(abort=attempt(seen))
        await fraud.until(condition("Stalled", reason="RolledBack"))
        await fraud.apply(once("1", router="Replicas"))
        await fraud.until(condition("Ready"))
        await cluster.api.gone(HTTP_ROUTES, fraud.name, fraud.namespace)
        await cluster.api.gone(CONTROLLER_REVISIONS, tried, fraud.namespace)
        await serin.at_rest()

    asked = counted.requests.by(USER)
    role = await cluster.api.get(CLUSTER_ROLES, "serin")
    rights = set(granted(role))
    assert [str(one) for one in asked if one.code == 403] == []
    assert set(used(asked)) <= rights
    assert rights - set(used(asked)) <= RARE


def once(version: str, *, router: str = "GatewayAPI") -> Object:
    """A spec of one pod and one long step, of which no old revision is kept."""
    return {**spec(version, router=router, replicas=1, steps={20: 600}), "revisionHistoryLimit": 0}
