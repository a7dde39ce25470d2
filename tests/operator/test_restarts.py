"""A crash in any state and a new start: no write that nothing asked for, and the attempt goes on (I7, I8).

Each state is held open by what a user would hold it open with: a model that loads for long or does not get
ready, a step that waits, a long bake, a long drain.
"""

from typing import Any

import aiohttp
import pytest

from tests.cluster.cluster import Cluster
from tests.cluster.gateway import Gateway
from tests.cluster.resources import PODS
from tests.cluster.waiting import until
from tests.invariants.watcher import MODEL_DEPLOYMENTS
from tests.operator.test_writes import writes_of
from tests.stage.model import Model, attempt, condition, phase, spec, state
from tests.stage.operator import Operator

HELD: dict[str, dict[str, Any]] = {
    "Preparing": {"steps": {20: 1}, "load_seconds": 600},
    "Stepping": {"steps": {20: 600}},
    "Promoting": {"router": "Replicas", "steps": {25: 1}, "ready": False},
    "Baking": {"steps": {20: 1}, "bake": 600},
    "RollingBack": {"steps": {20: 600}, "drain": 600},
}


async def brought_to(where: str, fraud: Model) -> dict[str, Any]:
    """A model whose second revision has come to a state that lasts."""
    kept = {name: value for name, value in HELD[where].items() if name in ("router", "drain")}
    await fraud.apply(spec("1", **kept))
    await fraud.until(condition("Ready"))
    await fraud.apply(spec("2", **HELD[where]))
    if where == "Promoting":
        await one_is_ready(fraud)
    if where == "RollingBack":
        seen = await fraud.until(state("Stepping"))
        await fraud.until_weights(20)
        await fraud.ask(abort=attempt(seen))
        await fraud.until_weights(0)
    return await fraud.until(state(where))


async def one_is_ready(fraud: Model) -> None:
    """Tell the canary's only pod to be ready; those that come later are not told."""
    canary = (await fraud.until(state("Preparing")))["status"]["canary"]["revision"]

    async def told() -> bool:
        for name in await fraud.pod_names(canary):
            pod = await fraud.api.get(PODS, name, fraud.namespace)
            url = f"http://{pod['status'].get('podIP')}:8080/behaviour"
            try:
                async with aiohttp.ClientSession() as http, http.put(url, json={"ready": True}) as answer:
                    return answer.ok
            except aiohttp.ClientError:
                pass  # its server does not run yet
        return False

    await until(told, what="a pod that listens")


@pytest.mark.parametrize("where", HELD)
async def test_a_crash_and_a_restart_write_nothing_and_lose_nothing(
    cluster: Cluster, gateway: Gateway, serin: Operator, fraud: Model, where: str
) -> None:
    began = await brought_to(where, fraud)
    await serin.at_rest(seconds=0.5)

    async with writes_of(cluster, fraud) as writes:
        await serin.restart()
        await serin.at_rest(seconds=0.5)

    assert writes.work == []
    seen = await fraud.get()
    assert attempt(seen) == attempt(began)
    assert seen["status"]["rollout"]["state"] == began["status"]["rollout"]["state"]
    if where == "RollingBack":
        shorter = {"spec": {"traffic": {"drainSeconds": 1}}}
        await fraud.api.patch(MODEL_DEPLOYMENTS, fraud.name, shorter, fraud.namespace)
    else:
        await fraud.ask(abort=attempt(seen))
    await fraud.until(phase("RolledBack"))


async def test_an_operator_that_was_frozen_does_not_act_on_what_it_knew(
    cluster: Cluster, gateway: Gateway, serin: Operator, fraud: Model
) -> None:
    await fraud.apply(spec("1"))
    await fraud.until(condition("Ready"))
    await fraud.apply(spec("2", steps={20: 600}))
    seen = await fraud.until(state("Stepping"))
    await fraud.until_weights(20)

    serin.freeze()
    await fraud.ask(abort=attempt(seen))
    await fraud.apply(spec("1"), abort=attempt(seen))
    serin.thaw()

    await fraud.until(condition("Ready"))
    await fraud.until_weights(0)
    assert await fraud.sizes() == {seen["status"]["stable"]["revision"]: 3}
