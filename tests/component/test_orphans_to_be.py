"""Children that went, and may have gone with their owner: none is made again for an owner that is gone."""

from serin.domain.names import KIND
from serin.kube.errors import Conflict
from tests.component.story import Story, model, phase, served, stepping

OLD, NEW = model(), model("server:2")


async def look(story: Story) -> None:
    """A look as a worker has it made, however often that takes, and no watch shows more meanwhile."""
    for _ in range(3):
        try:
            await story.reconciler.reconcile(story.key)
        except Conflict:
            continue
        return


async def test_no_child_is_made_for_a_model_that_is_gone_by_a_process_that_never_wrote_one() -> None:
    story = await stepping(OLD, NEW)
    story.restart()
    await story.look()
    story.cluster.frozen.add(KIND)

    story.cluster.remove(KIND, "fraud")
    story.controllers.settle()
    story.written()
    await look(story)

    assert story.written() == []
    assert story.cluster.store.model(story.key) is None


async def test_no_child_is_made_for_a_record_that_is_gone() -> None:
    story = await stepping(OLD, NEW)
    stable = str(story.status["stable"]["revision"])
    story.restart()
    await story.look()
    story.cluster.frozen.add("ControllerRevision")

    story.cluster.remove("ControllerRevision", stable)
    story.written()
    await look(story)

    made = [f"apply {kind}/{stable}" for kind in ("ControllerRevision", "Service", "Deployment")]
    assert story.written()[:3] == made
    record = story.cluster.objects["ControllerRevision", stable]["metadata"]["uid"]
    for kind in ("Service", "Deployment"):
        assert story.cluster.objects[kind, stable]["metadata"]["ownerReferences"][0]["uid"] == record
    story.cluster.thaw()
    await story.until(phase("Ready"))


async def test_who_makes_children_for_the_first_time_asks_nothing() -> None:
    story = await served(OLD)
    story.restart()
    story.cluster.submit("fraud", NEW)

    await story.until(phase("Ready"))

    assert story.cluster.reads == []
