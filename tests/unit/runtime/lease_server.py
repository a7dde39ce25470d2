"""One Lease as the API server keeps it, with the faults of a network in between."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from random import Random
from typing import Any, Final, TypeVar

from serin.kube.errors import Conflict, NotFound, Request, Unavailable

ASKED = Request("ask", "Lease", "serin-system", "serin")
Object = Mapping[str, Any]
T = TypeVar("T")

DELAYS: Final = (0.01, 0.01, 0.01, 0.01, 0.3, 3.0)
"""Seconds a message takes, where it is left to chance."""
LOST: Final = 0.03
"""The share of questions, and of answers, that do not arrive."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose time passes only by waiting, at no cost: what looptime does, for thousands of seconds."""

    def __init__(self) -> None:
        self._now = 1000.0
        super().__init__()
        select = self._selector.select  # type: ignore[attr-defined]

        def passing(timeout: float | None = None) -> Any:
            if timeout:
                self._now += timeout
            return select(0)

        self._selector.select = passing  # type: ignore[attr-defined]

    def time(self) -> float:
        return self._now


class LeaseServer:
    """Holds the Lease; `link` gives each replica its own way there."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.version = 0
        self._watchers: list[asyncio.Queue[Object]] = []

    def link(self, random: Random | None = None) -> "Link":
        return Link(self, random)

    def put(self, lease: Object) -> dict[str, Any]:
        self.version += 1
        new = self.lease is None
        uid = f"uid-{self.version}" if self.lease is None else self.lease["metadata"]["uid"]
        metadata = {**lease["metadata"], "uid": uid, "resourceVersion": str(self.version)}
        self.lease = {**lease, "metadata": metadata}
        self._tell("ADDED" if new else "MODIFIED", self.lease)
        return self.lease

    def delete(self) -> None:
        if self.lease is not None:
            self.version += 1
            gone, self.lease = self.lease, None
            self._tell("DELETED", gone)

    def wipe(self) -> None:
        """What somebody does who edits the holder away."""
        if self.lease is not None:
            self.put({**self.lease, "spec": {**self.lease["spec"], "holderIdentity": ""}})

    @property
    def holder(self) -> str | None:
        return None if self.lease is None else self.lease["spec"]["holderIdentity"]

    def watcher(self) -> asyncio.Queue[Object]:
        queue: asyncio.Queue[Object] = asyncio.Queue()
        self._watchers.append(queue)
        return queue

    def _tell(self, kind: str, lease: Object) -> None:
        for queue in self._watchers:
            queue.put_nowait({"type": kind, "object": lease})


class Link:
    """A replica's way to the server: may be cut, frozen, slow, or lose what is answered."""

    def __init__(self, server: LeaseServer, random: Random | None) -> None:
        self._server, self._random = server, random
        self.cut = False
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.requests = 0
        self.watches = 0

    async def get(self) -> Object | None:
        return await self._ask(lambda: self._server.lease)

    async def create(self, lease: Object) -> Object:
        def act() -> Object:
            if self._server.lease is not None:
                raise Conflict(ASKED, "already exists", status=409)
            return self._server.put(lease)

        return await self._ask(act)

    async def replace(self, lease: Object) -> Object:
        def act() -> Object:
            known = self._server.lease
            if known is None:
                raise NotFound(ASKED, "not found", status=404)
            wanted = lease["metadata"]["uid"], lease["metadata"]["resourceVersion"]
            if wanted != (known["metadata"]["uid"], known["metadata"]["resourceVersion"]):
                raise Conflict(ASKED, "the object has been modified", status=409)
            return self._server.put(lease)

        return await self._ask(act)

    async def changes(self, since: str) -> AsyncIterator[Object]:
        self.watches += 1
        queue = self._server.watcher()
        known = self._server.lease
        if known is None:
            yield {"type": "DELETED", "object": {}}
        elif known["metadata"]["resourceVersion"] != since:
            yield {"type": "MODIFIED", "object": known}
        while True:
            event = await queue.get()
            await self.flowing.wait()
            yield event

    async def _ask(self, act: Callable[[], T]) -> T:
        self.requests += 1
        random = self._random
        await asyncio.sleep(0 if random is None else random.choice(DELAYS))
        if self.cut or (random and random.random() < LOST):
            raise Unavailable(ASKED, "connection refused")
        answer = act()
        await asyncio.sleep(0 if random is None else random.choice(DELAYS))
        if random and random.random() < LOST:
            raise Unavailable(ASKED, "answer lost")
        return answer
