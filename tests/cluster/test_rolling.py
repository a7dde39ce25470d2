"""Pods that are replaced under traffic lose nothing, provided they outlive what is slow to let go of them.

Without a preStop sleep longer than the gateway's delay requests are lost here, as they are on real clusters.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.cluster.api import Api
from tests.cluster.cluster import Cluster
from tests.cluster.endpoints import Endpoint, ServiceResolver
from tests.cluster.envoy import Envoy
from tests.cluster.gateway import Gateway
from tests.cluster.local_server import IMAGE, INFER
from tests.cluster.network import GATEWAY
from tests.cluster.resources import DEPLOYMENTS, Object
from tests.cluster.traffic import Traffic
from tests.cluster.waiting import PROBE_TIMEOUT, until

DELAY_SECONDS = 1.0
CONNECTION_SECONDS = 1.0


def deployment(revision: str, *, sleep_seconds: int) -> Object:
    server = {
        "name": "model",
        "image": "serin.test/model-server:1",
        "env": [{"name": "MLSERVER_MODEL_NAME", "value": "iris"}, {"name": "REVISION", "value": revision}],
        "readinessProbe": {
            "httpGet": {"path": "/v2/health/ready", "port": 8080},
            "periodSeconds": 1,
            "timeoutSeconds": PROBE_TIMEOUT,
        },
        "lifecycle": {"preStop": {"sleep": {"seconds": sleep_seconds}}},
    }
    labels = {"app": "iris"}
    spec = {"containers": [server], "terminationGracePeriodSeconds": 30}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "iris"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def service() -> Object:
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "iris"},
        "spec": {"selector": {"app": "iris"}, "ports": ports},
    }


def route(host: str) -> Object:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "iris"},
        "spec": {
            "parentRefs": [{"name": "public", "namespace": "infra"}],
            "hostnames": [host],
            "rules": [{"backendRefs": [{"name": "iris", "port": 80}]}],
        },
    }


def rolled_out(seen: Object) -> bool:
    status = seen["status"]
    return bool(
        status["observedGeneration"] == seen["metadata"]["generation"]
        and status["updatedReplicas"] == status["availableReplicas"] == status["replicas"] == 2
    )


@pytest_asyncio.fixture(loop_scope="session")
async def envoy(cluster: Cluster, tmp_path: Path) -> AsyncIterator[Envoy]:
    async with (
        Envoy(tmp_path / "envoy", address=GATEWAY) as running,
        Gateway(cluster.api, running, delay_seconds=DELAY_SECONDS),
    ):
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def iris(cluster: Cluster, namespace: str) -> str:
    """Two ready pods of revision `old`, behind a Service; returns their namespace."""
    cluster.images["serin.test/model-server:1"] = IMAGE
    await cluster.api.apply(service(), namespace)
    await cluster.api.apply(deployment("old", sleep_seconds=12), namespace)
    await cluster.api.until(DEPLOYMENTS, "iris", rolled_out, namespace)
    return namespace


async def test_pods_are_replaced_behind_the_gateway_without_a_lost_request(
    api: Api, envoy: Envoy, iris: str
) -> None:
    async with ServiceResolver(api, "iris", namespace=iris) as service_endpoints:

        def all_served(served: dict[str, frozenset[Endpoint]]) -> bool:
            return served.get(f"{iris}_iris_80") == service_endpoints.endpoints

        await api.apply(route(iris), iris)
        await until(envoy.served, all_served)
        async with Traffic(envoy.url + INFER, per_second=100, host=iris) as users:
            await users.more(100)
            await api.apply(deployment("new", sleep_seconds=12), iris)
            await api.until(DEPLOYMENTS, "iris", rolled_out, iris)
            await until(envoy.served, all_served)
            since = await users.more(100)

    assert users.results.lost() == [], users.results.story()
    assert users.results.by_revision(since=since).keys() == {"new"}


async def test_pods_are_replaced_behind_a_service_without_a_lost_request(api: Api, iris: str) -> None:
    async with (
        ServiceResolver(api, "iris", namespace=iris) as endpoints,
        Traffic(
            f"http://iris{INFER}", per_second=100, max_age_seconds=CONNECTION_SECONDS, resolver=endpoints
        ) as users,
    ):
        await users.more(100)
        await api.apply(deployment("new", sleep_seconds=12), iris)
        await api.until(DEPLOYMENTS, "iris", rolled_out, iris)
        await users.reconnect()
        since = await users.more(100)

    assert users.results.lost() == [], users.results.story()
    assert users.results.by_revision(since=since).keys() == {"new"}
