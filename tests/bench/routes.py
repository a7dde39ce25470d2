"""A Gateway's controller without a data plane: it takes every route as soon as it sees it.

It says of each new generation what real controllers say, and nothing obeys the weights. Without it, nobody
reports on routes, and Serin waits five seconds for each weight.
"""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from tests.cluster.api import Api, ApiError, Patch
from tests.cluster.gateway import parents_of
from tests.cluster.mirror import Key, Mirror, changes, key_of
from tests.cluster.resources import HTTP_ROUTES, SERVICES, Object

WRITERS: Final = 8


class Accepting:
    """Runs while entered; the routes of one namespace."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._api, self._namespace = api, namespace
        self._services = Mirror(api, SERVICES, namespace=namespace)
        self._routes: dict[Key, Object] = {}
        self._due: asyncio.Queue[Key] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        await self._services.__aenter__()
        work = [self._follow(), *(self._report() for _ in range(WRITERS))]
        self._tasks = [asyncio.create_task(part) for part in work]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._services.__aexit__(kind, error, trace)

    async def _follow(self) -> None:
        async for change in changes(self._api, HTTP_ROUTES, self._namespace):
            if change.type in ("ADDED", "MODIFIED"):
                self._routes[key_of(change.object)] = change.object
                self._due.put_nowait(key_of(change.object))
            elif change.type == "DELETED":
                self._routes.pop(key_of(change.object), None)

    async def _report(self) -> None:
        while True:
            key = await self._due.get()
            route = self._routes.get(key)
            if route is None:
                continue
            parents = parents_of(route, self._services.objects)
            if parents == route.get("status", {}).get("parents"):
                continue
            body = {"status": {"parents": parents}}
            with suppress(ApiError):  # deleted meanwhile
                await self._api.patch(
                    HTTP_ROUTES, key.name, body, key.namespace, kind=Patch.MERGE, subresource="status"
                )
