"""A crash in any state and a new start: no write that nothing asked for, and the attempt goes on (I7, I8).

Each state is held open by what a user would hold it open with: a model that loads for long, a step that
waits, a long bake, a long drain.
"""

from typing import Any

import pytest

from tests.cluster.cluster import Cluster
from tests.cluster.gateway import Gateway
from tests.operator.test_writes import writes_of
from tests.stage.model import Model, attempt, condition, phase, spec, state
from tests.stage.operator import Operator

HELD: dict[str, dict[str, Any]] = {
    "Preparing": {"steps": {20: 1}, "load_seconds": 120},
    "Stepping": {"steps": {20: 600}},
    "Promoting": {"router": "Replicas", "steps": {25: 1}, "load_seconds": 20},
    "Baking": {"steps": {20: 1}, "bake": 600},
    "RollingBack": {"steps": {20: 600}, "drain": 10},
}


async def brought_to(where: str, fraud: Model) -> dict[str, Any]:
    """A model whose second revision has come to a state that lasts."""
    kept = {name: value for name, value in HELD[where].items() if name in ("router", "drain")}
    await fraud.apply(spec("1", **kept))
    await fraud.until(condition("Ready"))
    await fraud.apply(spec("2", **HELD[where]))
    if where == "RollingBack":
        seen = await fraud.until(state("Stepping"))
        await fraud.until_weights(20)
        await fraud.ask(abort=attempt(seen))
    return await fraud.until(state(where), within=90)


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
    if where != "RollingBack":
        await fraud.ask(abort=attempt(seen))
    await fraud.until(phase("RolledBack"), within=90)


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
