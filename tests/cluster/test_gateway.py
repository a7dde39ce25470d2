"""The gateway of the test cluster obeys HTTPRoutes as real ones do: late, and without losing a request."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from tests.cluster.api import Api
from tests.cluster.cluster import Cluster
from tests.cluster.endpoints import ServiceResolver
from tests.cluster.envoy import Envoy
from tests.cluster.gateway import CONTROLLER, Gateway, Report
from tests.cluster.local_server import INFER, LocalServer
from tests.cluster.network import GATEWAY
from tests.cluster.resources import ENDPOINT_SLICES, HTTP_ROUTES, Object
from tests.cluster.traffic import Fate, Traffic
from tests.cluster.waiting import until


@pytest_asyncio.fixture(loop_scope="session")
async def envoy(cluster: Cluster, tmp_path: Path) -> AsyncIterator[Envoy]:
    async with Envoy(tmp_path / "envoy", address=GATEWAY) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def gateway(cluster: Cluster, envoy: Envoy) -> AsyncIterator[Gateway]:
    async with Gateway(cluster.api, envoy, delay_seconds=1.0) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def servers(tmp_path: Path) -> AsyncIterator[dict[str, LocalServer]]:
    async with AsyncExitStack() as exit_:
        yield {
            name: await exit_.enter_async_context(LocalServer(name, tmp_path, host=GATEWAY))
            for name in ("stable", "canary")
        }


@pytest_asyncio.fixture(loop_scope="session")
async def services(api: Api, namespace: str, servers: dict[str, LocalServer]) -> str:
    """Services of the servers' names, without selectors; returns their namespace."""
    for name, server in servers.items():
        ports = [{"name": "http", "port": 80, "targetPort": server.endpoint.port}]
        await api.create(
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"ports": ports}},
            namespace,
        )
        await api.create(slice_of(server, ready=True), namespace)
    return namespace


def slice_of(server: LocalServer, *, ready: bool) -> Object:
    conditions = {"ready": ready, "serving": ready}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{server.revision}-1",
            "labels": {"kubernetes.io/service-name": server.revision},
        },
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": server.endpoint.port, "protocol": "TCP"}],
        "endpoints": [{"addresses": [server.endpoint.address], "conditions": conditions}],
    }


def route(weights: Mapping[str, int], *, namespace: str) -> Object:
    refs = [{"name": name, "port": 80, "weight": weight} for name, weight in weights.items()]
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "iris", "namespace": namespace},
        "spec": {
            "parentRefs": [{"name": "public", "namespace": "infra"}],
            "hostnames": [namespace],
            "rules": [{"matches": [{"path": {"type": "PathPrefix", "value": "/v2"}}], "backendRefs": refs}],
        },
    }


def reported(condition: str, status: str) -> Callable[[Object], bool]:
    """A predicate: our controller says so for the route's present generation."""

    def holds(seen: Object) -> bool:
        (parent,) = seen["status"]["parents"]
        found = {entry["type"]: entry for entry in parent["conditions"]}[condition]
        generation = seen["metadata"]["generation"]
        return (parent["controllerName"], found["status"], found["observedGeneration"]) == (
            CONTROLLER,
            status,
            generation,
        )

    return holds


async def test_a_canary_comes_and_goes_without_a_lost_request(
    api: Api, envoy: Envoy, gateway: Gateway, services: str
) -> None:
    await api.apply(route({"stable": 100}, namespace=services))
    await gateway.until_served(services, "iris", {"stable": 100})

    shares = []
    async with Traffic(envoy.url + INFER, per_second=200, host=services) as users:
        for weights in (
            {"stable": 100, "canary": 0},
            {"stable": 80, "canary": 20},
            {"stable": 40, "canary": 60},
            {"stable": 0, "canary": 100},
            {"canary": 100},
            {"stable": 30, "canary": 70},
            {"stable": 100},
        ):
            await api.apply(route(weights, namespace=services))
            await gateway.until_served(services, "iris", weights)
            since = await users.more(200)
            shares.append(users.results.share("canary", since=since))

    assert users.results.lost() == [], users.results.story()
    # 5 standard deviations of a binomial with n = 200 and p = 1/2 are 0.18.
    assert shares == pytest.approx([0, 0.2, 0.6, 1, 1, 0.7, 0], abs=0.18)


async def test_a_route_is_reported_before_it_is_served(api: Api, gateway: Gateway, services: str) -> None:
    gateway.hold()
    await api.apply(route({"stable": 100}, namespace=services))

    await api.until(HTTP_ROUTES, "iris", reported("Accepted", "True"), services)

    assert gateway.served(services, "iris") is None
    gateway.release()
    await gateway.until_served(services, "iris", {"stable": 100})


async def test_a_route_can_be_reported_only_when_it_is_served(
    cluster: Cluster, api: Api, envoy: Envoy, services: str
) -> None:
    async with Gateway(cluster.api, envoy, delay_seconds=1.0, report=Report.APPLIED) as gateway:
        await api.apply(route({"stable": 100}, namespace=services))

        await api.until(HTTP_ROUTES, "iris", reported("Accepted", "True"), services)

        assert gateway.served(services, "iris") is not None


async def test_a_backend_that_does_not_exist_is_reported_and_answers_500(
    api: Api, envoy: Envoy, gateway: Gateway, services: str
) -> None:
    await api.apply(route({"missing": 1}, namespace=services))

    await api.until(HTTP_ROUTES, "iris", reported("ResolvedRefs", "False"), services)
    await gateway.until_served(services, "iris", {"missing": 1})
    async with Traffic(envoy.url + INFER, per_second=50, host=services) as users:
        await users.more(10)

    assert {one.status for one in users.results.sent} == {500}


async def test_an_endpoint_that_is_not_ready_gets_no_request(
    api: Api, envoy: Envoy, gateway: Gateway, services: str, servers: dict[str, LocalServer]
) -> None:
    await api.apply(route({"stable": 100}, namespace=services))
    await gateway.until_served(services, "iris", {"stable": 100})

    await api.apply(slice_of(servers["stable"], ready=False), services)

    name = f"{services}_stable_80"
    await until(envoy.served, lambda served: served[name] == frozenset())
    async with Traffic(envoy.url + INFER, per_second=50, host=services) as users:
        await users.more(10)
    assert {(one.fate, one.status) for one in users.results.sent} == {(Fate.SERVER_ERROR, 503)}


async def test_direct_connections_follow_the_ready_endpoints(
    api: Api, services: str, servers: dict[str, LocalServer]
) -> None:
    both = {"labels": {"kubernetes.io/service-name": "stable"}, "name": "stable-2"}
    await api.create({**slice_of(servers["canary"], ready=True), "metadata": both}, services)
    async with (
        ServiceResolver(api, "stable", namespace=services) as endpoints,
        Traffic(f"http://stable{INFER}", per_second=200, max_age_seconds=0.5, resolver=endpoints) as users,
    ):
        await endpoints.until(lambda found: len(found) == 2)

        async def answering() -> set[str | None]:
            await users.more(50)
            return set(users.results.by_revision())

        # Few connections do for all requests, and each may have chosen the same endpoint.
        await until(answering, lambda found: found == {"stable", "canary"}, what="answers of both")

        await api.delete(ENDPOINT_SLICES, "stable-2", services)
        await endpoints.until(lambda found: len(found) == 1)
        await users.reconnect()
        since = await users.more(100)

    assert users.results.by_revision(since=since).keys() == {"stable"}
    assert users.results.lost() == []
