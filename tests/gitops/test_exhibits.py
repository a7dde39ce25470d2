"""The recorded objects on a real API server where no operator looks at them, shown to Helm and kubectl.

What they have to say is `truth`'s, as for those who read the objects without a server.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import pytest_asyncio

from tests.cluster.cluster import Cluster
from tests.cluster.namespaces import fresh_namespace
from tests.cluster.resources import CONFIG_MAPS, NAMESPACES, Object
from tests.gitops.generated import ACTIONS_KEY, HEALTH_KEY, TARGET
from tests.gitops.normal import recorded
from tests.gitops.release import Release
from tests.gitops.truth import STATES
from tests.invariants.watcher import MODEL_DEPLOYMENTS
from tests.stage.kubectl import Refused, kubectl

OBJECTS: Final = {name: body for name, body in recorded().items() if name != "deleting"}
"""A deletion takes an object away that nobody keeps."""
IN_VAIN_SECONDS, PATIENCE_SECONDS = 30, 300
"""Where Helm waits until its time is over, and where it ends its wait by itself."""
SHOWN_TO_HELM: Final = ("ready", "unobserved", "awaiting-promotion", "baking", "aborted", "invalid-spec")
"""One for each thing that a waiter can conclude, and two for the ways to wait in vain."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def exhibits(cluster: Cluster) -> AsyncIterator[str]:
    """A namespace with an object in each state, called after it."""
    async with fresh_namespace(cluster.api) as place:
        await asyncio.gather(*(exhibited(cluster, place, name) for name in OBJECTS))
        yield place


async def exhibited(cluster: Cluster, place: str, name: str) -> None:
    body = OBJECTS[name]
    meta = {"name": name, "annotations": body["metadata"].get("annotations", {})}
    made = await cluster.api.create({**body, "metadata": meta, "status": {}}, place)
    status = about(body, made["metadata"]["generation"])
    await cluster.api.patch(MODEL_DEPLOYMENTS, name, {"status": status}, place, subresource="status")


def about(body: Object, generation: int) -> Object:
    """The recorded status, as far behind another generation as it was behind its own."""
    ahead = body["metadata"]["generation"] - generation
    status: Object = dict(body["status"])
    if status["observedGeneration"] < 0:
        return status
    conditions = [
        {**one, "observedGeneration": one["observedGeneration"] - ahead} for one in status["conditions"]
    ]
    return {**status, "observedGeneration": status["observedGeneration"] - ahead, "conditions": conditions}


async def test_kubectl_is_content_with_every_state_that_is_ready_and_no_other(
    cluster: Cluster, exhibits: str
) -> None:
    shell = kubectl(namespace=exhibits, kubeconfig=cluster.kubeconfig)

    try:
        said = await shell("wait", "mdep", "--all", "--for=condition=Ready", "--timeout=0")
    except Refused as refused:
        said = str(refused)

    met = set(re.findall(r"^modeldeployment\.serin\.dev/(\S+) condition met$", said, re.MULTILINE))
    assert met == {name for name in OBJECTS if STATES[name].row.ends_kubectl_wait}


async def test_helm_ends_its_wait_as_kstatus_says(cluster: Cluster, exhibits: str) -> None:
    async def told(name: str) -> str:
        release = Release(cluster, exhibits, name)
        patience = IN_VAIN_SECONDS if STATES[name].row.kstatus == "InProgress" else PATIENCE_SECONDS
        ended = await release.apply(OBJECTS[name]["spec"], "--take-ownership", wait=patience)
        if ended.code == 0:
            return "Current"
        found = re.search(r"not ready\. status: (\w+)", ended.said)
        assert found, ended.said
        assert ("context deadline exceeded" in ended.said) is (found[1] == "InProgress"), ended.said
        return found[1]

    said = await asyncio.gather(*map(told, SHOWN_TO_HELM))

    assert dict(zip(SHOWN_TO_HELM, said, strict=True)) == {
        name: STATES[name].row.kstatus for name in SHOWN_TO_HELM
    }


@asynccontextmanager
async def argo_cd(cluster: Cluster) -> AsyncIterator[None]:
    """The namespace of an Argo CD whose configuration its chart has made."""
    await cluster.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "argocd"}})
    meta = {"name": "argocd-cm", "labels": {"app.kubernetes.io/part-of": "argocd"}}
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": meta,
        "data": {"url": "https://cd.example.com"},
    }
    await cluster.api.apply(body, "argocd", manager="helm")
    yield
    await cluster.api.delete(NAMESPACES, "argocd")


async def test_the_config_map_is_added_to_what_argo_cd_has(cluster: Cluster) -> None:
    async with argo_cd(cluster):
        await kubectl(kubeconfig=cluster.kubeconfig)("apply", "--server-side", "-f", TARGET)

        found = await cluster.api.get(CONFIG_MAPS, "argocd-cm", "argocd")

    assert found["data"].keys() == {"url", HEALTH_KEY, ACTIONS_KEY}
