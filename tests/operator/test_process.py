"""The operator as a whole: it does its work, costs what it should, and stops and starts without a trace."""

import signal
import time
from functools import partial

from tests.cluster.audit import service_account
from tests.cluster.cluster import Cluster
from tests.cluster.resources import DEPLOYMENTS, EVENTS, SERVICES, Object, Resource
from tests.cluster.waiting import PROBE_TIMEOUT, rounds_until, until
from tests.operator.conftest import SERVER, Operator, Operators

MODELS = Resource("serin.dev/v1alpha1", "modeldeployments")
SERIN = service_account("serin-system", "serin")


def model(name: str = "fraud") -> Object:
    probe = {"httpGet": {"port": 8080, "path": "/"}, "periodSeconds": 1, "timeoutSeconds": PROBE_TIMEOUT}
    container = {"name": "model", "image": SERVER, "readinessProbe": probe}
    return {
        "apiVersion": "serin.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": name},
        "spec": {
            "model": {"format": "custom"},
            "template": {"spec": {"containers": [container]}},
            "analysis": {"mode": "Off"},
        },
    }


def all_is_told(seen: Object) -> bool:
    """Numbers are told later than the rest, and last."""
    return is_ready(seen) and seen["status"].get("readyReplicas") == 1


def is_ready(seen: Object) -> bool:
    conditions = {row["type"]: row["status"] for row in seen["status"]["conditions"]}
    return conditions.get("Ready") == "True"


async def test_a_model_gets_ready_within_its_budget_of_writes(
    operator: Operator, cluster: Cluster, namespace: str
) -> None:
    async with cluster.audit.counting() as counted:
        await cluster.api.create(model(), namespace)
        await cluster.api.until(MODELS, "fraud", is_ready, namespace)

    work = counted.requests.by(SERIN).within(namespace).work
    assert len(work.writes) <= 7, work.writes
    assert not work.reads


async def test_nothing_is_asked_or_written_while_nothing_changes(
    operators: Operators, cluster: Cluster, namespace: str
) -> None:
    async with operators():
        await cluster.api.create(model(), namespace)
        await cluster.api.until(MODELS, "fraud", all_is_told, namespace)
    before = await cluster.api.get(MODELS, "fraud", namespace)

    async with cluster.audit.counting() as counted, operators() as restarted:
        await until(lambda: looks(restarted), lambda seen: seen >= 1)

    assert not counted.requests.by(SERIN).within(namespace).writes
    assert await cluster.api.get(MODELS, "fraud", namespace) == before


async def test_a_child_that_is_deleted_comes_back(
    operator: Operator, cluster: Cluster, namespace: str
) -> None:
    await cluster.api.create(model(), namespace)
    await cluster.api.until(MODELS, "fraud", is_ready, namespace)
    old = await cluster.api.get(SERVICES, "fraud", namespace)

    await cluster.api.delete(SERVICES, "fraud", namespace)

    uid = old["metadata"]["uid"]
    new = await cluster.api.until(SERVICES, "fraud", lambda seen: seen["metadata"]["uid"] != uid, namespace)
    assert new["spec"]["selector"] == old["spec"]["selector"]


async def test_somebody_elses_edit_is_put_back(operator: Operator, cluster: Cluster, namespace: str) -> None:
    await cluster.api.create(model(), namespace)
    await cluster.api.until(MODELS, "fraud", is_ready, namespace)
    (name,) = [row["metadata"]["name"] for row in await cluster.api.list(DEPLOYMENTS, namespace)]

    await cluster.api.patch(DEPLOYMENTS, name, {"spec": {"replicas": 3}}, namespace)

    await cluster.api.until(DEPLOYMENTS, name, lambda seen: seen["spec"]["replicas"] == 1, namespace)


async def test_a_transition_is_told_as_an_event_of_the_model(
    operator: Operator, cluster: Cluster, namespace: str
) -> None:
    created = await cluster.api.create(model(), namespace)

    events = await until(
        lambda: cluster.api.list(EVENTS, namespace, fields=f"involvedObject.uid={created['metadata']['uid']}")
    )

    assert {row["source"]["component"] for row in events} == {"serin"}
    assert all(row["message"] and row["firstTimestamp"] and row["eventTime"] for row in events)


async def test_a_deleted_model_leaves_nothing_behind(
    operator: Operator, cluster: Cluster, namespace: str
) -> None:
    await cluster.api.create(model(), namespace)
    await cluster.api.until(MODELS, "fraud", is_ready, namespace)

    await cluster.api.delete(MODELS, "fraud", namespace)

    await cluster.api.gone(SERVICES, "fraud", namespace)
    await until(lambda: cluster.api.list(DEPLOYMENTS, namespace), lambda rows: not rows)


async def test_a_signal_ends_it_within_two_seconds(
    operators: Operators, cluster: Cluster, namespace: str
) -> None:
    """In order each time, and in time in one of three: the machine may stand still in the others."""
    await cluster.api.create(model(), namespace)

    async def ended(_: int) -> float:
        async with operators() as operator:
            await cluster.api.until(MODELS, "fraud", is_ready, namespace)
            await until(partial(looks, operator))

            asked = time.monotonic()
            operator.program.send(signal.SIGTERM)

            assert await operator.program.wait() == 0
            return time.monotonic() - asked

    seconds = await rounds_until(ended, lambda one: one < 2)
    assert min(seconds) < 2, seconds


async def test_its_pages_tell_of_its_work(operator: Operator, cluster: Cluster, namespace: str) -> None:
    await cluster.api.create(model(), namespace)
    await cluster.api.until(MODELS, "fraud", is_ready, namespace)

    assert await operator.page("/healthz") == (200, "ok")
    _, metrics = await operator.page("/metrics")
    assert "serin_models 1.0" in metrics
    assert 'serin_kube_requests_total{kind="Deployment",outcome="Done",verb="apply"} 1.0' in metrics


async def looks(operator: Operator) -> int:
    """How many looks have ended."""
    _, metrics = await operator.page("/metrics")
    done = [
        line for line in metrics.splitlines() if line.startswith('serin_reconciles_total{outcome="done"}')
    ]
    return int(float(done[0].split()[-1])) if done else 0
