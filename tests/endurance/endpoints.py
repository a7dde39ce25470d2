"""A canary that loses its endpoints: how long until the data plane gives it nothing (I1).

Four ways to lose them, one model for each, again and again: its containers are killed, it loses its
readiness, a foreign hand scales it to nothing, its node is gone. The clock starts with the version of the
EndpointSlice that has no ready endpoint any more; the gateway's own delay is told apart. Times are those at
which the API server answered who wrote, and the gateway's.
"""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

import aiohttp

from tests.cluster.resources import DEPLOYMENTS, PODS, Object
from tests.cluster.waiting import rounds_until, until
from tests.endurance.ground import Stage
from tests.invariants.watcher import Watcher, version_of
from tests.invariants.world import revision_of
from tests.stage.model import Model, condition, phase, spec, state

WEIGHT: Final = 50
BAR_SECONDS: Final = 2.0
Way = Callable[[Stage, Model, str], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """One loss of all endpoints, and the answer to it."""

    way: str
    written: float
    """Seconds from the EndpointSlice without ready endpoints to the route with weight 0."""
    served: float
    """And to Envoy's taking that route over."""


async def losses(
    stage: Stage, *, rounds: int, enough: Callable[[Loss], bool] = lambda one: False
) -> list[Loss]:
    """Let a canary lose its endpoints in every way, so many times, or until once was enough for a way."""
    found = await asyncio.gather(
        *(_lost_again_and_again(stage, name, rounds=rounds, enough=enough) for name in WAYS)
    )
    return list(itertools.chain.from_iterable(found))


async def _lost_again_and_again(
    stage: Stage, way: str, *, rounds: int, enough: Callable[[Loss], bool]
) -> list[Loss]:
    model = Model(stage.cluster.api, stage.place, way)
    await model.apply(_version("stable"))
    stable = (await model.until(condition("Ready")))["status"]["stable"]["revision"]
    await stage.gateway.until_served(stage.place, way, {stable: 100})

    async def lost(number: int) -> Loss:
        await model.apply(_version(f"canary-{number}"))
        await model.until(state("Stepping"))
        weights = await model.until_weights(WEIGHT)
        canary = next(name for name in weights if name != stable)
        await stage.gateway.until_served(stage.place, way, weights)
        before, began = await stage.watcher.settled(), time.time()
        await WAYS[way](stage, model, canary)
        answered = await _answered(stage, way, canary, since=began, after=before)
        await model.apply(_version("stable"))
        await model.until(phase("Ready"))
        return answered

    return await rounds_until(lost, enough, most=rounds)


async def _answered(stage: Stage, way: str, canary: str, *, since: float, after: int) -> Loss:
    """Wait until Envoy gives the canary nothing, later than a version of all and a time."""
    place = stage.place

    async def look() -> float | None:
        return next(
            (
                one.at
                for one in stage.gateway.history
                if one.route == (place, way) and one.at >= since and not one.weights.get(canary)
            ),
            None,
        )

    served = await until(look, what=f"weight 0 of {canary} in Envoy")
    assert served is not None
    await stage.watcher.settled()
    log = stage.cluster.audit
    lost = await log.written(emptied(stage.watcher, way, canary, since=after))
    written = await log.written(stage.watcher.taken_away(way, canary, since=after))
    return Loss(way=way, written=written - lost, served=served - lost)


def emptied(watcher: Watcher, model: str, revision: str, *, since: int) -> Object:
    """The first version of the revision's EndpointSlice after another version that has no ready endpoint."""
    for seen in watcher.history_of(model):
        body = seen.object
        ready = [one for one in body.get("endpoints") or [] if one["conditions"].get("ready")]
        own = body["kind"] == "EndpointSlice" and revision_of(body) == revision
        if own and version_of(body) > since and not ready:
            return body
    raise AssertionError(f"{revision} never lost its endpoints")


async def _killed(stage: Stage, model: Model, canary: str) -> None:
    for name in await model.pod_names(canary):
        stage.cluster.node.kill(model.namespace, name, "model")


async def _unready(stage: Stage, model: Model, canary: str) -> None:
    async with aiohttp.ClientSession() as http:
        for pod in await _pods(model, canary):
            url = f"http://{pod['status']['podIP']}:8080/behaviour"
            async with http.put(url, json={"ready": False}) as answer:
                answer.raise_for_status()


async def _scaled(stage: Stage, model: Model, canary: str) -> None:
    await model.api.patch(DEPLOYMENTS, canary, {"spec": {"replicas": 0}}, model.namespace)


async def _node_gone(stage: Stage, model: Model, canary: str) -> None:
    """What the node-lifecycle controller writes when a node has not been heard of."""
    for pod in await _pods(model, canary):
        told = [
            {**one, "status": "False"} if one["type"] in ("Ready", "ContainersReady") else one
            for one in pod["status"]["conditions"]
        ]
        name = pod["metadata"]["name"]
        stage.cluster.node.cut_off(model.namespace, name)
        body = {"status": {"conditions": told}}
        await model.api.patch(PODS, name, body, model.namespace, subresource="status")


async def _pods(model: Model, revision: str) -> list[Object]:
    names = await model.pod_names(revision)
    return [await model.api.get(PODS, name, model.namespace) for name in sorted(names)]


def _version(version: str) -> Object:
    """Its step lasts, and what is killed is away for a while."""
    return spec(version, replicas=2, steps={WEIGHT: 600}, drain=1, load_seconds=2.0)


WAYS: Final[Mapping[str, Way]] = {
    "killed": _killed,
    "unready": _unready,
    "scaled": _scaled,
    "node-gone": _node_gone,
}
