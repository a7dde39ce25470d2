"""The demo's story, watched: a real MLServer is replaced under traffic, and a broken model taken back.

Told on the cluster of this machine, with the operator as the chart installs it, or with `--kube-context` on
any other, with the operator that runs there or one started from here.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from tests.chart.releases import Release
from tests.cluster.api import Api
from tests.cluster.binaries import Missing
from tests.cluster.cluster import Cluster
from tests.cluster.envoy import Envoy
from tests.cluster.gateway import Gateway
from tests.cluster.modelserver import environment
from tests.cluster.prometheus import Prometheus
from tests.cluster.waiting import PROBE_TIMEOUT
from tests.demo import models, summary, there
from tests.demo.here import HOST, GatewayWitness
from tests.demo.record import Record
from tests.demo.story import Stage, Story
from tests.demo.users import Address
from tests.e2e.conftest import SCRAPE_SECONDS
from tests.invariants.rules import shortfalls
from tests.invariants.story import story as told
from tests.invariants.watcher import Watcher

ENOUGH = 5000


@pytest_asyncio.fixture(loop_scope="session")
async def release(
    cluster: Cluster, prometheus: Prometheus, place: str, tmp_path: Path
) -> AsyncIterator[Release]:
    """The chart, installed by Helm for one namespace; its CRD is on the cluster already."""
    judge = {"url": prometheus.url, "scrapeIntervalSeconds": SCRAPE_SECONDS}
    made = Release(
        cluster, "mlserver", tmp_path, namespaces=[place], prometheus=judge, crds={"enabled": False}
    )
    try:
        await made.install(by="helm4")
        yield made
    finally:
        await made.removed()


@pytest.fixture
def here(
    cluster: Cluster,
    envoy: Envoy,
    gateway: Gateway,
    release: Release,
    place: str,
) -> Stage:
    """The cluster of this machine."""
    cluster.images[environment.IMAGE] = environment.ready().image
    probe = f"        readinessProbe: {{timeoutSeconds: {PROBE_TIMEOUT}}}\n"
    before, volumes, after = models.MANIFEST.read_text().partition("        volumeMounts:\n")
    return Stage(
        api=cluster.api,
        namespace=place,
        manifest=before + probe + volumes + after,
        address=Address(envoy.url, HOST),
        witness=GatewayWitness(gateway, cluster.folder / "access.log"),
        routes=True,
    )


@pytest_asyncio.fixture(loop_scope="session")
async def elsewhere(pytestconfig: pytest.Config, tmp_path: Path) -> AsyncIterator[Stage]:
    """The cluster that a kube context names."""
    given = pytestconfig.option
    options = there.Options(
        context=given.kube_context,
        namespace="serin-e2e",
        prometheus=given.prometheus,
        scrape_seconds=given.scrape_seconds,
        gateway=given.gateway,
        url=given.gateway_url,
        keep=False,
    )
    async with AsyncExitStack() as stack:
        try:
            found = await there.stage(stack, options, folder=tmp_path, say=print)
        except Missing as missing:
            pytest.fail(str(missing), pytrace=False)
        yield found


@pytest.fixture
def stage(request: pytest.FixtureRequest, kube_context: str | None) -> Stage:
    """Where the story is told."""
    found = request.getfixturevalue("elsewhere" if kube_context else "here")
    assert isinstance(found, Stage)
    return found


async def test_a_real_model_server_is_replaced_unnoticed_and_a_broken_model_taken_back(
    api: Api, stage: Stage, tmp_path: Path
) -> None:
    trained = await models.trained(environment.ready().python, tmp_path)
    async with (
        Watcher(api, stage.namespace) as watcher,
        Record(api, stage.namespace, routes=stage.routes) as record,
    ):
        story = Story(stage, trained, record)
        await story.tell(print)
        end = await summary.concluded(story)
        verdict = await watcher.verdict(models.NAME)

    history = watcher.history_of(models.NAME)
    print("\n".join(told(history)), f"\n{end}")
    assert summary.problems(story.chapters, end) == []
    assert end.sent >= ENOUGH
    assert verdict == []
    second = next(one for one in story.chapters if one.version == "2")
    assert list(shortfalls(history, since=second.began)) == []
