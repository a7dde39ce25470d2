"""The fixtures of the operator's own tests and of the end-to-end tests.

A module of tests has a namespace, an operator and a watcher of the invariants; each test has a model of its
own there, which is deleted when the test has ended.
"""

import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.cluster.cluster import Cluster
from tests.cluster.envoy import Envoy
from tests.cluster.gateway import Gateway
from tests.cluster.local_server import IMAGE as SERVER
from tests.cluster.namespaces import fresh_namespace
from tests.cluster.network import GATEWAY
from tests.invariants.story import story
from tests.invariants.watcher import MODEL_DEPLOYMENTS, Watcher
from tests.stage.kubectl import Kubectl, kubectl
from tests.stage.model import IMAGE, Model
from tests.stage.operator import ACCESS, ACCOUNT, Operator

NUMBERS = itertools.count(1)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def account(cluster: Cluster) -> Path:
    """The kubeconfig of the operator's ServiceAccount; its rights are those of `manifests/`."""
    cluster.images[IMAGE] = SERVER
    apply = kubectl(kubeconfig=cluster.kubeconfig)
    for path in ACCESS:
        await apply("apply", "-f", path)
    return await cluster.service_account_kubeconfig(*ACCOUNT)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def envoy(cluster: Cluster) -> Envoy:
    """The data plane of the cluster's Gateway."""
    log = cluster.folder / "access.log"
    return await cluster.attach(Envoy(cluster.folder / "envoy", address=GATEWAY, access_log=log))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def gateway(cluster: Cluster, envoy: Envoy) -> Gateway:
    """The cluster's Gateway `infra/public`, which obeys routes as late as real ones do."""
    return await cluster.attach(Gateway(cluster.api, envoy))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(cluster: Cluster) -> AsyncIterator[str]:
    """The module's namespace."""
    async with fresh_namespace(cluster.api) as name:
        yield name


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def watcher(cluster: Cluster, place: str) -> AsyncIterator[Watcher]:
    """Sees every version of every object in the module's namespace."""
    async with Watcher(cluster.api, place) as watching:
        yield watching


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def serin(cluster: Cluster, place: str, account: Path) -> AsyncIterator[Operator]:
    """An operator without Prometheus."""
    async with Operator(cluster, place, account) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def fraud(cluster: Cluster, place: str, watcher: Watcher) -> AsyncIterator[Model]:
    """A model that is not applied yet. The test fails where an invariant was broken."""
    model = Model(cluster.api, place, f"fraud{next(NUMBERS)}")
    yield model
    verdict = await watcher.verdict(model.name)
    # Captured, and so shown where the test fails.
    print("\n".join(story(watcher.history_of(model.name))))
    if await cluster.api.find(MODEL_DEPLOYMENTS, model.name, place) is not None:
        await cluster.api.delete(MODEL_DEPLOYMENTS, model.name, place)
    assert verdict == []


@pytest.fixture
def shell(cluster: Cluster, place: str) -> Kubectl:
    """Kubectl in the module's namespace."""
    return kubectl(namespace=place, kubeconfig=cluster.kubeconfig)
