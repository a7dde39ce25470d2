"""What is left of a revision's last attempt counts for nothing in its next one.

Pods outlive the Deployment's word by seconds, and the watches by more: until they are shown as gone, their
endpoints and crashes look like those of the pods to come.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from serin.kube.fences import Fence
from tests.component.cluster_in_memory import Clock, ClusterInMemory, Object
from tests.component.story import Story, model, phase, served, stepping

ROUTERS = ["GatewayAPI", "Replicas"]


def canary(story: Story) -> str:
    return str(story.status["canary"]["revision"])


async def drained(story: Story) -> None:
    """The look that takes the canary's pods away; no controller has acted on it yet."""
    story.controllers.settle()
    await story.look()
    assert story.phase == "RollingBack"
    Clock(story.cluster).move(31)
    story.written()


@pytest.mark.parametrize("router", ROUTERS)
async def test_endpoints_of_pods_on_their_way_out_carry_no_new_attempt(router: str) -> None:
    story = await stepping(model(router=router), model("server:2", router=router))
    revision = canary(story)
    story.cluster.submit("fraud", model(router=router))
    await story.look()

    story.cluster.submit("fraud", model("server:2", router=router))
    await drained(story)
    await story.look()
    await story.look()

    assert (story.phase, story.replicas().get(revision, 0)) == ("Preparing", 0)
    assert story.cluster.path[-1].get(revision, 0) == 0
    story.controllers.settle()
    await story.look()
    assert (story.phase, story.replicas()[revision]) == ("Preparing", 1)
    await story.until(phase("Ready"))
    assert story.status["stable"]["revision"] == revision


async def test_a_retry_in_the_drain_is_tried() -> None:
    story = await stepping(model(), model("server:2"))
    first, revision = story.attempt, canary(story)
    story.controllers.crashing.add(revision)
    story.controllers.settle()
    await story.look()

    story.cluster.submit("fraud", model("server:2"), retry=first)
    await drained(story)
    story.controllers.crashing.clear()
    await story.look()

    assert (story.phase, story.attempt) == ("Preparing", f"{revision}.2")
    await story.until(phase("Ready"))
    assert story.status["stable"]["revision"] == revision


async def test_who_returns_to_what_the_bake_has_given_up_gets_a_canary(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    story = await served()
    old = story.status["stable"]["revision"]
    story.cluster.submit("fraud", model("server:2"))
    await story.until(phase("Baking"))
    new, apply = story.status["stable"]["revision"], ClusterInMemory.apply

    async def regretted(self: ClusterInMemory, manifest: Mapping[str, Any], *, fence: Fence) -> Object:
        made = await apply(self, manifest, fence=fence)
        if manifest["kind"] == "Deployment" and not manifest["spec"]["replicas"]:
            self.submit("fraud", model())
        return made

    monkeypatch.setattr(ClusterInMemory, "apply", regretted)
    await story.until(lambda story: story.replicas().get(old, 0) == 0)
    monkeypatch.undo()
    await story.look()

    assert (story.phase, story.weights()) == ("Preparing", {new: 100})
    await story.until(phase("Ready"))
    assert story.status["history"][-1]["result"] == "Promoted"
    assert (story.weights(), story.replicas()) == ({old: 100}, {old: 3})


async def test_stray_pods_hold_an_attempt_up_no_longer_than_its_deadline() -> None:
    story = await stepping(model(), model("server:2"))
    revision = canary(story)
    pod = f"{revision}-6d5f8c-00000"
    stray = {**story.cluster.objects["Pod", pod], "kind": "Pod"}
    stray["metadata"] = {**stray["metadata"], "name": "stray-0-0", "uid": "stray"}
    story.cluster.submit("fraud", model())
    await story.until(phase("Ready"))

    story.cluster.store.observe("Pod", {"type": "ADDED", "object": stray})
    story.cluster.submit("fraud", model("server:2"))
    await story.look()
    Clock(story.cluster).move(599)
    await story.look()
    assert story.replicas().get(revision, 0) == 0
    await story.until(phase("Stepping"))
