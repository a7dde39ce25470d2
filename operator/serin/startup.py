"""From settings to an operator that runs: probes first, then the way to the API server, then what hinders.

What is wrong with the settings ends the start at once. What may be mended outside of the process (a CRD that
is missing, a right, a token) is said and waited for.
"""

import logging
import socket
from contextlib import AsyncExitStack
from typing import Final
from uuid import uuid4

from serin.api.runtimes import catalogue_in
from serin.app import Given, Operator
from serin.kube.leases import LeaseObject
from serin.kube.rights import needed_for_lease
from serin.kube.transport import Transport
from serin.prom.connections import connections
from serin.runtime.health import Health
from serin.runtime.judges import client
from serin.runtime.lease import Lease
from serin.runtime.memory import collect_seldom
from serin.runtime.preflight import Preflight
from serin.runtime.probes import serving
from serin.runtime.prometheuses import Prometheuses
from serin.runtime.reachable import Reachable
from serin.runtime.settings import Settings, lease_namespace
from serin.runtime.telemetry import Telemetry
from serin.runtime.tracing import tracing
from serin.runtime.watchdog import watched_loop

LEASE_NAME: Final = "serin"

logger = logging.getLogger(__name__)


async def run(settings: Settings) -> None:
    """Run the operator until it is told to stop.

    Raises:
        RestartWanted: Start again to watch a kind that has appeared.
        StalledWatch: Start again, for a watch shows nothing any more.
        LeaseLost: Start again, for another replica may act.
        BadCatalogueError: A row of the catalogue cannot be used.
        ConfigError: What is said of Prometheus cannot be meant.
        BadAccess: The way to the API server is not known.
        TracingUnavailable: Spans are wanted, and what sends them is not installed.
    """
    given = Given(settings, catalogue_in(settings.catalogue), Prometheuses.of(settings))
    telemetry, health = Telemetry(), Health()
    identity = f"{socket.gethostname()}_{uuid4()}"
    collect_seldom()
    async with AsyncExitStack() as opened:
        opened.enter_context(watched_loop())
        opened.enter_context(tracing(settings.otlp_endpoint))
        own = await opened.enter_async_context(
            Transport.connected(settings.kubeconfig, told=telemetry.answered, instance=identity)
        )
        pages = serving(telemetry, health, host=settings.host, port=settings.http_port)
        logger.info("serving", extra={"port": await opened.enter_async_context(pages)})
        lease, preflight = _lease(own, settings, identity), _preflight(own, settings)
        health.obstacles.append(preflight.trouble)
        kinds = await preflight.passed()
        licensed = Transport.connected(
            settings.kubeconfig, told=telemetry.answered, licence=lease, instance=identity
        )
        kube = await opened.enter_async_context(licensed)
        session = await opened.enter_async_context(connections())
        reachable = Reachable(
            {place.name: client(session, place).values for place in given.prometheuses.endpoints}
        )
        health.notes.append(reachable.note)
        operator = Operator(given, kube, telemetry, kinds=kinds, lease=lease, health=health)
        await operator.run(rights=preflight.completed(), prometheuses=reachable.run())


def _lease(own: Transport, settings: Settings, identity: str) -> Lease | None:
    if (namespace := lease_namespace(settings)) is None:
        logger.info("acting without a lease", extra={"reason": "no --leader-elect, or outside of a pod"})
        return None
    leases = LeaseObject(own, namespace=namespace, name=LEASE_NAME)
    return Lease(leases, settings.lease, identity=identity)


def _preflight(own: Transport, settings: Settings) -> Preflight:
    namespace = lease_namespace(settings)
    rights = needed_for_lease(namespace, LEASE_NAME) if namespace else []
    return Preflight(own, server=own.server, namespaces=settings.namespaces, own=rights)
