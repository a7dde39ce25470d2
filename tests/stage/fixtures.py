"""The fixtures of the operator's own tests and of the end-to-end tests."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.cluster.cluster import Cluster
from tests.cluster.envoy import Envoy
from tests.cluster.gateway import Gateway
from tests.cluster.images import Image
from tests.cluster.network import GATEWAY
from tests.invariants.story import story
from tests.invariants.watcher import Watcher
from tests.stage.kubectl import Kubectl, kubectl
from tests.stage.model import IMAGE, Model
from tests.stage.operator import ACCESS, ACCOUNT, Operator

SERVER = Path(__file__).parents[1] / "cluster" / "servers" / "model_server.py"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def account(cluster: Cluster) -> Path:
    """The kubeconfig of the operator's ServiceAccount; its rights are those of `manifests/`."""
    cluster.images[IMAGE] = Image(entrypoint=(sys.executable, str(SERVER)))
    apply = kubectl(kubeconfig=cluster.kubeconfig)
    for path in ACCESS:
        await apply("apply", "-f", path)
    return await cluster.service_account_kubeconfig(*ACCOUNT)


@pytest_asyncio.fixture(loop_scope="session")
async def watcher(cluster: Cluster, namespace: str) -> AsyncIterator[Watcher]:
    """Sees everything in the test's namespace; the test fails where an invariant was broken."""
    async with Watcher(cluster.api, namespace) as watching:
        yield watching
        verdict = await watching.verdict()
        # Captured, and so shown where the test fails.
        print("\n".join(story(watching.history)))
        assert verdict == []


@pytest_asyncio.fixture(loop_scope="session")
async def serin(cluster: Cluster, namespace: str, account: Path, watcher: Watcher) -> AsyncIterator[Operator]:
    """An operator without Prometheus, as long as the test runs."""
    async with Operator(cluster, namespace, account) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def gateway(cluster: Cluster) -> Gateway:
    """The cluster's Gateway `infra/public`: an Envoy that obeys routes as late as real ones do."""
    envoy = await cluster.attach(Envoy(cluster.folder / "envoy", address=GATEWAY))
    return await cluster.attach(Gateway(cluster.api, envoy))


@pytest.fixture
def fraud(cluster: Cluster, namespace: str) -> Model:
    """A model that is not applied yet."""
    return Model(cluster.api, namespace)


@pytest.fixture
def shell(cluster: Cluster, namespace: str) -> Kubectl:
    """Kubectl in the test's namespace."""
    return kubectl(namespace=namespace, kubeconfig=cluster.kubeconfig)
