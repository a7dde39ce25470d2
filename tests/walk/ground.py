"""What the scenarios stand on: models whose canary has a fifth of the traffic and waits for a person.

A scenario is a test written as a function of its ground, begun together with all others of its session.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

import yaml

from tests.cluster.api import Api
from tests.cluster.cluster import Cluster
from tests.cluster.gateway import Gateway
from tests.cluster.namespaces import fresh_namespace
from tests.cluster.resources import Object, Resource
from tests.cluster.waiting import ROUNDS, rounds_until, until
from tests.invariants.story import story
from tests.invariants.watcher import MODEL_DEPLOYMENTS, Watcher, version_of
from tests.stage.model import Model, condition, phase, spec, state
from tests.stage.operator import ACCESS, ACCOUNT, Operator
from tests.stage.scenarios import Scenarios

RESTORED_WITHIN: Final = 30.0
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


@asynccontextmanager
async def stage(cluster: Cluster, gateway: Gateway, suffix: str) -> AsyncIterator[Ground]:
    """An operator without Prometheus, in a namespace whose every version is seen.

    It has the operator's rights under names of its own, so that they may be taken from it.
    """
    for path in ACCESS:
        for body in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if body["kind"] != "Namespace":
                await cluster.api.apply(
                    _renamed(body, suffix), body["metadata"].get("namespace"), manager="walk"
                )
    account = await cluster.service_account_kubeconfig(ACCOUNT[0], ACCOUNT[1] + suffix)
    async with (
        fresh_namespace(cluster.api) as place,
        Watcher(cluster.api, place) as watcher,
        Operator(cluster, place, account) as serin,
    ):
        yield Ground(
            cluster=cluster,
            place=place,
            role=f"serin{suffix}",
            gateway=gateway,
            serin=serin,
            watcher=watcher,
        )


def _renamed(body: Object, suffix: str) -> Object:
    named = [body["metadata"], *body.get("subjects", []), *([body["roleRef"]] if "roleRef" in body else [])]
    for one in named:
        one["name"] += suffix
    return dict(body)


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
    seen = await model.until(condition("Ready"))
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
        seen = await self.model.until(state("Stepping"))
        await self.model.until_weights(WEIGHT)
        assert not seen["status"].get("rejected"), seen["status"]["rejected"]
        assert seen["status"]["canary"]["revision"] == self.name
        await self.model.ask(promote=f"{seen['status']['rollout']['attempt']}:full")
        done = await self.model.until(phase("Ready"))
        assert done["status"]["stable"]["revision"] == self.name

    def highest_weight_since(self, version: int) -> int:
        """The most that anybody has given to the canary since a version of anything."""
        weights = [
            backend.get("weight", 1)
            for seen in self.ground.watcher.of("HTTPRoute", self.model.name)
            if version_of(seen.object) > version and not seen.deleted
            for backend in seen.object["spec"]["rules"][0]["backendRefs"]
            if backend["name"] == self.name
        ]
        return max(weights, default=0)


@asynccontextmanager
async def stepping(ground: Ground, name: str, *, lawful: bool = True) -> AsyncIterator[Canary]:
    """A canary at its step, which waits for a person."""
    async with serving(ground, name, lawful=lawful) as (model, stable):
        await model.apply(version("2"))
        await model.until(state("Stepping"))
        found = await model.until_weights(WEIGHT)
        canary = next(revision for revision in found if revision != stable)
        yield Canary(ground, model, stable, canary)


async def in_time(harm: Callable[[], Awaitable[object]], *, most: int = ROUNDS) -> None:
    """Do harm that is undone, until that took no longer than is promised, or so many times."""

    async def undoing(_: int) -> float:
        began = monotonic()
        await harm()
        return monotonic() - began

    seconds = await rounds_until(undoing, lambda one: one <= RESTORED_WITHIN, most=most)
    assert min(seconds) <= RESTORED_WITHIN, seconds


async def undone(
    canary: Canary, kind: Resource, name: str, *, part: Callable[[Object], object], change: Object
) -> None:
    """Somebody's change to a part of a child is undone in time; the canary gets no more weight meanwhile."""
    before = part(await canary.child(kind, name))
    mark = await canary.ground.watcher.settled()

    async def look() -> object:
        found = await canary.ground.api.find(kind, name, canary.ground.place)
        return None if found is None else part(found)

    async def changed() -> None:
        await canary.edit(kind, name, change)
        await until(look, lambda found: found == before, what=f"{kind} {name} as it was")

    await in_time(changed)
    await canary.ground.watcher.settled()
    assert canary.highest_weight_since(mark) <= WEIGHT
