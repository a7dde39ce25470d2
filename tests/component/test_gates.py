"""Gates: a Job or a webhook that must succeed before a weight rises, and what happens where it does not."""

from typing import Any

import pytest

from serin.domain.analysis.verdict import Verdict
from serin.domain.names import GATE_LABEL, REVISION_LABEL
from tests.component.cluster_in_memory import Clock, Object
from tests.component.story import Story, model, phase, served
from tests.component.test_sequences import kinds
from tests.component.workloads import cron_job

OLD = model()
EVAL = {"name": "eval", "beforeStep": "to-20", "job": {"templateRef": {"name": "eval-job"}}}
HOOK = {"name": "licence", "beforeStep": "to-60", "webhook": {"url": "https://hooks.example.com/licence"}}


def gated(*gates: dict[str, Any], **analysis: Any) -> dict[str, Any]:
    return model("server:2", analysis={"gates": list(gates), **analysis})


async def begun(*gates: dict[str, Any], judged: bool = False, **analysis: Any) -> Story:
    """A model whose second revision has just been asked for."""
    story = await served(OLD, judged=judged)
    story.jury.verdict = Verdict.SAFE
    story.cluster.show("CronJob", "eval-job", cron_job("eval-job"))
    story.written()
    story.cluster.submit("fraud", gated(*gates, **analysis))
    return story


def jobs(story: Story) -> list[Object]:
    """The Jobs there are, in the order they were made."""
    found = [obj for (kind, _), obj in story.cluster.objects.items() if kind == "Job"]
    return sorted(found, key=lambda obj: int(obj["metadata"]["uid"].rpartition("-")[2]))


def waits(story: Story) -> bool:
    return story.condition("Ready") == ("Unknown", "AwaitingGate")


def gate(story: Story, name: str) -> dict[str, Any]:
    found = [entry for entry in story.status["rollout"]["gates"] if entry["name"] == name]
    return dict(found[0])


async def test_the_canary_has_no_traffic_until_the_first_gate_succeeds() -> None:
    story = await begun(EVAL)
    story.controllers.stuck = True
    await story.until(waits)

    assert story.status["canary"]["weight"] == 0
    assert story.status["canary"]["readyReplicas"] == 1
    (job,) = jobs(story)
    assert f"Job {job['metadata']['name']} runs, try 1" in story.status["message"]
    assert {field: gate(story, "eval")[field] for field in ("step", "tries", "result")} == {
        "step": "to-20",
        "tries": 1,
        "result": "Running",
    }

    story.controllers.stuck = False
    await story.until(phase("Stepping"))
    assert gate(story, "eval")["result"] == "Succeeded"


async def test_a_job_is_the_revisions_own_and_knows_the_attempt() -> None:
    story = await begun(EVAL)
    await story.until(phase("Stepping"))

    (job,) = jobs(story)
    canary = story.status["canary"]["revision"]
    (owner,) = job["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"]) == ("ControllerRevision", canary)
    assert job["metadata"]["labels"][GATE_LABEL] == "eval"
    assert job["spec"]["activeDeadlineSeconds"] == 3600
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["env"] == [
        {"name": "SERIN_MODEL", "value": "fraud"},
        {"name": "SERIN_REVISION", "value": canary},
        {"name": "SERIN_ATTEMPT", "value": story.attempt},
        {"name": "SERIN_STEP", "value": "to-20"},
        {"name": "SERIN_ADDRESS", "value": f"http://{canary}.ml.svc"},
    ]


async def test_a_jobs_pods_are_never_the_models() -> None:
    story = await begun(EVAL)
    template = cron_job("eval-job", container={"env": [{"name": "SERIN_STEP", "value": "mine"}]})
    pod = template["spec"]["jobTemplate"]["spec"]["template"]
    pod["metadata"] = {"labels": {"serin.dev/model": "fraud", REVISION_LABEL: "x", "team": "a"}}
    template["spec"]["jobTemplate"]["spec"]["ttlSecondsAfterFinished"] = 1
    story.cluster.show("CronJob", "eval-job", template)
    await story.until(phase("Stepping"))

    (job,) = jobs(story)
    assert job["spec"]["template"]["metadata"]["labels"] == {"team": "a"}
    assert "ttlSecondsAfterFinished" not in job["spec"]
    steps = [
        e["value"] for e in job["spec"]["template"]["spec"]["containers"][0]["env"] if "STEP" in e["name"]
    ]
    assert steps == ["to-20"]


