"""Writes that meet a conflict while a watch is behind: what they were meant for is read at the server, and
decided on anew.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from serin.domain.names import KIND
from serin.kube.errors import Conflict
from serin.kube.fences import Fence
from tests.component.cluster_in_memory import ClusterInMemory, Object
from tests.component.story import Story, model, phase, served, stepping

OLD, NEW = model(), model("server:2")


async def look(story: Story) -> None:
    """A look as a worker has it made: after a conflict the next one, and no watch has shown more."""
    try:
        await story.reconciler.reconcile(story.key)
    except Conflict:
        await story.reconciler.reconcile(story.key)


def contended(monkeypatch: pytest.MonkeyPatch) -> list[Fence]:
    """Somebody else writes to the route just before each of our writes to it. The fences of these."""
    apply, tries = ClusterInMemory.apply, list[Fence]()

    async def after_another(self: ClusterInMemory, manifest: Mapping[str, Any], *, fence: Fence) -> Object:
        if manifest["kind"] == "HTTPRoute":
            tries.append(fence)
            self.edit("HTTPRoute", "fraud", lambda obj: obj["metadata"].update(annotations={"n": len(tries)}))
        return await apply(self, manifest, fence=fence)

    monkeypatch.setattr(ClusterInMemory, "apply", after_another)
    return tries


def slowed(obj: Object) -> None:
    obj["spec"]["hostnames"] = ["slow.example.com"]


async def test_traffic_leaves_a_dead_canary_while_the_watch_of_its_route_hangs() -> None:
    story = await stepping(OLD, NEW)
    canary = str(story.status["canary"]["revision"])
    story.cluster.frozen.add("HTTPRoute")
    story.cluster.edit("HTTPRoute", "fraud", slowed)

    story.controllers.ready[canary] = 0
    story.controllers.settle()
    await look(story)

    assert canary not in story.weights()
    assert story.cluster.reads == ["HTTPRoute/fraud"]


async def test_a_spec_that_no_watch_shows_is_followed_once_a_status_is_refused_for_it() -> None:
    story = await stepping(OLD, NEW)
    canary = str(story.status["canary"]["revision"])
    story.cluster.frozen.add(KIND)
    story.cluster.submit("fraud", OLD)

    story.controllers.ready[canary] = 0
    story.controllers.settle()
    await look(story)

    assert canary not in story.weights()
    assert story.status["observedGeneration"] == 3
    assert story.cluster.reads == [f"{KIND}/fraud"]


async def test_the_first_conflict_is_left_to_the_watch() -> None:
    """It usually needs no more than the moment until the next look."""
    story = await stepping(OLD, NEW)
    canary = str(story.status["canary"]["revision"])
    story.cluster.frozen.add("HTTPRoute")
    story.cluster.edit("HTTPRoute", "fraud", slowed)
    story.controllers.ready[canary] = 0
    story.controllers.settle()

    with pytest.raises(Conflict):
        await story.reconciler.reconcile(story.key)
    story.cluster.thaw()
    await story.reconciler.reconcile(story.key)

    assert canary not in story.weights()
    assert story.cluster.reads == []


async def test_a_look_reads_once_however_often_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    story = await stepping(OLD, NEW)
    canary = str(story.status["canary"]["revision"])
    story.controllers.ready[canary] = 0
    story.controllers.settle()
    tries = contended(monkeypatch)

    for _ in range(4):
        with pytest.raises(Conflict):
            await story.reconciler.reconcile(story.key)

    assert story.cluster.reads == ["HTTPRoute/fraud"] * 3
    assert len(tries) == 7


async def test_a_child_that_went_unseen_is_made_again() -> None:
    story = await served(OLD)
    stable = str(story.status["stable"]["revision"])
    story.cluster.frozen.add("Deployment")
    story.cluster.remove("Deployment", stable)

    story.cluster.submit("fraud", model(replicas=4))
    await look(story)

    assert story.replicas() == {stable: 4}
    story.cluster.thaw()
    await story.until(phase("Ready"))


async def test_older_events_do_not_undo_what_was_read() -> None:
    """The watch goes on from where it hung."""
    story = await stepping(OLD, NEW)
    canary = str(story.status["canary"]["revision"])
    before = story.cluster.objects["HTTPRoute", "fraud"]
    story.cluster.frozen.add("HTTPRoute")
    story.cluster.edit("HTTPRoute", "fraud", slowed)
    story.controllers.ready[canary] = 0
    story.controllers.settle()
    await look(story)
    shown = story.cluster.store.observed(story.key).route

    assert story.cluster.store.observe("HTTPRoute", {"type": "MODIFIED", "object": before}) is None

    assert story.cluster.store.observed(story.key).route == shown
