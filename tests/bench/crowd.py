"""So many ModelDeployments, made and changed at once by sixteen clients, and followed until all have arrived.

Each has an HTTPRoute, three replicas and a canary of two steps, 20 % and 60 %, without a pause.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Final, NoReturn, TypeAlias

from tqdm import tqdm

from tests.cluster.api import Api
from tests.cluster.mirror import changes, key_of
from tests.cluster.resources import (
    CONTROLLER_REVISIONS,
    DEPLOYMENTS,
    HTTP_ROUTES,
    PODS,
    SERVICES,
    Object,
    Resource,
)
from tests.cluster.waiting import until
from tests.invariants.watcher import MODEL_DEPLOYMENTS
from tests.stage.model import Model, conditions, spec

Bar: TypeAlias = "tqdm[NoReturn]"

CLIENTS: Final = 16
CHILDREN: Final = (CONTROLLER_REVISIONS, DEPLOYMENTS, SERVICES, HTTP_ROUTES, PODS)


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds: of the clients, and until all had arrived."""

    asking: float
    arriving: float


class Crowd:
    """`count` ModelDeployments in a namespace of their own."""

    def __init__(self, api: Api, namespace: str, count: int, *, patience: float) -> None:
        self._api, self._namespace, self._patience = api, namespace, patience
        self._models = [Model(api, namespace, f"model-{number:04}") for number in range(count)]

    async def apply(self, version: str, title: str, *, to: int | None = None) -> Took:
        """Apply a version to all of them, or to so many, and wait until it is what all these serve."""
        wanted, models = spec(version), self._models[:to]
        found = await self._api.list(MODEL_DEPLOYMENTS, self._namespace)
        before = {key_of(one).name: one["metadata"]["generation"] for one in found}

        async def arrived(bar: Bar) -> None:
            await self._serving(bar, {model.name: before.get(model.name, 0) for model in models})

        return await self._done(title, models, lambda model: model.apply(wanted), arrived)

    async def delete(self, title: str) -> Took:
        """Delete all of them, and wait until nothing of theirs is left."""

        async def ask(model: Model) -> None:
            await self._api.delete(MODEL_DEPLOYMENTS, model.name, self._namespace)

        return await self._done(title, self._models, ask, self._gone)

    async def told(self) -> None:
        """Wait until each status has the numbers of its pods, which are told later than all else."""

        async def left() -> list[str]:
            found = await self._api.list(MODEL_DEPLOYMENTS, self._namespace)
            return [
                key_of(one).name
                for one in found
                if one["status"].get("readyReplicas") != one["spec"]["replicas"]
            ]

        await until(left, lambda names: not names, within=self._patience, what="the numbers of all pods")

    async def _done(
        self,
        title: str,
        models: Sequence[Model],
        ask: Callable[[Model], Awaitable[object]],
        arrived: Callable[[Bar], Coroutine[None, None, None]],
    ) -> Took:
        began = monotonic()
        with tqdm(total=len(models), desc=f"{title:8}", unit="model", leave=False) as bar:
            async with asyncio.timeout(self._patience), asyncio.TaskGroup() as group:
                group.create_task(arrived(bar))
                await _by_clients(models, ask)
                asked = monotonic()
        return Took(asking=asked - began, arriving=monotonic() - began)

    async def _serving(self, bar: Bar, before: Mapping[str, int]) -> None:
        """Wait until each of these serves a generation later than the one it was at."""
        awaited = set(before)
        async for change in changes(self._api, MODEL_DEPLOYMENTS, self._namespace):
            if change.type not in ("ADDED", "MODIFIED"):
                continue
            name = key_of(change.object).name
            changed = change.object["metadata"]["generation"] > before.get(name, 0)
            if name in awaited and changed and _serves(change.object):
                awaited.discard(name)
                bar.update()
            if not awaited:
                return

    async def _gone(self, bar: Bar) -> None:
        async def left() -> int:
            found = [await self._count(resource) for resource in (MODEL_DEPLOYMENTS, *CHILDREN)]
            bar.update(len(self._models) - found[0] - bar.n)
            await asyncio.sleep(0.5)
            return sum(found)

        await until(left, lambda count: count == 0, within=self._patience, what="the end of all objects")

    async def _count(self, resource: Resource) -> int:
        path = resource.path(self._namespace)
        answer = await self._api.request("GET", path, params={"limit": "1"})
        return len(answer["items"]) + int(answer["metadata"].get("remainingItemCount", 0))


async def _by_clients(models: Sequence[Model], ask: Callable[[Model], Awaitable[object]]) -> None:
    waiting = iter(models)

    async def client() -> None:
        for model in waiting:
            await ask(model)

    async with asyncio.TaskGroup() as group:
        for _ in range(CLIENTS):
            group.create_task(client())


def _serves(model: Object) -> bool:
    status = model.get("status") or {}
    current = status.get("observedGeneration") == model["metadata"]["generation"]
    ready = conditions(model).get("Ready") if current else None
    return ready is not None and ready["status"] == "True" and not status.get("rollout")
