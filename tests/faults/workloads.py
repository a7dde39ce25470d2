"""The reference runs: what people do to a model on a real control plane, told once for all plans of faults.

The same as those of `component.workloads`, in seconds instead of in steps of a clock. Where a person acts in
the middle of an attempt, the attempt waits for him, so that a run that is held up takes the same path. Moves
of a registry's alias are no workload yet: the operator does not resolve them.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from tests.cluster.resources import DEPLOYMENTS, PODS, Object
from tests.cluster.waiting import until
from tests.faults.pods import CRASHING, NODE, Pods
from tests.invariants.watcher import MODEL_DEPLOYMENTS
from tests.stage.model import IMAGE, Model, condition, phase, spec, state

HELD: Final = {20: 600}
EMPTY_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Stage:
    """What a workload acts on."""

    model: Model
    pods: Pods
    router: str

    def version(self, number: str, *, image: str = IMAGE, paused: bool = False, **more: Any) -> Object:
        """A spec whose pods are simulated."""
        shape: dict[str, Any] = {"router": self.router, "bake": 1, "drain": 1, **more}
        made = spec(number, image=image, **shape)
        made["template"]["spec"]["nodeName"] = NODE
        return {**made, "paused": True} if paused else made

    async def ready(self, number: str, **more: Any) -> str:
        """Apply a version and wait until it serves; the revision."""
        await self.model.apply(self.version(number, **more))
        seen = await self.model.until(condition("Ready"))
        found: str = seen["status"]["stable"]["revision"]
        return found

    async def held(self, number: str) -> str:
        """Apply a version and wait until it has the weight of a step that does not end; the attempt."""
        await self.model.apply(self.version(number, steps=HELD))
        seen = await self.model.until(state("Stepping"))
        if self.router == "GatewayAPI":
            await self.model.until_weights(20)
        else:
            await self.model.until_widened()
        found: str = seen["status"]["rollout"]["attempt"]
        return found


Workload = Callable[[Stage], Awaitable[None]]


async def create(stage: Stage) -> None:
    await stage.ready("1")


async def canary(stage: Stage) -> None:
    await stage.ready("1")
    await stage.ready("2")


async def crashing(stage: Stage) -> None:
    await stage.ready("1")
    await stage.model.apply(stage.version("2", image=CRASHING))
    await stage.model.until(phase("RolledBack"))


async def aborted(stage: Stage) -> None:
    await stage.ready("1")
    attempt = await stage.held("2")
    await stage.model.ask(abort=attempt)
    await stage.model.until(phase("RolledBack"))


async def there_and_back(stage: Stage) -> None:
    await stage.ready("1")
    await stage.held("2")
    await stage.ready("1")


async def overtaken(stage: Stage) -> None:
    await stage.ready("1")
    await stage.held("2")
    await stage.ready("3")


async def regretted(stage: Stage) -> None:
    await stage.ready("1")
    await stage.model.apply(stage.version("2", bake=600))
    await stage.model.until(state("Baking"))
    await stage.ready("1")


async def scaled(stage: Stage) -> None:
    await stage.ready("1")
    await stage.held("2")
    await stage.ready("2", replicas=4)
    await stage.ready("2", replicas=2)


async def paused(stage: Stage) -> None:
    await stage.ready("1")
    await stage.held("2")
    await stage.model.apply(stage.version("2", paused=True))
    await stage.model.until(condition("Ready", "Unknown", reason="Paused"))
    await stage.ready("2")


async def deleted(stage: Stage) -> None:
    await stage.ready("1")
    await stage.held("2")
    await _gone(stage)


async def recreated(stage: Stage) -> None:
    await stage.ready("1")
    await stage.held("2")
    model = stage.model
    await model.api.delete(MODEL_DEPLOYMENTS, model.name, model.namespace)
    await stage.ready("1")


async def bereft(stage: Stage) -> None:
    """A pod of the stable revision is lost while a canary has traffic, and another takes its place."""
    stable = await stage.ready("1")
    await stage.held("2")
    model = stage.model
    before = await model.pods(stable)
    await stage.pods.lose(model.namespace, stable)

    async def replaced() -> bool:
        found = await model.api.get(DEPLOYMENTS, stable, model.namespace)
        whole = found["status"].get("readyReplicas") == len(before)
        return whole and await model.pods(stable) != before

    await until(replaced, what="a pod in place of the lost one")
    await stage.ready("1")


async def blinked(stage: Stage) -> None:
    """A version is taken back as soon as it was applied."""
    await stage.ready("1")
    await stage.model.apply(stage.version("2"))
    await stage.ready("1")


async def emptied(stage: Stage) -> None:
    """A canary has no endpoints for two seconds, and is taken back by its user."""
    await stage.ready("1")
    revision = (await stage.held("2")).rpartition(".")[0]
    namespace = stage.model.namespace
    await stage.pods.turn(namespace, revision, ready=False)
    await asyncio.sleep(EMPTY_SECONDS)
    await stage.pods.turn(namespace, revision, ready=True)
    await stage.ready("1")


async def _gone(stage: Stage) -> None:
    model = stage.model
    await model.api.delete(MODEL_DEPLOYMENTS, model.name, model.namespace)

    async def children() -> list[Object]:
        kinds = (DEPLOYMENTS, PODS)
        return [one for kind in kinds for one in await model.api.list(kind, model.namespace)]

    await until(children, lambda found: not found, what="the end of all pods")


SHORT_LIVED: Final = ((blinked, "GatewayAPI"), (emptied, "GatewayAPI"), (blinked, "Replicas"))
"""Workloads whose end depends on what of them was seen: only for plans that hide it."""
WORKLOADS: Final[tuple[tuple[Workload, str], ...]] = (
    (create, "GatewayAPI"),
    (canary, "GatewayAPI"),
    (crashing, "GatewayAPI"),
    (aborted, "GatewayAPI"),
    (there_and_back, "GatewayAPI"),
    (overtaken, "GatewayAPI"),
    (regretted, "GatewayAPI"),
    (scaled, "GatewayAPI"),
    (paused, "GatewayAPI"),
    (deleted, "GatewayAPI"),
    (recreated, "GatewayAPI"),
    (bereft, "GatewayAPI"),
    (create, "Replicas"),
    (canary, "Replicas"),
    (crashing, "Replicas"),
    (there_and_back, "Replicas"),
    (regretted, "Replicas"),
)
