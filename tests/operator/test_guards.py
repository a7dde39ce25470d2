"""Guards on a real cluster: the names of real pods, scraped by a real Prometheus."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.cluster.cluster import Cluster
from tests.cluster.gateway import Gateway
from tests.cluster.prometheus import Prometheus
from tests.cluster.resources import Object
from tests.stage.model import Model, attempt, condition, spec, state
from tests.stage.operator import Operator

PODS = 'count(up{pod=~"$canary"})'
"""How many pods of the canary are scraped: the number that the limits of these tests are about."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def serin(cluster: Cluster, place: str, account: Path) -> AsyncIterator[Operator]:
    """An operator that asks a Prometheus which scrapes every second."""
    folder = cluster.folder / "prometheus-guards"
    async with (
        Prometheus(cluster.api, folder, scrape_seconds=1) as prometheus,
        Operator(cluster, place, account, prometheus=prometheus.url, scrape_seconds=1) as running,
    ):
        yield running


def guarded(*, most: str, query: str = PODS) -> Object:
    """A second version whose step waits for evidence that never comes: nobody asks it anything."""
    wanted = spec("2", replicas=1, steps={20: 1}, bake=600)
    guard = {"name": "pods", "query": query, "max": most, "failureLimit": 2}
    return {**wanted, "analysis": {**wanted["analysis"], "guards": [guard]}}


async def begun(fraud: Model, wanted: Object) -> str:
    """The stable revision of a model whose second version is on its way."""
    await fraud.apply(spec("1", replicas=1))
    seen = await fraud.until(condition("Ready"))
    await fraud.apply(wanted)
    revision: str = seen["status"]["stable"]["revision"]
    return revision


async def test_a_limit_is_about_the_canarys_pods_and_takes_it_back(
    gateway: Gateway, serin: Operator, fraud: Model
) -> None:
    stable = await begun(fraud, guarded(most="0"))

    seen = await fraud.until(condition("Stalled", reason="RolledBack"))

    (rejection,) = seen["status"]["rejected"]
    numbers = {field: rejection[field] for field in ("reason", "guard", "value", "limit")}
    assert numbers == {"reason": "Guard", "guard": "pods", "value": "1", "limit": "0"}
    # As often as its limit says, or more where the look came later than the next answer.
    assert re.search(r"guard pods: 1 is above 0, ([2-9]|\d\d+) times in a row$", rejection["message"])
    assert await fraud.weights() == {stable: 100}


async def test_a_limit_lowered_in_the_bake_leads_back_to_the_warm_revision(
    gateway: Gateway, serin: Operator, fraud: Model
) -> None:
    stable = await begun(fraud, guarded(most="5"))
    seen = await fraud.until(state("Stepping"))
    await fraud.apply(guarded(most="5"), promote=f"{attempt(seen)}:full")
    await fraud.until(state("Baking"))

    await fraud.apply(guarded(most="0"))
    seen = await fraud.until(condition("Stalled", reason="RolledBack"))

    assert seen["status"]["rejected"][0]["reason"] == "Guard"
    assert await fraud.weights() == {stable: 100}


async def test_other_namespaces_are_neither_read_nor_asked_for(
    gateway: Gateway, serin: Operator, fraud: Model
) -> None:
    await begun(fraud, guarded(most="0", query='up{namespace="kube-system"}'))
    seen = await fraud.until(condition("Stalled", reason="InvalidSpec"))
    assert seen["status"]["message"].startswith("spec.analysis.guards[0].query is ")

    await fraud.apply(guarded(most="0", query='count(up{namespace=~"kube-.*"}) or absent(up)'))
    seen = await fraud.until(state("Stepping"))

    def told(seen: Object) -> object:
        return (seen["status"].get("analysis") or {}).get("guards")

    seen = await fraud.until(told)
    assert seen["status"]["analysis"]["guards"][0]["verdict"] == "NoData"
    await fraud.ask(abort=attempt(seen))
    await fraud.until(condition("Stalled", reason="RolledBack"))
