"""A2: a spec that cannot work is named for what is wrong with it, and writing the spec before it again is all
the cure there is to do: the children are as they were.
"""

from collections.abc import Mapping
from typing import Any, Final

import pytest

from tests.cluster.api import ApiError
from tests.cluster.resources import DEPLOYMENTS, HTTP_ROUTES, SERVICES, Object, Resource
from tests.invariants.watcher import MODEL_DEPLOYMENTS
from tests.stage.model import Model, condition, phase
from tests.walk.ground import Ground, serving, version, walk

PRIORITIES: Final = Resource("scheduling.k8s.io/v1", "priorityclasses", namespaced=False)


async def children(model: Model, stable: str) -> Mapping[str, Object]:
    """The specs of what serves."""
    api, place = model.api, model.namespace
    return {
        "deployment": (await api.get(DEPLOYMENTS, stable, place))["spec"],
        "service": (await api.get(SERVICES, stable, place))["spec"],
        "root": (await api.get(SERVICES, model.name, place))["spec"],
        "route": (await api.get(HTTP_ROUTES, model.name, place))["spec"],
    }


async def cured(ground: Ground, name: str, wrong: Object, *, reason: str, says: str) -> None:
    """Apply what is wrong, read what is said of it, apply what was right."""
    async with serving(ground, name) as (model, stable):
        before = await children(model, stable)
        pods = await model.pods(stable)

        await model.apply(wrong)
        seen = await model.until(condition("Stalled", reason=reason, says=says))
        assert await model.weights() == {stable: 100}
        assert not seen["status"].get("rejected")

        await model.apply(version("1"))
        seen = await model.until(phase("Ready"))
        assert seen["status"]["stable"]["revision"] == stable
        assert await model.sizes() == {stable: 1}
        assert await model.pods(stable) == pods
        after = await children(model, stable)
        backends = [one for one in after["route"]["rules"][0]["backendRefs"] if one["weight"]]
        after["route"]["rules"][0]["backendRefs"] = backends
        assert after == before


def wrong(pod: Mapping[str, Any] | None = None, **container: object) -> Object:
    """A second version whose pods differ so."""
    made = version("2")
    made["template"]["spec"]["containers"][0] |= container
    made["template"]["spec"] |= pod or {}
    return made


def variable(source: str) -> list[Object]:
    return [{"name": "SETTING", "valueFrom": {source: {"name": "nowhere", "key": "setting"}}}]


@walk
async def test_pods_that_fit_on_no_node(ground: Ground) -> None:
    asked = {**version("2"), "resources": {"requests": {"cpu": "1000"}}}
    await cured(ground, "huge", asked, reason="PodsNotReady", says="Insufficient cpu")


@walk
async def test_an_image_that_nobody_has(ground: Ground) -> None:
    asked = version("2", image="serin.test/nobody:1")
    await cured(ground, "unpulled", asked, reason="PodsNotReady", says="serin.test/nobody:1")


@walk
async def test_a_secret_that_is_missing(ground: Ground) -> None:
    asked = wrong(env=variable("secretKeyRef"))
    await cured(ground, "secret", asked, reason="PodsNotReady", says="nowhere")


@walk
async def test_a_config_map_that_is_missing(ground: Ground) -> None:
    asked = wrong(env=variable("configMapKeyRef"))
    await cured(ground, "setting", asked, reason="PodsNotReady", says="nowhere")


@walk
async def test_a_service_account_that_is_missing(ground: Ground) -> None:
    asked = wrong({"serviceAccountName": "nobody"})
    await cured(ground, "account", asked, reason="PodsNotReady", says='"nobody" not found')


@walk
async def test_a_quota_that_is_used_up(ground: Ground) -> None:
    named = {"metadata": {"name": "walk-scarce"}}
    scarce = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "value": 1, **named}
    await ground.api.create(scarce)
    scope = {"scopeName": "PriorityClass", "operator": "In", "values": ["walk-scarce"]}
    quota = {"hard": {"pods": "0"}, "scopeSelector": {"matchExpressions": [scope]}}
    await ground.api.create(
        {"apiVersion": "v1", "kind": "ResourceQuota", **named, "spec": quota}, ground.place
    )
    try:
        asked = wrong({"priorityClassName": "walk-scarce"})
        await cured(ground, "quota", asked, reason="PodsNotReady", says="exceeded quota: walk-scarce")
    finally:
        await ground.api.delete(PRIORITIES, "walk-scarce")


@walk
async def test_a_priority_that_is_missing(ground: Ground) -> None:
    asked = wrong({"priorityClassName": "nobodys"})
    await cured(ground, "priority", asked, reason="PodsNotReady", says="nobodys")


@walk
async def test_a_port_that_nobody_listens_on(ground: Ground) -> None:
    asked = wrong(readinessProbe={"httpGet": {"port": 9, "path": "/"}, "periodSeconds": 1})
    asked["rollout"]["progressDeadlineSeconds"] = 5
    await cured(ground, "deaf", asked, reason="ProgressDeadlineExceeded", says="0 of 1 pods of deaf-")


@walk
async def test_no_replicas_and_back(ground: Ground) -> None:
    async with serving(ground, "none") as (model, stable):
        before = await children(model, stable)
        await model.apply(version("1", replicas=0))
        await model.until(lambda seen: seen["status"].get("replicas") == 0)
        await model.apply(version("1"))
        await model.until(lambda seen: seen["status"].get("readyReplicas") == 1)
        assert await children(model, stable) == before


@walk
async def test_weights_that_fall_are_refused_by_name(ground: Ground) -> None:
    async with serving(ground, "falling") as (model, stable):
        before = (await ground.api.get(MODEL_DEPLOYMENTS, "falling", ground.place))["metadata"]
        with pytest.raises(ApiError, match=r"spec\.rollout\.canary\.steps: .* weights rise"):
            await model.apply(version("2", steps={60: 1, 20: 1}))
        after = (await ground.api.get(MODEL_DEPLOYMENTS, "falling", ground.place))["metadata"]
        assert after["generation"] == before["generation"]
        assert await model.sizes() == {stable: 1}
