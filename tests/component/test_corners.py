"""Corners of the state machine that only a wrong program shows."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from serin.domain.analysis.verdict import Verdict
from serin.domain.names import REVISION_LABEL
from tests.component.cluster_in_memory import Clock, Object
from tests.component.story import Story, model, phase, served, stepping

OLD, NEW = model(), model("server:2")


async def test_a_canary_waits_for_a_router_that_refuses_its_route() -> None:
    story = await served(OLD)
    story.controllers.refusing = "NotAllowedByListeners"
    story.controllers.settle()
    story.cluster.submit("fraud", NEW)

    for _ in range(20):
        await story.look()
        story.controllers.settle()
        Clock(story.cluster).move(5)

    assert story.condition("Stalled") == ("True", "RouterUnavailable")
    assert story.status["canary"]["weight"] == 0


async def test_a_refused_route_does_not_keep_a_dead_stable() -> None:
    story = await served(OLD)
    story.cluster.submit("fraud", NEW)
    await story.look()
    story.controllers.ready[story.status["stable"]["revision"]] = 0
    story.controllers.refusing = "NotAllowedByListeners"
    story.controllers.settle()

    for _ in range(20):
        await story.look()
        story.controllers.settle()
        Clock(story.cluster).move(5)

    assert story.weights() == {story.status["canary"]["revision"]: 100}


async def test_no_weight_is_put_back_on_a_stable_without_endpoints() -> None:
    story = await stepping(OLD, NEW)
    stable, canary = story.status["stable"]["revision"], story.status["canary"]["revision"]
    story.controllers.ready[stable] = 0
    story.controllers.settle()

    def swap(obj: Object) -> None:
        for backend in obj["spec"]["rules"][0]["backendRefs"]:
            backend["weight"] = 100 if backend["name"] == canary else 0

    story.cluster.edit("HTTPRoute", "fraud", swap)
    await story.look()

    assert story.weights() == {canary: 100}


async def test_a_pause_outlives_a_change_of_the_analysis() -> None:
    story = await stepping(OLD, NEW, judged=True)
    story.jury.verdict = Verdict.SAFE
    held = {**NEW, "paused": True}
    story.cluster.submit("fraud", held)
    await story.look()
    Clock(story.cluster).move(500)

    story.cluster.submit("fraud", {**held, "analysis": {"maxFalseRollbackRate": "0.05"}})
    await story.look()
    story.cluster.submit("fraud", {**NEW, "analysis": {"maxFalseRollbackRate": "0.05"}})
    await story.look()

    assert story.status["rollout"]["pausedSeconds"] == 0
    assert story.status["canary"]["weight"] == 20  # the step's minimum time begins anew


async def test_a_pause_does_not_count_in_the_minimum_time() -> None:
    story = await stepping(OLD, NEW)
    began = story.cluster.now
    story.cluster.submit("fraud", NEW, pause=story.attempt)
    await story.look()
    Clock(story.cluster).move(500)
    story.cluster.submit("fraud", NEW)
    await story.look()

    await story.until(lambda story: story.status["rollout"]["step"] == 1)

    assert story.cluster.now - began >= timedelta(seconds=560)


async def test_a_model_without_pods_is_replaced_in_the_usual_way() -> None:
    story = await served(model(replicas=0))
    Clock(story.cluster).move(100)
    await story.look()
    story.cluster.submit("fraud", model("server:2", replicas=0))

    await story.until(phase("Ready"))

    assert story.status["history"][-1]["reason"] == "StepsPassed"


async def test_a_verdict_from_before_the_step_raises_nothing() -> None:
    story = await stepping(OLD, NEW, judged=True)
    story.jury.verdict = Verdict.SAFE
    story.jury.decided_at = story.cluster.now.timestamp() - 1
    Clock(story.cluster).move(90)
    await story.look()
    assert story.condition("Ready") == ("Unknown", "NoData")

    story.jury.decided_at = None
    await story.until(lambda story: story.status["canary"]["weight"] == 60)


async def test_a_bake_ends_with_the_old_revision_gone_and_a_restart_changes_nothing() -> None:
    story = await served(OLD)
    old = story.status["stable"]["revision"]
    story.cluster.submit("fraud", NEW)
    await story.until(phase("Baking"))
    until = story.status["rollout"]["previous"]["until"]

    story.restart()
    await story.until(phase("Ready"))

    assert old not in story.replicas()
    assert story.cluster.now.strftime("%Y-%m-%dT%H:%M:%SZ") >= until


async def test_harm_in_the_bake_returns_to_the_warm_revision() -> None:
    story: Story = await served(OLD)
    old = story.status["stable"]["revision"]
    story.cluster.submit("fraud", NEW)
    await story.until(phase("Baking"))
    story.controllers.ready[story.status["stable"]["revision"]] = 0
    story.controllers.settle()
    await story.look()

    assert story.weights() == {old: 100}
    assert story.status["rejected"][0]["reason"] == "LostEndpoints"


async def test_a_superseded_canary_stays_named_without_weight_while_it_drains() -> None:
    story = await stepping(OLD, NEW)
    first = story.status["canary"]["revision"]

    story.cluster.submit("fraud", model("server:3"))
    await story.look()

    backends = story.cluster.objects["HTTPRoute", "fraud"]["spec"]["rules"][0]["backendRefs"]
    assert {entry["name"]: entry["weight"] for entry in backends}[first] == 0
    assert first in story.replicas()


async def test_the_root_service_follows_only_a_route_that_was_taken() -> None:
    story = await served(OLD)
    old = story.cluster.selected("fraud")
    story.cluster.submit("fraud", NEW)
    await story.until(phase("Stepping"))
    story.controllers.settle()
    story.cluster.submit("fraud", NEW, promote=f"{story.attempt}:full")
    await story.look()
    story.controllers.settle()
    story.controllers.deaf = True
    for _ in range(10):
        await story.look()
        story.controllers.settle()
        Clock(story.cluster).move(2)

    assert story.weights() == {story.status["canary"]["revision"]: 100}
    assert (story.phase, story.cluster.selected("fraud")) == ("Promoting", old)


async def test_traffic_leaves_harm_for_the_first_ready_pod_and_a_healthy_canary_for_all_of_them() -> None:
    for new, weights in ((None, 100), (OLD, 80)):
        story = await stepping(OLD, NEW, judged=True)
        stable = story.status["stable"]["revision"]
        story.controllers.ready[stable] = 1
        story.controllers.settle()

        story.jury.verdict = Verdict.HARM if new is None else Verdict.SAFE
        story.cluster.submit("fraud", new or NEW)
        await story.look()

        assert story.phase == "RollingBack"
        assert story.weights()[stable] == weights


async def test_a_canary_superseded_twice_drains_once() -> None:
    story = await stepping(OLD, NEW)
    for image in ("server:3", "server:2"):
        story.cluster.submit("fraud", model(image))
        await story.until(phase("Stepping"))

    story.cluster.submit("fraud", model("server:3"))
    await story.look()

    draining = [entry["revision"] for entry in story.status["rollout"]["draining"]]
    assert len(draining) == len(set(draining))


async def test_a_pause_counts_in_a_spec_that_cannot_be_followed() -> None:
    story = await stepping(OLD, NEW)
    broken = {"name": "eval", "beforeStep": "nowhere", "job": {"templateRef": {"name": "eval-job"}}}
    story.cluster.submit("fraud", {**NEW, "paused": True, "analysis": {"gates": [broken]}})

    for _ in range(5):
        await story.look()
        story.controllers.settle()
        Clock(story.cluster).move(100)

    assert story.condition("Stalled") == ("True", "InvalidSpec")
    assert story.status["canary"]["weight"] == 20


async def test_two_specs_of_one_short_hash_are_named_and_nothing_is_written() -> None:
    story = await served(OLD)
    stable = str(story.status["stable"]["revision"])
    story.cluster.submit("fraud", NEW)
    await story.look()
    taken = next(name for kind, name in story.cluster.objects if kind == "Deployment" and name != stable)

    def collide(obj: Object) -> None:
        annotations = obj["metadata"]["annotations"]
        annotations["serin.dev/revision-hash"] = taken.rpartition("-")[2] + "0" * 54

    story.cluster.edit("ControllerRevision", taken, collide)
    story.written()
    await story.look()

    assert story.condition("Stalled") == ("True", "HashCollision")
    assert [write for write in story.written() if not write.startswith("status")] == []
    assert story.weights() == {stable: 100}


async def test_a_promotion_on_request_is_remembered_as_one() -> None:
    story = await stepping(OLD, NEW)

    story.cluster.submit("fraud", NEW, promote=f"{story.attempt}:full")
    await story.until(phase("Ready"))

    ended = story.status["history"][-1]
    assert (ended["result"], ended["reason"]) == ("Promoted", "Requested")


async def test_ready_pods_of_the_old_revision_are_no_success_of_the_new_one() -> None:
    story = await stepping(OLD, NEW)
    stable, canary = (str(story.status[whose]["revision"]) for whose in ("stable", "canary"))
    story.controllers.ready[canary] = 1

    story.cluster.submit("fraud", NEW, promote=f"{story.attempt}:full")
    for _ in range(20):
        story.controllers.settle()
        await story.look()
        Clock(story.cluster).move(30)

    assert story.replicas() == {stable: 3, canary: 3}
    assert story.weights() == {stable: 80, canary: 20}
    assert story.condition("Ready") != ("True", "Complete")


@pytest.mark.parametrize("kind", ["HTTPRoute", "Service"])
@pytest.mark.parametrize("restarted", [False, True])
async def test_the_bake_does_not_end_over_traffic_that_somebody_has_moved_back(
    kind: str, restarted: bool
) -> None:
    story = await served()
    old = story.status["stable"]["revision"]
    story.cluster.submit("fraud", model("server:2"))
    await story.until(phase("Baking"))
    story.controllers.settle()
    await story.look()
    if restarted:
        story.restart()
    Clock(story.cluster).move(400)

    story.cluster.edit(kind, "fraud", returned_to(old))
    for _ in range(2):
        await story.look()
        story.controllers.settle()
    Clock(story.cluster).move(29)
    await story.look()
    assert story.replicas()[old] == 3

    await story.until(phase("Ready"))
    assert old not in story.replicas()


def returned_to(revision: str) -> Callable[[Object], None]:
    """Somebody gives all users back to a revision."""

    def change(obj: Object) -> None:
        if obj["kind"] == "Service":
            obj["spec"]["selector"][REVISION_LABEL] = revision.removeprefix("fraud-")
        else:
            for backend in obj["spec"]["rules"][0]["backendRefs"]:
                backend["weight"] = 100 if backend["name"] == revision else 0

    return change
