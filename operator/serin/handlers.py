"""All that watches, and the only file that knows kopf: events in, keys out.

Handlers store and enqueue, nothing else: kopf swallows what they raise and calls them for every event. It
is used to watch and to log in; its own bookkeeping is off (`settings_for`), so it writes nothing to any
object.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import kopf

from serin.domain.names import MODEL_LABEL, Key
from serin.kube.access import Login
from serin.kube.kinds import MODEL_DEPLOYMENT, Kind
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
        self._kinds, self._namespaces = kinds, namespaces
        self._stop = asyncio.Event()
        self._registry = kopf.OperatorRegistry()
        register(self._registry, store, queue, kinds=kinds)
        log_in(self._registry, login)
        on_stop(self._registry, ended)

    async def run(self) -> None:
        """Watch until told to stop, or until the process is asked to end by a signal."""
        await kopf.operator(
            registry=self._registry,
            settings=settings_for(self._kinds),
            stop_flag=self._stop,
            clusterwide=not self._namespaces,
            namespaces=self._namespaces,
            standalone=True,
        )

    def stop(self) -> None:
        """Let `run` end."""
        self._stop.set()

    def fault(self) -> str | None:
        """What only a restart mends, in words; None while all is well."""
        return None


def register(
    registry: kopf.OperatorRegistry, store: Store, queue: WorkQueue[Key], *, kinds: Iterable[Kind]
) -> None:
    """Attach the handlers. An event only means "look again", so a lost or doubled one costs nothing (I7)."""

    @kopf.on.event(*_place(MODEL_DEPLOYMENT), registry=registry)
    async def model_seen(event: kopf.RawEvent, **_: Any) -> None:
        if key := store.put(event):
            queue.add(key)

    for kind in kinds:
        _watch_child(registry, store, queue, kind)


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


def settings_for(kinds: Iterable[Kind]) -> kopf.OperatorSettings:
    """Use kopf as a watch multiplexer."""
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
    settings.watching.chunk_size = 500
    for kind in kinds:
        if kind.labelled:
            settings.watching.label_selectors[_place(kind)] = MODEL_LABEL
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


def _watch_child(registry: kopf.OperatorRegistry, store: Store, queue: WorkQueue[Key], kind: Kind) -> None:
    @kopf.on.event(*_place(kind), id=f"{kind.name}_seen", registry=registry)
    async def child_seen(event: kopf.RawEvent, **_: Any) -> None:
        if key := store.observe(kind.name, event):
            queue.add_after(key, CHILD_SETTLE_SECONDS)


def _place(kind: Kind) -> tuple[str, str, str]:
    return kind.group, kind.version, kind.plural
