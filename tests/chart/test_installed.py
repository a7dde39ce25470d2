"""The chart on the real control plane: installed, upgraded in the middle of a canary, gone and back again.

Two releases go through it side by side, one that moves from Helm 3 to Helm 4 and one that stays; each looks
in a namespace of its own. Then one comes back for the whole cluster and finds all as it was.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.chart.releases import NEW_COLUMN, PREVIOUS, VERSION, Release, previous
from tests.cluster.audit import AuditLog, Requests
from tests.cluster.cluster import Cluster
from tests.cluster.envoy import Envoy
from tests.cluster.gateway import Gateway
from tests.cluster.local_server import IMAGE as SERVER
from tests.cluster.namespaces import fresh_namespace
from tests.cluster.resources import CRDS
from tests.cluster.traffic import Traffic
from tests.cluster.waiting import until
from tests.conftest import REPOSITORY
from tests.invariants.story import story
from tests.invariants.watcher import Watcher
from tests.stage.model import IMAGE, Model, attempt, condition, spec
from tests.tenancy.test_rights import ELECTION, used

DEFINITION: Final = "modeldeployments.serin.dev"
PER_SECOND: Final = 10
FORBIDDEN: Final = 403
SLOW: Final[dict[str, Any]] = {"replicas": 2, "bake": 12, "drain": 12}
"""A drain that is longer than the gateway takes to obey, on a machine that does much else."""
NEW, OLD = f"serin:{VERSION}", f"serin:{PREVIOUS}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A namespace with a model, its users, and who sees everything there."""

    model: Model
    users: Traffic
    watcher: Watcher

    async def serving(self) -> dict[str, set[str]]:
        """The pods of each revision."""
        return {name: await self.model.pods(name) for name in await self.model.sizes()}


@asynccontextmanager
async def place(cluster: Cluster, envoy: Envoy, name: str) -> AsyncIterator[Place]:
    # Patient: a changed CRD ends the server's watches of its objects.
    async with (
        fresh_namespace(cluster.api) as namespace,
        Watcher(cluster.api, namespace, patient=True) as watcher,
    ):
        model = Model(cluster.api, namespace, name)
        url = f"{envoy.url}/v2/models/{name}/infer"
        users = Traffic(url, per_second=PER_SECOND, host=model.host)
        yield Place(model=model, users=users, watcher=watcher)


async def columns(cluster: Cluster) -> list[str]:
    definition = await cluster.api.get(CRDS, DEFINITION)
    return [one["name"] for one in definition["spec"]["versions"][0]["additionalPrinterColumns"]]


async def as_before(cluster: Cluster) -> None:
    """The CRD as other tests know it, and nobody's."""
    await cluster.install(REPOSITORY / "crds")
    await cluster.api.patch(CRDS, DEFINITION, {"metadata": {"labels": None, "annotations": None}})


async def canary_outlives_its_operator(at: Place, release: Release, log: AuditLog, *, by: str) -> None:
    """A canary waits for a person; its operator is replaced, knows where it was, and leaves."""
    since = await log.position()
    await at.model.apply(spec("1", **SLOW))
    await at.model.until(condition("Ready"))
    async with at.users as users:
        await at.model.apply(spec("2", **SLOW, waits=True))
        waiting = await at.model.until(condition("Ready", "Unknown", reason="AwaitingPromotion"))
        before, weights = await at.serving(), await at.model.weights()

        await release.upgrade(by=by)
        await release.until_runs(NEW)
        assert "Succeeded" in await release.test(by=by)

        after = await at.model.get()
        assert attempt(after) == attempt(waiting)
        assert after["status"]["rollout"]["step"] == waiting["status"]["rollout"]["step"]
        assert (await at.serving(), await at.model.weights()) == (before, weights)

        await at.model.ask(promote=f"{attempt(waiting)}:to-60")
        ready = await at.model.until(condition("Ready"))
        judged = waiting["status"]["canary"]["revision"]
        assert ready["status"]["stable"]["revision"] == judged
        assert before[judged] <= await at.model.pods(judged)

        asked = (await log.requests(since, user=release.user)).by(release.user)
        assert [str(one) for one in asked.refused if one.code == FORBIDDEN] == []

        served = await at.serving()
        await release.uninstall(by=by)
        await release.until_runs()
        assert await at.serving() == served
        await users.more(PER_SECOND)
    assert users.results.lost() == [], users.results.story()


async def back_for_the_whole_cluster(
    cluster: Cluster, release: Release, places: list[Place]
) -> tuple[Requests, set[tuple[str, str]]]:
    """A new operator finds all as it should be and writes nothing; then it rolls out. What it has asked."""
    before = [await at.serving() for at in places]
    theirs = {at.model.namespace for at in places}
    async with cluster.audit.counting() as counted:
        await release.install(by="helm4")
        assert "Succeeded" in await release.test(by="helm4")
        await until(release.looks, lambda looks: looks >= len(places), what="looks")
        assert [await at.serving() for at in places] == before
    written = counted.requests.by(release.user).work.writes
    assert [str(one) for one in written if one.namespace in theirs] == []

    async with cluster.audit.counting() as counted:
        await places[0].model.apply(spec("3", **SLOW))
        await places[0].model.until(condition("Ready"))
    return counted.requests.by(release.user), await release.granted()


async def test_a_release_comes_grows_older_and_goes_while_models_serve(
    cluster: Cluster, envoy: Envoy, gateway: Gateway, tmp_path: Path
) -> None:
    cluster.images[IMAGE] = SERVER
    chart = previous(tmp_path)
    async with AsyncExitStack() as stack:
        first, second = [
            await stack.enter_async_context(place(cluster, envoy, name)) for name in ("alder", "birch")
        ]
        stack.push_async_callback(as_before, cluster)
        moving = Release(cluster, "moving", tmp_path, namespaces=[first.model.namespace])
        steady = Release(
            cluster, "steady", tmp_path, namespaces=[second.model.namespace], crds={"enabled": False}
        )
        for release in (moving, steady):
            stack.push_async_callback(release.removed)

        await asyncio.gather(*(release.install(chart, by="helm3") for release in (moving, steady)))
        await asyncio.gather(*(release.until_runs(OLD) for release in (moving, steady)))
        assert NEW_COLUMN not in await columns(cluster)
        await asyncio.gather(
            canary_outlives_its_operator(first, moving, cluster.audit, by="helm4"),
            canary_outlives_its_operator(second, steady, cluster.audit, by="helm3"),
        )
        assert NEW_COLUMN in await columns(cluster)

        back = Release(cluster, "moving", tmp_path)
        asked, rights = await back_for_the_whole_cluster(cluster, back, [first, second])

        assert set(used(asked.that(lambda one: one.resource != ELECTION))) <= rights
        for at in (first, second):
            print("\n".join(story(at.watcher.history_of(at.model.name))))
            assert await at.watcher.verdict(at.model.name) == []