async def test_a_gate_costs_its_job_and_the_word_that_it_is_waited_for() -> None:
    story = await begun(EVAL)
    await story.until(phase("Stepping"))

    prepared = ["status", "ControllerRevision", "Service", "Deployment"]
    assert kinds(story.written())[:7] == [*prepared, "status", "Job", "status"]


async def test_a_webhook_is_asked_once_and_costs_the_two_words_about_it() -> None:
    story = await begun(HOOK)
    await story.until(phase("Stepping"))
    await story.look()
    story.written()

    await story.until(lambda one: one.status["canary"]["weight"] == 60)

    assert kinds(story.written()) == ["status", "status", "Deployment", "status", "HTTPRoute"]
    assert story.bell.keys == [f"{story.attempt}:to-60:licence:1"]
    (question,) = story.bell.asked
    canary, stable = story.status["canary"]["revision"], story.status["stable"]["revision"]
    assert question == {
        "namespace": "ml",
        "model": "fraud",
        "attempt": story.attempt,
        "step": "to-60",
        "gate": "licence",
        "try": 1,
        "canary": canary,
        "stable": stable,
        "address": f"http://{canary}.ml.svc",
    }


async def test_a_job_that_fails_is_tried_again_under_another_name() -> None:
    story = await begun(EVAL)
    story.controllers.jobs["eval"] = [False, False]
    await story.until(phase("Stepping"))

    assert len({job["metadata"]["name"] for job in jobs(story)}) == 3
    assert (gate(story, "eval")["tries"], gate(story, "eval")["result"]) == (3, "Succeeded")
    assert story.scribe.told.count("GateTriedAgain") == 2


async def test_the_last_failure_rejects_the_revision() -> None:
    story = await begun({**EVAL, "retries": 1})
    story.controllers.jobs["eval"] = [False, False]
    await story.until(phase("RolledBack"))

    (rejection,) = story.status["rejected"]
    assert (rejection["reason"], len(jobs(story))) == ("Gate", 2)
    assert "gate eval before to-20 failed: Job " in rejection["message"]
    assert "BackoffLimitExceeded: it has failed" in rejection["message"]
    assert story.weights() == {story.status["stable"]["revision"]: 100}
    story.written()
    story.cluster.submit("fraud", gated({**EVAL, "retries": 1}))
    await story.look()
    assert story.written() == []  # I9


async def test_a_webhooks_no_is_final() -> None:
    story = await begun(HOOK)
    story.bell.answering += [403]
    await story.until(phase("RolledBack"))

    assert len(story.bell.keys) == 1
    assert story.status["rejected"][0]["message"].endswith(": answered 403")


async def test_a_webhook_that_fails_is_asked_again_later_and_by_another_key() -> None:
    story = await begun(HOOK)
    story.bell.answering += [503, 429]
    await story.until(lambda one: bool(one.bell.keys))
    first = story.cluster.now
    await story.until(lambda one: one.status["canary"]["weight"] == 60)

    assert [key.rpartition(":")[2] for key in story.bell.keys] == ["1", "2", "3"]
    assert (story.cluster.now - first).total_seconds() >= 15


async def test_a_restart_does_not_ask_again_what_was_answered() -> None:
    story = await begun(HOOK, {**EVAL, "beforeStep": "to-60"})
    story.controllers.stuck = True
    await story.until(lambda one: waits(one) and bool(jobs(one)))
    assert gate(story, "licence")["result"] == "Succeeded"

    story.restart()
    story.controllers.stuck = False
    await story.until(phase("Ready"))

    assert len(story.bell.keys) == 1
    assert len(jobs(story)) == 1


