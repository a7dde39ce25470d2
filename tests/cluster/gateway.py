"""A Gateway API controller in front of Envoy, with the habits of real ones that a canary must survive.

It reports a route as accepted when it has read it, long before Envoy serves it. A change it sees, of a
route, a Service or endpoints, starts a random delay, and then all it knows by that time takes effect at once,
as with the debounced snapshots of real controllers. Translation is `routing`'s; the make-before-break order
is `Envoy.apply`'s.
"""

import asyncio
import random
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

import aiohttp

from tests.cluster import routing
from tests.cluster.api import Api, ApiError, Patch
from tests.cluster.envoy import Envoy
from tests.cluster.mirror import Key, Mirror
from tests.cluster.resources import (
    ENDPOINT_SLICES,
    GATEWAY_CLASSES,
    GATEWAYS,
    HTTP_ROUTES,
    SERVICES,
    Object,
)
from tests.cluster.routing import PUBLIC, Finding, View
from tests.cluster.tasks import begin
from tests.cluster.waiting import PATIENT, until

CONTROLLER: Final = "serin.dev/test-gateway"
CLASS: Final = "serin-test"
API_VERSION: Final = "gateway.networking.k8s.io/v1"


class Report(StrEnum):
    """When a route's status says that it is accepted."""

    ACCEPTED = "accepted"
    """At once, as real controllers do: it tells nothing about the data plane."""
    APPLIED = "applied"
    """Once Envoy serves it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """A route as Envoy began to serve it."""

    at: float
    """Unix seconds."""
    route: Key
    generation: int
    weights: Mapping[str, int]
    """By Service."""


class Gateway:
    """The controller, for the Gateway `infra/public`, which it creates: `async with Gateway(api, envoy)`.

    Args:
        delay_seconds: The longest time between seeing a change and telling Envoy; the delays are uniform.
        report: When routes are reported as accepted.
        seed: Of the delays.
    """

    def __init__(
        self,
        api: Api,
        envoy: Envoy,
        *,
        delay_seconds: float = 3.0,
        report: Report = Report.ACCEPTED,
        seed: int = 0,
    ) -> None:
        self._api = api
        self._envoy = envoy
        self._delay = delay_seconds
        self._report = report
        self._random = random.Random(seed)
        self._to_apply, self._to_report, self._free = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._free.set()
        self._routes = Mirror(api, HTTP_ROUTES, changed=self._seen)
        self._services = Mirror(api, SERVICES, changed=self._seen)
        self._slices = Mirror(api, ENDPOINT_SLICES, changed=self._to_apply.set)
        self._view = View(self._routes.objects, self._services.objects, self._slices.objects)
        self._kept: dict[Key, Object] = {}
        self._mute: set[Key] = set()
        self.history: list[Applied] = []
        """Every route version that Envoy served, in the order it did."""

    async def __aenter__(self) -> Self:
        await self._install()
        async with AsyncExitStack() as exit_:
            for mirror in (self._routes, self._services, self._slices):
                await exit_.enter_async_context(mirror)
            self._exit = exit_.pop_all()
        self._tasks = [begin(self._apply_changes(), "the gateway's changes")]
        if self._report is Report.ACCEPTED:
            self._tasks.append(begin(self._report_changes(), "the gateway's reports"))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        outcomes = await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._exit.aclose()
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    def hold(self) -> None:
        """Go on reporting but apply nothing: a gateway that lies."""
        self._free.clear()

    def release(self) -> None:
        """Apply again, what was held back first."""
        self._free.set()

    def keep(self, namespace: str, name: str) -> None:
        """Go on accepting versions of one route, and serve the one there is now: a lie about that route."""
        key = Key(namespace, name)
        self._kept[key] = self._view.routes[key]

    def obey(self, namespace: str, name: str) -> None:
        """Serve a route again as it is."""
        self._kept.pop(Key(namespace, name), None)
        self._seen()

    def mute(self, namespace: str, name: str) -> None:
        """Say from now on nothing about which version of a route was accepted, as some controllers do."""
        self._mute.add(Key(namespace, name))
        self._seen()

    def served(self, namespace: str, name: str) -> Applied | None:
        """The version of a route that Envoy serves."""
        return next((one for one in reversed(self.history) if one.route == Key(namespace, name)), None)

    async def until_served(
        self, namespace: str, name: str, weights: Mapping[str, int], *, within: float = PATIENT
    ) -> Applied:
        """Wait until Envoy serves these weights, by Service. Raises what has ended the controller."""

        async def look() -> Applied | None:
            for task in self._tasks:
                if task.done():
                    task.result()
            return self.served(namespace, name)

        what = f"{dict(weights)} in Envoy for {namespace}/{name}"
        found = await until(look, lambda one: one and one.weights == weights, within=within, what=what)
        assert found is not None
        return found

    def _seen(self) -> None:
        self._to_apply.set()
        self._to_report.set()

    async def _report_changes(self) -> None:
        while True:
            await self._to_report.wait()
            self._to_report.clear()
            await self._report_on(dict(self._view.routes))

    async def _apply_changes(self) -> None:
        while True:
            await self._to_apply.wait()
            await asyncio.sleep(self._random.uniform(0, self._delay))
            await self._free.wait()
            self._to_apply.clear()
            routes = {**self._view.routes, **self._kept}
            wanted = routing.data_plane(replace(self._view, routes=routes))
            await self._envoy.apply(wanted)
            self._remember(routes)
            if self._report is Report.APPLIED:
                await self._report_on(routes)

    def _remember(self, routes: Mapping[Key, Object]) -> None:
        now = time.time()
        for key, route in routes.items():
            weights, generation = routing.weights(route), route["metadata"]["generation"]
            last = self.served(*key)
            if last is None or (last.generation, last.weights) != (generation, weights):
                self.history.append(Applied(at=now, route=key, generation=generation, weights=weights))

    async def _report_on(self, routes: Mapping[Key, Object]) -> None:
        for key, route in routes.items():
            parents = parents_of(route, self._view.services)
            if key in self._mute:
                parents = [_without_generation(parent) for parent in parents]
            if parents == route.get("status", {}).get("parents", []):
                continue
            body = {"status": {"parents": parents}}
            # What could not be written is written when the route is seen again, which every loss leads to.
            with suppress(ApiError, aiohttp.ClientError, OSError):
                await self._api.patch(
                    HTTP_ROUTES, key.name, body, key.namespace, kind=Patch.MERGE, subresource="status"
                )

    async def _install(self) -> None:
        namespace, name = PUBLIC
        listener = {
            "name": "http",
            "port": 80,
            "protocol": "HTTP",
            "allowedRoutes": {"namespaces": {"from": "All"}},
        }
        bodies: list[Object] = [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
            {
                "apiVersion": API_VERSION,
                "kind": "GatewayClass",
                "metadata": {"name": CLASS},
                "spec": {"controllerName": CONTROLLER},
            },
            {
                "apiVersion": API_VERSION,
                "kind": "Gateway",
                "metadata": {"name": name, "namespace": namespace},
                "spec": {"gatewayClassName": CLASS, "listeners": [listener]},
            },
        ]
        made = [await self._api.apply(body, manager="test-gateway") for body in bodies]
        good = Finding(True, "Accepted", "")
        await self._api.patch(
            GATEWAY_CLASSES,
            CLASS,
            {"status": {"conditions": [_condition("Accepted", good, made[1])]}},
            subresource="status",
        )
        conditions = [
            _condition("Accepted", good, made[2]),
            _condition("Programmed", Finding(True, "Programmed", ""), made[2]),
        ]
        status = {
            "addresses": [{"type": "IPAddress", "value": urlsplit(self._envoy.url).hostname}],
            "conditions": conditions,
            "listeners": [
                {
                    "name": "http",
                    "attachedRoutes": 0,
                    "conditions": conditions,
                    "supportedKinds": [{"kind": "HTTPRoute"}],
                }
            ],
        }
        await self._api.patch(GATEWAYS, name, {"status": status}, namespace, subresource="status")


def parents_of(route: Object, services: Mapping[Key, Object]) -> list[Object]:
    """The route's status.parents with our entry as it should be, and others' untouched."""
    before: list[Object] = route.get("status", {}).get("parents", [])
    own = next((entry for entry in before if entry["controllerName"] == CONTROLLER), None)
    others = [entry for entry in before if entry["controllerName"] != CONTROLLER]
    parent = routing.attached(route)
    if parent is None:
        return others
    findings = {"Accepted": routing.accepted(route), "ResolvedRefs": routing.resolved(route, services)}
    old = {entry["type"]: entry for entry in own["conditions"]} if own else {}
    conditions = [_condition(kind, found, route, old.get(kind)) for kind, found in findings.items()]
    return [*others, {"parentRef": parent, "controllerName": CONTROLLER, "conditions": conditions}]


def _without_generation(parent: Object) -> Object:
    told = [{k: v for k, v in one.items() if k != "observedGeneration"} for one in parent["conditions"]]
    return {**parent, "conditions": told}


def _condition(kind: str, found: Finding, about: Object, before: Object | None = None) -> Object:
    status = str(found.status)
    changed = before is None or before["status"] != status
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "type": kind,
        "status": status,
        "reason": found.reason,
        "message": found.message,
        "observedGeneration": about["metadata"]["generation"],
        "lastTransitionTime": now if changed or before is None else before["lastTransitionTime"],
    }
