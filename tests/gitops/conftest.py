"""What the tests of this folder are made from, and the scenes and stories on the cluster, begun together.

Readers, schemas and Helm are fetched before the tests move into a network of their own, from which nothing is
to be had.
"""

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio

from tests.cluster import helm
from tests.cluster.binaries import Missing
from tests.cluster.cluster import Cluster
from tests.cluster.namespaces import fresh_namespace
from tests.gitops.definitions import definitions
from tests.gitops.program import readers
from tests.gitops.scenes import Ground
from tests.gitops.stories import story
from tests.invariants.watcher import Watcher
from tests.stage.operator import Operator
from tests.stage.scenarios import Acts

PARTS: Final[tuple[Callable[[], object], ...]] = (readers, definitions, helm.ready)
LACKING = pytest.StashKey[Missing]()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    if session.config.option.collectonly or not any("tests/gitops" in item.nodeid for item in session.items):
        return
    try:
        for part in PARTS:
            part()
    except Missing as missing:
        if os.environ.get("CI"):
            raise
        session.config.stash[LACKING] = missing


@pytest.fixture(autouse=True)
def parts_there(pytestconfig: pytest.Config) -> None:
    """Skips where something is not to be had, except where CI is set."""
    if missing := pytestconfig.stash.get(LACKING, None):
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def crds() -> list[Path]:
    """Flux' and Argo CD's CRDs."""
    return definitions()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ground(cluster: Cluster, account: Path) -> AsyncIterator[Ground]:
    """An operator without Prometheus, in a namespace whose every version is seen."""
    async with (
        fresh_namespace(cluster.api) as place,
        Watcher(cluster.api, place) as watcher,
        Operator(cluster, place, account) as serin,
    ):
        yield Ground(cluster=cluster, place=place, serin=serin, watcher=watcher)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def acts(request: pytest.FixtureRequest, ground: Ground) -> AsyncIterator[Acts]:
    """The stories whose tests were chosen, all under way."""
    async with story.begun(request, ground) as under_way:
        yield under_way
