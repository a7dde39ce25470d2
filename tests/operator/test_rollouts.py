"""What a person can ask of a rollout, and what the operator answers: with no traffic, so with no evidence."""

import asyncio

from tests.cluster.cluster import Cluster
from tests.cluster.gateway import Gateway
from tests.cluster.resources import Object
from tests.cluster.waiting import rounds_until
from tests.endurance.endpoints import emptied
from tests.invariants.watcher import Watcher
from tests.operator.test_writes import writes_of
from tests.stage.kubectl import Kubectl
from tests.stage.model import Model, attempt, condition, conditions, phase, spec, state
from tests.stage.operator import Operator

LONG = {20: 600, 60: 600}
"""Steps that do not pass by themselves within a test."""


async def test_a_canary_is_promoted_with_the_pods_that_were_tried(
    gateway: Gateway, serin: Operator, fraud: Model
) -> None:
    await fraud.apply(spec("1"))
    await fraud.until(condition("Ready"))
    await fraud.apply(spec("2"))
    seen = await fraud.until(state("Baking"))
    new = seen["status"]["stable"]["revision"]
    tried = await fraud.pods(new)

    await fraud.until(condition("Ready"))

    assert await fraud.pods(new) == tried
    assert await fraud.sizes() == {new: 3}
    assert await fraud.weights() == {new: 100}
    assert await fraud.selected() == new


async def test_an_aborted_revision_is_tried_again_only_on_request(
    cluster: Cluster, gateway: Gateway, serin: Operator, fraud: Model
) -> None:
    await fraud.apply(spec("1"))
    old = (await fraud.until(condition("Ready")))["status"]["stable"]["revision"]
    await fraud.apply(spec("2", steps=LONG))
    first = attempt(await fraud.until(state("Stepping")))
    await fraud.apply(spec("2", steps=LONG), abort=first)
    seen = await fraud.until(condition("Stalled", reason="RolledBack"))
    assert {kind: one["status"] for kind, one in conditions(seen).items() if kind != "AnalysisAvailable"} == {
        "Ready": "False",
        "Available": "True",
        "Progressing": "False",
        "Stalled": "True",
    }
    assert await fraud.weights() == {old: 100}

    async with writes_of(cluster, fraud) as writes:
        await fraud.apply(spec("2", steps=LONG), abort=first)  # as GitOps does every few minutes
        await serin.at_rest()
    assert writes.work == []

    await fraud.apply(spec("2"), retry=first)
    await fraud.until(condition("Ready"))
    assert [one["attempt"] for one in (await fraud.status())["history"]][1:] == [first, f"{first[:-1]}2"]


async def test_a_pause_holds_a_rollout_until_it_is_taken_back(
    gateway: Gateway, serin: Operator, fraud: Model
) -> None:
    await fraud.apply(spec("1"))
    await fraud.until(condition("Ready"))
    await fraud.apply({**spec("2", steps={20: 2}), "paused": True})
    await fraud.until(condition("Ready", "Unknown", reason="Paused"))
    await serin.at_rest(seconds=3)
    assert (await fraud.status())["rollout"]["state"] == "Preparing"

    await fraud.apply(spec("2", steps={20: 2}))

    await fraud.until(condition("Ready"))


async def test_a_step_that_waits_is_passed_by_a_persons_promote(
    gateway: Gateway, serin: Operator, fraud: Model, shell: Kubectl
) -> None:
    await fraud.apply(spec("1"))
    await fraud.until(condition("Ready"))
    await fraud.apply(spec("2", waits=True))
    seen = await fraud.until(condition("Ready", "Unknown", reason="AwaitingPromotion"))
    stable, canary = (seen["status"][role]["revision"] for role in ("stable", "canary"))
    row = (await shell("get", "mdep", fraud.name, "--no-headers")).split()
    assert row[:6] == [fraud.name, "Unknown", "Stepping", "60", stable, canary]
    assert "step to-60 waits" in await shell("describe", "mdep", fraud.name)

    await fraud.ask(promote=f"{attempt(seen)}:to-20")  # a step that has passed: a late request does nothing
    await serin.at_rest(seconds=2)
    assert (await fraud.status())["rollout"]["state"] == "Stepping"
    await shell("annotate", "mdep", fraud.name, "--overwrite", f"serin.dev/promote={attempt(seen)}:to-60")

    await fraud.until(condition("Ready"))


async def test_promote_full_leaves_the_steps_out(gateway: Gateway, serin: Operator, fraud: Model) -> None:
    await fraud.apply(spec("1"))
    await fraud.until(condition("Ready"))
    await fraud.apply(spec("2", steps=LONG))
    seen = await fraud.until(state("Stepping"))

    await fraud.ask(promote=f"{attempt(seen)}:full")

    await fraud.until(condition("Ready"))


