"""Sees every version of every object of a namespace while a test runs, and says what they break.

One watch for each kind; versions arrive on different connections, so they are put in order by resourceVersion
(one etcd numbers all kinds together) before they are judged. `verdict` first waits until every watch has
delivered what the server has. A watch over restarts of the server is `patient`: it then counts its gaps.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Final, Self

from tests.cluster.api import Api, ApiError
from tests.cluster.mirror import changes
from tests.cluster.resources import (
    CONTROLLER_REVISIONS,
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    HTTP_ROUTES,
    PODS,
    SERVICES,
    Object,
    Resource,
)
from tests.cluster.waiting import until
from tests.invariants.rules import violations
from tests.invariants.world import Seen, dated, route_weights

MODEL_DEPLOYMENTS: Final = Resource("serin.dev/v1alpha1", "modeldeployments")
KINDS: Final = {
    "ModelDeployment": MODEL_DEPLOYMENTS,
    "ControllerRevision": CONTROLLER_REVISIONS,
    "Deployment": DEPLOYMENTS,
    "Service": SERVICES,
    "EndpointSlice": ENDPOINT_SLICES,
    "HTTPRoute": HTTP_ROUTES,
    "Pod": PODS,
}
ARRIVE_WITHIN: Final = 240.0


class Gap(Exception):
    """A watch had to begin anew, so versions may have been missed."""


class Watcher:
    """Watches one namespace: `async with Watcher(api, namespace) as watcher`, and at the end `verdict`.

    Raises what a watch raised, and Gap where versions may have been missed: then nothing is proved.

    Args:
        patient: Go on after a loss of the server, with `gaps` counted: what was written in the last moment
            before one may have been missed, all else is seen.
    """

    def __init__(self, api: Api, namespace: str, *, patient: bool = False) -> None:
        self._api, self._namespace, self._patient = api, namespace, patient
        self.gaps = 0
        self._seen: dict[tuple[str, float], Seen] = {}
        self._latest = 0
        self._kinds = dict(KINDS)
        self._live: dict[str, dict[str, int]] = {kind: {} for kind in KINDS}
        self._gone: set[str] = set()
        self._synced: set[str] = set()

    async def __aenter__(self) -> Self:
        await until(self._listable, within=ARRIVE_WITHIN, what="an answer to a list of every kind")
        self._tasks = [
            asyncio.create_task(self._follow(kind, resource), name=f"watcher {kind}")
            for kind, resource in self._kinds.items()
        ]
        await until(self._complete, within=ARRIVE_WITHIN, what="the first list of every kind")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def history(self) -> list[Seen]:
        """Every version so far, in the order in which they were written."""
        return dated([seen for (_, _), seen in sorted(self._seen.items(), key=lambda entry: entry[0][1])])

    def history_of(self, model: str) -> list[Seen]:
        """The versions of a model and of what is called after it."""
        return [
            seen for seen in self.history if (seen.object["metadata"]["name"] + "-").startswith(f"{model}-")
        ]

    def of(self, kind: str, name: str) -> list[Seen]:
        """The versions of one object."""
        return [
            seen
            for seen in self.history
            if seen.object["kind"] == kind and seen.object["metadata"]["name"] == name
        ]

    def taken_away(self, model: str, revision: str, *, since: int) -> Object:
        """The first version of the model's route after another version that gives a revision nothing."""
        for seen in self.of("HTTPRoute", model):
            if version_of(seen.object) > since and not route_weights(seen.object).get(revision):
                return seen.object
        raise AssertionError(f"{revision} never came to weight 0")

    async def settled(self) -> int:
        """Wait until everything was seen that the server had when this was called; its newest version."""
        newest = 0
        for kind, resource in self._kinds.items():
            there = _versions(await self._api.list(resource, self._namespace))
            newest = max(newest, *there.values(), 0)

            async def missing(kind: str = kind, there: Mapping[str, int] = there) -> object:
                await self._complete()
                live = self._live[kind]
                return [
                    uid
                    for uid, version in there.items()
                    if uid not in self._gone and live.get(uid, 0) < version
                ]

            await until(
                missing,
                lambda found: not found,
                within=ARRIVE_WITHIN,
                what=f"every version of every {kind} at the watcher",
            )
        return newest

    async def verdict(self, model: str) -> list[str]:
        """What a model's history so far breaks, first things first; empty if nothing."""
        await self.settled()
        return [str(violation) for violation in violations(self.history_of(model))]

    async def _listable(self) -> bool:
        """The first lists of a kind whose CRD is new are put off by the server, with 429. Only the Gateway
        API's may be missing.
        """
        for kind, resource in list(self._kinds.items()):
            try:
                await self._api.list(resource, self._namespace)
            except ApiError as error:
                if error.code == 429:
                    return False
                if error.code != 404 or kind != "HTTPRoute":
                    raise
                del self._kinds[kind]
        return True

    async def _complete(self) -> bool:
        for task in self._tasks:
            if task.done():
                task.result()
        return self._synced == set(self._kinds)

    async def _follow(self, kind: str, resource: Resource) -> None:
        watch = changes if self._patient else Api.watch
        async for change in watch(self._api, resource, self._namespace):
            if change.type == "SYNCED":
                if kind in self._synced and not self._patient:
                    raise Gap(f"the watch of {resource} in {self._namespace}")
                self.gaps += kind in self._synced
                self._synced.add(kind)
                continue
            # Lists leave out what all their items share.
            body: Object = {"apiVersion": resource.api_version, **change.object, "kind": kind}
            meta, gone = body["metadata"], change.type == "DELETED"
            version = version_of(body)
            # An end that fell into a gap is told with the last version; it comes after all that was seen.
            known = gone and self._live[kind].get(meta["uid"]) == version
            self._latest = max(self._latest, version)
            place = self._latest + 0.5 if known else version
            self._seen.setdefault((kind, place), Seen(at=time.time(), object=body, deleted=gone))
            if gone:
                self._live[kind].pop(meta["uid"], None)
                self._gone.add(meta["uid"])
            else:
                self._live[kind][meta["uid"]] = version


def version_of(body: Object) -> int:
    """Its resourceVersion: one etcd numbers all kinds together."""
    return int(body["metadata"]["resourceVersion"])


def _versions(objects: Iterable[Object]) -> dict[str, int]:
    return {body["metadata"]["uid"]: version_of(body) for body in objects}
