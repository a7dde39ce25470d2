"""Prometheus, an operator that asks it, and users, for the end-to-end tests."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeAlias

import pytest
import pytest_asyncio

from tests.cluster.cluster import Cluster
from tests.cluster.envoy import Envoy
from tests.cluster.gateway import Gateway
from tests.cluster.prometheus import Prometheus
from tests.cluster.traffic import Traffic
from tests.e2e.unhurried import Promotion, promotion
from tests.stage.model import Model
from tests.stage.operator import Operator

SCRAPE_SECONDS = 5
PER_SECOND = 150
Users: TypeAlias = Callable[..., Traffic]
"""Users of a model, so many requests a second; through the gateway."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def prometheus(cluster: Cluster) -> Prometheus:
    """Scrapes every pod that says so, every five seconds."""
    made = Prometheus(cluster.api, cluster.folder / "prometheus", scrape_seconds=SCRAPE_SECONDS)
    return await cluster.attach(made)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def serin(
    cluster: Cluster, place: str, account: Path, prometheus: Prometheus
) -> AsyncIterator[Operator]:
    """An operator that judges by Prometheus."""
    running = Operator(cluster, place, account, prometheus=prometheus.url, scrape_seconds=SCRAPE_SECONDS)
    async with running:
        yield running


@pytest.fixture(scope="session")
def users(envoy: Envoy, gateway: Gateway) -> Users:
    def made(model: Model, *, per_second: float = PER_SECOND) -> Traffic:
        url = f"{envoy.url}/v2/models/{model.name}/infer"
        return Traffic(url, per_second=per_second, host=model.host)

    return made


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def unhurried(
    cluster: Cluster, account: Path, prometheus: Prometheus, envoy: Envoy, gateway: Gateway
) -> AsyncIterator[asyncio.Task[Promotion]]:
    """A promotion that takes minutes, under way beside the tests that ask for it."""
    work = promotion(
        cluster, account, prometheus, gateway=gateway, url=envoy.url, scrape_seconds=SCRAPE_SECONDS
    )
    task = asyncio.create_task(work)
    yield task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def judgements(serin: Operator) -> list[dict[str, object]]:
    """Every turn of the verdict that the operator has logged."""
    lines = [json.loads(line) for line in serin.log.read_text().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == "judged"]
