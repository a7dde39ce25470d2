"""Wiring only: clients -> store -> queue -> reconciler -> watches. What comes before is `startup`'s.

Watches, store and sweeper run in every replica, so that one that waits is up to date when its turn comes;
workers, Events and Prometheus are for the one that acts.
"""

import asyncio
import logging
import signal
import socket
import time
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from random import SystemRandom
from typing import Any, Final, Protocol

from serin.catalogue.loader import Catalogue
from serin.domain.names import Key
from serin.handlers import Watches
from serin.kube.access import Access
from serin.kube.client import KubeClient
from serin.kube.events import EventRecorder
from serin.kube.kinds import MODEL_DEPLOYMENT, Kind
from serin.kube.transport import Transport
from serin.prom.connections import connections
from serin.reconciler import Reconciler
from serin.runtime.channels import Channels
from serin.runtime.echoes import EchoedStore
from serin.runtime.gatekeeper import Gatekeeper
from serin.runtime.gauges import RolloutPage
from serin.runtime.guarding import Guarding
from serin.runtime.health import Health
from serin.runtime.inquiries import Inquiries
from serin.runtime.judges import judged_by
from serin.runtime.judging import Judging
from serin.runtime.lease import Lease
from serin.runtime.logs import ABOUT
from serin.runtime.missing import missing_kinds
from serin.runtime.notifier import Notifier
from serin.runtime.parts import Parts
from serin.runtime.prometheuses import Prometheuses
from serin.runtime.queue import WorkQueue
from serin.runtime.reporter import Tellers
from serin.runtime.settings import Settings
from serin.runtime.succession import caught_up
from serin.runtime.sweeper import Sweeper
from serin.runtime.telemetry import Telemetry
from serin.runtime.webhooks import Webhooks
from serin.runtime.workers import Workers

STOP_SECONDS: Final = 1.0
"""How long looks and Events under way may take to end. What is cut off is done again by the next start."""
WATCHES: Final = "watches"
LEASE: Final = "lease"
ENDING: Final = ("workers", "events")
"""Parts that end by themselves once nothing more comes in."""

logger = logging.getLogger(__name__)


class Watching(Protocol):
    """What brings the cluster's state into the store."""

    async def run(self) -> None:
        """Watch until told to stop. Raises what it cannot go on with."""
        ...

    async def listed(self) -> None:
        """Wait until all that existed at the start has been seen."""
        ...

    def stop(self) -> None:
        """Let `run` end."""
        ...

    def fault(self) -> str | None:
        """What only a restart mends, in words; None while all is well."""
        ...


@dataclass(frozen=True, slots=True)
class Given:
    """What an operator is made from, read and found usable."""

    settings: Settings
    catalogue: Catalogue
    prometheuses: Prometheuses


