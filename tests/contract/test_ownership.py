"""Whether the store tells a person's edit from our own writes, on a real server's managedFields."""

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from serin.domain.names import Key, RevisionHash
from serin.kube.client import KubeClient
from serin.kube.fences import CreateOnly, Existing
from serin.runtime.store import Store
from tests.cluster.api import Patch
from tests.cluster.cluster import Cluster
from tests.cluster.resources import DEPLOYMENTS, HTTP_ROUTES, SERVICES, Object, Resource

HASH = RevisionHash("7c9f1a2b3c")
NAME = f"fraud-{HASH}"
LABELS = {"serin.dev/model": "fraud", "serin.dev/revision": HASH}


@pytest_asyncio.fixture(loop_scope="session")
async def kube(cluster: Cluster) -> AsyncIterator[KubeClient]:
    async with KubeClient.connected(cluster.kubeconfig) as client:
        yield client


def deployment(namespace: str) -> Object:
    container = {"name": "model", "image": "serin.test/none:1", "env": [{"name": "A", "value": "1"}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NAME, "namespace": namespace, "labels": LABELS},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": LABELS},
            "template": {"metadata": {"labels": LABELS}, "spec": {"containers": [container]}},
        },
    }


def service(namespace: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": NAME, "namespace": namespace, "labels": LABELS},
        "spec": {"selector": LABELS, "ports": [{"name": "http", "port": 80}]},
    }


def route(namespace: str) -> Object:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "fraud", "namespace": namespace, "labels": {"serin.dev/model": "fraud"}},
        "spec": {
            "parentRefs": [{"name": "public"}],
            "rules": [{"backendRefs": [{"name": NAME, "port": 80, "weight": 100}]}],
        },
    }


def image(value: str) -> Object:
    return {"spec": {"template": {"spec": {"containers": [{"name": "model", "image": value}]}}}}


EDITS = [
    pytest.param(deployment, DEPLOYMENTS, {"spec": {"replicas": 5}}, id="replicas"),
    pytest.param(deployment, DEPLOYMENTS, image("serin.test/other:1"), id="image"),
    pytest.param(service, SERVICES, {"spec": {"selector": {"app": "theirs"}}}, id="selector"),
    pytest.param(service, SERVICES, {"spec": {"selector": None}}, id="no selector"),
    pytest.param(
        route,
        HTTP_ROUTES,
        {"spec": {"rules": [{"backendRefs": [{"name": NAME, "port": 80, "weight": 1}]}]}},
        id="weights",
    ),
]
KINDS = {DEPLOYMENTS: "Deployment", SERVICES: "Service", HTTP_ROUTES: "HTTPRoute"}


def foreign(store: Store, namespace: str) -> bool:
    seen = store.observed(Key(namespace, "fraud"))
    if seen.route:
        return seen.route.identity.foreign
    (view,) = seen.workloads.values() or seen.services.values()
    return view.identity.foreign


@pytest.mark.parametrize(("manifest", "resource", "edit"), EDITS)
@pytest.mark.parametrize("restarted", [False, True], ids=["running", "restarted"])
async def test_an_edit_of_our_field_is_seen_and_put_back(
    kube: KubeClient,
    cluster: Cluster,
    namespace: str,
    manifest: Callable[[str], Object],
    resource: Resource,
    edit: Object,
    restarted: bool,
) -> None:
    kind, body = KINDS[resource], manifest(namespace)
    store = Store()
    ours = await kube.apply(body, fence=CreateOnly())
    store.remember(kind, ours)
    assert not foreign(store, namespace)

    patch = Patch.MERGE if resource is HTTP_ROUTES else Patch.STRATEGIC
    edited = await cluster.api.patch(resource, body["metadata"]["name"], edit, namespace, kind=patch)
    store = Store() if restarted else store
    assert store.observe(kind, {"type": "MODIFIED", "object": edited}) == Key(namespace, "fraud")
    assert foreign(store, namespace)

    store.remember(kind, await kube.apply(body, fence=Existing(ours["metadata"]["uid"])))
    assert not foreign(store, namespace)


