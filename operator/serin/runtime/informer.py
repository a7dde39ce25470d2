"""Keeps the store up to date with one kind: a list, then a watch from where the list ended, without end.

A watch that ends goes on where it was. Where the server has forgotten that place, all is listed again, and
what is known but not listed has been deleted unseen. Nothing is kept here but the place: the store makes a
projection of each object, and the object is gone.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from random import Random
from typing import Any, Final, Protocol

from serin.domain.names import Key
from serin.kube.client import Named
from serin.kube.errors import KubeError, Throttled
from serin.kube.streams import FORGOTTEN, SILENT_SECONDS, Page
from serin.runtime.departures import gone

WATCH_SECONDS: Final = (240.0, 300.0)
"""How long one watch lasts, by chance in between: not all kinds begin anew at once."""
FIRST_BACKOFF_SECONDS: Final = 0.2
LONGEST_BACKOFF_SECONDS: Final = 30.0

logger = logging.getLogger(__name__)


class Server(Protocol):
    """Lists and watches. Both raise `KubeError` and may be repeated at will."""

    async def page(self, kind: str, namespace: str | None, *, after: str = "") -> Page:
        """One page of what exists."""
        ...

    def changes(
        self, kind: str, namespace: str | None, *, since: str, seconds: float
    ) -> AsyncIterator[Mapping[str, Any]]:
        """Watch events after a version."""
        ...


class Known(Protocol):
    """What was shown before."""

    def names(self, kind: str) -> Iterator[Named]:
        """Everything known of a kind."""
        ...

    def drop(self, kind: str, namespace: str, name: str, uid: str, *, at: float) -> Key | None:
        """Forget that very object, which was not there at a version; the key that is to be looked at."""
        ...


class Informer:
    """One kind, in one namespace or in all.

    Args:
        shown: Called with each watch event; a listed object is one as well.
        lost: Called with the key of what was deleted unseen.
        clock: Seconds that only rise.
    """

    def __init__(
        self,
        kind: str,
        namespace: str | None,
        *,
        known: Known,
        shown: Callable[[Mapping[str, Any]], None],
        lost: Callable[[Key], None],
        random: Random,
        clock: Callable[[], float],
    ) -> None:
        self._kind, self._namespace = kind, namespace
        self._known = known
        self._shown, self._lost = shown, lost
        self._random, self._clock = random, clock
        self._version: str | None = None
        self._listed = asyncio.Event()
        self._failures = 0
        self._moved = clock()

    async def run(self, server: Server) -> None:
        """Follow for ever."""
        while True:
            try:
                if self._version is None:
                    self._version = await self._list(server)
                await self._follow(server, self._version)
            except KubeError as error:
                if error.status == FORGOTTEN:
                    self._version = None
                await self._wait(error)

    async def listed(self) -> None:
        """Wait until all that existed at the start has been shown."""
        await self._listed.wait()

    def fault(self) -> str | None:
        """Whether it hangs, in words. An outage is no fault: it tries again and again."""
        silent = self._clock() - self._moved
        if silent < 2 * SILENT_SECONDS:
            return None
        return f"the watch of {self._kind} has neither heard nor tried anything for {silent:.0f} s"

    async def _list(self, server: Server) -> str:
        """Show all there is; the version to watch from."""
        existing: set[str] = set()
        version = rest = ""
        while not version or rest:
            version, rest = self._show(await server.page(self._kind, self._namespace, after=rest), existing)
        self._drop_all_but(existing, at=int(version))
        self._listed.set()
        return version

    def _show(self, page: Page, existing: set[str]) -> tuple[str, str]:
        """Show a page, and let go of it before the next one comes: all kinds are listed at once."""
        self._moved = self._clock()
        for obj in page.objects:
            existing.add(obj["metadata"]["uid"])
            self._shown({"type": "ADDED", "object": obj})
        return page.version, page.rest

    def _drop_all_but(self, existing: set[str], *, at: int) -> None:
        for row in gone(self._known.names(self._kind), existing, namespace=self._namespace, at=at):
            if key := self._known.drop(self._kind, row.namespace, row.name, row.uid, at=at):
                self._lost(key)

    async def _follow(self, server: Server, since: str) -> None:
        """Show every change until the server ends the watch."""
        began, seconds = self._clock(), self._random.uniform(*WATCH_SECONDS)
        changes = server.changes(self._kind, self._namespace, since=since, seconds=seconds)
        async for change in changes:
            self._moved, self._failures = self._clock(), 0
            self._version = change["object"]["metadata"]["resourceVersion"]
            if change["type"] != "BOOKMARK":
                self._shown(change)
        self._moved = self._clock()
        if self._moved - began < FIRST_BACKOFF_SECONDS:
            # One that ends at once, again and again, would be asked for without a pause.
            await self._pause()

    async def _wait(self, error: KubeError) -> None:
        pause = await self._pause(at_least=error.retry_after if isinstance(error, Throttled) else 0.0)
        fields = {"kind": self._kind, "error": str(error), "after": round(pause, 2)}
        logger.info("watch begun anew", extra=fields)

    async def _pause(self, *, at_least: float = 0.0) -> float:
        longest: float = min(FIRST_BACKOFF_SECONDS * 2 ** min(self._failures, 16), LONGEST_BACKOFF_SECONDS)
        self._failures += 1
        pause = max(longest * self._random.uniform(0.5, 1.0), at_least)
        self._moved = self._clock() + pause
        await asyncio.sleep(pause)
        return pause
