"""Pods that are processes behave as pods do: what the operator sees here, it would see from a kubelet."""

import asyncio
import sys
from collections.abc import Callable

import aiohttp
import pytest

from tests.cluster.api import Api
from tests.cluster.cluster import Cluster
from tests.cluster.images import Image
from tests.cluster.resources import DEPLOYMENTS, ENDPOINT_SLICES, PODS, Object

SERVER = "serin.test/files:1"
SHELL = "serin.test/shell:1"
Predicate = Callable[[Object], object]


@pytest.fixture(autouse=True)
def images(cluster: Cluster) -> None:
    """A web server that shows its working directory, and a shell."""
    cluster.images[SERVER] = Image(entrypoint=(sys.executable, "-m", "http.server", "8080"))
    cluster.images[SHELL] = Image(entrypoint=("/bin/sh", "-c"))


def pod(name: str, image: str = SHELL, *, restart: str = "Always", **container: object) -> Object:
    volumes = container.pop("volumes", [])
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "terminationGracePeriodSeconds": 5,
            "restartPolicy": restart,
            "volumes": volumes,
            "containers": [{"name": "main", "image": image, **container}],
        },
    }


def condition(kind: str, status: str) -> Predicate:
    return lambda seen: (
        status in [one["status"] for one in seen["status"]["conditions"] if one["type"] == kind]
    )


