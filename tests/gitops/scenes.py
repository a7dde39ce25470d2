"""How a model comes into each state of the truth table, with the real operator and no tricks.

A scene drives one model or two and returns the object in each state it has passed through. Scenes are played
side by side; `python -m tests.gitops.recording` plays all of them, the tests a few.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import aiohttp

from tests.cluster.answers import holding
from tests.cluster.api import Api
from tests.cluster.cluster import Cluster
from tests.cluster.resources import HTTP_ROUTES, PODS, Object
from tests.cluster.waiting import until
from tests.invariants.watcher import MODEL_DEPLOYMENTS, Watcher
from tests.stage.model import Holds, Model, attempt, condition, conditions, spec
from tests.stage.operator import Operator

NEVER: Final = 3600
EVALUATOR: Final = "serin.test/evaluator:1"
FINALIZER: Final = "example.com/kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What scenes share: one operator and its namespace, every version in which is seen."""

    cluster: Cluster
    place: str
    serin: Operator
    watcher: Watcher

    @property
    def api(self) -> Api:
        """The cluster, as its admin."""
        return self.cluster.api

    def passed(self, name: str, reasons: Iterable[str]) -> "Found":
        """The last version for each reason of Ready, of states that are over before one can look."""
        found: Found = {}
        for seen in self.watcher.of("ModelDeployment", name):
            reason = conditions(seen.object).get("Ready", {}).get("reason")
            if reason in reasons and told(reason)(seen.object):
                found[STATES_OF[reason]] = seen.object
        return found


Found: TypeAlias = dict[str, Object]
"""Objects by the state they are in, by its name in `truth.STATES`."""
Scene: TypeAlias = Callable[[Ground], Awaitable[Found]]
STATES_OF: Final = {
    "Preparing": "preparing",
    "Stepping": "stepping",
    "Promoting": "promoting",
    "RollingBack": "rolling-back",
}


def told(reason: str) -> Holds:
    """Ready has this reason, for the newest generation."""

    def holds(seen: Object) -> bool:
        ready = conditions(seen)["Ready"]
        generation = seen["metadata"]["generation"]
        return bool(ready["reason"] == reason and seen["status"]["observedGeneration"] == generation)

    return holds


def version(number: str, **changes: Any) -> Object:
    """A spec of one pod, whose last step waits for a person."""
    shape = {"router": "Replicas", "replicas": 1, "steps": {20: 1, 50: 0}, "waits": True, "drain": 1}
    return spec(number, **{**shape, **changes})


@asynccontextmanager
async def model(ground: Ground, name: str) -> AsyncIterator[Model]:
    """A model that is not applied yet, and is deleted in the end."""
    made = Model(ground.api, ground.place, name)
    yield made
    if await ground.api.find(MODEL_DEPLOYMENTS, name, ground.place) is not None:
        await ground.api.delete(MODEL_DEPLOYMENTS, name, ground.place)


async def reached(one: Model, reason: str) -> Object:
    """Wait until Ready has a reason."""
    return await one.until(told(reason))


async def course(ground: Ground) -> Found:
    """A first deployment, a canary that is paused and aborted, and one that is promoted."""
    found: Found = {}
    async with model(ground, "course") as one:
        await one.apply(version("1", load_seconds=1.0))
        found["ready"] = await reached(one, "Complete")
        await one.apply(version("2"))
        seen = found["awaiting-promotion"] = await reached(one, "AwaitingPromotion")
        await one.ask(pause=attempt(seen))
        found["paused"] = await reached(one, "Paused")
        await one.ask(pause=None, abort=attempt(seen))
        found["aborted"] = await reached(one, "RolledBack")
        await one.apply(version("1", load_seconds=1.0))
        found["reverted"] = await reached(one, "Complete")
        await one.apply(version("3", bake=NEVER))
        seen = await reached(one, "AwaitingPromotion")
        await one.ask(promote=f"{attempt(seen)}:full")
        found["baking"] = await reached(one, "Baking")
        await one.ask(pause=attempt(seen))
        found["baking-paused"] = await reached(one, "Paused")
        await ground.watcher.settled()
        versions = (one.object for one in ground.watcher.of("ModelDeployment", "course"))
        found["deploying"] = next(one for one in versions if holding(told("Deploying"), one))
        return found | ground.passed(one.name, STATES_OF)


async def refused(ground: Ground) -> Found:
    """Specs that cannot be followed: of a model that serves, and of one that never did."""
    found: Found = {}
    async with model(ground, "refused") as one, model(ground, "never") as other:
        await other.apply({**version("1"), "model": {"format": "abacus"}})
        found["invalid-at-first"] = await reached(other, "InvalidSpec")
        await one.apply(version("1"))
        await reached(one, "Complete")
        await one.apply({**version("2"), "model": {"format": "abacus"}})
        found["invalid-spec"] = await reached(one, "InvalidSpec")
    return found


async def deleted(ground: Ground) -> Found:
    """A model that somebody else's finalizer keeps while it is being deleted."""
    async with model(ground, "deleted") as one:
        await one.apply(version("1"))
        await reached(one, "Complete")
        kept = {"metadata": {"finalizers": [FINALIZER]}}
        await ground.api.patch(MODEL_DEPLOYMENTS, one.name, kept, ground.place)
        await ground.api.delete(MODEL_DEPLOYMENTS, one.name, ground.place)
        seen = await one.get()
        await ground.api.patch(MODEL_DEPLOYMENTS, one.name, {"metadata": {"finalizers": None}}, ground.place)
        await ground.api.gone(MODEL_DEPLOYMENTS, one.name, ground.place)
    return {"deleting": seen}


