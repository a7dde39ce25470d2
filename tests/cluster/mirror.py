"""A live copy of a collection, as controllers keep one, over lost connections and restarts of the server.

`api.Api.watch` follows one connection's history and leaves its gaps to the caller; here they are closed: what
disappeared unseen is reported as deleted.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
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


async def changes(
    api: Api, resource: Resource, namespace: str | None = None, *, labels: str = ""
) -> AsyncIterator[Change]:
    """ADDED, MODIFIED and DELETED without end or gap; SYNCED whenever everything that exists was given."""
    known: dict[Key, Object] = {}
    while True:
        try:
            async for change in api.watch(resource, namespace, labels=labels):
                if change.type == "SYNCED":
                    present = {key_of(body) for body in await api.list(resource, namespace, labels=labels)}
                    for gone in known.keys() - present:
                        yield Change("DELETED", known.pop(gone))
                elif change.type == "DELETED":
                    known.pop(key_of(change.object), None)
                else:
                    known[key_of(change.object)] = change.object
                yield change
        except (aiohttp.ClientError, OSError, TimeoutError):
            await asyncio.sleep(RETRY_SECONDS)
        except ApiError as error:
            # A server that has just started puts lists off with 429.
            if error.code < 500 and error.code != 429:
                raise
            await asyncio.sleep(RETRY_SECONDS)


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
        async for change in changes(self._api, self._resource, self._namespace, labels=self._labels):
            match change.type:
                case "SYNCED":
                    self._complete.set()
                case "DELETED":
                    self.objects.pop(key_of(change.object), None)
                case _:
                    self.objects[key_of(change.object)] = change.object
            if self._complete.is_set():
                self._changed()