class Operator:
    """The parts of one operator, made for one cluster and run once."""

    def __init__(
        self,
        given: Given,
        transport: Transport,
        telemetry: Telemetry,
        *,
        kinds: tuple[Kind, ...],
        lease: Lease | None,
        health: Health,
    ) -> None:
        self._given, self._settings = given, given.settings
        self._transport, self._kube = transport, KubeClient(transport)
        self._telemetry, self._health = telemetry, health
        self._kinds, self._lease = kinds, lease
        self._store = EchoedStore(time.monotonic)
        self._queue: WorkQueue[Key] = WorkQueue(random=SystemRandom(), lane=attrgetter("namespace"))
        self._recorder = EventRecorder(self._kube.post_event, clock=_now, instance=socket.gethostname())
        self._judging = Judging(changed=self._queue.add_after)
        self._guarding = Guarding(changed=self._queue.add_after, now=time.time)
        self._webhooks = Webhooks(changed=self._queue.add_after)
        self._notifier = Notifier(
            current=self._store.model,
            allowed=self._settings.webhook_allow,
            channels=Channels(self._settings.notification_channels),
            clock=_now,
            counted=telemetry.notified,
        )
        self._workers = self._staffed()
        self._synced, self._acts = False, False
        self._parts = Parts()
        self._sweeper = Sweeper(
            self._kube,
            self._store,
            kinds=[MODEL_DEPLOYMENT.name, *(kind.name for kind in kinds)],
            namespaces=self._settings.namespaces,
            found=self._lost,
        )
        self._watching: Watching = Watches(
            self._store,
            self._queue,
            kinds=kinds,
            namespaces=self._settings.namespaces,
            access=Access(self._settings.kubeconfig),
            ended=self._parts.stopped.set,
        )

    async def run(self, **more: Coroutine[None, None, None]) -> None:
        """Watch and work, with more parts beside, until a signal comes or a part ends."""
        loop, parts = asyncio.get_running_loop(), self._parts
        for sign in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(sign, parts.stopped.set)
        self._tell()
        async with AsyncExitStack() as opened:
            parts.spawn(self._watching.run(), WATCHES)
            parts.spawn(self._sweeper.run(self._settings.sweep_interval), "sweeper")
            for name, part in more.items():
                parts.spawn(part, name)
            parts.spawn(self._lead(opened), "workers")
            await parts.stopped.wait()
            await self._stop_working()
        parts.result()

    def _staffed(self) -> Workers:
        allowed = self._settings.webhook_allow
        inquiries = Inquiries(
            judge=self._judging,
            guards=self._guarding,
            gates=Gatekeeper(self._kube, self._webhooks, allowed=allowed, clock=_now),
            prometheuses=self._given.prometheuses,
            receivers=self._notifier,
        )
        reconciler = Reconciler(
            kube=self._kube,
            store=self._store,
            recorder=Tellers((self._recorder, self._notifier)),
            inquiries=inquiries,
            catalogue=self._given.catalogue,
            served=frozenset(kind.name for kind in self._kinds),
            clock=_now,
        )
        rollouts = RolloutPage(
            words=self._judging.words, statuses=self._statuses, ended=lambda: reconciler.ended
        )
        self._telemetry.show(rollouts.text)
        return Workers(
            self._queue,
            reconciler,
            self._telemetry,
            count=self._settings.workers,
            gone=self._store.forget,
        )

    def _models(self) -> Iterator[Mapping[str, Any]]:
        """Each model that is there."""
        known = self._store.keys()
        return (model for key in known if (model := self._store.model(key)))

    def _statuses(self) -> Iterator[tuple[Key, Mapping[str, Any]]]:
        """The status of each model that is there."""
        known = self._store.keys()
        for key in known:
            yield key, (self._store.model(key) or {}).get("status") or {}

    def _tell(self) -> None:
        """Have the replica's state shown to those who ask."""
        lease, telemetry, health = self._lease, self._telemetry, self._health
        telemetry.watch("serin_queue_depth", "Keys that wait for a worker.", lambda: len(self._queue))
        telemetry.watch("serin_models", "ModelDeployments known.", lambda: len(self._store.keys()))
        telemetry.watch("serin_leader", "1 where this replica acts, else 0.", lambda: float(self._leads()))
        telemetry.watch(
            "serin_watch_behind_seconds",
            "How long the oldest write of ours has not been shown by a watch.",
            self._store.behind,
        )
        telemetry.listeners += [self._workers.moved, self._store.answered]
        health.faults += [self._parts.fault, self._workers.stuck, self._store.stalled, self._watching.fault]
        health.obstacles.append(self._awaited)
        ABOUT.revision = self._revision
        health.role = lambda: "leading" if self._leads() else f"standby, {lease and lease.holder} leads"

    def _revision(self, key: Key) -> str | None:
        """The one under way, or else the one that serves, for who reads the log."""
        status = (self._store.model(key) or {}).get("status") or {}
        if rollout := status.get("rollout"):
            return str(rollout.get("attempt", "")).rpartition(".")[0] or None
        return (status.get("stable") or {}).get("revision")

    def _leads(self) -> bool:
        return self._acts and (self._lease is None or self._lease.leading)

    async def _lead(self, opened: AsyncExitStack) -> None:
        """Once all that exists has been seen, act on it, as soon as no other replica does."""
        await self._watching.listed()
        self._synced = True
        logger.info("synced", extra={"models": len(self._store.keys())})
        if self._lease:
            await self._lease.won()
            self._parts.spawn(self._lease.kept(), LEASE)
            namespaces = self._settings.namespaces
            await caught_up(self._kube, self._store, namespaces=namespaces, found=self._queue.add)
        self._acts = True
        await self._connect(opened)
        self._parts.spawn(self._recorder.run(), "events")
        self._parts.spawn(missing_kinds(self._kube, self._store, self._kinds), "missing kinds")
        await self._workers.run()

    async def _connect(self, opened: AsyncExitStack) -> None:
        """Open the ways to what is asked beside the API server."""
        if self._settings.webhook_allow:
            self._webhooks.session = await opened.enter_async_context(connections())
            opened.push_async_callback(self._webhooks.close)
        if self._settings.webhook_allow or self._settings.notification_channels:
            self._notifier.session = await opened.enter_async_context(connections())
            opened.push_async_callback(self._notifier.close)
            self._notifier.recall(self._models())
        if self._given.prometheuses.endpoints:
            judges = judged_by(self._given.prometheuses, self._judging, self._guarding, self._telemetry)
            await opened.enter_async_context(judges)

    async def _stop_working(self) -> None:
        """End all parts; what is cut off is done again after the next start, or by the next leader."""
        self._queue.shut_down()
        self._recorder.finish()
        await self._parts.ended(ENDING, within=STOP_SECONDS)
        await self._parts.cancelled(but=[WATCHES, LEASE])
        await self._parts.cancelled(but=[WATCHES])
        if self._lease and self._transport.unsettled:
            # The server may do it yet: the others wait until the Lease has run out, and with it the write.
            logger.warning("lease not given back", extra={"error": "a write is not answered"})
        elif self._lease:
            await self._lease.given_back()
        self._watching.stop()
        await self._parts.ended([WATCHES], within=None)

    def _lost(self, key: Key, kind: str) -> None:
        self._telemetry.swept(kind)
        self._queue.add(key)

    def _awaited(self) -> str | None:
        return None if self._synced else "not everything that exists has been seen yet"


def _now() -> datetime:
    return datetime.now(UTC)
