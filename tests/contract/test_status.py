"""The API server keeps all that a status may say: nothing is pruned, nothing is too long."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest_asyncio

from serin.domain.names import Key
from serin.domain.status import AnalysisStatus, CountsStatus, Rejection, SignalStatus, Status
from serin.kube.client import KubeClient
from tests.cluster.cluster import Cluster
from tests.cluster.resources import Object, Resource

MODELS = Resource("serin.dev/v1alpha1", "modeldeployments")
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
FRAUD: Object = {
    "apiVersion": "serin.dev/v1alpha1",
    "kind": "ModelDeployment",
    "metadata": {"name": "fraud"},
    "spec": {"model": {"format": "sklearn"}},
}
SIGNAL = SignalStatus(
    name="errors",
    verdict="Harm",
    canary=CountsStatus(events=812, bad=38),
    stable=CountsStatus(events=7730, bad=71),
    ratio="5.09",
    ratio_lower="3.2",
    ratio_upper="7.78",
    since=NOON,
    evidence="1e+5",
    dry_run=True,
    note="n" * 1024,
    window="2026-11-23T08:00:00Z/2026-11-23T08:14:00Z",
    query="q" * 6144,
)
REJECTION = Rejection(
    hash="bbbbbbbbbb",
    revision="fraud-bbbbbbbbbb",
    attempt="fraud-bbbbbbbbbb.1",
    reason="Harm",
    message="m" * 1024,
    signal="errors",
    at=NOON,
    ratio="5.09",
    ratio_lower="3.2",
    ratio_upper="7.78",
    since=NOON,
    evidence="1e+5",
    canary=SIGNAL.canary,
    stable=SIGNAL.stable,
    window=SIGNAL.window,
    query=SIGNAL.query,
)


@pytest_asyncio.fixture(loop_scope="session")
async def kube(cluster: Cluster) -> AsyncIterator[KubeClient]:
    async with KubeClient.connected(cluster.kubeconfig) as client:
        yield client


async def test_findings_of_many_signals_and_rejections_are_kept_whole(
    cluster: Cluster, kube: KubeClient, namespace: str
) -> None:
    fresh = await cluster.api.create(FRAUD, namespace)
    told = Status(
        observed_generation=1,
        analysis=AnalysisStatus(
            verdict="Harm",
            late_samples=3,
            signals=[SIGNAL.model_copy(update={"name": f"signal-{k}"}) for k in range(8)],
        ),
        rejected=[REJECTION.model_copy(update={"attempt": f"fraud-bbbbbbbbbb.{k}"}) for k in range(20)],
    )

    await kube.patch_status(
        Key(namespace, "fraud"),
        told.dump(),
        previous=fresh["status"],
        resource_version=fresh["metadata"]["resourceVersion"],
    )

    kept = await cluster.api.get(MODELS, "fraud", namespace)
    assert kept["status"] == told.dump()
    assert Status.model_validate(kept["status"]) == told