async def test_a_restart_before_the_answer_asks_by_the_same_key() -> None:
    story = await begun(HOOK)
    story.bell.silent = True
    await story.until(waits)

    story.restart()
    story.bell.silent = False
    await story.until(lambda one: one.status["canary"]["weight"] == 60)

    assert story.bell.keys == [f"{story.attempt}:to-60:licence:1"]


async def test_a_missing_template_holds_and_says_what_to_do() -> None:
    story = await begun(EVAL)
    story.cluster.remove("CronJob", "eval-job")
    await story.until(lambda one: one.condition("Stalled") is not None)

    assert story.condition("Stalled") == ("True", "GateNotReady")
    assert "there is no CronJob eval-job in the namespace" in story.status["message"]
    assert story.status["rejected"] == []
    assert story.scribe.told.count("GateNotReady") == 1
    story.cluster.show("CronJob", "eval-job", cron_job("eval-job"))
    await story.until(phase("Ready"))


@pytest.mark.parametrize("what", ["full", "to-20"])
async def test_a_persons_promote_goes_around_gates(what: str) -> None:
    story = await begun(EVAL, HOOK)
    story.controllers.stuck = True
    await story.until(waits)

    story.cluster.submit("fraud", gated(EVAL, HOOK), promote=f"{story.attempt}:{what}")
    await story.until(lambda one: one.status["canary"]["weight"] >= 60)

    results = {entry["name"]: entry["result"] for entry in story.status["rollout"]["gates"]}
    assert results == {"eval": "Skipped", "licence": "Skipped"}
    story.controllers.jobs["eval"] = [False]
    story.controllers.stuck = False
    await story.until(phase("Ready"))  # what was gone around says nothing any more (I18)


async def test_an_abort_does_not_wait_for_a_gate() -> None:
    story = await begun(EVAL)
    story.controllers.stuck = True
    await story.until(waits)

    story.cluster.submit("fraud", gated(EVAL), abort=story.attempt)
    await story.until(phase("RolledBack"))

    assert story.status["rejected"][0]["reason"] == "Aborted"
    assert jobs(story) == [], "it would run on for an hour, and hold what it runs on"


async def test_a_job_without_any_pod_is_made_again_and_was_no_try() -> None:
    """As under a quota: the Job's deadline passes while every pod of it is refused."""
    story = await begun({**EVAL, "retries": 0})
    story.controllers.stuck = True
    await story.until(waits)
    await story.until(lambda one: len(jobs(one)) == 1)
    (job,) = jobs(story)
    ended = {"type": "Failed", "status": "True", "reason": "DeadlineExceeded", "message": "too long"}
    story.cluster.show("Job", job["metadata"]["name"], {**job, "status": {"conditions": [ended]}})

    await story.until(
        lambda one: [o["metadata"]["uid"] for o in jobs(one)] not in ([], [job["metadata"]["uid"]])
    )

    (again,) = jobs(story)
    assert again["metadata"]["name"] == job["metadata"]["name"]
    assert (gate(story, "eval")["tries"], gate(story, "eval")["result"]) == (1, "Running")
    story.controllers.stuck = False
    await story.until(phase("Stepping"))


async def test_jobs_that_ended_are_left_to_be_read() -> None:
    story = await begun({**EVAL, "retries": 0})
    story.controllers.jobs["eval"] = [False]
    await story.until(phase("RolledBack"))

    assert len(jobs(story)) == 1


async def test_a_pause_starts_no_gate_and_forgives_none() -> None:
    story = await begun({**EVAL, "retries": 0})
    story.cluster.submit("fraud", {**gated({**EVAL, "retries": 0}), "paused": True})
    for _ in range(5):
        await story.look()
        story.controllers.settle()
    assert jobs(story) == []
    story.controllers.stuck = True
    story.cluster.submit("fraud", gated({**EVAL, "retries": 0}))
    await story.until(waits)

    story.cluster.submit("fraud", {**gated({**EVAL, "retries": 0}), "paused": True})
    story.controllers.jobs["eval"] = [False]
    story.controllers.stuck = False
    await story.until(phase("RolledBack"))


