"""All that watches, and the only file that knows kopf: events in, keys out.

Kopf watches the ModelDeployments. What it sees is stored and enqueued, nothing else: it swallows what
handlers raise and calls them for every event. Its own bookkeeping is off (`settings_for`), so it writes
nothing to any object. The children, of which there are twenty times as many, are followed by informers,
which take a tenth of the time for an event and see deletions that happened in a gap.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import SystemRandom
from time import monotonic
from typing import Any

import kopf

from serin.domain.names import Key
from serin.kube.access import Login
from serin.kube.kinds import MODEL_DEPLOYMENT, Kind
from serin.kube.streams import Streams
from serin.runtime.informer import Informer
from serin.runtime.queue import WorkQueue
from serin.runtime.settings import CHILD_SETTLE_SECONDS
from serin.runtime.store import Store


class Watches:
    """Watches everything that concerns ModelDeployments, and stores and enqueues what is seen.

    Args:
        kinds: Of the children; each costs one watch, or one per namespace.
        namespaces: Where to look; empty for the whole cluster.
        login: The way in, read anew whenever the server no longer knows the token.
        ended: Called as soon as they end, however they do.
    """

    def __init__(
        self,
        store: Store,
        queue: WorkQueue[Key],
        *,
        kinds: Sequence[Kind],
        namespaces: Sequence[str],
        login: Callable[[], Awaitable[Login]],
        ended: Callable[[], None],
    ) -> None:
        self._namespaces = namespaces
        self._login = login
        self._stop = asyncio.Event()
        self._registry = kopf.OperatorRegistry()
        watch_models(self._registry, store, queue)
        log_in(self._registry, login)
        on_stop(self._registry, ended)
        self._informers = [
            _informer(kind, namespace, store, queue) for kind in kinds for namespace in _places(namespaces)
        ]

    async def run(self) -> None:
        """Watch until told to stop, or until the process is asked to end by a signal."""
        async with Streams(self._login) as streams, asyncio.TaskGroup() as group:
            # Before kopf, which takes every task that comes later for its own.
            following = [group.create_task(informer.run(streams)) for informer in self._informers]
            await kopf.operator(
                registry=self._registry,
                settings=settings_for(),
                stop_flag=self._stop,
                clusterwide=not self._namespaces,
                namespaces=self._namespaces,
                standalone=True,
            )
            for task in following:
                task.cancel()

    def stop(self) -> None:
        """Let `run` end."""
        self._stop.set()

    def fault(self) -> str | None:
        """What only a restart mends, in words; None while all is well."""
        return next((wrong for informer in self._informers if (wrong := informer.fault())), None)


def watch_models(registry: kopf.OperatorRegistry, store: Store, queue: WorkQueue[Key]) -> None:
    """Attach the handler. An event only means "look again", so a lost or doubled one costs nothing (I7)."""

    @kopf.on.event(*_place(MODEL_DEPLOYMENT), registry=registry)
    async def model_seen(event: kopf.RawEvent, **_: Any) -> None:
        if key := store.put(event):
            queue.add(key)


def log_in(registry: kopf.OperatorRegistry, login: Callable[[], Awaitable[Login]]) -> None:
    """Let kopf in as our own client is; asked again when the server no longer knows the token."""

    @kopf.on.login(registry=registry)
    async def logged_in(**_: Any) -> kopf.ConnectionInfo:
        way_in = await login()
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
    """Use kopf to watch and to log in."""
    settings = kopf.OperatorSettings()
    settings.scanning.disabled = True
    settings.peering.standalone = True
    settings.posting.enabled = False
    settings.persistence.diffbase_storage = NothingKept()
    settings.watching.server_timeout = 290
    settings.watching.connect_timeout = 10
    # A connection without even a bookmark, which comes each minute, is given up, and the watch goes on over
    # another where it was: so long is a dead one believed (design 8).
    settings.watching.inactivity_timeout = 70
    settings.watching.chunk_size = 100
    # For so long it holds what an object was, as it came: after a start, of all objects.
    settings.queueing.idle_timeout = 0.5
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 5
    settings.queueing.exit_timeout = 0.5
    settings.process.ultimate_exiting_timeout = 30
    return settings


class NothingKept(kopf.DiffBaseStorage):
    """No last-seen state: nothing here asks what changed, and copying each object would double its cost."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        """The state to compare with: none."""
        return kopf.BodyEssence({})

    def fetch(self, **_: Any) -> kopf.BodyEssence | None:
        """The state stored last: none."""
        return None

    def store(self, **_: Any) -> None:
        """Store nothing."""


def _informer(kind: Kind, namespace: str | None, store: Store, queue: WorkQueue[Key]) -> Informer:
    def shown(event: Mapping[str, Any]) -> None:
        if key := store.observe(kind.name, event):
            queue.add_after(key, CHILD_SETTLE_SECONDS)

    return Informer(
        kind.name, namespace, known=store, shown=shown, lost=queue.add, random=SystemRandom(), clock=monotonic
    )


def _places(namespaces: Sequence[str]) -> Sequence[str | None]:
    return namespaces or [None]


def _place(kind: Kind) -> tuple[str, str, str]:
    return kind.group, kind.version, kind.plural
