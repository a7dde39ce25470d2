"""What users of Kubernetes expect of an object: honest words, their own things untouched, nothing left."""

from pathlib import Path

import pytest

from tests.cluster.cluster import Cluster
from tests.cluster.gateway import Gateway
from tests.cluster.resources import (
    CONTROLLER_REVISIONS,
    DEPLOYMENTS,
    HTTP_ROUTES,
    SERVICES,
    Object,
    Resource,
)
from tests.cluster.waiting import until
from tests.invariants.watcher import MODEL_DEPLOYMENTS
from tests.operator.test_writes import writes_of
from tests.stage.kubectl import Kubectl, Refused
from tests.stage.model import Model, condition, conditions, phase, spec
from tests.stage.operator import Operator

CHILDREN = (CONTROLLER_REVISIONS, DEPLOYMENTS, SERVICES, HTTP_ROUTES)


async def test_a_broken_spec_says_where_while_the_last_good_one_serves(
    gateway: Gateway, serin: Operator, fraud: Model, shell: Kubectl
) -> None:
    await fraud.apply(spec("1"))
    good = (await fraud.until(condition("Ready")))["status"]["stable"]["revision"]

    await fraud.apply({**spec("2"), "model": {"format": "abacus"}})

    seen = await fraud.until(condition("Stalled", reason="InvalidSpec"))
    assert "spec.model.format" in conditions(seen)["Stalled"]["message"]
    assert "abacus" in await shell("describe", "mdep", fraud.name)
    await still_serves(fraud, seen, good)


async def test_a_template_that_the_server_refuses_says_where_while_the_last_good_one_serves(
    gateway: Gateway, serin: Operator, fraud: Model, shell: Kubectl
) -> None:
    await fraud.apply(spec("1"))
    good = (await fraud.until(condition("Ready")))["status"]["stable"]["revision"]
    broken = spec("2")
    broken["template"]["spec"]["containers"].append({"name": "beside"})

    await fraud.apply(broken)

    seen = await fraud.until(condition("Stalled", reason="WriteRefused"))
    assert "containers[1].image: Required" in conditions(seen)["Stalled"]["message"]
    assert "WriteRefused" in await shell("get", "mdep", fraud.name)
    await still_serves(fraud, seen, good)


async def still_serves(fraud: Model, seen: Object, good: str) -> None:
    """Availability is told apart from the fault, and the way back is the spec before."""
    assert conditions(seen)["Ready"]["status"] == "False"
    assert conditions(seen)["Available"]["status"] == "True"
    assert await fraud.sizes() == {good: 3}
    await fraud.apply(spec("1"))
    await fraud.until(condition("Ready"))


async def test_a_typo_is_refused_when_it_is_applied(fraud: Model, shell: Kubectl, tmp_path: Path) -> None:
    file = tmp_path / "typo.yaml"
    file.write_text(TYPO.format(name=fraud.name))

    with pytest.raises(Refused, match=r"spec\.rollout\.bakeSecond"):
        await shell("apply", "-f", file)


async def test_somebody_elses_object_is_left_alone_until_it_is_handed_over(
    cluster: Cluster, gateway: Gateway, serin: Operator, fraud: Model
) -> None:
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    body = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": fraud.name}}
    theirs = await cluster.api.create({**body, "spec": {"ports": ports}}, fraud.namespace)

    await fraud.apply(spec("1"))

    seen = await fraud.until(condition("Stalled", reason="NameConflict"))
    uid = theirs["metadata"]["uid"]
    assert uid in conditions(seen)["Stalled"]["message"]
    untouched = await cluster.api.get(SERVICES, fraud.name, fraud.namespace)
    assert untouched["metadata"]["resourceVersion"] == theirs["metadata"]["resourceVersion"]

    await fraud.apply(spec("1"), adopt=uid)
    await fraud.until(condition("Ready"))


async def test_a_foreign_edit_is_put_back_once(
    cluster: Cluster, gateway: Gateway, serin: Operator, fraud: Model
) -> None:
    await fraud.apply(spec("1"))
    stable = (await fraud.until(condition("Ready")))["status"]["stable"]["revision"]
    route = await cluster.api.get(HTTP_ROUTES, fraud.name, fraud.namespace)
    rules = route["spec"]["rules"]
    rules[0]["backendRefs"][0]["name"] = "elsewhere"

    async with writes_of(cluster, fraud) as writes:
        await cluster.api.patch(HTTP_ROUTES, fraud.name, {"spec": {"rules": rules}}, fraud.namespace)
        await until(fraud.weights, lambda found: found == {stable: 100}, what="the route as it was")
        await serin.at_rest()

    assert writes.work == ["httproutes"]


async def test_deletion_leaves_nothing(
    cluster: Cluster, gateway: Gateway, serin: Operator, fraud: Model, shell: Kubectl
) -> None:
    await fraud.apply(spec("1"))
    await fraud.until(condition("Ready"))
    await fraud.apply(spec("2", steps={20: 600}))
    await fraud.until(phase("Stepping"))
    await fraud.until_weights(20)

    await shell("delete", "mdep", fraud.name)

    for kind in CHILDREN:

        async def left(kind: Resource = kind) -> object:
            return await cluster.api.list(kind, fraud.namespace, labels=f"serin.dev/model={fraud.name}")

        await until(left, lambda found: not found, what=f"the end of all {kind}")
    assert await cluster.api.find(MODEL_DEPLOYMENTS, fraud.name, fraud.namespace) is None


async def test_scaling_needs_no_rollout(
    gateway: Gateway, serin: Operator, fraud: Model, shell: Kubectl
) -> None:
    await fraud.apply(spec("1", replicas=1))
    stable = (await fraud.until(condition("Ready")))["status"]["stable"]["revision"]

    await shell("scale", "mdep", fraud.name, "--replicas=3")

    seen = await fraud.until(lambda seen: seen["status"].get("readyReplicas") == 3)
    assert await fraud.sizes() == {stable: 3}
    assert "rollout" not in seen["status"]
    assert seen["status"]["selector"]


async def test_a_lost_status_is_found_again_without_touching_a_pod(
    cluster: Cluster, gateway: Gateway, serin: Operator, fraud: Model
) -> None:
    await fraud.apply(spec("1"))
    before = await fraud.until(condition("Ready"))
    stable = before["status"]["stable"]["revision"]
    pods = await fraud.pods(stable)
    await serin.kill()
    await cluster.api.patch(
        MODEL_DEPLOYMENTS, fraud.name, {"status": None}, fraud.namespace, subresource="status"
    )
    for kind in CHILDREN:
        for body in await cluster.api.list(kind, fraud.namespace, labels=f"serin.dev/model={fraud.name}"):
            bare = {"metadata": {"ownerReferences": None}}
            await cluster.api.patch(kind, body["metadata"]["name"], bare, fraud.namespace)

    await serin.start()

    after = await fraud.until(condition("Ready"))
    assert after["status"]["stable"]["revision"] == stable
    assert await fraud.pods(stable) == pods
    assert await fraud.weights() == {stable: 100}
    for kind in CHILDREN:

        async def orphans(kind: Resource = kind) -> object:
            found = await cluster.api.list(kind, fraud.namespace, labels=f"serin.dev/model={fraud.name}")
            return [body["metadata"]["name"] for body in found if not body["metadata"].get("ownerReferences")]

        await until(orphans, lambda found: not found, what=f"owners of all {kind}")


TYPO = """
apiVersion: serin.dev/v1alpha1
kind: ModelDeployment
metadata: {{name: {name}}}
spec:
  model: {{format: sklearn}}
  rollout: {{bakeSecond: 5}}
"""