async def test_a_newer_spec_takes_the_place_of_the_canary(
    gateway: Gateway, serin: Operator, fraud: Model
) -> None:
    await fraud.apply(spec("1"))
    await fraud.until(condition("Ready"))
    await fraud.apply(spec("2", steps=LONG))
    second = await fraud.until(state("Stepping"))
    await fraud.until_weights(20)

    await fraud.apply(spec("3"))

    seen = await fraud.until(condition("Ready"))
    results = {one["revision"]: one["result"] for one in seen["status"]["history"]}
    assert results[second["status"]["canary"]["revision"]] == "Superseded"
    assert await fraud.sizes() == {seen["status"]["stable"]["revision"]: 3}


async def test_a_spec_that_returns_takes_the_canary_back_unrejected(
    gateway: Gateway, serin: Operator, fraud: Model
) -> None:
    await fraud.apply(spec("1"))
    old = (await fraud.until(condition("Ready")))["status"]["stable"]["revision"]
    await fraud.apply(spec("2", steps=LONG))
    await fraud.until(state("Stepping"))
    await fraud.until_weights(20)

    await fraud.apply(spec("1"))

    seen = await fraud.until(condition("Ready"))
    assert seen["status"].get("rejected", []) == []
    assert await fraud.weights() == {old: 100}


async def test_pods_carry_the_weight_where_there_is_no_gateway(serin: Operator, fraud: Model) -> None:
    await fraud.apply(spec("1", router="Replicas"))
    await fraud.until(condition("Ready"))
    # Followed from before it is so, for it is soon over.
    opened = asyncio.create_task(fraud.until_widened())
    await fraud.apply(spec("2", router="Replicas", steps={25: 2, 50: 2}))
    seen = await fraud.until(state("Stepping"))
    await opened

    await fraud.until(condition("Ready"))

    assert await fraud.selected() == seen["status"]["canary"]["revision"]


async def test_a_canary_that_crashes_is_rejected_with_its_reason(
    gateway: Gateway, serin: Operator, fraud: Model, shell: Kubectl
) -> None:
    await fraud.apply(spec("1"))
    await fraud.until(condition("Ready"))

    await fraud.apply(spec("2", ready=False, crash_after_seconds=0.5))

    seen = await fraud.until(condition("Stalled", reason="RolledBack"))
    assert seen["status"]["rejected"][0]["reason"] == "CrashLoop"
    told = await shell("describe", "mdep", fraud.name)
    assert "CrashLoop" in told
    assert "crashed" in told


async def test_a_canary_that_loses_its_endpoints_loses_its_traffic_within_two_seconds(
    cluster: Cluster, gateway: Gateway, serin: Operator, fraud: Model, watcher: Watcher
) -> None:
    """By the server's stamps, and in one of three: the machine may stand still meanwhile."""
    await fraud.apply(spec("1"))
    await fraud.until(condition("Ready"))
    canaries: list[str] = []

    def another(seen: Object) -> object:
        return state("Stepping")(seen) and seen["status"]["canary"]["revision"] not in canaries

    async def lost_and_back(number: int) -> float:
        await fraud.apply(spec(str(number + 2), steps=LONG))
        canary = (await fraud.until(another))["status"]["canary"]["revision"]
        canaries.append(canary)
        await fraud.until_weights(20)
        before = await watcher.settled()
        (pod,) = await fraud.pod_names(canary)

        cluster.node.kill(fraud.namespace, pod, "model")

        seen = await fraud.until(lambda seen: seen["status"]["rollout"]["losses"] == 1)
        assert seen["status"]["rollout"]["state"] == "Preparing"
        await fraud.until(state("Stepping", step=0))  # the same step once more
        await fraud.until_weights(20)
        await watcher.settled()
        lost = await cluster.audit.written(emptied(watcher, fraud.name, canary, since=before))
        taken = watcher.taken_away(fraud.name, canary, since=before)
        return await cluster.audit.written(taken) - lost

    seconds = await rounds_until(lost_and_back, lambda one: one <= 2)

    assert min(seconds) <= 2, seconds


async def test_an_image_that_is_missing_stalls_and_is_not_rejected(
    cluster: Cluster, gateway: Gateway, serin: Operator, fraud: Model
) -> None:
    await fraud.apply(spec("1"))
    await fraud.until(condition("Ready"))
    await fraud.apply(spec("2", image="serin.test/missing:1"))
    seen = await fraud.until(condition("Stalled"))
    assert "serin.test/missing:1" in conditions(seen)["Stalled"]["message"]

    await fraud.apply(spec("3"))

    seen = await fraud.until(condition("Ready"))
    assert seen["status"].get("rejected", []) == []
    assert phase("Ready")(seen)
