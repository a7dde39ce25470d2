"""What the cluster showed of the demo's ModelDeployment, and when each thing was first seen.

A witness apart from Serin's own words: weights are read from the HTTPRoute, pods from the pods.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

from tests.cluster.api import Api
from tests.cluster.mirror import Key, Mirror
from tests.cluster.resources import HTTP_ROUTES, PODS, Object
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
        followed = (MODEL_DEPLOYMENTS, PODS, *((HTTP_ROUTES,) if routes else ()))
        self._mirrors = {
            resource: Mirror(api, resource, namespace=namespace, changed=self._look) for resource in followed
        }
        self._own = Key(namespace, NAME)
        self._stack = AsyncExitStack()
        self._changed = asyncio.Event()
        self.seen = Seen()

    async def __aenter__(self) -> Self:
        for mirror in self._mirrors.values():
            await self._stack.enter_async_context(mirror)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def until(self, holds: Callable[[Seen], object], *, within: float, what: str) -> None:
        """Wait until what is seen holds; one at a time. Raises NotInTime, with the status as last seen."""
        try:
            async with asyncio.timeout(within):
                while not holds(self.seen):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise NotInTime(f"{what} did not come within {within:g} s:\n{shown(self.seen.status)}") from None

    def _look(self) -> None:
        self.seen.deployment = self._mirrors[MODEL_DEPLOYMENTS].objects.get(self._own, {})
        self.seen.pods = {body["metadata"]["uid"]: body for body in self._mirrors[PODS].objects.values()}
        if HTTP_ROUTES in self._mirrors and (route := self._mirrors[HTTP_ROUTES].objects.get(self._own)):
            now = weights(route)
            if not self.seen.routed or self.seen.routed[-1].weights != now:
                self.seen.routed.append(Routed(time.time(), now))
        self._changed.set()
