"""Finds deletions that no watch has shown, and watches that show nothing any more.

A watch that starts anew after a gap shows what exists, not what has gone. A list of names, far cheaper than
the objects, shows the rest. It may be older than what the store knows: only what is no younger than the
list is dropped. What it shows and a watch does not, for a minute, is the proof of a watch that has stalled.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

from serin.domain.names import Key
from serin.kube.client import Listing, Named
from serin.kube.errors import KubeError
from serin.kube.kinds import places
from serin.runtime.departures import gone

PATIENCE_SECONDS: Final = 60.0
"""How far a watch may be behind a list. Milliseconds are usual; thousands of objects at once take seconds."""

logger = logging.getLogger(__name__)


class StalledWatch(Exception):
    """A watch shows nothing any more, though its connection is answered. Only a new start helps."""


class Lister(Protocol):
    """Reads names. May be repeated at will; raises `KubeError`."""

    async def list_metadata(self, kind: str, namespace: str | None = None) -> Listing:
        """What exists of a kind, in one namespace or in all."""
        ...


class Known(Protocol):
    """What the watches have shown."""

    def names(self, kind: str) -> Iterator[Named]:
        """Everything known of a kind."""
        ...

    def drop(self, kind: str, namespace: str, name: str, uid: str, *, at: float) -> Key | None:
        """Forget that object, which was not there at a version; the key that is to be looked at."""
        ...


class Sweeper:
    """Compares what is known with what exists.

    Args:
        kinds: The kinds that are watched.
        namespaces: Those that are watched; empty for all.
        found: Called with each key that lost something, and the kind of it.
    """

    def __init__(
        self,
        lister: Lister,
        known: Known,
        *,
        kinds: Sequence[str],
        namespaces: Sequence[str],
        found: Callable[[Key, str], None],
    ) -> None:
        self._lister = lister
        self._known = known
        self._kinds = kinds
        self._places = places(namespaces)
        self._found = found

    async def run(self, every: float) -> None:
        """Sweep for ever, so many seconds apart.

        Raises:
            StalledWatch: There are changes that no watch shows.
        """
        while True:
            await asyncio.sleep(every)
            await self.sweep()

    async def sweep(self) -> None:
        """Drop what exists no more, and tell whose it was; see that what exists is shown."""
        for kind in self._kinds:
            for namespace in self._places:
                try:
                    await self._sweep(kind, namespace)
                except KubeError as error:
                    logger.warning("sweep skipped", extra={"kind": kind, "error": str(error)})

    async def _sweep(self, kind: str, namespace: str | None) -> None:
        listing = await self._lister.list_metadata(kind, namespace)
        at = int(listing.resource_version)
        existing = {row.uid for row in listing.items}
        for row in gone(self._known.names(kind), existing, namespace=namespace, at=at):
            logger.info("deletion found", extra={"kind": kind, "object": f"{row.namespace}/{row.name}"})
            if key := self._known.drop(kind, row.namespace, row.name, row.uid, at=at):
                self._found(key, kind)
        if unseen := self._unseen(kind, listing):
            await self._must_be_shown(kind, namespace, unseen)

    def _unseen(self, kind: str, listing: Listing) -> set[Named]:
        """What exists at a version that the watch has not come to."""
        shown: dict[str, int] = {}
        for row in self._known.names(kind):
            shown[row.uid] = max(int(row.resource_version), shown.get(row.uid, -1))
        return {row for row in listing.items if shown.get(row.uid, -1) < int(row.resource_version)}

    async def _must_be_shown(self, kind: str, namespace: str | None, unseen: set[Named]) -> None:
        await asyncio.sleep(PATIENCE_SECONDS)
        existing = {row.uid for row in (await self._lister.list_metadata(kind, namespace)).items}
        behind = self._unseen(kind, Listing("", tuple(row for row in unseen if row.uid in existing)))
        if behind:
            missed = ", ".join(sorted(f"{row.namespace}/{row.name}" for row in behind)[:3])
            raise StalledWatch(f"the watch of {kind} has not shown for a minute what became of {missed}")
