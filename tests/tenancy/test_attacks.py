"""Attacks on a running operator of two namespaces: the tenant's, with his rights, and the victim's."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio

from serin.kube.events import AT_ONCE as EVENTS_AT_ONCE
from tests.cluster.api import Api, ApiError
from tests.cluster.cluster import Cluster
from tests.cluster.namespaces import fresh_namespace
from tests.cluster.resources import (
    CONTROLLER_REVISIONS,
    DEPLOYMENTS,
    EVENTS,
    NAMESPACES,
    PODS,
    REPLICA_SETS,
    SERVICES,
    Object,
)
from tests.cluster.waiting import rounds_until, until
from tests.invariants.watcher import MODEL_DEPLOYMENTS
from tests.stage.model import Model, condition, spec
from tests.tenancy.operators import Posted

TENANT: Final = "tenant"
FLIPS: Final = 10
A_FURTHER_ONE: Final = 30.0
"""Seconds for each Event beyond those at once."""
RULES: Final = [
    {"apiGroups": ["serin.dev"], "resources": ["modeldeployments"], "verbs": ["*"]},
    {"apiGroups": [""], "resources": ["pods", "services", "configmaps"], "verbs": ["*"]},
    {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["*"]},
    {"apiGroups": ["batch"], "resources": ["jobs", "cronjobs"], "verbs": ["*"]},
    {"apiGroups": ["gateway.networking.k8s.io"], "resources": ["httproutes"], "verbs": ["*"]},
]
"""What a tenant may do in his own namespace."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def victim(cluster: Cluster) -> AsyncIterator[str]:
    """Another namespace of the same operator's."""
    async with fresh_namespace(cluster.api) as name:
        yield name


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def serin(cluster: Cluster, place: str, victim: str, account: Path) -> AsyncIterator[Posted]:
    async with Posted(cluster, f"both-{place}", account, namespaces=(place, victim)) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def tenant(cluster: Cluster, place: str) -> AsyncIterator[Api]:
    """The API as the tenant sees it."""
    named = {"metadata": {"name": TENANT}}
    rbac = "rbac.authorization.k8s.io"
    role = {"apiGroup": rbac, "kind": "Role", "name": TENANT}
    subject = {"kind": "ServiceAccount", "name": TENANT, "namespace": place}
    for body in (
        {"apiVersion": "v1", "kind": "ServiceAccount", **named},
        {"apiVersion": f"{rbac}/v1", "kind": "Role", **named, "rules": RULES},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "RoleBinding",
            **named,
            "roleRef": role,
            "subjects": [subject],
        },
    ):
        await cluster.api.create(body, place)
    async with cluster.as_service_account(place, TENANT) as api:
        yield api


async def test_a_tenant_writes_no_status_and_nothing_elsewhere(
    serin: Posted, tenant: Api, place: str, victim: str
) -> None:
    own = Model(tenant, place, "own")
    await own.apply(spec("1", replicas=0, router="Replicas"))

    forged = {"status": {"stable": {"revision": "../../../kube-system"}}}
    with pytest.raises(ApiError, match="403"):
        await tenant.patch(MODEL_DEPLOYMENTS, own.name, forged, place, subresource="status")
    with pytest.raises(ApiError, match="403"):
        await Model(tenant, victim, "own").apply(spec("1", router="Replicas"))
    with pytest.raises(ApiError, match="403"):
        await tenant.list(MODEL_DEPLOYMENTS, victim)


async def test_a_pod_that_the_namespace_forbids_is_made_for_nobody(
    cluster: Cluster, serin: Posted, tenant: Api, place: str
) -> None:
    """Who may write ModelDeployments may create pods, and only such as may be created there."""
    enforced = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "baseline"}}}
    await cluster.api.patch(NAMESPACES, place, enforced)
    wanted = spec("1", replicas=1, router="Replicas")
    wanted["template"]["spec"]["hostPID"] = True

    await Model(tenant, place, "rooted").apply(wanted)

    async def refused() -> list[str]:
        found = await cluster.api.list(REPLICA_SETS, place, labels="serin.dev/model=rooted")
        conditions = [one for body in found for one in body.get("status", {}).get("conditions", ())]
        return [one["message"] for one in conditions if one["type"] == "ReplicaFailure"]

    [said] = await until(refused, what="the refusal of the pod")
    assert 'violates PodSecurity "baseline' in said
    assert await cluster.api.list(PODS, place, labels="serin.dev/model=rooted") == []


