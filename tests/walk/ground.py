"""What the scenarios stand on: models whose canary has a fifth of the traffic and waits for a person.

A scenario is a test written as a function of its ground, begun together with all others of its session.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from tests.cluster.api import Api
from tests.cluster.cluster import Cluster
from tests.cluster.gateway import Gateway
from tests.cluster.resources import Object, Resource
from tests.cluster.waiting import until
from tests.invariants.story import story
from tests.invariants.watcher import MODEL_DEPLOYMENTS, Watcher
from tests.stage.model import Model, condition, phase, spec, state
from tests.stage.operator import Operator
from tests.stage.scenarios import Scenarios

RESTORED_WITHIN: Final = 30.0
BESIDE_OTHERS: Final = 120.0
"""For what is no promise, on a machine that does much else."""
WEIGHT: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What all scenarios share. The role is the operator's own and may be changed."""

    cluster: Cluster
    place: str
    role: str
    gateway: Gateway
    serin: Operator
    watcher: Watcher

    @property
    def api(self) -> Api:
        """The cluster, as its admin."""
        return self.cluster.api


walk: Final = Scenarios[Ground]()
"""Makes a test of a scenario."""


def version(number: str, **changes: Any) -> Object:
    """A spec whose last step waits for a person."""
    return spec(number, **{"replicas": 1, "steps": {WEIGHT: 0}, "waits": True, **changes})


@asynccontextmanager
async def serving(ground: Ground, name: str, *, lawful: bool = True) -> AsyncIterator[tuple[Model, str]]:
    """A model whose first version serves, and its revision. At the end no rule may be broken, unless what
    somebody else did breaks one by itself.
    """
    model = Model(ground.api, ground.place, name)
    await model.apply(version("1"))
    seen = await model.until(condition("Ready"), within=BESIDE_OTHERS)
    try:
        yield model, seen["status"]["stable"]["revision"]
        verdict = await ground.watcher.verdict(name)
        assert not lawful or not verdict, verdict
    finally:
        # Captured, and so shown where the test fails.
        print("\n".join(story(ground.watcher.history_of(name))))
        await ground.api.delete(MODEL_DEPLOYMENTS, name, ground.place)


@dataclass(frozen=True, slots=True)
class Canary:
    """A canary that has its weight, and may be meddled with."""

    ground: Ground
    model: Model
    stable: str
    name: str

    async def edit(self, kind: Resource, name: str, change: Object) -> None:
        """Somebody changes one of the children."""
        await self.ground.api.patch(kind, name, change, self.ground.place)

    async def child(self, kind: Resource, name: str) -> Object:
        """One of the children."""
        return await self.ground.api.get(kind, name, self.ground.place)

    async def goes_on(self) -> None:
        """Nothing was charged to the canary: it has its weight, and a person's word promotes it."""
        seen = await self.model.until(state("Stepping"), within=BESIDE_OTHERS)
        await self.model.until_weights(WEIGHT, within=BESIDE_OTHERS)
        assert not seen["status"].get("rejected"), seen["status"]["rejected"]
        assert seen["status"]["canary"]["revision"] == self.name
        await self.model.ask(promote=f"{seen['status']['rollout']['attempt']}:full")
        done = await self.model.until(phase("Ready"), within=BESIDE_OTHERS)
        assert done["status"]["stable"]["revision"] == self.name

    def highest_weight_since(self, mark: int) -> int:
        """The most that anybody has given to the canary since a mark in the history."""
        weights = [
            backend.get("weight", 1)
            for seen in self.ground.watcher.history_of(self.model.name)[mark:]
            if seen.object["kind"] == "HTTPRoute" and not seen.deleted
            for backend in seen.object["spec"]["rules"][0]["backendRefs"]
            if backend["name"] == self.name
        ]
        return max(weights, default=0)


@asynccontextmanager
async def stepping(ground: Ground, name: str, *, lawful: bool = True) -> AsyncIterator[Canary]:
    """A canary at its step, which waits for a person."""
    async with serving(ground, name, lawful=lawful) as (model, stable):
        await model.apply(version("2"))
        await model.until(state("Stepping"), within=BESIDE_OTHERS)
        found = await model.until_weights(WEIGHT, within=BESIDE_OTHERS)
        canary = next(revision for revision in found if revision != stable)
        yield Canary(ground, model, stable, canary)


@asynccontextmanager
async def meddling(
    canary: Canary, kind: Resource, name: str, part: Callable[[Object], object]
) -> AsyncIterator[None]:
    """While this is left, what was done in it to a part of a child is undone within the time promised, and
    the canary got no more weight meanwhile.
    """
    before = part(await canary.child(kind, name))
    mark = len(canary.ground.watcher.history_of(canary.model.name))
    yield

    async def look() -> object:
        found = await canary.ground.api.find(kind, name, canary.ground.place)
        return None if found is None else part(found)

    await until(look, lambda found: found == before, within=RESTORED_WITHIN, what=f"{kind} {name} as it was")
    assert canary.highest_weight_since(mark) <= WEIGHT
