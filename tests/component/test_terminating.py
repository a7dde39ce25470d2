"""What is held up on its way out: deleted once, known until it is gone, and taken for nothing else."""

from typing import Any

import pytest

from serin.domain.names import Key
from serin.runtime.sweeper import Sweeper
from tests.component.cluster_in_memory import Object
from tests.component.story import Story, model, phase, served

OLD, NEW = model(), model("server:2")


def held_up(obj: Object) -> None:
    obj["metadata"]["finalizers"] = ["example.com/keeps"]


def touched(obj: Object) -> None:
    obj["metadata"]["annotations"]["touched"] = "yes"


async def deleted(story: Story, kind: str, name: str, **spec: Any) -> list[str]:
    """What is deleted while the model is changed, and what is held up as well."""
    story.written()
    for replicas in (3, 4, 3):
        story.cluster.submit("fraud", model(replicas=replicas, **spec))
        await story.until(phase("Ready"))
        story.cluster.edit(kind, name, touched)
        await story.look()
    return [write for write in story.written() if write.startswith("delete")]


async def with_a_spent_record() -> tuple[Story, str]:
    """A model with a revision that nothing names any more, and that something holds up."""
    story = await served(model("server:3"))
    spent = str(story.status["stable"]["revision"])
    for spec in (NEW, OLD):
        story.cluster.submit("fraud", spec)
        await story.until(phase("Ready"))
    story.cluster.edit("ControllerRevision", spent, held_up)
    return story, spent


async def test_a_record_that_is_held_up_is_deleted_once() -> None:
    story, record = await with_a_spent_record()

    found = await deleted(story, "ControllerRevision", record, revisionHistoryLimit=0)

    assert found == [f"delete ControllerRevision/{record}"]


async def test_a_route_that_is_held_up_is_deleted_once() -> None:
    story = await served(OLD)
    story.cluster.edit("HTTPRoute", "fraud", held_up)

    assert await deleted(story, "HTTPRoute", "fraud", router="Replicas") == ["delete HTTPRoute/fraud"]


async def test_what_is_held_up_is_known_until_it_is_gone() -> None:
    story, record = await with_a_spent_record()
    await deleted(story, "ControllerRevision", record, revisionHistoryLimit=0)
    known = story.cluster.store.observed(story.key).revisions.values()
    assert [view.identity.name for view in known if view.identity.terminating] == [record]

    story.cluster.remove("ControllerRevision", record)

    assert len(story.cluster.store.observed(story.key).revisions) == len(known) - 1


@pytest.mark.looptime(start=0)
async def test_what_is_held_up_is_no_proof_of_a_watch_that_has_stalled() -> None:
    story, record = await with_a_spent_record()
    story.cluster.submit("fraud", model(revisionHistoryLimit=0))
    await story.look()
    assert f"delete ControllerRevision/{record}" in story.written()
    found: list[tuple[Key, str]] = []

    await Sweeper(
        story.cluster,
        story.cluster.store,
        kinds=["ControllerRevision"],
        namespaces=[],
        found=lambda key, kind: found.append((key, kind)),
    ).sweep()

    assert found == []
