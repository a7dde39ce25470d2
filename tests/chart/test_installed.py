"""The chart on the real control plane: installed, upgraded in the middle of a canary, uninstalled.

Two releases go through it side by side, one of either Helm and one that moves from the old to the new; each
looks in a namespace of its own. The second one then comes back for the whole cluster.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.chart.releases import NEW_COLUMN, VERSION, Release, previous
from tests.cluster.cluster import Cluster
from tests.cluster.envoy import Envoy
from tests.cluster.gateway import Gateway
from tests.cluster.local_server import IMAGE as SERVER
from tests.cluster.namespaces import fresh_namespace
from tests.cluster.resources import CRDS
from tests.cluster.traffic import Traffic
from tests.conftest import REPOSITORY
from tests.invariants.story import story
from tests.invariants.watcher import Watcher
from tests.stage.model import IMAGE, Model, attempt, condition, spec

DEFINITION: Final = "modeldeployments.serin.dev"
PER_SECOND: Final = 10
PROVED: Final = "the CRD is served, all rights are there, and a replica leads"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A namespace with a model, its users, and who sees everything there."""

    cluster: Cluster
    model: Model
    users: Traffic
    watcher: Watcher

    async def serving(self) -> dict[str, set[str]]:
        """The pods of each revision."""
        return {name: await self.model.pods(name) for name in await self.model.sizes()}


@asynccontextmanager
async def place(cluster: Cluster, envoy: Envoy, name: str) -> AsyncIterator[Place]:
    async with fresh_namespace(cluster.api) as namespace, Watcher(cluster.api, namespace) as watcher:
        model = Model(cluster.api, namespace, name)
        url = f"{envoy.url}/v2/models/{name}/infer"
        users = Traffic(url, per_second=PER_SECOND, host=model.host)
        yield Place(cluster=cluster, model=model, users=users, watcher=watcher)


async def columns(cluster: Cluster) -> list[str]:
    definition = await cluster.api.get(CRDS, DEFINITION)
    return [one["name"] for one in definition["spec"]["versions"][0]["additionalPrinterColumns"]]


async def upgraded_in_the_middle(at: Place, release: Release, chart: Path, *, first: str, then: str) -> None:
    """A canary waits for a person; its operator is replaced, and knows where it was."""
    await release.install(chart, by=first)
    await at.model.apply(spec("1"))
    await at.model.until(condition("Ready"))
    async with at.users as users:
        await at.model.apply(spec("2", waits=True))
        waiting = await at.model.until(condition("Ready", "Unknown", "AwaitingPromotion"))
        before, weights = await at.serving(), await at.model.weights()

        await release.upgrade(by=then)

        pods = await release.pods()
        assert {one["spec"]["containers"][0]["image"] for one in pods} == {f"serin:{VERSION}"}
        assert PROVED in await release.test(by=then)
        after = await at.model.get()
        assert attempt(after) == attempt(waiting)
        assert after["status"]["rollout"]["step"] == waiting["status"]["rollout"]["step"]
        assert (await at.serving(), await at.model.weights()) == (before, weights)
        await at.model.ask(promote=f"{attempt(waiting)}:to-60")
        ready = await at.model.until(condition("Ready"))
        stable = ready["status"]["stable"]["revision"]
        judged = waiting["status"]["canary"]["revision"]
        assert stable == judged
        assert before[judged] <= await at.model.pods(stable)

        served = await at.serving()
        await release.uninstall(by=then)

        assert await release.pods() == []
        assert await at.serving() == served
        await users.more(PER_SECOND)
        assert users.results.lost() == []


async def test_a_release_is_upgraded_mid_canary_and_leaves_models_serving(
    cluster: Cluster, envoy: Envoy, gateway: Gateway, tmp_path: Path
) -> None:
    cluster.images[IMAGE] = SERVER
    chart = previous(tmp_path)
    async with AsyncExitStack() as stack:
        first, second = [
            await stack.enter_async_context(place(cluster, envoy, name)) for name in ("alder", "birch")
        ]
        moving = Release(cluster, "moving", tmp_path, namespaces=[first.model.namespace])
        steady = Release(
            cluster, "steady", tmp_path, namespaces=[second.model.namespace], crds={"enabled": False}
        )
        stack.push_async_callback(cluster.install, REPOSITORY / "crds")
        for release in (moving, steady):
            stack.push_async_callback(release.removed)

        await asyncio.gather(
            upgraded_in_the_middle(first, moving, chart, first="helm3", then="helm4"),
            upgraded_in_the_middle(second, steady, chart, first="helm3", then="helm3"),
        )

        assert NEW_COLUMN in await columns(cluster)
        for at in (first, second):
            print("\n".join(story(at.watcher.history_of(at.model.name))))
            assert await at.watcher.verdict(at.model.name) == []
