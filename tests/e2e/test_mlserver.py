"""The demo's story on the cluster of the tests: a real MLServer is replaced under traffic, and watched."""

from pathlib import Path

import pytest

from tests.cluster.cluster import Cluster
from tests.cluster.envoy import Envoy
from tests.cluster.gateway import Gateway
from tests.cluster.modelserver import environment
from tests.demo import models, summary
from tests.demo.here import HOST, GatewayWitness
from tests.demo.record import Record
from tests.demo.story import Stage, Story
from tests.demo.users import Address
from tests.invariants.rules import shortfalls
from tests.invariants.story import story as told
from tests.invariants.watcher import Watcher
from tests.stage.operator import Operator

ENOUGH = 5000

pytestmark = pytest.mark.usefixtures("unhurried")


async def test_a_real_model_server_is_replaced_unnoticed_and_a_broken_model_taken_back(
    cluster: Cluster,
    envoy: Envoy,
    gateway: Gateway,
    serin: Operator,
    place: str,
    watcher: Watcher,
    tmp_path: Path,
) -> None:
    installed = environment.ready()
    cluster.images[environment.IMAGE] = installed.image
    stage = Stage(
        api=cluster.api,
        namespace=place,
        manifest=models.MANIFEST.read_text(),
        address=Address(envoy.url, HOST),
        witness=GatewayWitness(gateway, cluster.folder / "access.log"),
        routes=True,
    )
    trained = await models.trained(installed.python, tmp_path)
    async with Record(cluster.api, place, routes=True) as record:
        story = Story(stage, trained, record)
        await story.tell(print)
        end = await summary.concluded(story)

    verdict = await watcher.verdict(models.NAME)
    print("\n".join(told(watcher.history_of(models.NAME))), f"\n{end}")
    assert summary.problems(story.chapters, end) == []
    assert end.sent >= ENOUGH
    assert verdict == []
    second = next(one for one in story.chapters if one.version == "2")
    assert list(shortfalls(watcher.history_of(models.NAME), since=second.began)) == []
