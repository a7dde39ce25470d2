"""The scenarios on the cluster: one operator and one namespace for all, begun together."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.cluster.cluster import Cluster
from tests.cluster.gateway import Gateway
from tests.stage.scenarios import Acts
from tests.walk.ground import Ground, stage, walk

AT_ONCE = 12
"""More models at a time only make each of them slower."""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def walked(cluster: Cluster, account: Path, gateway: Gateway) -> AsyncIterator[Ground]:
    """What the scenarios share."""
    async with stage(cluster, gateway, "-walk") as ground:
        yield ground


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def acts(request: pytest.FixtureRequest, walked: Ground) -> AsyncIterator[Acts]:
    """The scenarios whose tests were chosen, a few of them under way at a time."""
    async with walk.begun(request, walked, at_once=AT_ONCE) as under_way:
        yield under_way
