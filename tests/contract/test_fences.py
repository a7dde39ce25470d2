"""What the API server makes of fences: the answers that safety across crashes and leaders rests on.

Should a server's answer ever change, these tests say so before an operator does harm on it.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from serin.domain.names import Key
from serin.kube.client import KubeClient
from serin.kube.errors import Conflict, Forbidden, Invalid, NotFound
from serin.kube.fences import CreateOnly, Exact, Existing
from tests.cluster.cluster import Cluster
from tests.cluster.resources import SERVICES, Resource

MODELS = Resource("serin.dev/v1alpha1", "modeldeployments")
NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest_asyncio.fixture(loop_scope="session")
async def kube(cluster: Cluster) -> AsyncIterator[KubeClient]:
    async with KubeClient.connected(cluster.kubeconfig) as client:
        yield client


def service(namespace: str, name: str = "fraud", *, port: int = 80) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace, "labels": {"serin.dev/model": "fraud"}},
        "spec": {"selector": {"serin.dev/model": "fraud"}, "ports": [{"name": "http", "port": port}]},
    }


def exactly(seen: dict[str, Any]) -> Exact:
    return Exact(seen["metadata"]["uid"], seen["metadata"]["resourceVersion"])


async def test_create_only_creates_what_is_missing(kube: KubeClient, namespace: str) -> None:
    created = await kube.apply(service(namespace), fence=CreateOnly())

    assert created["spec"]["ports"][0]["port"] == 80
    assert created["metadata"]["managedFields"][0]["manager"] == "serin"


async def test_create_only_never_touches_what_exists(
    kube: KubeClient, cluster: Cluster, namespace: str
) -> None:
    theirs = await cluster.api.create(service(namespace, port=8080))

    with pytest.raises(Conflict):
        await kube.apply(service(namespace), fence=CreateOnly())

    assert await cluster.api.get(SERVICES, "fraud", namespace) == theirs


async def test_a_uid_lets_a_write_to_that_object_through(kube: KubeClient, namespace: str) -> None:
    created = await kube.apply(service(namespace), fence=CreateOnly())

    changed = await kube.apply(service(namespace, port=81), fence=Existing(created["metadata"]["uid"]))

    assert changed["spec"]["ports"][0]["port"] == 81


async def test_a_uid_keeps_a_write_from_an_object_made_anew(kube: KubeClient, namespace: str) -> None:
    old = await kube.apply(service(namespace), fence=CreateOnly())
    await kube.delete("Service", namespace, "fraud", uid=old["metadata"]["uid"])
    new = await kube.apply(service(namespace), fence=CreateOnly())

    with pytest.raises(Conflict):
        await kube.apply(service(namespace, port=81), fence=Existing(old["metadata"]["uid"]))

    assert await kube.get("Service", namespace, "fraud") == new


async def test_a_uid_keeps_a_write_from_bringing_back_a_deleted_object(
    kube: KubeClient, namespace: str
) -> None:
    old = await kube.apply(service(namespace), fence=CreateOnly())
    await kube.delete("Service", namespace, "fraud", uid=old["metadata"]["uid"])

    for fence in (Existing(old["metadata"]["uid"]), exactly(old)):
        with pytest.raises(Conflict):
            await kube.apply(service(namespace), fence=fence)

    with pytest.raises(NotFound):
        await kube.get("Service", namespace, "fraud")


async def test_a_stale_version_keeps_a_late_write_out(kube: KubeClient, namespace: str) -> None:
    first = await kube.apply(service(namespace), fence=CreateOnly())
    second = await kube.apply(service(namespace, port=81), fence=exactly(first))

    with pytest.raises(Conflict):
        await kube.apply(service(namespace, port=82), fence=exactly(first))

    assert await kube.get("Service", namespace, "fraud") == second


async def test_an_apply_that_changes_nothing_leaves_the_version(kube: KubeClient, namespace: str) -> None:
    first = await kube.apply(service(namespace), fence=CreateOnly())

    again = await kube.apply(service(namespace), fence=exactly(first))

    assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


async def test_an_apply_takes_a_field_back_from_somebody_else(
    kube: KubeClient, cluster: Cluster, namespace: str
) -> None:
    ours = await kube.apply(service(namespace), fence=CreateOnly())
    await cluster.api.patch(SERVICES, "fraud", {"spec": {"selector": {"app": "theirs"}}}, namespace)

    back = await kube.apply(service(namespace), fence=Existing(ours["metadata"]["uid"]))

    assert back["spec"]["selector"] == {"serin.dev/model": "fraud"}


async def test_a_mistyped_field_is_refused(kube: KubeClient, namespace: str) -> None:
    typo = service(namespace)
    typo["spec"]["selectors"] = {}

    with pytest.raises(Invalid, match="selectors"):
        await kube.apply(typo, fence=CreateOnly())


async def test_a_delete_spares_an_object_of_the_same_name(kube: KubeClient, namespace: str) -> None:
    created = await kube.apply(service(namespace), fence=CreateOnly())

    with pytest.raises(Conflict):
        await kube.delete("Service", namespace, "fraud", uid=NOBODY)

    assert await kube.get("Service", namespace, "fraud") == created


async def test_a_delete_tells_what_is_held_up(kube: KubeClient, cluster: Cluster, namespace: str) -> None:
    made = await kube.apply(service(namespace), fence=CreateOnly())
    uid = made["metadata"]["uid"]
    held = {"metadata": {"finalizers": ["test.serin.dev/held-up"]}}
    await cluster.api.patch(SERVICES, "fraud", held, namespace)

    for _ in range(2):
        answer = await kube.delete("Service", namespace, "fraud", uid=uid)
        assert answer is not None
        assert answer["metadata"]["deletionTimestamp"]

    await cluster.api.patch(SERVICES, "fraud", {"metadata": {"finalizers": None}}, namespace)
    assert await kube.delete("Service", namespace, "fraud", uid=uid) is None


async def test_a_delete_of_what_is_there_leaves_nothing(kube: KubeClient, namespace: str) -> None:
    made = await kube.apply(service(namespace), fence=CreateOnly())

    assert await kube.delete("Service", namespace, "fraud", uid=made["metadata"]["uid"]) is None


async def test_a_delete_of_what_is_gone_is_content(kube: KubeClient, namespace: str) -> None:
    await kube.delete("Service", namespace, "fraud", uid=NOBODY)


async def test_an_apply_into_a_missing_namespace_is_not_found(kube: KubeClient) -> None:
    with pytest.raises(NotFound):
        await kube.apply(service("nowhere"), fence=CreateOnly())


async def test_the_data_of_a_controller_revision_never_changes(kube: KubeClient, namespace: str) -> None:
    frozen = await kube.apply(controller_revision(namespace, data={"a": 1}), fence=CreateOnly())

    with pytest.raises(Invalid, match="immutable"):
        await kube.apply(
            controller_revision(namespace, data={"a": 2}), fence=Existing(frozen["metadata"]["uid"])
        )


async def test_a_status_patch_at_the_version_seen_passes(
    kube: KubeClient, cluster: Cluster, namespace: str
) -> None:
    seen = await cluster.api.create(model(namespace))

    patched = await patch_status(kube, seen, {"observedGeneration": 1, "phase": "Preparing"})

    assert patched["status"] == {"observedGeneration": 1, "phase": "Preparing"}
    assert patched["metadata"]["generation"] == seen["metadata"]["generation"]


async def test_a_status_patch_at_an_older_version_conflicts(
    kube: KubeClient, cluster: Cluster, namespace: str
) -> None:
    seen = await cluster.api.create(model(namespace))
    newer = await patch_status(kube, seen, {"observedGeneration": 1, "phase": "Preparing"})

    with pytest.raises(Conflict):
        await patch_status(kube, seen, {"observedGeneration": 1, "phase": "Idle"})

    assert await kube.get("ModelDeployment", namespace, "fraud") == newer


async def test_a_status_patch_removes_what_the_new_status_lacks(
    kube: KubeClient, cluster: Cluster, namespace: str
) -> None:
    seen = await cluster.api.create(model(namespace))
    canary = {"revision": "fraud-1", "weight": 5, "replicas": 1, "readyReplicas": 1}
    seen = await patch_status(
        kube, seen, {"observedGeneration": 1, "phase": "Stepping", "canary": canary | {"step": "first"}}
    )

    patched = await patch_status(kube, seen, {"observedGeneration": 1, "canary": canary})

    assert patched["status"] == {"observedGeneration": 1, "canary": canary}


async def test_a_status_patch_of_a_deleted_model_is_not_found(
    kube: KubeClient, cluster: Cluster, namespace: str
) -> None:
    seen = await cluster.api.create(model(namespace))
    await cluster.api.delete(MODELS, "fraud", namespace)

    with pytest.raises(NotFound):
        await patch_status(kube, seen, {"observedGeneration": 1})


async def test_a_status_patch_of_a_model_made_anew_conflicts(
    kube: KubeClient, cluster: Cluster, namespace: str
) -> None:
    seen = await cluster.api.create(model(namespace))
    await cluster.api.delete(MODELS, "fraud", namespace)
    new = await cluster.api.create(model(namespace))

    with pytest.raises(Conflict):
        await patch_status(kube, seen, {"observedGeneration": 1})

    assert await kube.get("ModelDeployment", namespace, "fraud") == new


async def test_an_empty_status_reads_as_never_observed(cluster: Cluster, namespace: str) -> None:
    created = await cluster.api.create(model(namespace))

    assert created["status"] == {"observedGeneration": -1}


async def test_a_list_of_names_shows_ours_and_its_version(
    kube: KubeClient, cluster: Cluster, namespace: str
) -> None:
    ours = await kube.apply(service(namespace), fence=CreateOnly())
    theirs = service(namespace, "theirs")
    del theirs["metadata"]["labels"]
    await cluster.api.create(theirs)

    listing = await kube.list_metadata("Service", namespace)

    assert [(row.name, row.uid) for row in listing.items] == [("fraud", ours["metadata"]["uid"])]
    assert int(listing.resource_version) >= int(ours["metadata"]["resourceVersion"])


async def test_an_object_is_told_from_another_of_its_name(
    kube: KubeClient, cluster: Cluster, namespace: str
) -> None:
    ours = await kube.apply(service(namespace), fence=CreateOnly())
    await kube.apply(service(namespace, "other"), fence=CreateOnly())
    uid = ours["metadata"]["uid"]

    assert await kube.stays("Service", namespace, "fraud", uid=uid)
    assert not await kube.stays("Service", namespace, "other", uid=uid)
    assert not await kube.stays("Service", namespace, "none", uid=uid)


async def test_what_is_on_its_way_out_does_not_stay(
    kube: KubeClient, cluster: Cluster, namespace: str
) -> None:
    ours = await kube.apply(service(namespace), fence=CreateOnly())
    held = {"metadata": {"finalizers": ["test.serin.dev/held-up"]}}
    await cluster.api.patch(SERVICES, "fraud", held, namespace)
    assert await kube.stays("Service", namespace, "fraud", uid=ours["metadata"]["uid"])

    await cluster.api.delete(SERVICES, "fraud", namespace)

    assert not await kube.stays("Service", namespace, "fraud", uid=ours["metadata"]["uid"])
    await cluster.api.patch(SERVICES, "fraud", {"metadata": {"finalizers": None}}, namespace)


async def test_the_newest_of_a_name_is_what_a_watch_of_ours_would_show(
    kube: KubeClient, cluster: Cluster, namespace: str
) -> None:
    ours = await kube.apply(service(namespace), fence=CreateOnly())
    await kube.apply(service(namespace, "other"), fence=CreateOnly())

    found = await kube.newest("Service", namespace, "fraud")
    (shown,) = found.objects
    assert (shown["metadata"], shown["spec"]) == (ours["metadata"], ours["spec"])

    unlabelled = {"metadata": {"labels": {"serin.dev/model": None}}}
    changed = await cluster.api.patch(SERVICES, "fraud", unlabelled, namespace)
    found = await kube.newest("Service", namespace, "fraud")
    assert found.objects == ()
    assert int(found.version) >= int(changed["metadata"]["resourceVersion"])


async def test_the_newest_of_a_model_needs_no_label(
    kube: KubeClient, cluster: Cluster, namespace: str
) -> None:
    seen = await cluster.api.create(model(namespace))

    (shown,) = (await kube.newest("ModelDeployment", namespace, "fraud")).objects

    assert shown["metadata"] == seen["metadata"]
    assert (await kube.newest("ModelDeployment", namespace, "other")).objects == ()


async def test_a_list_of_no_names_is_empty(kube: KubeClient, namespace: str) -> None:
    assert (await kube.list_metadata("Deployment", namespace)).items == ()


async def test_an_account_without_rights_is_told_so(cluster: Cluster, namespace: str) -> None:
    account = await cluster.service_account_kubeconfig(namespace, "default")

    async with KubeClient.connected(account) as powerless:
        with pytest.raises(Forbidden, match="services"):
            await powerless.apply(service(namespace), fence=CreateOnly())


async def patch_status(kube: KubeClient, seen: dict[str, Any], status: dict[str, Any]) -> dict[str, Any]:
    metadata = seen["metadata"]
    return await kube.patch_status(
        Key(metadata["namespace"], metadata["name"]),
        status,
        previous=seen.get("status", {}),
        resource_version=metadata["resourceVersion"],
    )


def model(namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "serin.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "fraud", "namespace": namespace},
        "spec": {"model": {"uri": "pvc://models/fraud", "format": "sklearn"}},
    }


def controller_revision(namespace: str, *, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {"name": "fraud-1", "namespace": namespace},
        "revision": 1,
        "data": data,
    }
