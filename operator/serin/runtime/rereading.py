"""Reads at the server what a watch has yet to show, where to wait for the watch would do harm.

A watch may hang for minutes, and be behind for seconds, without anybody knowing. What is read goes into the
store as if the watch had shown it, whose older events are dropped from then on; it must show as much, soon
(`echoes`).
"""

import logging
from collections.abc import Iterator, Mapping
from typing import Any, Final, Protocol

from serin.domain.names import KIND, Key
from serin.kube.client import Named
from serin.kube.errors import Conflict
from serin.kube.streams import Page

READ: Final = "READ"
"""The type of an event that no watch has shown."""

logger = logging.getLogger(__name__)


class Kube(Protocol):
    """Reads of single objects. May be repeated at will; raises `KubeError`."""

    async def newest(self, kind: str, namespace: str, name: str) -> Page:
        """What there is by that name at this moment: one object or none."""
        ...


class Store(Protocol):
    """What is known. Never waits. Each call returns the key that is to be looked at, if any."""

    def put(self, event: Mapping[str, Any]) -> Key | None:
        """Take in an event of a ModelDeployment."""
        ...

    def observe(self, kind: str, event: Mapping[str, Any]) -> Key | None:
        """Take in an event of a child."""
        ...

    def names(self, kind: str) -> Iterator[Named]:
        """Everything known of a kind."""
        ...

    def drop(self, kind: str, namespace: str, name: str, uid: str, *, at: float) -> Key | None:
        """Forget that very object, which was not there at a version."""
        ...


class Rereading:
    """The objects that writes were refused for, of all keys."""

    def __init__(self, kube: Kube, store: Store) -> None:
        self._kube = kube
        self._store = store
        self._refused: set[Key] = set()

    async def after(self, conflict: Conflict, key: Key) -> bool:
        """See what the server has instead of what a key's write was meant for; whether that was done.

        Only at the second conflict in a row: most watches show it before the look that follows the first,
        after which nothing needs to be asked. Were it never asked, traffic could leave no canary as long as
        the watch of its route hangs.
        """
        if key not in self._refused:
            self._refused.add(key)
            return False
        self._refused.discard(key)
        kind, name = conflict.request.kind, conflict.request.name or key.name
        logger.info("read anew", extra={"key": str(key), "object": f"{kind}/{name}"})
        await read(self._kube, self._store, kind, key.namespace, name)
        return True

    def forget(self, key: Key) -> None:
        """The key's writes meet no conflict any more."""
        self._refused.discard(key)


async def read(kube: Kube, store: Store, kind: str, namespace: str, name: str) -> Key | None:
    """Take in what the server has by that name at this moment; the key that is to be looked at, if any."""
    page = await kube.newest(kind, namespace, name)
    for obj in page.objects:
        event = {"type": READ, "object": obj}
        return store.put(event) if kind == KIND else store.observe(kind, event)
    known = [row for row in store.names(kind) if (row.namespace, row.name) == (namespace, name)]
    if known and int(known[0].resource_version) <= int(page.version):
        return store.drop(kind, namespace, name, known[0].uid, at=int(page.version))
    return None
