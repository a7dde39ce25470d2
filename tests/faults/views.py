"""Faults in what the operator sees: events unseen, watches frozen, lists and watches of the past, gaps."""

import asyncio
import json
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

from tests.cluster.resources import NAMESPACES
from tests.cluster.waiting import until
from tests.faults.acts import (
    Answer,
    EventAct,
    EventRule,
    Exchange,
    Rule,
    cut,
    expired,
    hidden,
    listed_at,
    refused,
    skipped,
)
from tests.faults.run import Fault, Scene
from tests.faults.scripts import beside
from tests.faults.trace import Asked
from tests.invariants.world import labels
from tests.stage.stillness import ASKED_AT_MOST

STALE_SECONDS: Final = 4.0
"""How long a view is stale: longer than any back-off that a stale write would bring at first."""
AWAKE_SECONDS: Final = 2.0
"""After the end of the past: a look that began in it may still write. More where the API server is slow."""
STARTED_WITHIN: Final = 300.0


def event(*, kind: str, nth: int, act: EventAct) -> Fault:
    """One event of a kind's watch goes wrong."""

    def fault(scene: Scene) -> None:
        scene.proxy.lay(EventRule(kind=kind, nth=nth, act=act))

    return fault


def unseen(key: tuple[str, str, str], nth: int) -> Fault:
    """An event is not seen, but the object's next one is; and if there is none, it comes late."""
    type_, kind, called = key

    def about(obj: Mapping[str, Any]) -> bool:
        if kind in ("pods", "endpointslices"):
            return labels(dict(obj)).get("serin.dev/revision", "fraud") == called
        return bool(obj["metadata"]["name"] == called)

    def fault(scene: Scene) -> None:
        scene.proxy.lay(EventRule(type=type_, kind=kind, holds=about, nth=nth, act=skipped(3.0)))

    return fault


def frozen_after(state: str, kind: str) -> Fault:
    """As soon as the status says so, the watch of a kind gives nothing for a while."""

    def fault(scene: Scene) -> None:
        async def thaw() -> None:
            await asyncio.sleep(STALE_SECONDS)
            scene.proxy.thaw()

        async def freeze() -> None:
            scene.proxy.freeze(kind)
            await beside(scene, thaw)()

        scene.proxy.lay(_once_in(state, freeze))

    return fault


def past_after(state: str, writes: int) -> Fault:
    """As soon as the status says so, the operator is started anew by a server that shows it the past."""

    def fault(scene: Scene) -> None:
        proxy = scene.proxy

        async def wake(before: int) -> None:
            async def not_listed() -> set[str]:
                asked = [one for one in proxy.trace.all[before:] if isinstance(one, Asked)]
                return set(WATCHED_BY_ALL) - {one.kind for one in asked if one.verb == "list" and one.code}

            await until(not_listed, lambda left: not left, within=STARTED_WITHIN, what="lists of all kinds")
            await asyncio.sleep(STALE_SECONDS)
            proxy.lift()
            proxy.thaw()
            for _ in range(ASKED_AT_MOST):
                await scene.ground.api.get(NAMESPACES, "default")
            scene.misled = (scene.misled[0], time.time() + AWAKE_SECONDS)

        async def fall_back() -> None:
            scene.misled = (time.time(), math.inf)
            known = [int(one.version) for one in proxy.trace.writes if one.version]
            proxy.freeze(*WATCHED_BY_ALL)
            proxy.lay(Rule(verb="list", times=None, act=listed_at(known[-1 - writes])))
            await beside(scene, partial(wake, len(proxy.trace.all)))()
            await scene.kept.kill()

        proxy.lay(_once_in(state, fall_back))

    return fault


WATCHED_BY_ALL: Final = (
    "modeldeployments",
    "controllerrevisions",
    "deployments",
    "services",
    "endpointslices",
    "pods",
    "jobs",
    "httproutes",
)


def gap_in_stream(kind: str) -> Fault:
    """The server has forgotten where the watch was, and what was deleted meanwhile is never told."""
    return event_of("DELETED", kind, expired)


def gap_at_return(kind: str) -> Fault:
    """The watch breaks, and is told 410 when it returns."""

    def fault(scene: Scene) -> None:
        async def act(*given: Any) -> list[bytes]:
            scene.proxy.lay(Rule(verb="watch", kind=kind, act=refused(410)))
            return await cut(*given)

        scene.proxy.lay(EventRule(type="DELETED", kind=kind, act=act))

    return fault


def gap_in_list(kind: str) -> Fault:
    """The watch has to begin anew, and even the list is told 410, as one in parts that took too long."""

    def fault(scene: Scene) -> None:
        async def act(*given: Any) -> list[bytes]:
            scene.proxy.lay(Rule(verb="list", kind=kind, act=refused(410)))
            return await expired(*given)

        scene.proxy.lay(EventRule(type="DELETED", kind=kind, act=act))

    return fault


def deletion_hidden(kind: str) -> Fault:
    """A deletion is never told."""
    return event_of("DELETED", kind, hidden)


def event_of(type_: str, kind: str, act: EventAct) -> Fault:
    """The first event of a type goes wrong."""

    def fault(scene: Scene) -> None:
        scene.proxy.lay(EventRule(type=type_, kind=kind, act=act))

    return fault


GAPS: Final[Mapping[str, Callable[[str], Fault]]] = {
    "deletion-lost-410": gap_in_stream,
    "deletion-lost-status-410": gap_at_return,
    "deletion-lost-list-410": gap_in_list,
    "deletion-hidden": deletion_hidden,
}


def _hide_version_2(scene: Scene) -> None:
    def second(obj: Mapping[str, Any]) -> bool:
        return bool(obj["spec"]["model"]["version"] == "2")

    scene.proxy.lay(EventRule(kind="modeldeployments", holds=second, times=None, act=skipped(5.0)))


def _hide_emptiness(scene: Scene) -> None:
    """Neither the pods nor their endpoints are seen to be unready."""

    def endpoints(obj: Mapping[str, Any]) -> bool:
        found = obj.get("endpoints") or []
        return bool(found) and not any(one["conditions"].get("ready") for one in found)

    def pod(obj: Mapping[str, Any]) -> bool:
        known = {one["type"]: one["status"] for one in obj.get("status", {}).get("conditions", [])}
        return known.get("Ready") == "False" and known.get("Initialized") == "True"

    scene.proxy.lay(
        EventRule(kind="endpointslices", holds=endpoints, times=None, act=skipped(8.0)),
        EventRule(kind="pods", holds=pod, times=None, act=skipped(8.0)),
    )


HIDDEN: Final[Mapping[str, Mapping[str, tuple[Fault, str]]]] = {
    "blinked": {"b-then-a": (_hide_version_2, "create")},
    "emptied": {"endpoints-0": (_hide_emptiness, "there_and_back")},
}
"""By workload: what is hidden of it, and the workload that it then ends like."""


def _once_in(state: str, what: Callable[[], Awaitable[None]]) -> Rule:
    """Something happens when the server has taken the first status that is in a state, before the answer."""
    done = False

    async def act(exchange: Exchange) -> Answer:
        nonlocal done
        answer = await exchange.forward()
        reached = answer.code == 200 and _state(json.loads(answer.body)) == state
        if reached and not done:
            done = True
            await what()
        return answer

    return Rule(verb="patch", kind="modeldeployments/status", times=None, act=act)


def _state(obj: Mapping[str, Any]) -> str | None:
    found: str | None = (obj.get("status", {}).get("rollout") or {}).get("state")
    return found
