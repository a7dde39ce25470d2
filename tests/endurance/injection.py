"""What each fault of a schedule does to the ground, and whom it hits.

A fault lasts as long as its method takes; what it excuses is noted when it begins. Victims are chosen by the
fault's own dice among what there is, in a fixed order.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from random import Random
from typing import Any, Final

import aiohttp

from tests.cluster.api import ApiError
from tests.cluster.processes import Ended
from tests.cluster.resources import (
    DEPLOYMENTS,
    HTTP_ROUTES,
    LEASES,
    PODS,
    SERVICES,
    Object,
    Resource,
)
from tests.endurance.causes import Injected
from tests.endurance.fleet import heard
from tests.endurance.ground import Ground
from tests.endurance.schedule import Fault, Planned
from tests.faults.acts import Act, Rule, dropped_after, refused, slow
from tests.faults.proxy import FaultProxy
from tests.invariants.world import MODEL, REVISION
from tests.stage.operator import ACCOUNT

CODES: Final = (409, 429, 500, 503)
WATCHED: Final = ("modeldeployments", "deployments", "services", "endpointslices", "httproutes", "pods")
WRITES: Final = ("apply", "patch", "create", "delete")
SOME: Final = 0.5
"""How often a fault hits all of what it could hit, and not one."""


class Injector:
    """Makes the faults of a schedule happen; `injected` has what did."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self.injected: list[Injected] = []
        self._server_alone, self._prometheus_alone = asyncio.Lock(), asyncio.Lock()
        self._acts: Mapping[Fault, Callable[[Planned, Random], Awaitable[None]]] = {
            Fault.OPERATOR_KILLED: self._operator_killed,
            Fault.OPERATOR_ENDED: self._operator_ended,
            Fault.OPERATOR_PAUSED: self._operator_paused,
            Fault.API_SERVER_KILLED: self._api_server_killed,
            Fault.PROMETHEUS_KILLED: self._prometheus_killed,
            Fault.CONNECTIONS_RESET: self._connections_reset,
            Fault.WATCH_FROZEN: self._watch_frozen,
            Fault.REQUESTS_REFUSED: self._requests_refused,
            Fault.ANSWERS_LOST: self._answers_lost,
            Fault.ANSWERS_LATE: self._answers_late,
            Fault.LEASE_DELETED: self._lease_deleted,
            Fault.CONTAINER_KILLED: self._container_killed,
            Fault.REVISION_KILLED: self._revision_killed,
            Fault.POD_DELETED: self._pod_deleted,
            Fault.READINESS_LOST: self._readiness_lost,
            Fault.ROUTE_EDITED: self._route_edited,
            Fault.SERVICE_EDITED: self._service_edited,
            Fault.DEPLOYMENT_SCALED: self._deployment_scaled,
            Fault.OWNER_REMOVED: self._owner_removed,
        }
        if missing := set(Fault) - self._acts.keys():
            raise ValueError(f"nothing does {missing}")

    async def inject(self, planned: Planned) -> None:
        """Let one fault happen, from its beginning to its end."""
        await self._acts[planned.what](planned, Random(planned.dice))

    @asynccontextmanager
    async def _noted(self, planned: Planned, **what: Any) -> AsyncIterator[None]:
        entry = Injected(what=planned.what.value, at=time.time(), **what)
        self.injected.append(entry)
        try:
            yield
        finally:
            entry.until = time.time()

    async def _operator_killed(self, planned: Planned, dice: Random) -> None:
        kept = dice.choice(self._ground.replicas)
        async with kept.alone, kept.away(), self._noted(planned):
            await kept.operator.kill()
            await asyncio.sleep(planned.seconds)

    async def _operator_ended(self, planned: Planned, dice: Random) -> None:
        kept = dice.choice(self._ground.replicas)
        async with kept.alone, kept.away(), self._noted(planned):
            await kept.operator.stop()
            await asyncio.sleep(planned.seconds)

    async def _operator_paused(self, planned: Planned, dice: Random) -> None:
        kept = dice.choice(self._ground.replicas)
        async with kept.alone, self._noted(planned):
            with suppress(ProcessLookupError):
                kept.operator.freeze()
                await asyncio.sleep(planned.seconds)
                kept.operator.thaw()

    async def _api_server_killed(self, planned: Planned, dice: Random) -> None:
        server = self._ground.cluster.server
        async with self._server_alone, self._noted(planned):
            await server.process.kill()
            await asyncio.sleep(planned.seconds)
            await _started(server.start)

    async def _prometheus_killed(self, planned: Planned, dice: Random) -> None:
        async with self._prometheus_alone, self._noted(planned):
            await self._ground.prometheus.kill()
            await asyncio.sleep(planned.seconds)
            await _started(self._ground.prometheus.start)

    async def _connections_reset(self, planned: Planned, dice: Random) -> None:
        async with self._noted(planned):
            for proxy in self._proxies(dice):
                proxy.sever()

    async def _watch_frozen(self, planned: Planned, dice: Random) -> None:
        kind, proxies = dice.choice(WATCHED), self._proxies(dice)
        async with self._noted(planned, detail=kind):
            for proxy in proxies:
                proxy.freeze(kind)
            await asyncio.sleep(planned.seconds)
            for proxy in proxies:
                proxy.thaw(kind)

    async def _requests_refused(self, planned: Planned, dice: Random) -> None:
        code = dice.choice(CODES)
        retry_after = dice.randint(1, 3) if code == 429 else None
        verbs = WRITES if code == 409 else ()
        act = refused(code, retry_after=retry_after)
        await self._ruled(planned, dice, act, verbs, detail=str(code))

    async def _answers_lost(self, planned: Planned, dice: Random) -> None:
        await self._ruled(planned, dice, dropped_after, WRITES)

    async def _answers_late(self, planned: Planned, dice: Random) -> None:
        seconds = dice.uniform(0.5, 3.0)
        await self._ruled(planned, dice, slow(seconds), WRITES, detail=f"{seconds:.1f} s")

    async def _ruled(
        self, planned: Planned, dice: Random, act: Act, verbs: Collection[str], *, detail: str = ""
    ) -> None:
        rules = [(proxy, Rule(act=act, verb=verbs, times=None)) for proxy in self._proxies(dice)]
        async with self._noted(planned, detail=detail):
            for proxy, rule in rules:
                proxy.lay(rule)
            await asyncio.sleep(planned.seconds)
            for proxy, rule in rules:
                proxy.lift(rule)

    def _proxies(self, dice: Random) -> list[FaultProxy]:
        """Those of one replica, or of all: then it is the server's fault."""
        chosen = dice.choice(self._ground.replicas)
        hit = self._ground.replicas if dice.random() < SOME else (chosen,)
        return [kept.proxy for kept in hit]

    async def _lease_deleted(self, planned: Planned, dice: Random) -> None:
        namespace, name = ACCOUNT
        async with self._noted(planned):
            await self._gone(LEASES, name, namespace)

    async def _container_killed(self, planned: Planned, dice: Random) -> None:
        pods = await self._serving()
        if pods:
            pod = dice.choice(pods)
            async with self._noted(planned, **_about([pod])):
                self._kill(pod)

    async def _revision_killed(self, planned: Planned, dice: Random) -> None:
        pods = await self._serving()
        if pods:
            chosen = revision_of(dice.choice(pods))
            hit = [pod for pod in pods if revision_of(pod) == chosen]
            async with self._noted(planned, **_about(hit)):
                for pod in hit:
                    self._kill(pod)

    async def _pod_deleted(self, planned: Planned, dice: Random) -> None:
        pods = await self._serving()
        if pods:
            pod = dice.choice(pods)
            async with self._noted(planned, **_about([pod])):
                await self._gone(PODS, pod["metadata"]["name"])

    async def _readiness_lost(self, planned: Planned, dice: Random) -> None:
        pods = await self._serving()
        if not pods:
            return
        chosen = dice.choice(pods)
        alike = [pod for pod in pods if revision_of(pod) == revision_of(chosen)]
        hit = alike if dice.random() < SOME else [chosen]
        async with self._noted(planned, **_about(hit)):
            await asyncio.gather(*(_behave(pod, ready=False) for pod in hit))
            await asyncio.sleep(planned.seconds)
            await asyncio.gather(*(_behave(pod, ready=True) for pod in hit))

    async def _route_edited(self, planned: Planned, dice: Random) -> None:
        routes = await heard(lambda: self._list(HTTP_ROUTES))
        if not routes:
            return
        route = dice.choice(routes)
        rules = route["spec"]["rules"]
        kind = dice.choice(("name", "weight"))
        rules[0]["backendRefs"][0][kind] = "elsewhere" if kind == "name" else 1
        name = route["metadata"]["name"]
        async with self._noted(planned, model=name, route=True, detail=kind):
            await self._edit(HTTP_ROUTES, name, {"spec": {"rules": rules}})

    async def _service_edited(self, planned: Planned, dice: Random) -> None:
        services = [one for one in await heard(lambda: self._list(SERVICES)) if MODEL in _labels(one)]
        if not services:
            return
        chosen = dice.choice(services)
        about = _about([chosen]) if REVISION in _labels(chosen) else {"model": _labels(chosen)[MODEL]}
        name = chosen["metadata"]["name"]
        async with self._noted(planned, **{"detail": name, **about}):
            await self._edit(SERVICES, name, {"spec": {"selector": {"somebody": "elses"}}})

    async def _deployment_scaled(self, planned: Planned, dice: Random) -> None:
        found = [one for one in await self._deployments() if one["spec"]["replicas"]]
        if found:
            chosen, size = dice.choice(found), dice.choice((0, 1, 4))
            name = chosen["metadata"]["name"]
            async with self._noted(planned, **_about([chosen], more=f" to {size}")):
                await self._edit(DEPLOYMENTS, name, {"spec": {"replicas": size}})

    async def _owner_removed(self, planned: Planned, dice: Random) -> None:
        kind, found = dice.choice(((DEPLOYMENTS, await self._deployments()), (HTTP_ROUTES, None)))
        found = await heard(lambda: self._list(kind)) if found is None else found
        if found:
            name = dice.choice(found)["metadata"]["name"]
            async with self._noted(planned, detail=f"of {kind.plural} {name}"):
                await self._edit(kind, name, {"metadata": {"ownerReferences": None}})

    async def _serving(self) -> list[Object]:
        """Pods that are ready, in the order of their names."""
        pods = await heard(lambda: self._list(PODS))
        return [
            pod
            for pod in pods
            if MODEL in _labels(pod)
            and "deletionTimestamp" not in pod["metadata"]
            and any(
                one["type"] == "Ready" and one["status"] == "True"
                for one in pod["status"].get("conditions") or []
            )
        ]

    async def _deployments(self) -> list[Object]:
        return await heard(lambda: self._list(DEPLOYMENTS))

    async def _list(self, kind: Resource) -> list[Object]:
        found = await self._ground.cluster.api.list(kind, self._ground.place)
        return sorted(found, key=lambda body: str(body["metadata"]["name"]))

    async def _edit(self, kind: Resource, name: str, change: Object) -> None:
        async def edited() -> None:
            with suppress(ApiError):
                await self._ground.cluster.api.patch(kind, name, change, self._ground.place)

        await heard(edited)

    async def _gone(self, kind: Resource, name: str, namespace: str = "") -> None:
        async def deleted() -> None:
            with suppress(ApiError):
                await self._ground.cluster.api.delete(kind, name, namespace or self._ground.place)

        await heard(deleted)

    def _kill(self, pod: Object) -> None:
        with suppress(ValueError, ProcessLookupError):
            self._ground.cluster.node.kill(self._ground.place, pod["metadata"]["name"], "model")