ADDITIONS = [
    pytest.param({"spec": {"template": {"metadata": {"annotations": {"restarted": "now"}}}}}, id="restart"),
    pytest.param({"metadata": {"annotations": {"team": "ml"}}}, id="annotation"),
    pytest.param({"spec": {"paused": True}}, id="paused"),
]


@pytest.mark.parametrize("addition", ADDITIONS)
async def test_what_others_add_beside_our_fields_is_left(
    kube: KubeClient, cluster: Cluster, namespace: str, addition: Object
) -> None:
    store = Store()
    store.remember("Deployment", await kube.apply(deployment(namespace), fence=CreateOnly()))

    added = await cluster.api.patch(DEPLOYMENTS, NAME, addition, namespace, kind=Patch.STRATEGIC)
    store.observe("Deployment", {"type": "MODIFIED", "object": added})

    assert not foreign(store, namespace)


async def test_what_others_add_costs_at_most_one_apply_after_a_restart(
    kube: KubeClient, cluster: Cluster, namespace: str
) -> None:
    ours = await kube.apply(deployment(namespace), fence=CreateOnly())
    added = await cluster.api.patch(DEPLOYMENTS, NAME, {"spec": {"minReadySeconds": 5}}, namespace)
    store = Store()
    store.observe("Deployment", {"type": "ADDED", "object": added})

    again = await kube.apply(deployment(namespace), fence=Existing(ours["metadata"]["uid"]))
    store.remember("Deployment", again)
    moved = await cluster.api.patch(DEPLOYMENTS, NAME, {"metadata": {"annotations": {"a": "b"}}}, namespace)
    store.observe("Deployment", {"type": "MODIFIED", "object": moved})

    assert not foreign(store, namespace)


@pytest.mark.parametrize("restarted", [False, True], ids=["running", "restarted"])
async def test_an_owner_who_agrees_with_us_is_no_stranger(
    kube: KubeClient, cluster: Cluster, namespace: str, restarted: bool
) -> None:
    store = Store()
    store.remember("Service", await kube.apply(service(namespace), fence=CreateOnly()))

    shared = await cluster.api.apply(service(namespace), manager="somebody")
    store = Store() if restarted else store
    store.observe("Service", {"type": "MODIFIED", "object": shared})

    assert not foreign(store, namespace)


async def test_controllers_are_no_strangers(kube: KubeClient, cluster: Cluster, namespace: str) -> None:
    store = Store()
    store.remember("Deployment", await kube.apply(deployment(namespace), fence=CreateOnly()))

    settled = await cluster.api.until(
        DEPLOYMENTS, NAME, lambda seen: seen["status"]["observedGeneration"] == 1, namespace
    )
    woken = store.observe("Deployment", {"type": "MODIFIED", "object": settled})

    assert woken == Key(namespace, "fraud")
    view = store.observed(woken).workloads[HASH]
    assert view.settled
    assert not view.identity.foreign
    fresh = Store()
    fresh.observe("Deployment", {"type": "ADDED", "object": settled})
    assert not foreign(fresh, namespace)


async def test_a_later_write_of_ours_is_known_by_its_content(
    kube: KubeClient, cluster: Cluster, namespace: str
) -> None:
    store = Store()
    first = await kube.apply(deployment(namespace), fence=CreateOnly())
    store.remember("Deployment", first)
    body = deployment(namespace)
    body["metadata"]["annotations"] = {"serin.dev/content": "2", "serin.dev/rejected": "Harm"}

    ours = await kube.apply(body, fence=Existing(first["metadata"]["uid"]))
    store.observe("Deployment", {"type": "MODIFIED", "object": ours})  # before the answer has come

    assert not foreign(store, namespace)
