"""All that watches, and the only file that knows kopf: events in, keys out.

Kopf is the shell: it logs in, takes the signals, tells when to stop, and ends the process should that hang.
What it would do for each event, and keep of each object, nobody needs here: objects are followed by
informers, which take a tenth of the time for an event and see deletions that happened in a gap. So it has no
handler of any object, and writes nothing to one.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from random import SystemRandom
from time import monotonic
from typing import Any

from serin.domain.names import Key
from serin.kube.access import Access
from serin.kube.connection import Connection
from serin.kube.kinds import MODEL_DEPLOYMENT, Kind, places
from serin.kube.streams import Streams
from serin.runtime.informer import Informer
from serin.runtime.memory import without
from serin.runtime.queue import WorkQueue
from serin.runtime.settings import CHILD_SETTLE_SECONDS
from serin.runtime.store import Store

with without("kubernetes"):
    # Kopf loads that client, 12 MB, only to know its models where a handler returns one.
    import kopf


class Watches:
    """Watches everything that concerns ModelDeployments, and stores and enqueues what is seen.

    An event only means "look again", so a lost or doubled one costs nothing (I7).

    Args:
        kinds: Of the children; each costs one watch, or one per namespace.
        namespaces: Where to look; empty for the whole cluster.
        access: The way in.
        ended: Called as soon as they end, however they do.
    """

    def __init__(
        self,
        store: Store,
        queue: WorkQueue[Key],
        *,
        kinds: Sequence[Kind],
        namespaces: Sequence[str],
        access: Access,
        ended: Callable[[], None],
    ) -> None:
        self._access = access
        self._stop = asyncio.Event()
        self._registry = kopf.OperatorRegistry()
        log_in(self._registry, access)
        on_stop(self._registry, ended)
        self._informers = [
            _informer(kind, place, store, queue)
            for kind in (MODEL_DEPLOYMENT, *kinds)
            for place in places(namespaces)
        ]

    async def run(self) -> None:
        """Watch until told to stop, or until the process is asked to end by a signal."""
        async with Connection.opened(self._access) as connection, asyncio.TaskGroup() as group:
            streams = Streams(connection)
            # Before kopf, which takes every task that comes later for its own.
            following = [group.create_task(informer.run(streams)) for informer in self._informers]
            await kopf.operator(
                registry=self._registry,
                settings=settings_for(),
                stop_flag=self._stop,
                clusterwide=True,
                standalone=True,
            )
            for task in following:
                task.cancel()

    async def listed(self) -> None:
        """Wait until all that existed at the start has been seen.

        A look before that could take a child for missing that only has not been shown yet.
        """
        for informer in self._informers:
            await informer.listed()

    def stop(self) -> None:
        """Let `run` end."""
        self._stop.set()

    def fault(self) -> str | None:
        """What only a restart mends, in words; None while all is well."""
        return next((wrong for informer in self._informers if (wrong := informer.fault())), None)


def log_in(registry: kopf.OperatorRegistry, access: Access) -> None:
    """Let kopf in as our own client is; asked again when the server no longer knows the token."""

    @kopf.on.login(registry=registry)
    async def logged_in(**_: Any) -> kopf.ConnectionInfo:
        access.refused()
        way_in = await access.login()
        return kopf.ConnectionInfo(
            server=way_in.server,
            ca_path=way_in.ca,
            insecure=way_in.insecure,
            token=way_in.token,
            certificate_path=way_in.certificate,
            private_key_path=way_in.key,
        )


def on_stop(registry: kopf.OperatorRegistry, ended: Callable[[], None]) -> None:
    """Tell while kopf stops, before it waits for tasks that it takes for its own, as it takes later ones."""

    @kopf.on.cleanup(registry=registry)
    async def stopping(**_: Any) -> None:
        ended()


def settings_for() -> kopf.OperatorSettings:
    """Use kopf to start, to log in and to stop."""
    settings = kopf.OperatorSettings()
    settings.scanning.disabled = True
    settings.peering.standalone = True
    settings.posting.enabled = False
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 5
    settings.process.ultimate_exiting_timeout = 30
    return settings


def _informer(kind: Kind, namespace: str | None, store: Store, queue: WorkQueue[Key]) -> Informer:
    def model_shown(event: Mapping[str, Any]) -> None:
        if key := store.put(event):
            queue.add(key)

    def child_shown(event: Mapping[str, Any]) -> None:
        if key := store.observe(kind.name, event):
            queue.add_after(key, CHILD_SETTLE_SECONDS)

    shown = model_shown if kind == MODEL_DEPLOYMENT else child_shown
    return Informer(
        kind.name, namespace, known=store, shown=shown, lost=queue.add, random=SystemRandom(), clock=monotonic
    )
