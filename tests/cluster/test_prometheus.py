"""Prometheus finds the pods of the test cluster and keeps its data over a stop."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import aiohttp
import pytest_asyncio

from tests.cluster.api import Api
from tests.cluster.cluster import Cluster
from tests.cluster.discovery import DISCOVERY_RULES
from tests.cluster.endpoints import Endpoint
from tests.cluster.envoy import Envoy
from tests.cluster.envoy_config import Backend, DataPlane
from tests.cluster.local_server import IMAGE, INFER
from tests.cluster.network import GATEWAY
from tests.cluster.prometheus import Prometheus
from tests.cluster.resources import PODS, Object
from tests.cluster.traffic import EXAMPLE, Traffic
from tests.cluster.waiting import PROBE_TIMEOUT

REQUESTS = 'rest_server_requests_total{path="/v2/models/{model_name}/infer"}'


def pod(name: str, *, metrics_port: str = "metrics", annotations: Mapping[str, str] | None = None) -> Object:
    """A model server; its metrics port is named as asked."""
    ports = [{"name": "http", "containerPort": 8080}, {"name": metrics_port, "containerPort": 8082}]
    server: Object = {
        "name": "model",
        "image": "serin.test/model-server:1",
        "env": [{"name": "MLSERVER_MODEL_NAME", "value": "iris"}],
        "ports": ports,
        "readinessProbe": {
            "httpGet": {"path": "/v2/health/ready", "port": 8080},
            "periodSeconds": 1,
            "timeoutSeconds": PROBE_TIMEOUT,
        },
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "annotations": dict(annotations or {})},
        "spec": {"containers": [server], "terminationGracePeriodSeconds": 1},
    }


def is_ready(seen: Object) -> bool:
    return ("Ready", "True") in {(entry["type"], entry["status"]) for entry in seen["status"]["conditions"]}


@pytest_asyncio.fixture(loop_scope="session")
async def envoy(cluster: Cluster, tmp_path: Path) -> AsyncIterator[Envoy]:
    async with Envoy(tmp_path / "envoy", address=GATEWAY) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def prometheus(
    cluster: Cluster, namespace: str, envoy: Envoy, tmp_path: Path
) -> AsyncIterator[Prometheus]:
    """Scrapes every second, as a ServiceAccount that may do nothing but discover pods."""
    for kind, body in (
        ("ClusterRole", {"rules": DISCOVERY_RULES}),
        (
            "ClusterRoleBinding",
            {
                "roleRef": {
                    "apiGroup": "rbac.authorization.k8s.io",
                    "kind": "ClusterRole",
                    "name": "discovery",
                },
                "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": namespace}],
            },
        ),
    ):
        await cluster.api.apply(
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": kind,
                "metadata": {"name": "discovery"},
                **body,
            }
        )
    cluster.images["serin.test/model-server:1"] = IMAGE
    async with (
        cluster.as_service_account(namespace, "default") as discoverer,
        Prometheus(
            discoverer,
            tmp_path / "prometheus",
            scrape_seconds=1,
            targets={"envoy": [f"http://{envoy.admin}/stats/prometheus"]},
        ) as running,
    ):
        yield running


async def infer(address: str, count: int) -> None:
    async with aiohttp.ClientSession() as http:
        for _ in range(count):
            async with http.post(f"http://{address}:8080{INFER}", json=EXAMPLE) as answer:
                assert answer.status == 200


async def test_pods_are_scraped_by_the_name_of_their_port(
    api: Api, namespace: str, prometheus: Prometheus
) -> None:
    await api.create(pod("iris"), namespace)
    ready = await api.until(PODS, "iris", is_ready, namespace)

    await infer(ready["status"]["podIP"], 7)

    (series,) = await prometheus.until(f"{REQUESTS} == 7")
    labels = {"job": "kubernetes-pods", "namespace": namespace, "pod": "iris", "container": "model"}
    assert labels.items() <= series["metric"].items()


async def test_pods_are_scraped_by_annotation_and_once(
    api: Api, namespace: str, prometheus: Prometheus
) -> None:
    annotations = {"prometheus.io/scrape": "true", "prometheus.io/port": "8082"}
    await api.create(pod("annotated", metrics_port="other", annotations=annotations), namespace)
    await api.create(pod("named"), namespace)
    await api.create(pod("silent", metrics_port="other"), namespace)
    await api.until(PODS, "silent", is_ready, namespace)

    await prometheus.until(f'count(up{{job="kubernetes-pods", namespace="{namespace}"}} == 1) == 2')

    found = {
        (one["labels"].get("pod"), one["scrapeUrl"].rpartition(":")[2]) for one in await prometheus.targets()
    }
    assert {("annotated", "8082/metrics"), ("named", "8082/metrics")} <= found
    assert "silent" not in {pod for pod, _ in found}


async def test_data_are_kept_while_it_is_stopped(api: Api, namespace: str, prometheus: Prometheus) -> None:
    await api.create(pod("iris"), namespace)
    ready = await api.until(PODS, "iris", is_ready, namespace)
    await infer(ready["status"]["podIP"], 3)
    await prometheus.until(f"{REQUESTS} == 3")

    await prometheus.stop()
    await infer(ready["status"]["podIP"], 4)
    await prometheus.start()

    await prometheus.until(f"{REQUESTS} == 7")
    (series,) = await prometheus.query(f"{REQUESTS}[5m]")
    assert {"3", "7"} <= {value for _, value in series["values"]}


async def test_envoy_has_metrics_of_each_backend(
    api: Api, namespace: str, envoy: Envoy, prometheus: Prometheus
) -> None:
    await api.create(pod("iris"), namespace)
    ready = await api.until(PODS, "iris", is_ready, namespace)
    backend = Backend(endpoints=frozenset({Endpoint(ready["status"]["podIP"], 8080)}))
    route = {"match": {"prefix": "/"}, "route": {"cluster": "ml_iris_80"}}
    hosts = [{"name": "all", "domains": ["*"], "routes": [route]}]
    await envoy.apply(DataPlane(backends={"ml_iris_80": backend}, virtual_hosts=hosts))

    async with Traffic(envoy.url + INFER, per_second=50) as users:
        await users.more(50)
    done = len(users.results.sent)

    ours = 'job="envoy", envoy_cluster_name="ml_iris_80"'
    await prometheus.until(f'envoy_cluster_upstream_rq{{{ours}, envoy_response_code="200"}} == {done}')
    await prometheus.until(f'envoy_cluster_upstream_rq_time_bucket{{{ours}, le="+Inf"}} == {done}')
