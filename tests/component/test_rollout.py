"""What a rollout promises to people, arrow by arrow of the state machine."""

from datetime import timedelta

import pytest

from serin.domain.analysis.verdict import Verdict
from serin.domain.names import KIND
from tests.component.cluster_in_memory import Clock
from tests.component.story import Story, model, phase, served, stepping

OLD, NEW, NEWER = model(), model("server:2"), model("server:3")
BY_PODS, NEW_BY_PODS = model(router="Replicas"), model("server:2", router="Replicas")


def finished(story: Story) -> str:
    return str(story.status["history"][-1]["result"])


def with_rollout(image: str = "server:2", **rollout: object) -> dict[str, object]:
    spec = model(image)
    return {**spec, "rollout": {**spec["rollout"], **rollout}}


async def pass_time(story: Story, seconds: int) -> None:
    """Looks as events and timers would cause them."""
    for _ in range(seconds // 10):
        Clock(story.cluster).move(10)
        await story.look()
        story.controllers.settle()


async def test_a_canary_without_endpoints_loses_its_weight_in_the_same_look() -> None:
    story = await stepping(OLD, NEW)
    stable, canary = story.status["stable"]["revision"], story.status["canary"]["revision"]

    story.controllers.ready[canary] = 0
    story.controllers.settle()
    await story.look()

    assert story.weights() == {stable: 100}
    assert story.phase == "Preparing"
    assert story.status["rollout"]["losses"] == 1


async def test_the_third_loss_of_all_endpoints_is_harm() -> None:
    story = await stepping(OLD, NEW)
    canary = story.status["canary"]["revision"]

    for _ in range(3):
        await story.until(phase("Stepping"))
        story.controllers.ready[canary] = 0
        story.controllers.settle()
        await story.look()
        story.controllers.ready.pop(canary)
    await story.until(phase("RolledBack"))

    assert story.status["rejected"][0]["reason"] == "LostEndpoints"


@pytest.mark.parametrize("verdict", [None, Verdict.NO_DATA])
@pytest.mark.parametrize("choice", ["Pause", "Advance", "Rollback"])
async def test_missing_data_holds_past_every_deadline(verdict: Verdict | None, choice: str) -> None:
    new = with_rollout(onInconclusive=choice, stepDeadlineSeconds=60)
    story = await stepping(OLD, new, judged=True)
    story.jury.verdict = verdict

    await pass_time(story, 300)

    assert story.condition("Ready") == ("Unknown", "NoData")
    assert story.status["canary"]["weight"] == 20


@pytest.mark.parametrize(
    ("choice", "outcome"), [("Pause", "Stepping"), ("Advance", "Ready"), ("Rollback", "RolledBack")]
)
async def test_an_undecided_step_does_what_the_user_chose(choice: str, outcome: str) -> None:
    new = with_rollout(onInconclusive=choice, stepDeadlineSeconds=60)
    story = await stepping(OLD, new, judged=True)
    story.jury.verdict = Verdict.UNDECIDED

    await pass_time(story, 1200)

    assert story.phase == outcome
    if choice == "Pause":
        assert story.condition("Ready") == ("Unknown", "Inconclusive")


@pytest.mark.parametrize("mode", ["Observe", "Off"])
async def test_without_enforcement_harm_is_not_acted_on(mode: str) -> None:
    new = model("server:2", analysis={"mode": mode})
    story = await stepping(OLD, new, judged=True)
    story.jury.verdict = Verdict.HARM

    await story.until(phase("Ready"))

    shown = (story.status.get("analysis") or {}).get("verdict")
    assert shown == ("Harm" if mode == "Observe" else None)
    assert finished(story) == "Promoted"


async def test_a_promote_counts_for_its_step_alone() -> None:
    new = with_rollout(
        canary={"steps": [{"name": "a", "weight": 20, "pause": {}}, {"name": "b", "weight": 60, "pause": {}}]}
    )
    story = await stepping(OLD, new)

    story.cluster.submit("fraud", new, promote=f"{story.attempt}:a")
    await story.until(lambda story: story.status["rollout"]["step"] == 1)
    await pass_time(story, 300)

    assert story.condition("Ready") == ("Unknown", "AwaitingPromotion")
    assert story.status["canary"]["weight"] == 60


async def test_a_promote_to_full_passes_every_step() -> None:
    story = await stepping(OLD, NEW, judged=True)

    story.cluster.submit("fraud", NEW, promote=f"{story.attempt}:full")
    await story.until(phase("Baking"))

    assert len(story.cluster.path) == 3  # 100/0, 80/20, 0/100


async def test_requests_for_another_attempt_do_nothing() -> None:
    story = await stepping(OLD, NEW, judged=True)
    other = f"{story.attempt}1"
    story.written()

    for word in ("abort", "retry", "pause"):
        story.cluster.submit("fraud", NEW, **{word: other})
        await story.look()
    story.cluster.submit("fraud", NEW, promote=f"{other}:full")
    await story.look()

    assert story.written() == []


@pytest.mark.parametrize("state", ["Preparing", "Stepping", "Promoting", "Baking"])
async def test_an_abort_is_obeyed_in_every_state(state: str) -> None:
    story = await served(OLD)
    stable = story.status["stable"]["revision"]
    story.cluster.submit("fraud", NEW)
    await story.until(phase(state))

    story.cluster.submit("fraud", NEW, abort=story.attempt)
    await story.until(phase("RolledBack"))

    assert story.weights() == {stable: 100}
    assert story.replicas() == {stable: 3}
    assert story.condition("Stalled") == ("True", "RolledBack")
    assert story.condition("Available") == ("True", "EndpointsReady")


async def test_an_aborted_first_deployment_stays_down() -> None:
    story = Story()
    story.cluster.submit("fraud", OLD)
    await story.look()
    story.cluster.submit("fraud", OLD, abort=story.attempt)
    await story.until(phase("RolledBack"))
    story.written()

    story.restart()
    await pass_time(story, 200)

    assert story.replicas() == {}
    assert story.written() == []


async def test_a_retry_is_the_next_attempt_and_counts_once() -> None:
    story = await stepping(OLD, NEW)
    first = story.attempt
    story.cluster.submit("fraud", NEW, abort=first)
    await story.until(phase("RolledBack"))

    story.cluster.submit("fraud", NEW, retry=first)
    await story.until(phase("Stepping"))
    second = story.attempt
    story.cluster.submit("fraud", NEW, retry=first, abort=second)
    await story.until(phase("RolledBack"))
    story.written()
    await pass_time(story, 100)

    assert second == f"{first.removesuffix('.1')}.2"
    assert story.written() == []


async def test_an_old_request_never_meets_a_new_attempt_of_its_name() -> None:
    story = await served(OLD)
    story.cluster.submit("fraud", NEW)
    await story.look()
    first = story.attempt
    story.cluster.submit("fraud", OLD)
    await story.until(phase("Ready"))

    def forget(obj: dict[str, object]) -> None:
        obj["status"] = {**story.status, "history": []}

    story.cluster.edit(KIND, "fraud", forget)
    story.cluster.submit("fraud", NEW, abort=first)
    await story.look()

    assert story.attempt != first
    assert story.phase == "Preparing"


async def test_going_back_to_the_stable_spec_rejects_nothing() -> None:
    story = await stepping(OLD, NEW)

    story.cluster.submit("fraud", OLD)
    await story.until(phase("Ready"))

    assert story.status["rejected"] == []
    assert finished(story) == "Reverted"


async def test_a_version_that_comes_back_from_the_bake_is_called_as_before() -> None:
    story = await served({**OLD, "model": {"format": "sklearn", "version": "11"}})
    story.cluster.submit("fraud", {**NEW, "model": {"format": "sklearn", "version": "12"}})
    await story.until(phase("Baking"))
    assert story.status["stable"]["version"] == "12"

    story.cluster.submit(
        "fraud", {**NEW, "model": {"format": "sklearn", "version": "12"}}, abort=story.attempt
    )
    await story.until(phase("RolledBack"))

    assert story.status["stable"]["version"] == "11"


async def test_a_superseded_attempt_is_remembered_with_its_version() -> None:
    new = {**NEW, "model": {"format": "sklearn", "version": "12"}}
    story = await stepping(OLD, new)

    story.cluster.submit("fraud", NEWER)
    await story.look()

    assert story.status["history"][-1]["version"] == "12"
    assert story.status["history"][-1]["result"] == "Superseded"


async def test_another_spec_ends_a_paused_bake() -> None:
    story = await served(OLD)
    story.cluster.submit("fraud", NEW)
    await story.until(phase("Baking"))

    story.cluster.submit("fraud", {**NEWER, "paused": True})
    await story.until(phase("Preparing"))

    assert story.status["stable"]["revision"] == story.status["history"][-1]["revision"]


@pytest.mark.parametrize("replicas", [0, 1])
@pytest.mark.parametrize("router", ["GatewayAPI", "Replicas"])
async def test_a_model_of_hardly_any_pods_is_replaced(replicas: int, router: str) -> None:
    story = await served(model(replicas=replicas, router=router))
    story.cluster.submit("fraud", model("server:2", replicas=replicas, router=router))

    await story.until(phase("Ready"))

    assert story.cluster.selected("fraud") == story.status["stable"]["revision"].removeprefix("fraud-")
    assert sum(story.replicas().values()) == replicas


async def test_no_bake_still_lets_connections_drain() -> None:
    new = with_rollout(bakeSeconds=0)
    story = await served(OLD)
    old = story.status["stable"]["revision"]
    story.cluster.submit("fraud", new)
    await story.until(phase("Baking"))
    began = story.cluster.now

    await story.until(lambda story: old not in story.replicas())

    assert story.cluster.now - began >= timedelta(seconds=30)


async def test_steps_of_as_many_pods_are_one_and_coarse_weights_are_told() -> None:
    old, new = (model(f"server:{n}", router="Replicas", steps=(1, 5, 10, 60)) for n in (1, 2))
    story = await stepping(old, new)

    assert story.status["canary"] | {"revision": ""} == {
        "revision": "",
        "weight": 25,
        "step": "to-10",
        "replicas": 0,
        "readyReplicas": 0,
    } | {key: story.status["canary"][key] for key in ("replicas", "readyReplicas")}
    assert "CoarseWeight" in story.scribe.told


async def test_the_service_stays_narrow_while_a_third_revision_has_pods() -> None:
    story = await stepping(BY_PODS, NEW_BY_PODS)
    stable = story.status["stable"]["revision"].removeprefix("fraud-")

    story.cluster.submit("fraud", model("server:3", router="Replicas"))
    await story.until(phase("Stepping"))
    await story.look()

    assert story.cluster.selected("fraud") == stable  # the second's pods still drain
    await story.until(lambda story: story.cluster.selected("fraud") is None)


@pytest.mark.parametrize("state", ["Preparing", "Stepping"])
async def test_a_ready_canary_takes_over_from_a_dead_stable(state: str) -> None:
    story = await served(OLD, judged=True)
    stable = story.status["stable"]["revision"]
    story.cluster.submit("fraud", NEW)
    await story.until(phase(state))

    story.controllers.ready[stable] = 0
    await story.until(phase("Baking"))

    assert story.status["rollout"]["reason"] == "StableUnavailable"
    assert story.weights() == {story.status["stable"]["revision"]: 100}


async def test_a_dead_stable_and_a_rejected_canary_leave_a_way_out() -> None:
    story = await stepping(OLD, NEW, judged=True)
    story.controllers.ready[story.status["stable"]["revision"]] = 0
    story.jury.verdict = Verdict.HARM
    await story.until(phase("RollingBack"))

    story.jury.verdict = Verdict.SAFE
    story.cluster.submit("fraud", NEWER)
    await story.until(phase("Ready"))

    assert finished(story) == "Promoted"
