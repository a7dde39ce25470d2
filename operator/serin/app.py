"""Wiring only: settings -> clients -> store -> queue -> reconciler -> watches.

Watches, store and sweeper run in every replica, so that one that waits is up to date when its turn comes;
workers, Events and Prometheus are for the one that acts.
"""

import asyncio
import logging
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from operator import attrgetter
from random import SystemRandom
from typing import Any, Final, Protocol

from serin.api.runtimes import catalogue_in
from serin.catalogue.loader import Catalogue
from serin.domain.names import Key
from serin.handlers import Watches
from serin.kube.access import login
from serin.kube.client import KubeClient
from serin.kube.events import EventRecorder
from serin.kube.kinds import CHILDREN, MODEL_DEPLOYMENT, Kind
from serin.prom.connections import connections
from serin.reconciler import Reconciler
from serin.runtime.gatekeeper import Gatekeeper
from serin.runtime.gauges import RolloutPage
from serin.runtime.guarding import Guarding
from serin.runtime.inquiries import Inquiries
from serin.runtime.judges import judged_by
from serin.runtime.judging import Judging
from serin.runtime.memory import collect_seldom
from serin.runtime.missing import missing_kinds
from serin.runtime.parts import Parts
from serin.runtime.probes import serving
from serin.runtime.prometheuses import Prometheuses
from serin.runtime.queue import WorkQueue
from serin.runtime.settings import Settings
from serin.runtime.store import Store
from serin.runtime.sweeper import Sweeper
from serin.runtime.telemetry import Telemetry
from serin.runtime.webhooks import Webhooks
from serin.runtime.workers import Workers

STOP_SECONDS: Final = 1.0
"""How long looks and Events under way may take to end. What is cut off is done again by the next start."""
WATCHES: Final = "watches"
ENDING: Final = ("workers", "events")
"""Parts that end by themselves once nothing more comes in."""

logger = logging.getLogger(__name__)


class NotInstalled(Exception):
    """The cluster lacks what the operator cannot run without."""


class Watching(Protocol):
    """What brings the cluster's state into the store."""

    async def run(self) -> None:
        """Watch until told to stop. Raises what it cannot go on with."""
        ...

    def stop(self) -> None:
        """Let `run` end."""
        ...

    def fault(self) -> str | None:
        """What only a restart mends, in words; None while all is well."""
        ...


async def run(settings: Settings) -> None:
    """Run the operator until it is told to stop.

    Raises:
        NotInstalled: The CRD is missing.
        RestartWanted: Start again to watch a kind that has appeared.
        StalledWatch: Start again, for a watch shows nothing any more.
        BadCatalogueError: A row of the catalogue cannot be used.
        ConfigError: What is said of Prometheus cannot be meant.
        KubeError: The API server could not be reached at the start.
    """
    catalogue = catalogue_in(settings.catalogue)
    collect_seldom()
    prometheuses = Prometheuses.of(settings)
    telemetry = Telemetry()
    async with KubeClient.connected(settings.kubeconfig, told=telemetry.answered) as kube:
        if not await kube.serves(MODEL_DEPLOYMENT.name):
            raise NotInstalled(
                f"the cluster does not know {MODEL_DEPLOYMENT.plural}.{MODEL_DEPLOYMENT.group}; "
                "install it: serin crd | kubectl apply -f -"
            )
        kinds = [kind for kind in CHILDREN if not kind.optional or await kube.serves(kind.name)]
        await Operator(
            settings,
            kube,
            telemetry,
            kinds=tuple(kinds),
            prometheuses=prometheuses,
            catalogue=catalogue,
        ).run()


