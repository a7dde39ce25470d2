"""Wiring only: settings -> clients -> store -> queue -> reconciler -> kopf.

What runs beside the watches (workers, sweeper, Events) is started before kopf, which takes every later
task for its own; should one of them end, the process ends, and its restart costs no write (I8).
"""

import asyncio
import logging
import socket
import time
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from math import nan
from random import SystemRandom
from typing import Any, Final

import aiohttp
import kopf

from serin.api.runtimes import catalogue_in
from serin.catalogue.loader import Catalogue
from serin.domain.names import Key
from serin.domain.routers.choice import ROUTERS
from serin.handlers import log_in, on_stop, register, settings_for
from serin.kube.access import login
from serin.kube.client import KubeClient
from serin.kube.errors import KubeError
from serin.kube.events import EventRecorder
from serin.kube.kinds import CHILDREN, MODEL_DEPLOYMENT, Kind
from serin.prom.client import PrometheusClient
from serin.prom.credentials import Credentials
from serin.prom.endpoints import Endpoint
from serin.reconciler import Reconciler
from serin.runtime.gatekeeper import Gatekeeper
from serin.runtime.gauges import RolloutPage
from serin.runtime.guarding import Guarding
from serin.runtime.inquiries import Inquiries
from serin.runtime.judging import Judging
from serin.runtime.memory import collect_seldom
from serin.runtime.metered import Metered, QueryMeters
from serin.runtime.poller import Poller
from serin.runtime.probes import serving
from serin.runtime.prometheuses import Prometheuses
from serin.runtime.queue import WorkQueue
from serin.runtime.settings import Settings
from serin.runtime.store import Store
from serin.runtime.sweeper import Sweeper
from serin.runtime.telemetry import Telemetry
from serin.runtime.webhooks import Webhooks
from serin.runtime.workers import Workers

MISSING_KIND_SECONDS: Final = 20.0
"""How often a kind is looked for that a ModelDeployment needs and the cluster does not have."""
STOP_SECONDS: Final = 1.0
"""How long looks and Events under way may take to end. What is cut off is done again by the next start."""

ENDING: Final = ("workers", "events")
"""Parts that end by themselves once nothing more comes in."""

logger = logging.getLogger(__name__)


class NotInstalled(Exception):
    """The cluster lacks what the operator cannot run without."""


class RestartWanted(Exception):
    """A kind has appeared that is only watched if it is there at the start."""


async def run(settings: Settings) -> None:
    """Run the operator until it is told to stop.

    Raises:
        NotInstalled: The CRD is missing.
        RestartWanted: Start again to watch a kind that has appeared.
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
        self._queue: WorkQueue[Key] = WorkQueue(random=SystemRandom())
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
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._open = AsyncExitStack()

    async def run(self) -> None:
        """Watch and work until a signal comes or a part ends."""
        try:
            await self._start()
            await self._watch()
        finally:
            await self._stop_working()
        for task in self._tasks:
            if not task.cancelled():
                task.result()

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

    async def _start(self) -> None:
        settings = self._settings
        self._telemetry.watch("serin_queue_depth", "Keys that wait for a worker.", lambda: len(self._queue))
        self._telemetry.watch("serin_models", "ModelDeployments known.", lambda: len(self._store.keys()))
        if settings.webhook_allow:
            self._webhooks.session = await self._open.enter_async_context(aiohttp.ClientSession())
            self._open.push_async_callback(self._webhooks.close)
        if self._prometheuses.endpoints:
            await self._open_prometheuses()
        port = await self._open.enter_async_context(
            serving(
                self._telemetry,
                alive=self._fault,
                ready=self._awaited,
                host=settings.host,
                port=settings.http_port,
            )
        )
        logger.info("serving", extra={"port": port})
        self._spawn(self._work(), "workers")
        self._spawn(self._recorder.run(), "events")
        self._spawn(self._sweeper.run(settings.sweep_interval), "sweeper")
        self._spawn(self._missing_kinds(), "missing kinds")

    async def _open_prometheuses(self) -> None:
        """Judge and look at guards, by the samples there."""
        session = await self._open.enter_async_context(aiohttp.ClientSession())
        meters = QueryMeters(self._telemetry.registry)
        clients = {
            place.name: Metered(_client(session, place), place.name, meters)
            for place in self._prometheuses.endpoints
        }
        poller = Poller(clients, on_assessment=self._judging.take, now=time.time)
        self._judging.follower = poller
        self._telemetry.watch("serin_followed", "Rollouts that are judged.", lambda: poller.followed)
        self._telemetry.watch(
            "serin_newest_boundary_age_seconds",
            "Since the newest moment that was judged for any rollout; NaN where none is judged.",
            lambda: nan if poller.newest_boundary is None else time.time() - poller.newest_boundary,
        )
        self._open.push_async_callback(poller.close)
        self._guarding.prometheuses = clients
        self._open.push_async_callback(self._guarding.close)

    async def _watch(self) -> None:
        registry = kopf.OperatorRegistry()
        register(registry, self._store, self._queue, kinds=self._kinds)
        log_in(registry, partial(login, self._settings.kubeconfig))
        on_stop(registry, self._stop_working)
        await kopf.operator(
            registry=registry,
            settings=settings_for(self._kinds),
            stop_flag=self._stop,
            clusterwide=not self._settings.namespaces,
            namespaces=self._settings.namespaces,
            standalone=True,
        )

    async def _stop_working(self) -> None:
        """End our own parts; what is cut off is done again after the next start. May be repeated."""
        self._queue.shut_down()
        self._recorder.finish()
        ending = [task for task in self._tasks if task.get_name() in ENDING]
        if ending:
            await asyncio.wait(ending, timeout=STOP_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._open.aclose()

    def _spawn(self, part: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.create_task(part, name=name)
        task.add_done_callback(lambda _: self._stop.set())
        self._tasks.append(task)

    async def _work(self) -> None:
        await self._sweeper.synced()
        self._synced = True
        logger.info("synced", extra={"models": len(self._store.keys())})
        await self._workers.run()

    async def _missing_kinds(self) -> None:
        """End when a kind is there that a ModelDeployment asks for. While none asks, no request is made."""
        while True:
            await asyncio.sleep(MISSING_KIND_SECONDS)
            for kind in CHILDREN:
                if kind not in self._kinds and self._asked_for(kind) and await self._appeared(kind):
                    raise RestartWanted(f"the cluster has {kind.plural}.{kind.group} now")

    def _asked_for(self, kind: Kind) -> bool:
        known = self._store.keys()
        models = [self._store.model(key) or {} for key in known]
        asked = {model.get("spec", {}).get("traffic", {}).get("router") for model in models}
        return any(ROUTERS[router].kind == kind.name for router in asked & ROUTERS.keys())

    async def _appeared(self, kind: Kind) -> bool:
        try:
            return await self._kube.serves(kind.name)
        except KubeError:
            return False

    def _lost(self, key: Key, kind: str) -> None:
        self._telemetry.swept(kind)
        self._queue.add(key)

    def _fault(self) -> str | None:
        ended = [task.get_name() for task in self._tasks if task.done()]
        return f"ended: {', '.join(ended)}" if ended else self._workers.stuck()

    def _awaited(self) -> str | None:
        return None if self._synced else "not everything that exists has been seen yet"


def _client(session: aiohttp.ClientSession, place: Endpoint) -> PrometheusClient:
    credentials = Credentials(place.access)
    return PrometheusClient(session, place.url, credentials=credentials, timeout=place.timeout)


def _now() -> datetime:
    return datetime.now(UTC)
