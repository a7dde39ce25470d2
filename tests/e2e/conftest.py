"""Prometheus, an operator that asks it, and users, for the end-to-end tests."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final, TypeAlias

import pytest
import pytest_asyncio

from tests.cluster.cluster import Cluster
from tests.cluster.envoy import Envoy
from tests.cluster.gateway import Gateway
from tests.cluster.namespaces import fresh_namespace
from tests.cluster.prometheus import Prometheus
from tests.cluster.traffic import Traffic
from tests.e2e.side_by_side import AT_ONCE, Ground, side_by_side
from tests.e2e.unhurried import Promotion, promotion
from tests.invariants.watcher import Watcher
from tests.stage.model import Model
from tests.stage.operator import Operator
from tests.stage.scenarios import Acts

HEAVIEST: Final = Path(__file__).with_name("test_mlserver.py")
SCRAPE_SECONDS = 5
OFTEN_SECONDS = 2
PER_SECOND = 150
Users: TypeAlias = Callable[..., Traffic]
"""Users of a model, so many requests a second; through the gateway."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)
    # A real model server needs the machine more than ours do, and so comes when no scenario plays any more.
    items.sort(key=lambda item: item.path == HEAVIEST)


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


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def ground(cluster: Cluster, account: Path, envoy: Envoy, gateway: Gateway) -> AsyncIterator[Ground]:
    """An operator and a Prometheus that looks often, both of which scenarios may stop for a while."""
    prometheus = Prometheus(
        cluster.api, cluster.folder / "prometheus-side", scrape_seconds=OFTEN_SECONDS, twice=True
    )
    async with fresh_namespace(cluster.api) as place, Watcher(cluster.api, place) as watcher, prometheus:
        address: dict[str, Any] = {"prometheus": prometheus.url, "scrape_seconds": OFTEN_SECONDS}
        async with Operator(cluster, place, account, **address) as serin:
            yield Ground(
                cluster=cluster,
                place=place,
                gateway=gateway,
                prometheus=prometheus,
                serin=serin,
                watcher=watcher,
                url=envoy.url,
            )


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def acts(request: pytest.FixtureRequest, ground: Ground) -> AsyncIterator[Acts]:
    """The scenarios whose tests were chosen, under way or soon to be: more at once only make each slower."""
    async with side_by_side.begun(request, ground, at_once=AT_ONCE) as under_way:
        yield under_way
