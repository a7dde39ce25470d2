"""What it costs, as sequences of writes: `design.md` 9, on an API server in memory."""

import pytest

from tests.component.story import model, phase, served


def kinds(writes: list[str]) -> list[str]:
    """The writes without the names of revisions."""
    return [write.split("/")[0].removeprefix("apply ").replace("status fraud", "status") for write in writes]


async def test_a_first_deployment_takes_seven_writes() -> None:
    story = await served()

    assert kinds(story.written()) == [
        "status",
        "ControllerRevision",
        "Service",
        "Deployment",
        "Service",
        "HTTPRoute",
        "status",
    ]


async def test_a_canary_of_two_steps_takes_sixteen_writes() -> None:
    story = await served()
    story.written()

    story.cluster.submit("fraud", model("server:2"))
    await story.until(phase("Ready"))

    assert kinds(story.written()) == [
        "status",
        "ControllerRevision",
        "Service",
        "Deployment",
        "status",
        "HTTPRoute",
        "Deployment",
        "status",
        "HTTPRoute",
        "Deployment",
        "status",
        "HTTPRoute",
        "Service",
        "status",
        "Deployment",
        "status",
    ]


async def test_a_steady_model_and_a_restart_take_no_write() -> None:
    story = await served()
    story.written()

    for _ in range(5):
        await story.look()
        story.controllers.settle()
    story.restart()
    await story.look()

    assert story.written() == []


@pytest.mark.parametrize("state", ["Preparing", "Stepping", "Promoting", "Baking"])
async def test_a_restart_in_any_state_takes_no_write(state: str) -> None:
    story = await served()
    story.cluster.submit("fraud", model("server:2"))
    await story.until(phase(state))
    await story.look()
    story.written()

    story.restart()
    for _ in range(3):
        await story.look()

    assert story.written() == []


async def test_a_rollback_while_stepping_takes_four_writes() -> None:
    story = await served()
    story.cluster.submit("fraud", model("server:2"))
    await story.until(phase("Stepping"))
    story.written()

    story.cluster.submit("fraud", model("server:2"), abort=story.status["rollout"]["attempt"])
    await story.until(phase("RolledBack"))

    assert kinds(story.written()) == ["status", "HTTPRoute", "Deployment", "status"]


async def test_a_rollback_while_baking_takes_six_writes() -> None:
    story = await served()
    story.cluster.submit("fraud", model("server:2"))
    await story.until(phase("Baking"))
    story.written()

    story.cluster.submit("fraud", model("server:2"), abort=story.status["rollout"]["attempt"])
    await story.until(phase("RolledBack"))

    assert kinds(story.written()) == ["status", "Deployment", "HTTPRoute", "Service", "Deployment", "status"]


async def test_a_rollback_by_pods_takes_four_writes() -> None:
    story = await served(model(router="Replicas"))
    story.cluster.submit("fraud", model("server:2", router="Replicas"))
    await story.until(phase("Stepping"))
    await story.look()
    story.written()

    story.cluster.submit(
        "fraud", model("server:2", router="Replicas"), abort=story.status["rollout"]["attempt"]
    )
    await story.until(phase("RolledBack"))

    assert kinds(story.written()) == ["status", "Service", "Deployment", "status"]


async def test_a_revision_that_was_rejected_is_not_tried_again_by_itself() -> None:
    story = await served()
    story.cluster.submit("fraud", model("server:2"))
    await story.until(phase("Stepping"))
    story.cluster.submit("fraud", model("server:2"), abort=story.status["rollout"]["attempt"])
    await story.until(phase("RolledBack"))
    story.written()

    story.cluster.submit("fraud", model("server:2"))
    await story.until(phase("RolledBack"))

    assert story.written() == []
