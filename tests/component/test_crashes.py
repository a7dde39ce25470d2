"""A crash at every write of every reference run, before and after the server has acted (I7)."""

from random import Random

import pytest

from serin.domain.names import KIND
from tests.component.story import model, phase, served
from tests.component.workloads import WORKLOADS, Ending, Workload, story_of, told

ROUTERS = ("GatewayAPI", "Replicas")
every_workload = pytest.mark.parametrize("workload", WORKLOADS, ids=lambda run: run.__name__)
either_router = pytest.mark.parametrize("router", ROUTERS)


def assert_same(disturbed: Ending, undisturbed: Ending, *, repeats: int) -> None:
    assert disturbed.path == undisturbed.path
    assert disturbed.objects == undisturbed.objects
    more = disturbed.writes - undisturbed.writes
    assert sum(more.values()) <= repeats, f"repeated {more}"
    assert not undisturbed.writes - disturbed.writes


@every_workload
@either_router
@pytest.mark.parametrize("after_acting", [False, True], ids=["before", "after"])
async def test_a_crash_at_any_write_changes_nothing(
    workload: Workload, router: str, after_acting: bool
) -> None:
    undisturbed = await told(workload, router, story_of(workload))

    for number in range(1, undisturbed.calls + 1):
        story = story_of(workload)
        story.cluster.kill_at, story.cluster.after_acting = number, after_acting
        disturbed = await told(workload, router, story)

        assert story.cluster.kill_at is None
        assert_same(disturbed, undisturbed, repeats=1)


@every_workload
@either_router
@pytest.mark.parametrize("seed", range(2))
async def test_a_second_crash_while_recovering_changes_nothing(
    workload: Workload, router: str, seed: int
) -> None:
    undisturbed = await told(workload, router, story_of(workload))
    dice = Random(seed)
    story = story_of(workload)
    cluster = story.cluster
    cluster.kill_at = dice.randint(1, undisturbed.calls)
    cluster.after_acting = dice.random() < 0.5
    cluster.kill_again_after = dice.randint(1, 3)

    disturbed = await told(workload, router, story)

    assert_same(disturbed, undisturbed, repeats=2)


@every_workload
@either_router
async def test_no_write_changes_nothing(workload: Workload, router: str) -> None:
    story = story_of(workload)

    await told(workload, router, story)

    assert story.cluster.wasted == []


@pytest.mark.parametrize("state", ["Preparing", "Stepping", "Promoting", "Baking", "RollingBack"])
@either_router
async def test_deletion_in_any_state_leaves_nothing_behind(state: str, router: str) -> None:
    story = await served(model(router=router, steps=(20,)))
    story.cluster.submit("fraud", model("server:2", router=router, steps=(20,)))
    if state == "RollingBack":
        await story.until(phase("Stepping"))
        story.cluster.submit("fraud", model(router=router, steps=(20,)))
    await story.until(phase(state))
    story.written()

    story.cluster.remove(KIND, "fraud")
    for _ in range(3):
        assert await story.look() is None
        story.controllers.settle()

    assert story.cluster.objects == {}
    assert story.written() == []
