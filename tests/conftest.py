"""What every test may ask for: the cluster of the session, and a namespace of its own.

A test that uses `cluster` or `api` gets the one cluster of the session: started on this machine, or, with
`--kube-context NAME`, whichever that context names. It then runs on the session's event loop, where the
cluster's node lives, and is marked `cluster`. Where no cluster is to be had such tests are skipped with the
reason, except when CI is set: there a green run must not mean that nothing ran.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings

from tests.cluster import binaries, network
from tests.cluster.api import Api
from tests.cluster.binaries import Binaries, Missing
from tests.cluster.cluster import Cluster
from tests.cluster.namespaces import fresh_namespace
from tests.prepare import PARTS

pytest_plugins = ["tests.stage.fixtures"]

REPOSITORY = Path(__file__).parent.parent

# A process with threads cannot get a user namespace, and numerical libraries start theirs at import.
for library in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(library, "1")

# How fast examples are made and tried is the machine's, which often does other things as well.
settings.register_profile(
    "at any pace", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("at any pace")

PREPARED = pytest.StashKey[Binaries | Missing]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--kube-context",
        metavar="NAME",
        help="run the tests that need a cluster on an existing one, by its context",
    )
    more = parser.getgroup("with --kube-context")
    more.addoption(
        "--prometheus", metavar="URL", help="as reached from here; needed if no operator runs there"
    )
    more.addoption("--scrape-seconds", type=int, default=15, help="the interval of that Prometheus")
    more.addoption("--gateway", metavar="NAMESPACE/NAME", help="a Gateway, or none; default: the first")
    more.addoption(
        "--gateway-url", metavar="URL", help="where it is reached from here, if not at its own address"
    )


def pytest_configure() -> None:
    # looptime asks the policy for a loop before every test, sync ones too; the policy would make one that
    # nobody closes, and some later test would be blamed for it.
    asyncio.set_event_loop(None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and {"cluster", "api"} & set(item.fixturenames):
            item.add_marker(pytest.mark.cluster)
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
    # The cluster's own tests come first: gateways of their own must not meet the one that others share.
    items.sort(key=lambda item: not item.path.is_relative_to(REPOSITORY / "tests" / "cluster"))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build what is missing, then move into a network of our own: before any event loop or thread exists."""
    config = session.config
    wanted = any(item.get_closest_marker("cluster") for item in session.items)
    if not wanted or config.option.collectonly or config.option.kube_context:
        return
    # Inside there is no way to a package registry any more.
    parts = PARTS if any(item.get_closest_marker("e2e") for item in session.items) else (network.require,)
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    say: binaries.Say = terminal.write_line if terminal else print
    try:
        for part in parts:
            part()
        config.stash[PREPARED] = binaries.ready(say)
        network.enter()
    except Missing as missing:
        config.stash[PREPARED] = missing


@pytest.fixture(scope="session")
def kube_context(pytestconfig: pytest.Config) -> str | None:
    """The context of an existing cluster, or None: the tests start one."""
    name: str | None = pytestconfig.option.kube_context
    return name


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def machine_cluster(
    pytestconfig: pytest.Config, kube_context: str | None
) -> AsyncIterator[Cluster | None]:
    """The cluster of this machine, unless an existing one takes its place."""
    if kube_context:
        yield None
        return
    async with Cluster(_prepared(pytestconfig), manifests=[REPOSITORY / "crds"]) as running:
        yield running


@pytest.fixture(scope="session")
def cluster(machine_cluster: Cluster | None, kube_context: str | None) -> Cluster:
    """The cluster of this machine, with pods as processes, the Gateway API and our CRDs."""
    if machine_cluster is None:
        pytest.skip(f"starts programs inside the cluster, which --kube-context {kube_context} rules out")
    return machine_cluster


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def api(machine_cluster: Cluster | None, kube_context: str | None) -> AsyncIterator[Api]:
    """The API of any cluster, as its admin: for tests that start nothing inside it."""
    if machine_cluster is not None:
        yield machine_cluster.api
        return
    async with Api.from_kubeconfig(context=kube_context) as existing:
        yield existing


@pytest_asyncio.fixture(loop_scope="session")
async def namespace(api: Api) -> AsyncIterator[str]:
    """A namespace for one test; deleted afterwards, with all that is in it."""
    async with fresh_namespace(api) as name:
        yield name


def _prepared(config: pytest.Config) -> Binaries:
    prepared = config.stash.get(PREPARED, Missing("the tests that need a cluster were not collected"))
    if isinstance(prepared, Binaries):
        return prepared
    if os.environ.get("CI"):
        pytest.fail(f"no control plane, and CI is set: {prepared}", pytrace=False)
    pytest.skip(f"no control plane: {prepared}")
