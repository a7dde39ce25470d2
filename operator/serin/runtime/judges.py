"""Opens the connections to Prometheus, over which rollouts are judged and guards looked at."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import nan

import aiohttp

from serin.prom.client import PrometheusClient
from serin.prom.connections import connections
from serin.prom.credentials import Credentials
from serin.prom.endpoints import Endpoint
from serin.runtime.guarding import Guarding
from serin.runtime.judging import Judging
from serin.runtime.metered import Metered, QueryMeters
from serin.runtime.poller import Poller
from serin.runtime.prometheuses import Prometheuses
from serin.runtime.telemetry import Telemetry


@asynccontextmanager
async def judged_by(
    prometheuses: Prometheuses, judging: Judging, guarding: Guarding, telemetry: Telemetry
) -> AsyncIterator[None]:
    """Judge, and look at guards, by the samples there while the block runs."""
    async with connections() as session:
        meters = QueryMeters(telemetry.registry)
        clients = {
            place.name: Metered(client(session, place), place.name, meters)
            for place in prometheuses.endpoints
        }
        poller = Poller(clients, on_assessment=judging.take, now=time.time)
        telemetry.watch("serin_followed", "Rollouts that are judged.", lambda: poller.followed)
        telemetry.watch(
            "serin_newest_boundary_age_seconds",
            "Since the newest moment that was judged for any rollout; NaN where none is judged.",
            lambda: nan if poller.newest_boundary is None else time.time() - poller.newest_boundary,
        )
        judging.follower = poller
        guarding.prometheuses = clients
        try:
            yield
        finally:
            await guarding.close()
            await poller.close()


def client(session: aiohttp.ClientSession, place: Endpoint) -> PrometheusClient:
    """How that Prometheus is asked."""
    credentials = Credentials(place.access)
    return PrometheusClient(session, place.url, credentials=credentials, timeout=place.timeout)
