"""What the cluster showed of the demo's ModelDeployment, and when each thing was first seen.

A witness apart from Serin's own words: weights are read from the HTTPRoute, pods from the pods.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

from tests.cluster.api import Api
from tests.cluster.mirror import changes
from tests.cluster.resources import HTTP_ROUTES, PODS, Object, Resource
from tests.cluster.routing import weights
from tests.cluster.waiting import NotInTime, shown
from tests.demo.models import MODEL_DEPLOYMENTS, NAME

REVISION_LABEL: Final = "serin.dev/revision"


@dataclass(frozen=True, slots=True)
class Routed:
    """Weights by Service, from a moment on (Unix seconds)."""

    at: float
    weights: dict[str, int]


@dataclass(slots=True)
class Seen:
    """The newest state of everything followed."""

    deployment: Object = field(default_factory=dict)
    pods: dict[str, Object] = field(default_factory=dict)
    """By uid."""
    routed: list[Routed] = field(default_factory=list)

    @property
    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.deployment.get("status") or {}
        return found

    @property
    def current(self) -> bool:
        """Whether the status speaks of the newest spec."""
        newest = self.deployment.get("metadata", {}).get("generation")
        return newest is not None and self.status.get("observedGeneration") == newest

    def condition(self, kind: str) -> dict[str, Any] | None:
        """A condition, where it is True for the newest spec."""
        for one in self.status.get("conditions") or []:
            if one["type"] == kind and one["status"] == "True" and self.current:
                found: dict[str, Any] = one
                return found
        return None

    def pods_of(self, revision: str) -> frozenset[str]:
        """The uids of a revision's pods that do not terminate. A revision is named `iris-<hash>` here."""
        wanted = revision.removeprefix(f"{NAME}-")
        return frozenset(
            uid
            for uid, pod in self.pods.items()
            if pod["metadata"].get("labels", {}).get(REVISION_LABEL) == wanted
            and "deletionTimestamp" not in pod["metadata"]
        )


class Record:
    """Follows the ModelDeployment `iris` of a namespace, its route and its pods."""

    def __init__(self, api: Api, namespace: str, *, routes: bool) -> None:
        self._api, self._namespace, self._routes = api, namespace, routes
        self._progress = asyncio.Condition()
        self._tasks: list[asyncio.Task[None]] = []
        self.seen = Seen()

    async def __aenter__(self) -> Self:
        followed: list[tuple[Resource, Callable[[Object, bool], None]]] = [
            (MODEL_DEPLOYMENTS, self._deployment),
            (PODS, self._pod),
        ]
        if self._routes:
            followed.append((HTTP_ROUTES, self._route))
        self._tasks = [asyncio.create_task(self._follow(*one)) for one in followed]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        for outcome in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(outcome, Exception) and error is None:
                raise outcome

    async def until(self, holds: Callable[[Seen], object], *, within: float, what: str) -> None:
        """Wait until what is seen holds. Raises NotInTime, with the status as last seen."""
        try:
            async with asyncio.timeout(within), self._progress:
                await self._progress.wait_for(lambda: holds(self.seen))
        except TimeoutError:
            raise NotInTime(f"{what} did not come within {within:g} s:\n{shown(self.seen.status)}") from None

    async def _follow(self, resource: Resource, take: Callable[[Object, bool], None]) -> None:
        async for change in changes(self._api, resource, self._namespace):
            if change.type != "SYNCED":
                take(change.object, change.type == "DELETED")
                async with self._progress:
                    self._progress.notify_all()

    def _deployment(self, body: Object, gone: bool) -> None:
        if body["metadata"]["name"] == NAME:
            self.seen.deployment = {} if gone else body

    def _pod(self, body: Object, gone: bool) -> None:
        uid = body["metadata"]["uid"]
        if gone:
            self.seen.pods.pop(uid, None)
        else:
            self.seen.pods[uid] = body

    def _route(self, body: Object, gone: bool) -> None:
        now = {} if gone else weights(body)
        if body["metadata"]["name"] == NAME and (not self.seen.routed or self.seen.routed[-1].weights != now):
            self.seen.routed.append(Routed(time.time(), now))
