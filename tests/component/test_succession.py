"""A new leader whose watches are behind knows every model as the last one left it, before it acts."""

import asyncio
import copy

import pytest

from serin.domain.analysis.verdict import Verdict
from serin.domain.names import KIND, Key
from serin.kube.errors import Request, Unavailable
from serin.runtime.store import Store
from serin.runtime.succession import AGAIN_SECONDS, caught_up
from tests.component.cluster_in_memory import ClusterInMemory, Object
from tests.component.story import Story, model, stepping

OLD, NEW = model(), model("server:2")


async def new_leader(story: Story, shown: Object) -> list[Key]:
    """Another process, to which the watch of the models shows but this; those that it found late."""
    story.cluster.restart()
    for row in list(story.cluster.store.names(KIND)):
        story.cluster.store.drop(KIND, row.namespace, row.name, row.uid, at=0)
    story.cluster.store.put({"type": "ADDED", "object": shown})
    story.cluster.frozen.add(KIND)
    story.start()
    found: list[Key] = []
    await caught_up(story.cluster, story.cluster.store, namespaces=[], found=found.append)
    return found


def the_model(story: Story) -> Object:
    return copy.deepcopy(story.cluster.objects[KIND, "fraud"])


async def test_a_condemned_canary_gets_nothing_back_from_a_leader_whose_watch_is_behind() -> None:
    story = await stepping(OLD, NEW, judged=True)
    canary, before = str(story.status["canary"]["revision"]), the_model(story)
    story.jury.verdict = Verdict.HARM
    await story.look()
    assert canary not in story.weights()

    story.jury.verdict = None
    await new_leader(story, before)
    await story.reconciler.reconcile(story.key)

    assert canary not in story.weights()
    assert story.phase == "RollingBack"


async def test_a_model_that_is_gone_is_known_to_be() -> None:
    story = await stepping(OLD, NEW)
    before = the_model(story)
    story.cluster.remove(KIND, "fraud")

    assert await new_leader(story, before) == [story.key]

    assert story.cluster.store.model(story.key) is None


async def test_a_model_that_the_watch_has_not_shown_is_found() -> None:
    story = await stepping(OLD, NEW)
    before = the_model(story)
    other = story.cluster.submit("other", OLD)

    assert await new_leader(story, before) == [other]


async def test_who_is_not_behind_reads_nothing_but_one_list() -> None:
    story = await stepping(OLD, NEW)
    story.restart()

    assert await new_leader(story, the_model(story)) == []

    assert story.cluster.reads == [KIND]


async def test_a_model_of_later_than_the_list_is_left_alone() -> None:
    story = await stepping(OLD, NEW)
    later = the_model(story)
    later["metadata"]["resourceVersion"] = str(story.cluster.version + 1)
    later["metadata"]["name"] = "later"
    story.cluster.store.put({"type": "ADDED", "object": later})

    await caught_up(story.cluster, story.cluster.store, namespaces=[], found=list[Key]().append)

    assert story.cluster.reads == [KIND]


@pytest.mark.looptime(start=0)
async def test_a_list_that_fails_is_made_again_and_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lists, cluster = ClusterInMemory.list_metadata, ClusterInMemory()
    refusals = [Unavailable(Request("list", KIND, None), "busy")] * 3

    async def listed(self: ClusterInMemory, kind: str, namespace: str | None = None) -> object:
        if refusals:
            raise refusals.pop()
        return await lists(self, kind, namespace)

    monkeypatch.setattr(ClusterInMemory, "list_metadata", listed)
    await caught_up(cluster, Store(), namespaces=[], found=list[Key]().append)

    assert asyncio.get_running_loop().time() == 3 * AGAIN_SECONDS
    assert [record.message for record in caplog.records] == ["not acting yet"] * 3
