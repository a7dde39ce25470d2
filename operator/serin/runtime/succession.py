"""What a new leader makes sure of before it acts: that it knows every model as the one before it left it.

What that one has decided is in the status (I12). Who does not know it would decide once more, and from less
than was known then: a canary that was condemned a second ago would have its traffic back. The list is made
after the lease was won, so it holds all that the last leader wrote; what the watch is behind with is read.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from serin.domain.names import KIND, Key
from serin.kube.client import Listing
from serin.kube.errors import KubeError
from serin.kube.kinds import places
from serin.runtime.departures import gone
from serin.runtime.projections import Object
from serin.runtime.rereading import Kube as Reads
from serin.runtime.rereading import Store as Known
from serin.runtime.rereading import read

AGAIN_SECONDS: Final = 1.0

logger = logging.getLogger(__name__)


class Kube(Reads, Protocol):
    """Lists names and reads single objects. May be repeated at will; raises `KubeError`."""

    async def list_metadata(self, kind: str, namespace: str | None = None) -> Listing:
        """What exists of a kind, in one namespace or in all, at this moment."""
        ...


class Store(Known, Protocol):
    """What is known. Never waits."""

    def model(self, key: Key) -> Object | None:
        """A ModelDeployment."""
        ...


async def caught_up(
    kube: Kube, store: Store, *, namespaces: Sequence[str], found: Callable[[Key], None]
) -> None:
    """Return once every ModelDeployment is known as it is; `found` are those that the watch had not shown."""
    for namespace in places(namespaces):
        while True:
            try:
                await _catch_up(kube, store, namespace, found)
                break
            except KubeError as error:
                logger.warning("not acting yet", extra={"error": str(error), "again_in": AGAIN_SECONDS})
                await asyncio.sleep(AGAIN_SECONDS)


async def _catch_up(kube: Kube, store: Store, namespace: str | None, found: Callable[[Key], None]) -> None:
    listing = await kube.list_metadata(KIND, namespace)
    at = int(listing.resource_version)
    behind = 0
    for row in gone(store.names(KIND), {row.uid for row in listing.items}, namespace=namespace, at=at):
        behind += 1
        if key := store.drop(KIND, row.namespace, row.name, row.uid, at=at):
            found(key)
    for row in listing.items:
        key = Key(row.namespace, row.name)
        if _version(store.model(key)) < int(row.resource_version):
            behind += 1
            if await read(kube, store, KIND, *key):
                found(key)
    if behind:
        logger.info("watch was behind", extra={"kind": KIND, "models": behind})


def _version(model: Object | None) -> int:
    return int(model["metadata"]["resourceVersion"]) if model else -1