def waiting_for(reason: str) -> Predicate:
    return lambda seen: seen["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == reason


def ended(seen: Object) -> bool:
    return seen["status"]["phase"] in ("Succeeded", "Failed")


async def test_deployment_gets_ready_and_its_service_lists_both_pods(api: Api, namespace: str) -> None:
    template = pod("web", SERVER, readinessProbe={"httpGet": {"port": 8080}, "periodSeconds": 1})
    meta, selector = {"name": "web"}, {"app": "web"}
    spec = {"replicas": 2, "selector": {"matchLabels": selector}, "template": template}
    await api.create(
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}, namespace
    )
    service = {"selector": selector, "ports": [{"port": 80, "targetPort": 8080}]}
    await api.create({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": service}, namespace)

    await api.until(DEPLOYMENTS, "web", lambda seen: seen["status"]["availableReplicas"] == 2, namespace)

    (slice_,) = await api.list(ENDPOINT_SLICES, namespace)
    slice_ = await api.until(
        ENDPOINT_SLICES,
        slice_["metadata"]["name"],
        lambda seen: [one["conditions"]["ready"] for one in seen["endpoints"]] == [True, True],
        namespace,
    )
    async with aiohttp.ClientSession() as session:
        for endpoint in slice_["endpoints"]:
            async with session.get(f"http://{endpoint['addresses'][0]}:8080/") as answer:
                assert answer.status == 200


async def test_crashing_container_is_restarted_and_backed_off(api: Api, namespace: str) -> None:
    waiting = asyncio.create_task(api.until(PODS, "crashing", waiting_for("CrashLoopBackOff"), namespace))
    await api.create(pod("crashing", args=["exit 3"]), namespace)

    seen = await waiting

    (status,) = seen["status"]["containerStatuses"]
    assert status["restartCount"] >= 1
    assert status["lastState"]["terminated"]["exitCode"] == 3
    assert seen["status"]["phase"] == "Running"
    assert condition("Ready", "False")(seen)


async def test_logs_are_served_by_the_api_server(api: Api, namespace: str) -> None:
    await api.create(pod("talking", restart="Never", args=["echo one; echo two"]), namespace)

    await api.until(PODS, "talking", ended, namespace)

    assert await api.log("talking", namespace) == "one\ntwo\n"


async def test_unknown_image_is_not_pulled_until_it_exists(
    api: Api, cluster: Cluster, namespace: str
) -> None:
    await api.create(pod("late", "serin.test/late:1", args=["sleep 60"]), namespace)
    seen = await api.until(PODS, "late", waiting_for("ImagePullBackOff"), namespace)
    assert seen["status"]["phase"] == "Pending"

    cluster.images["serin.test/late:1"] = cluster.images[SHELL]

    await api.until(PODS, "late", condition("Ready", "True"), namespace)


async def test_pod_that_asks_too_much_is_unschedulable(api: Api, namespace: str) -> None:
    await api.create(pod("huge", resources={"requests": {"cpu": "1000"}}), namespace)

    seen = await api.until(PODS, "huge", condition("PodScheduled", "False"), namespace)

    (scheduled,) = seen["status"]["conditions"]
    assert scheduled["reason"] == "Unschedulable"
    assert "Insufficient cpu" in scheduled["message"]


async def test_container_finds_its_volumes_and_variables(api: Api, cluster: Cluster, namespace: str) -> None:
    data = {"metadata": {"name": "settings"}, "data": {"colour": "blue"}, "binaryData": {"raw": "AAH/"}}
    await api.create({"apiVersion": "v1", "kind": "ConfigMap", **data}, namespace)
    script = "cd /mnt/serin-settings; cat colour; od -An -tx1 raw; echo $WHO $IP; cat $ACCOUNT/namespace"
    reader = pod(
        "reader",
        restart="Never",
        args=[script],
        env=[
            {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "WHO", "value": "$(NAME)!"},
            {"name": "ACCOUNT", "value": "/var/run/secrets/kubernetes.io/serviceaccount"},
        ],
        volumeMounts=[{"name": "settings", "mountPath": "/mnt/serin-settings"}],
        volumes=[{"name": "settings", "configMap": {"name": "settings"}}],
    )

    await api.create(reader, namespace)
    seen = await api.until(PODS, "reader", ended, namespace)

    log = cluster.node.log(namespace, "reader", "main")
    assert log.split() == ["blue", "00", "01", "ff", "reader!", seen["status"]["podIP"], namespace]
    assert seen["status"]["phase"] == "Succeeded"


async def test_init_container_hands_files_to_the_next(api: Api, cluster: Cluster, namespace: str) -> None:
    shared = {"name": "models", "mountPath": "/serin-models"}
    both = pod("both", restart="Never", args=["cat model"], workingDir="/serin-models", volumeMounts=[shared])
    both["spec"]["volumes"] = [{"name": "models", "emptyDir": {}}]
    init = {"name": "init", "image": SHELL, "args": ["echo weights > /serin-models/model"]}
    both["spec"]["initContainers"] = [{**init, "volumeMounts": [shared]}]

    await api.create(both, namespace)
    await api.until(PODS, "both", ended, namespace)

    assert cluster.node.log(namespace, "both", "main") == "weights\n"


async def test_liveness_failure_restarts_the_container(api: Api, namespace: str) -> None:
    probe = {"exec": {"command": ["test", "!", "-e", "ill"]}, "periodSeconds": 1, "failureThreshold": 1}
    script = "[ -e /ill/once ] || { touch /ill/once ill; }; exec sleep 60"
    mount = {"name": "ill", "mountPath": "/ill"}
    ill = pod("ill", args=[script], workingDir="/ill", livenessProbe=probe, volumeMounts=[mount])
    ill["spec"]["volumes"] = [{"name": "ill", "emptyDir": {}}]

    await api.create(ill, namespace)

    def restarted(seen: Object) -> bool:
        return bool(seen["status"]["containerStatuses"][0]["restartCount"] >= 1)

    await api.until(PODS, "ill", restarted, namespace)


async def test_deleted_pod_has_its_grace(api: Api, cluster: Cluster, namespace: str) -> None:
    script = "trap 'cat hooked; echo asked; exit 0' TERM; echo ready; while :; do sleep 0.1; done"
    hook = {"preStop": {"exec": {"command": ["/bin/sh", "-c", "echo hook > hooked"]}}}
    mount = {"name": "here", "mountPath": "/serin-here"}
    polite = pod("polite", args=[script], lifecycle=hook, volumeMounts=[mount], workingDir="/serin-here")
    polite["spec"]["terminationGracePeriodSeconds"] = 60
    polite["spec"]["volumes"] = [{"name": "here", "emptyDir": {}}]
    probe = {"exec": {"command": ["true"]}, "periodSeconds": 1}
    polite["spec"]["containers"][0]["readinessProbe"] = probe
    await api.create(polite, namespace)
    await api.until(PODS, "polite", condition("Ready", "True"), namespace)

    await api.delete(PODS, "polite", namespace)
    await api.gone(PODS, "polite", namespace)

    assert cluster.node.log(namespace, "polite", "main").split() == ["ready", "hook", "asked"]
