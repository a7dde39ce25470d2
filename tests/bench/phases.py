"""The operations, one after the other: create all, change all, idle, restart, delete all."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Final

from tests.bench.crowd import Crowd, Took
from tests.bench.figures import Figures, Spent
from tests.bench.process import Operator
from tests.bench.routes import Accepting
from tests.bench.simulated import SimulatedCluster
from tests.bench.yardstick import Yardstick
from tests.cluster.binaries import Binaries
from tests.cluster.cluster import Cluster
from tests.cluster.resources import SERVICE_ACCOUNTS
from tests.stage.operator import USER

CRDS: Final = Path(__file__).parents[2] / "crds"
NAMESPACE: Final = "bench"
MOST_PODS: Final = 8
"""Of one model while it is changed: both revisions at full size, and some that are still ending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be measured.

    Attributes:
        count: ModelDeployments.
        changed: How many of them get a new version.
        idle_seconds: How long nothing is asked.
        accepted: A controller takes the routes; without one each weight waits five seconds.
        arguments: More of the operator's command line.
        patience: Seconds that one operation may take.
    """

    count: int
    changed: int
    idle_seconds: float
    accepted: bool
    arguments: tuple[str, ...]
    patience: float


async def measured(found: Binaries, kwok: Path, plan: Plan) -> AsyncGenerator[Figures, None]:
    """The figures of each operation as soon as it has ended."""
    made = SimulatedCluster.sized(found, kwok, pods=MOST_PODS * plan.count, manifests=[CRDS])
    async with AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(made)
        await _prepared(cluster)
        if plan.accepted:
            await stack.enter_async_context(Accepting(cluster.api, NAMESPACE))
        operator = await stack.enter_async_context(Operator(cluster, plan.arguments))
        bench = _Bench(cluster, operator, plan)
        crowd = Crowd(cluster.api, NAMESPACE, plan.count, patience=plan.patience)
        yield await bench.measured("create", crowd.apply("1", "create"))
        canaries = crowd.apply("2", "canary", to=plan.changed)
        yield await bench.measured("canary", canaries, objects=plan.changed)
        await crowd.told()
        yield await bench.measured("idle", _idle(plan.idle_seconds))
        yield await bench.restarted()
        yield await bench.measured("delete", crowd.delete("delete"))


class _Bench:
    """Measures one operator."""

    def __init__(self, cluster: Cluster, operator: Operator, plan: Plan) -> None:
        self._cluster, self._operator, self._plan = cluster, operator, plan

    async def measured(self, name: str, operation: Awaitable[Took], *, objects: int | None = None) -> Figures:
        """Count until the operator rests again, which is later than the last arrival; for each of so many
        objects, or of all.
        """
        self._operator.forget_peak()
        looks, since = await self._operator.looks(), await self._cluster.audit.position()
        spent = self._operator.cpu_seconds
        async with Yardstick() as yardstick:
            took = await operation
            if name != "idle":
                await self._operator.at_rest()
        figures = await self._figures(name, since, took, yardstick, before=(looks, spent))
        return replace(figures, objects=objects or self._plan.count)

    async def restarted(self) -> Figures:
        """Count what an operator asks that ends and starts again beside all the objects."""
        since, began = await self._cluster.audit.position(), monotonic()
        async with Yardstick() as yardstick:
            await self._operator.stop()
            await self._operator.start()
            took = Took(asking=0.0, arriving=monotonic() - began)
            await self._operator.at_rest()
        return await self._figures("restart", since, took, yardstick, before=(0, 0.0))

    async def _figures(
        self, name: str, since: int, took: Took, yardstick: Yardstick, *, before: tuple[int, float]
    ) -> Figures:
        spent = self._operator.cpu_seconds
        used = Spent(
            looks=await self._operator.looks() - before[0],
            cpu_seconds=spent - before[1],
            peak_bytes=self._operator.peak_bytes,
            yardstick_milliseconds=yardstick.milliseconds,
        )
        asked = (await self._cluster.audit.requests(since, user=USER)).by(USER)
        return Figures.of(name, self._plan.count, asked, spent=used, took=took)


async def _idle(seconds: float) -> Took:
    await asyncio.sleep(seconds)
    return Took(asking=0.0, arriving=seconds)


async def _prepared(cluster: Cluster) -> None:
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    await cluster.api.create(body)
    # Pods are refused until the controller has made their account.
    await cluster.api.until(SERVICE_ACCOUNTS, "default", bool, NAMESPACE)
