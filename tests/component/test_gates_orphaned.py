"""Jobs of gates whose record is deleted from above them, as `kubectl delete --cascade=orphan` does."""

from serin.domain.rollout.gating import TEMPLATE_SECONDS
from tests.component.cluster_in_memory import Clock
from tests.component.story import Story, phase
from tests.component.test_foreign_hands import orphaned, terminate
from tests.component.test_gates import EVAL, OLD, begun, gate, jobs, waits
from tests.component.workloads import cron_job


async def waiting() -> tuple[Story, str]:
    """A canary whose gate's Job runs, and that canary's record."""
    story = await begun(EVAL)
    story.controllers.stuck = True
    await story.until(waits)
    return story, str(story.status["canary"]["revision"])


async def test_a_job_that_lost_its_record_has_its_say() -> None:
    story, record = await waiting()

    orphaned(story, record)
    await story.look()
    story.controllers.stuck = False
    await story.until(phase("Stepping"))

    assert gate(story, "eval")["result"] == "Succeeded"
    assert len(jobs(story)) == 1


async def test_a_job_that_lost_its_record_is_stopped_with_its_rollout() -> None:
    story, record = await waiting()

    orphaned(story, record)
    story.cluster.submit("fraud", OLD)
    await story.until(phase("Ready"))

    assert jobs(story) == []


async def test_a_job_that_lost_its_record_unseen_is_in_nobodys_way() -> None:
    story, record = await waiting()
    (job,) = jobs(story)
    orphaned(story, record)
    story.cluster.frozen.add("Job")
    story.cluster.store.drop("Job", "ml", job["metadata"]["name"], job["metadata"]["uid"], at=0)

    await story.look()

    assert waits(story)
    assert story.condition("Stalled") is None


async def test_a_record_on_its_way_out_gets_no_job() -> None:
    """The Job would go with it."""
    story = await begun(EVAL)
    story.cluster.remove("CronJob", "eval-job")
    await story.until(lambda one: one.condition("Stalled") is not None)
    record = str(story.status["canary"]["revision"])

    story.cluster.edit("ControllerRevision", record, terminate)
    story.cluster.show("CronJob", "eval-job", cron_job("eval-job"))
    for _ in range(3):
        Clock(story.cluster).move(TEMPLATE_SECONDS)
        await story.look()
    assert jobs(story) == []

    orphaned(story, record)
    await story.until(phase("Ready"))
    (job,) = jobs(story)
    made = story.cluster.objects["ControllerRevision", record]["metadata"]["uid"]
    assert job["metadata"]["ownerReferences"][0]["uid"] == made
