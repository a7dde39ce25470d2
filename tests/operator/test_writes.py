"""What each operation costs, by the API server's audit log: the sequences of the design, and nothing else."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from serin.domain.urgency import Urgency, urgency
from serin.runtime.reporter import COUNTS_EVERY
from serin.runtime.statuses import status_of_model
from tests.cluster.audit import Request, Requests
from tests.cluster.cluster import Cluster
from tests.cluster.following import followed
from tests.cluster.gateway import Gateway
from tests.cluster.resources import EVENTS, Object
from tests.cluster.waiting import until
from tests.invariants.watcher import MODEL_DEPLOYMENTS
from tests.stage.model import Model, attempt, condition, spec, state
from tests.stage.operator import USER, Operator

MOST_EVENTS = 5
"""Of one operation. Events are counted apart: they are not waited for, and may be dropped."""
HURRY = timedelta(seconds=1)
"""What clocks may differ by, and a second that a time is cut down to."""
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
    apart. So is a status that tells nothing but newer figures or sentences: on a machine that takes its time
    there are more of those, though never two in a hurry.
    """

    work: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    """Reasons and messages of the Events the model has at the end."""
    refused: list[str] = field(default_factory=list)


async def told_late(done: Requests, versions: Sequence[Object]) -> list[Request]:
    """The writes of a status that tell no transition, and come no sooner than such a one may."""
    statuses = [one for one in done if f"{one.resource}/{one.subresource}" == STATUS]
    made = {one.version for one in statuses}

    async def written() -> list[str]:
        return [one["metadata"]["resourceVersion"] for one in versions]

    numbers = await until(written, made.issubset, what="the versions that were written")
    late = []
    for before, one in zip([None, *statuses], statuses, strict=False):
        number = numbers.index(one.version)
        was, now = (status_of_model(versions[at]) for at in (max(number - 1, 0), number))
        unhurried = before is None or one.at - before.answered >= COUNTS_EVERY - HURRY
        if number and unhurried and urgency(was, now) < Urgency.TRANSITION:
            late.append(one)
    return late


@asynccontextmanager
async def writes_of(cluster: Cluster, model: Model) -> AsyncIterator[Writes]:
    """The operator's writes for a model while the block runs."""
    found = Writes()
    async with followed(model.api, MODEL_DEPLOYMENTS, model.name, model.namespace) as versions:
        async with cluster.audit.counting() as counted:
            yield found
        asked = counted.requests.by(USER).within(model.namespace).writes
        work = asked.work.that(lambda one: f"{one.name}-".startswith(f"{model.name}-"))
        done = work.that(lambda one: one.code < 400)
        late = await told_late(done, versions)
    found.refused = [str(one) for one in work.refused]
    found.late = [str(one) for one in late]
    prompt = done.that(lambda one: one not in late)
    found.work = ["/".join(filter(None, (one.resource, one.subresource))) for one in prompt]
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
        await fraud.until(condition("Ready"))

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
    seen = await fraud.until(state("Baking"))

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
    await fraud.until(condition("Ready"))
    # Numbers are told later than the rest, and last.
    seen = await fraud.until(lambda seen: seen["status"].get("readyReplicas") == 1)
    await serin.at_rest()

    async with writes_of(cluster, fraud) as writes:
        await serin.restart()
        await serin.at_rest()

    assert writes.work == []
    assert await fraud.get() == seen