class Operator:
    """The parts of one operator, made for one cluster and run once."""

    def __init__(
        self,
        settings: Settings,
        kube: KubeClient,
        telemetry: Telemetry,
        *,
        kinds: tuple[Kind, ...],
        prometheuses: Prometheuses,
        catalogue: Catalogue,
    ) -> None:
        self._settings = settings
        self._prometheuses = prometheuses
        self._catalogue = catalogue
        self._kube = kube
        self._telemetry = telemetry
        self._kinds = kinds
        self._store = Store()
        self._queue: WorkQueue[Key] = WorkQueue(random=SystemRandom(), lane=attrgetter("namespace"))
        self._recorder = EventRecorder(kube.post_event, clock=_now, instance=socket.gethostname())
        self._judging = Judging(changed=self._queue.add_after)
        self._guarding = Guarding(changed=self._queue.add_after, now=time.time)
        self._webhooks = Webhooks(changed=self._queue.add_after)
        self._workers = self._staffed()
        self._sweeper = Sweeper(
            kube,
            self._store,
            kinds=[MODEL_DEPLOYMENT.name, *(kind.name for kind in kinds)],
            namespaces=settings.namespaces,
            found=self._lost,
        )
        self._synced = False
        self._parts = Parts()
        self._watching: Watching = Watches(
            self._store,
            self._queue,
            kinds=kinds,
            namespaces=settings.namespaces,
            login=partial(login, settings.kubeconfig),
            ended=self._parts.stopped.set,
        )

    async def run(self) -> None:
        """Watch and work until a signal comes or a part ends."""
        loop, parts = asyncio.get_running_loop(), self._parts
        for sign in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(sign, parts.stopped.set)
        async with AsyncExitStack() as opened:
            await self._serve(opened)
            parts.spawn(self._watching.run(), WATCHES)
            parts.spawn(self._sweeper.run(self._settings.sweep_interval), "sweeper")
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
            prometheuses=self._prometheuses,
        )
        reconciler = Reconciler(
            kube=self._kube,
            store=self._store,
            recorder=self._recorder,
            inquiries=inquiries,
            catalogue=self._catalogue,
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

    def _statuses(self) -> Iterator[tuple[Key, Mapping[str, Any]]]:
        """The status of each model that is there."""
        known = self._store.keys()
        for key in known:
            yield key, (self._store.model(key) or {}).get("status") or {}

    async def _serve(self, opened: AsyncExitStack) -> None:
        settings = self._settings
        self._telemetry.watch("serin_queue_depth", "Keys that wait for a worker.", lambda: len(self._queue))
        self._telemetry.watch("serin_models", "ModelDeployments known.", lambda: len(self._store.keys()))
        pages = serving(
            self._telemetry,
            alive=self._fault,
            ready=self._awaited,
            host=settings.host,
            port=settings.http_port,
        )
        port = await opened.enter_async_context(pages)
        logger.info("serving", extra={"port": port})

    async def _lead(self, opened: AsyncExitStack) -> None:
        """Once all that exists has been seen, act on it."""
        await self._sweeper.synced()
        self._synced = True
        logger.info("synced", extra={"models": len(self._store.keys())})
        await self._connect(opened)
        self._parts.spawn(self._recorder.run(), "events")
        self._parts.spawn(missing_kinds(self._kube, self._store, self._kinds), "missing kinds")
        await self._workers.run()

    async def _connect(self, opened: AsyncExitStack) -> None:
        """Open the ways to what is asked beside the API server."""
        if self._settings.webhook_allow:
            self._webhooks.session = await opened.enter_async_context(connections())
            opened.push_async_callback(self._webhooks.close)
        if self._prometheuses.endpoints:
            judges = judged_by(self._prometheuses, self._judging, self._guarding, self._telemetry)
            await opened.enter_async_context(judges)

    async def _stop_working(self) -> None:
        """End all parts; what is cut off is done again after the next start."""
        self._queue.shut_down()
        self._recorder.finish()
        await self._parts.ended(ENDING, within=STOP_SECONDS)
        await self._parts.cancelled(but=[WATCHES])
        self._watching.stop()
        await self._parts.ended([WATCHES], within=None)

    def _lost(self, key: Key, kind: str) -> None:
        self._telemetry.swept(kind)
        self._queue.add(key)

    def _fault(self) -> str | None:
        return self._parts.fault() or self._workers.stuck() or self._watching.fault()

    def _awaited(self) -> str | None:
        return None if self._synced else "not everything that exists has been seen yet"


def _now() -> datetime:
    return datetime.now(UTC)
