"""What each operation costs, by the API server's audit log: the sequences of the design, and nothing else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from tests.cluster.cluster import Cluster
from tests.cluster.gateway import Gateway
from tests.cluster.resources import EVENTS
from tests.stage.model import Model, attempt, condition, spec, state
from tests.stage.operator import USER, Operator

MOST_EVENTS = 5
"""Of one operation. Events are counted apart: they are not waited for, and may be dropped."""
STATUS, REVISION, SERVICE, PODS, ROUTE = (
    "modeldeployments/status",
    "controllerrevisions",
    "services",
    "deployments",
    "httproutes",
)


@dataclass(slots=True)
class Writes:
    """The operator's writes for a model, in their order; filled in when the block is left.

    A write that a fence refused, because somebody else had just written, changed nothing: it is counted
    apart.
    """

    work: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    """Reasons and messages of the Events the model has at the end."""
    refused: list[str] = field(default_factory=list)


@asynccontextmanager
async def writes_of(cluster: Cluster, model: Model) -> AsyncIterator[Writes]:
    """The operator's writes for a model while the block runs."""
    found = Writes()
    async with cluster.audit.counting() as counted:
        yield found
    asked = counted.requests.by(USER).within(model.namespace).writes
    work = asked.work.that(lambda one: f"{one.name}-".startswith(f"{model.name}-"))
    found.refused = [str(one) for one in work.refused]
    done = work.that(lambda one: one.code < 400)
    found.work = ["/".join(filter(None, (one.resource, one.subresource))) for one in done]
    chosen = f"involvedObject.kind=ModelDeployment,involvedObject.name={model.name}"
    told = await cluster.api.list(EVENTS, model.namespace, fields=chosen)
    number = len(asked.on("events"))
    found.events = [f"{one['reason']}: {one['message']}" for one in told][-number:] if number else []


async def test_a_first_deployment_takes_seven_writes(
    cluster: Cluster, gateway: Gateway, serin: Operator, fraud: Model
) -> None:
    async with writes_of(cluster, fraud) as writes:
        await fraud.apply(spec())
        await fraud.until(condition("Ready"))

    assert writes.work == [STATUS, REVISION, SERVICE, PODS, SERVICE, ROUTE, STATUS]
    assert len(writes.events) <= MOST_EVENTS


async def test_a_canary_of_two_steps_takes_sixteen_writes(
    cluster: Cluster, gateway: Gateway, serin: Operator, fraud: Model
) -> None:
    await fraud.apply(spec("1"))
    await fraud.until(condition("Ready"))
    await serin.at_rest(seconds=0.5)

    async with writes_of(cluster, fraud) as writes:
        await fraud.apply(spec("2"))
        await fraud.until(condition("Ready"), within=90)

    prepared = [STATUS, REVISION, SERVICE, PODS]
    steps = [STATUS, ROUTE, PODS, STATUS, ROUTE, PODS]
    promoted = [STATUS, ROUTE, SERVICE, STATUS, PODS, STATUS]
    assert writes.work == [*prepared, *steps, *promoted]
    assert len(writes.refused) <= 1
    assert len(writes.events) <= MOST_EVENTS


async def test_a_rollback_while_stepping_takes_four_writes(
    cluster: Cluster, gateway: Gateway, serin: Operator, fraud: Model
) -> None:
    await fraud.apply(spec("1"))
    await fraud.until(condition("Ready"))
    await fraud.apply(spec("2", steps={20: 600}))
    seen = await fraud.until(state("Stepping"))
    await fraud.until_weights(20)

    await serin.at_rest(seconds=0.5)

    async with writes_of(cluster, fraud) as writes:
        await fraud.ask(abort=attempt(seen))
        await fraud.until(condition("Stalled", reason="RolledBack"))

    assert writes.work == [STATUS, ROUTE, PODS, STATUS]
    assert writes.refused == []


async def test_a_rollback_while_baking_takes_six_writes(
    cluster: Cluster, gateway: Gateway, serin: Operator, fraud: Model
) -> None:
    await fraud.apply(spec("1"))
    await fraud.until(condition("Ready"))
    await fraud.apply(spec("2", bake=600))
    seen = await fraud.until(state("Baking"), within=90)

    await serin.at_rest(seconds=0.5)

    async with writes_of(cluster, fraud) as writes:
        await fraud.ask(abort=attempt(seen))
        await fraud.until(condition("Stalled", reason="RolledBack"))

    assert writes.work == [STATUS, PODS, ROUTE, SERVICE, PODS, STATUS]


async def test_a_rollback_by_pods_takes_four_writes(cluster: Cluster, serin: Operator, fraud: Model) -> None:
    await fraud.apply(spec("1", router="Replicas"))
    await fraud.until(condition("Ready"))
    await fraud.apply(spec("2", router="Replicas", steps={25: 600}))
    seen = await fraud.until(state("Stepping"))

    await serin.at_rest(seconds=0.5)

    async with writes_of(cluster, fraud) as writes:
        await fraud.ask(abort=attempt(seen))
        await fraud.until(condition("Stalled", reason="RolledBack"))

    assert writes.work == [STATUS, SERVICE, PODS, STATUS]


@pytest.mark.parametrize("router", ["GatewayAPI", "Replicas"])
async def test_a_steady_model_costs_nothing_also_over_a_restart(
    cluster: Cluster, gateway: Gateway, serin: Operator, fraud: Model, router: str
) -> None:
    await fraud.apply(spec(router=router, replicas=1))
    seen = await fraud.until(condition("Ready"))
    await serin.at_rest()

    async with writes_of(cluster, fraud) as writes:
        await serin.restart()
        await serin.at_rest()

    assert writes.work == []
    assert await fraud.get() == seen
