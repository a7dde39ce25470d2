"""A live copy of a collection, as controllers keep one, over lost connections and restarts of the server.

`api.Api.watch` follows one connection's history and leaves its gaps to the caller; here they are closed: what
disappeared unseen is dropped.
"""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple, Self

import aiohttp

from tests.cluster.api import Api, ApiError, Change
from tests.cluster.resources import Object, Resource

RETRY_SECONDS = 0.2


class Key(NamedTuple):
    """An object's place in its collection."""

    namespace: str
    name: str


def key_of(body: Object) -> Key:
    return Key(body["metadata"].get("namespace", ""), body["metadata"]["name"])


class Mirror:
    """The objects of a collection by key, complete when entered and then kept up to date.

    Args:
        changed: Called after each change, and whenever the copy is complete (again).
    """

    def __init__(
        self,
        api: Api,
        resource: Resource,
        *,
        namespace: str | None = None,
        labels: str = "",
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.objects: dict[Key, Object] = {}
        self._api, self._resource = api, resource
        self._namespace, self._labels = namespace, labels
        self._changed = changed
        self._complete = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._follower = asyncio.create_task(self._follow())
        complete = asyncio.create_task(self._complete.wait())
        await asyncio.wait({self._follower, complete}, return_when=asyncio.FIRST_COMPLETED)
        complete.cancel()
        if self._follower.done():
            self._follower.result()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._follower.cancel()
        (outcome,) = await asyncio.gather(self._follower, return_exceptions=True)
        if isinstance(outcome, Exception):
            raise outcome

    async def _follow(self) -> None:
        while True:
            try:
                async for change in self._api.watch(self._resource, self._namespace, labels=self._labels):
                    await self._take(change)
            except (aiohttp.ClientError, OSError, TimeoutError):
                await asyncio.sleep(RETRY_SECONDS)
            except ApiError as error:
                if error.code < 500:
                    raise
                await asyncio.sleep(RETRY_SECONDS)

    async def _take(self, change: Change) -> None:
        match change.type:
            case "SYNCED":
                listed = await self._api.list(self._resource, self._namespace, labels=self._labels)
                for gone in self.objects.keys() - {key_of(body) for body in listed}:
                    del self.objects[gone]
                self._complete.set()
            case "DELETED":
                self.objects.pop(key_of(change.object), None)
            case _:
                self.objects[key_of(change.object)] = change.object
        if self._complete.is_set():
            self._changed()