async def in_the_way(ground: Ground) -> Found:
    """A Service of somebody else has the model's name."""
    async with model(ground, "taken") as one:
        ports = [{"name": "http", "port": 80, "targetPort": 8080}]
        body = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": one.name}}
        await ground.api.create({**body, "spec": {"ports": ports}}, ground.place)
        await one.apply(version("1"))
        return {"name-conflict": await reached(one, "NameConflict")}


async def troubled(ground: Ground) -> Found:
    """Canaries that do not come up, or do not stay."""
    found: Found = {}
    async with model(ground, "troubled") as one:
        await one.apply(version("1"))
        await reached(one, "Complete")
        held = version("2")
        await one.apply({**held, "paused": True})
        found["paused-in-git"] = await reached(one, "Paused")
        await one.apply(version("3", image="serin.test/missing:1"))
        found["pods-not-ready"] = await reached(one, "PodsNotReady")
        late = version("4", load_seconds=float(NEVER))
        late["rollout"]["progressDeadlineSeconds"] = 2
        await one.apply(late)
        found["progress-deadline"] = await reached(one, "ProgressDeadlineExceeded")
        await one.apply(version("5", crash_after_seconds=3.0))
        found["crashed"] = await reached(one, "RolledBack")
    return found


async def never_served(ground: Ground) -> Found:
    """A first deployment that is aborted: nothing serves."""
    async with model(ground, "stillborn") as one:
        await one.apply(version("1", load_seconds=float(NEVER)))
        seen = await reached(one, "Deploying")
        await one.ask(abort=attempt(seen))
        return {"aborted-at-first": await reached(one, "RolledBack")}


async def gated(ground: Ground) -> Found:
    """A gate whose CronJob is missing, and then is there and takes its time."""
    found: Found = {}
    async with model(ground, "gated") as one:
        await one.apply(version("1"))
        await reached(one, "Complete")
        second = version("2")
        gate = {"name": "eval", "beforeStep": "to-20", "job": {"templateRef": {"name": "eval"}}}
        second["analysis"] |= {"gates": [gate]}
        await one.apply(second)
        found["gate-not-ready"] = await reached(one, "GateNotReady")
        await ground.api.create(CRON_JOB, ground.place)
        found["awaiting-gate"] = await reached(one, "AwaitingGate")
    return found


CRON_JOB: Final[Object] = {
    "apiVersion": "batch/v1",
    "kind": "CronJob",
    "metadata": {"name": "eval"},
    "spec": {
        "schedule": "0 0 1 1 *",
        "suspend": True,
        "jobTemplate": {
            "spec": {
                "template": {
                    "spec": {
                        "restartPolicy": "Never",
                        "containers": [{"name": "eval", "image": EVALUATOR}],
                    }
                }
            }
        },
    },
}


async def not_routed(ground: Ground) -> Found:
    """A Gateway that does not accept the route."""
    async with model(ground, "unrouted") as one:
        wanted = version("1", router="GatewayAPI")
        parent = {"name": "private", "namespace": "infra"}
        wanted["traffic"]["gatewayAPI"] = {"parentRefs": [parent], "hostnames": [one.host]}
        await one.apply(wanted)
        route = await ground.api.until(HTTP_ROUTES, one.name, lambda seen: seen["spec"], ground.place)
        said = {
            "type": "Accepted",
            "status": "False",
            "reason": "NotAllowedByListeners",
            "message": "no listener lets routes of this namespace in",
            "observedGeneration": route["metadata"]["generation"],
            "lastTransitionTime": route["metadata"]["creationTimestamp"],
        }
        parents = [{"parentRef": parent, "controllerName": "example.com/gateway", "conditions": [said]}]
        body = {"status": {"parents": parents}}
        await ground.api.patch(HTTP_ROUTES, one.name, body, ground.place, subresource="status")
        return {"router-unavailable": await reached(one, "RouterUnavailable")}


async def stable_down(ground: Ground) -> Found:
    """The pods of a model that is ready do not answer any more."""
    async with model(ground, "down") as one:
        await one.apply(version("1"))
        await reached(one, "Complete")
        [pod] = await ground.api.list(PODS, ground.place, labels=f"serin.dev/model={one.name}")
        url = f"http://{pod['status']['podIP']}:8080/behaviour"
        async with aiohttp.ClientSession() as http, http.put(url, json={"ready": False}) as answer:
            answer.raise_for_status()
        return {"stable-down": await one.until(condition("Available", "False"))}


async def unseen(ground: Ground) -> Found:
    """The operator is away: a model that it has never seen, and one whose newest spec it has not."""
    async with model(ground, "unseen") as one, model(ground, "unobserved") as other:
        await other.apply(version("1"))
        await reached(other, "Complete")
        await ground.serin.stop()
        await one.apply(version("1"))
        await other.apply(version("2"))
        return {"unseen": await one.get(), "unobserved": await other.get()}


SAMPLE: Final[tuple[Scene, ...]] = (course, refused, deleted)
"""What the tests play."""
SCENES: Final[tuple[Scene, ...]] = (
    *SAMPLE,
    in_the_way,
    troubled,
    never_served,
    gated,
    not_routed,
    stable_down,
)
"""All that need no Prometheus and no operator of their own."""


async def played(ground: Ground, scenes: Iterable[Scene]) -> Found:
    """What all scenes have found."""
    found: Found = {}
    for part in await asyncio.gather(*(scene(ground) for scene in scenes)):
        found |= part
    return found


async def until_gone(ground: Ground) -> None:
    """Wait until no model is left."""

    async def left() -> list[Object]:
        return await ground.api.list(MODEL_DEPLOYMENTS, ground.place)

    await until(left, lambda seen: not seen, what="the end of all models")