async def test_another_spec_does_not_wait_for_a_gate() -> None:
    story = await begun(EVAL)
    story.controllers.stuck = True
    await story.until(waits)

    story.cluster.submit("fraud", model("server:3"))
    await story.until(phase("Ready"))

    assert story.status["history"][-2]["result"] == "Superseded"


@pytest.mark.parametrize(("mode", "asked"), [("Observe", 1), ("Off", 0)])
async def test_where_nothing_is_enforced_a_failure_only_shows(mode: str, asked: int) -> None:
    story = await begun({**EVAL, "retries": 0}, mode=mode)
    story.controllers.jobs["eval"] = [False]
    await story.until(phase("Ready"))

    assert len(jobs(story)) == asked
    assert story.scribe.told.count("GateFailed") == asked


async def test_evidence_comes_before_a_gate_is_asked() -> None:
    story = await begun(HOOK, judged=True)
    await story.until(phase("Stepping"))
    story.jury.verdict = Verdict.UNDECIDED
    for _ in range(5):
        Clock(story.cluster).move(100)
        await story.look()
        story.controllers.settle()
    assert story.bell.keys == []

    story.jury.verdict = Verdict.SAFE
    await story.until(lambda one: bool(one.bell.keys))


async def test_a_step_that_is_taken_up_again_does_not_ask_again() -> None:
    story = await begun(EVAL)
    await story.until(phase("Stepping"))
    await story.look()
    story.controllers.ready[story.status["canary"]["revision"]] = 0
    story.controllers.settle()
    await story.until(phase("Preparing"))

    story.controllers.ready.clear()
    await story.until(phase("Ready"))

    assert len(jobs(story)) == 1


async def test_jobs_go_with_their_revision() -> None:
    spec = {**gated(EVAL), "revisionHistoryLimit": 0}
    story = await begun(EVAL)
    story.cluster.submit("fraud", spec)
    story.controllers.jobs["eval"] = [False, False, False]
    await story.until(phase("RolledBack"))
    assert len(jobs(story)) == 3

    story.cluster.submit("fraud", {**OLD, "revisionHistoryLimit": 0})
    await story.until(lambda one: one.phase == "Ready" and not jobs(one))


async def test_a_job_of_somebody_elses_is_not_believed() -> None:
    story = await begun(EVAL)
    story.controllers.stuck = True
    await story.until(waits)
    (job,) = jobs(story)

    def forge(obj: Object) -> None:
        obj["metadata"]["ownerReferences"] = [{"uid": "mine", "controller": True}]
        obj["status"] = {"conditions": [{"type": "Complete", "status": "True"}]}

    story.cluster.edit("Job", job["metadata"]["name"], forge)
    for _ in range(5):
        await story.look()

    assert waits(story)
    assert story.status["canary"]["weight"] == 0


@pytest.mark.parametrize(
    ("broken", "need"),
    [
        (
            {"beforeStep": "quarter"},
            'gates[0].beforeStep is "quarter"; need the name of a step, or promotion',
        ),
        (
            {"job": None, "webhook": {"url": "https://hooks.example.com.evil.example/x"}},
            'gates[0].webhook.url is "https://hooks.example.com.evil.example/x"; need one that the operator',
        ),
    ],
)
async def test_what_a_gate_cannot_be_is_refused_by_its_field(broken: dict[str, Any], need: str) -> None:
    asked = {name: value for name, value in {**EVAL, **broken}.items() if value is not None}
    story = await begun(asked)
    await story.look()

    assert story.condition("Stalled") == ("True", "InvalidSpec")
    assert story.status["message"].startswith(f"spec.analysis.{need}")


async def test_one_gate_after_the_other_in_the_order_of_the_spec() -> None:
    story = await begun({**HOOK, "beforeStep": "promotion"}, {**EVAL, "beforeStep": "promotion"})
    story.bell.silent = True
    await story.until(waits)
    assert jobs(story) == []

    story.bell.silent = False
    await story.until(phase("Ready"))
    assert len(jobs(story)) == 1