def revision_of(body: Object) -> str:
    """The name of the revision that an object belongs to."""
    labels = _labels(body)
    return f"{labels[MODEL]}-{labels[REVISION]}"


def _labels(body: Object) -> dict[str, str]:
    found: dict[str, str] = body["metadata"].get("labels") or {}
    return found


def _about(bodies: list[Object], *, more: str = "") -> dict[str, Any]:
    """What is noted of a fault that hits pods of a revision, or its Deployment or Service."""
    addresses = frozenset(pod["status"]["podIP"] for pod in bodies if pod.get("status", {}).get("podIP"))
    return {
        "model": _labels(bodies[0])[MODEL],
        "revisions": frozenset(map(revision_of, bodies)),
        "pods": addresses,
        "detail": ", ".join(body["metadata"]["name"] for body in bodies) + more,
    }


async def _started(start: Callable[[], Awaitable[None]]) -> None:
    """Start something; on a machine that is busy it may have to be started again."""
    while True:
        try:
            return await start()
        except Ended:
            continue


async def _behave(pod: Object, **behaviour: object) -> None:
    """Tell a pod how to behave; one that is gone cannot be told."""
    limit = aiohttp.ClientTimeout(total=5)
    with suppress(aiohttp.ClientError, OSError, TimeoutError):
        async with (
            aiohttp.ClientSession(timeout=limit) as http,
            http.put(f"http://{pod['status']['podIP']}:8080/behaviour", json=behaviour) as answer,
        ):
            answer.raise_for_status()