async def test_labels_of_the_victims_in_the_tenants_namespace_change_nothing_there(
    cluster: Cluster, serin: Posted, tenant: Api, place: str, victim: str
) -> None:
    fraud = Model(cluster.api, victim, "fraud")
    await fraud.apply(spec("1", replicas=1, router="Replicas"))
    # Counts are shown later than the rest, and are the last that is written.
    seen = await fraud.until(lambda seen: seen["status"].get("readyReplicas") == 1)
    await fraud.until(condition("Ready"))
    revision = seen["status"]["stable"]["revision"]
    labels = {"serin.dev/model": "fraud", "serin.dev/revision": revision.rpartition("-")[2]}
    before = await versions(cluster, victim)

    for body in forged(revision, labels):
        await tenant.create(body, place)
    await serin.at_rest()

    assert await versions(cluster, victim) == before
    assert await cluster.api.list(CONTROLLER_REVISIONS, place, labels="serin.dev/model=fraud") == []


def forged(revision: str, labels: dict[str, str]) -> list[Object]:
    """Objects that say of themselves that they are the victim's."""
    meta = {"name": revision, "labels": labels}
    container = {"name": "model", "image": "serin.test/none:1"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    workload = {"replicas": 0, "selector": {"matchLabels": labels}, "template": pod}
    elsewhere = {"type": "ExternalName", "externalName": "evil.example"}
    return [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": workload},
        {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": elsewhere},
        {"apiVersion": "v1", "kind": "Service", "metadata": {**meta, "name": "fraud"}, "spec": elsewhere},
        {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": [container]}},
    ]


async def versions(cluster: Cluster, namespace: str) -> dict[str, str]:
    """What each object of the victim's is at; the ModelDeployment too, whose status is not written either."""
    kinds = (MODEL_DEPLOYMENTS, CONTROLLER_REVISIONS, DEPLOYMENTS, SERVICES)
    return {
        f"{kind} {body['metadata']['name']}": body["metadata"]["resourceVersion"]
        for kind in kinds
        for body in await cluster.api.list(kind, namespace)
    }


async def test_a_spec_that_flips_twice_a_second_keeps_nobody_waiting(
    cluster: Cluster, serin: Posted, tenant: Api, place: str, victim: str
) -> None:
    """Nor the restless one for long: both in time in one round of three, for the machine may stand still."""
    restless = Model(tenant, place, "restless")
    numbers, began = itertools.count(), time.monotonic()

    async def beside(number: int) -> tuple[float, float]:
        flipping = asyncio.create_task(flip(restless, numbers))
        asked = time.monotonic()
        calm = Model(cluster.api, victim, f"calm-{number}")
        await calm.apply(spec("1", replicas=1, router="Replicas"))
        await calm.until(condition("Ready"))
        seconds = time.monotonic() - asked
        await flipping
        asked = time.monotonic()
        await restless.until(condition("Ready"))
        return seconds, time.monotonic() - asked

    seconds = await rounds_until(beside, in_time)
    assert any(map(in_time, seconds)), seconds
    await serin.at_rest()

    async def kept() -> int:
        return len(await cluster.api.list(CONTROLLER_REVISIONS, place, labels="serin.dev/model=restless"))

    await until(kept, lambda records: records <= 3, what="at most three records")
    told = await cluster.api.list(EVENTS, place, fields=f"involvedObject.name={restless.name}")
    assert len(told) <= EVENTS_AT_ONCE + (time.monotonic() - began) / A_FURTHER_ONE + 1


async def flip(restless: Model, numbers: Iterator[int]) -> None:
    for number in itertools.islice(numbers, FLIPS):
        wanted = spec(str(number), replicas=1, router="Replicas")
        await restless.apply({**wanted, "revisionHistoryLimit": 1})
        await asyncio.sleep(0.5)


def in_time(found: tuple[float, float]) -> bool:
    """The calm model's first deployment beside the flips, and the restless one's last."""
    calm, restless = found
    return calm <= 20 and restless <= 40
