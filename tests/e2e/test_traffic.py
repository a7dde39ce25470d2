"""Versions change while users ask, and what the users notice of it."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pytest

from tests.cluster.cluster import Cluster
from tests.cluster.endpoints import ServiceResolver
from tests.cluster.gateway import Gateway
from tests.cluster.prometheus import Prometheus
from tests.cluster.resources import Object
from tests.cluster.traffic import Traffic
from tests.cluster.waiting import rounds_until
from tests.e2e.conftest import PER_SECOND, SCRAPE_SECONDS, Users
from tests.invariants.rules import shortfalls
from tests.invariants.watcher import Watcher, version_of
from tests.invariants.world import route_weights
from tests.operator.test_writes import writes_of
from tests.stage.model import Model, condition, conditions, phase, spec, state
from tests.stage.operator import Operator

pytestmark = pytest.mark.usefixtures("unhurried")

BRISK: dict[str, Any] = {"steps": {30: 1, 60: 1}, "bake": 10, "drain": 10, "warm_up": 2}
"""As fast as evidence allows: about 300 requests to the canary at each step, and some scrapes. But a drain is
longer than the gateway takes to obey, on a machine that does much else."""
WORSE: Final = ("3", "4", "5")
ENOUGH = 5000
Tell = Callable[[str, object], None]


async def serving(model: Model, gateway: Gateway, wanted: dict[str, Any]) -> str:
    """Deploy the first version and wait until the gateway serves it; its revision."""
    await model.apply(wanted)
    seen = await model.until(condition("Ready"))
    revision: str = seen["status"]["stable"]["revision"]
    await gateway.until_served(model.namespace, model.name, {revision: 100})
    return revision


async def test_a_good_version_is_promoted_unnoticed_and_a_bad_one_taken_back(
    cluster: Cluster,
    gateway: Gateway,
    prometheus: Prometheus,
    serin: Operator,
    fraud: Model,
    users: Users,
    watcher: Watcher,
    record_property: Tell,
) -> None:
    await serving(fraud, gateway, spec("1", **BRISK))
    began = time.time()
    async with users(fraud) as asking:
        await asking.more(400)
        good = await promoted(fraud, watcher, spec("2", **BRISK))
        await asking.more(800)
        assert asking.results.lost() == [], asking.results.story()

        async def rolled_back(number: int) -> Rollback:
            before = await watcher.settled()
            await fraud.apply(spec(WORSE[number], error_rate=0.3, **BRISK))
            seen = await fraud.until(condition("Stalled", reason="RolledBack"))
            assert conditions(seen)["Available"]["status"] == "True"
            assert await fraud.weights() == {good: 100}
            bad = seen["status"]["rejected"][-1]["revision"]
            taken_back = await cluster.audit.written(await closed(watcher, fraud, bad, after=before))
            decidable = await could_be_decided(prometheus, serin, fraud, bad)
            return Rollback(version=WORSE[number], taken_back=taken_back, seconds=taken_back - decidable)

        rollbacks = await rounds_until(rolled_back, in_time, most=len(WORSE))
        await asking.more(max(400, ENOUGH - len(asking.results.sent)))

    results = asking.results
    assert {one.revision for one in results.lost()} == {one.version for one in rollbacks}, results.story()
    worse = rollbacks[-1]
    first, last = results.first_bad(worse.version), results.last_of(worse.version)
    assert first is not None
    assert last is not None
    numbers = {
        "requests": len(results.sent),
        "bad answers, all of bad versions": len(results.lost()),
        "seconds from the deciding sample to weight 0": worse.seconds,
        "seconds from the first bad answer to weight 0": worse.taken_back - first.done,
        "seconds from the first bad answer to the last request": last.at - first.done,
    }
    for name, number in numbers.items():
        record_property(name, round(number, 2))
        print(f"{name}: {number:.2f}")
    assert any(map(in_time, rollbacks)), rollbacks
    assert list(shortfalls(watcher.history_of(fraud.name), since=began)) == []

    async with writes_of(cluster, fraud) as writes:
        await fraud.apply(spec(worse.version, error_rate=0.3, **BRISK))  # as GitOps does every few minutes
        await serin.at_rest()
    assert writes.work == []


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """How a bad version was taken back.

    Attributes:
        taken_back: When its weight was 0, in Unix seconds.
        seconds: From the deciding sample until then.
    """

    version: str
    taken_back: float
    seconds: float


def in_time(seen: Rollback) -> bool:
    """Whether it was as soon as is promised."""
    return seen.seconds <= SCRAPE_SECONDS + 2


async def closed(watcher: Watcher, model: Model, revision: str, *, after: int) -> Object:
    """The version of the route that took away the share which a version after that one gave a revision."""
    await watcher.settled()
    routes = [one.object for one in watcher.of("HTTPRoute", model.name) if version_of(one.object) > after]
    opened = next(one for one in routes if route_weights(one).get(revision))
    return watcher.taken_away(model.name, revision, since=version_of(opened))


async def promoted(fraud: Model, watcher: Watcher, wanted: dict[str, Any]) -> str:
    """Apply a version and see it promoted, on evidence and with the pods that were tried."""
    await fraud.apply(wanted)
    seen = await fraud.until(state("Baking"))
    new: str = seen["status"]["stable"]["revision"]
    await watcher.settled()
    told = [one.object for one in watcher.of("ModelDeployment", fraud.name) if "status" in one.object]
    assert next(filter(state("Promoting"), told))["status"]["analysis"]["verdict"] == "Safe"
    tried = await fraud.pods(new)
    await fraud.until(condition("Ready"))
    assert await fraud.pods(new) == tried
    return new


async def could_be_decided(prometheus: Prometheus, serin: Operator, model: Model, revision: str) -> float:
    """When the samples that harm was found in could be queried: the slowest pod's scrape at the boundary."""
    boundary = next(
        float(str(line["boundary"]))
        for line in serin.judgements()
        if line["verdict"] == "Harm" and str(line["attempt"]).startswith(f"{revision}.")
    )
    chosen = f'up{{namespace="{model.namespace}",pod=~"{model.name}-.+"}}[10m]'
    scrapes = [[float(at) for at, _ in series["values"]] for series in await prometheus.query(chosen)]
    return max(min(at for at in one if at >= boundary) for one in scrapes if one[-1] >= boundary)


async def test_a_crash_of_the_operator_in_any_state_costs_no_request(
    gateway: Gateway, serin: Operator, fraud: Model, users: Users
) -> None:
    await serving(fraud, gateway, spec("1", **BRISK))
    async with users(fraud) as asking:
        # Followed from the start, for none of them waits for who looks.
        states = ("Stepping", "Promoting", "Baking")
        coming = [asyncio.create_task(fraud.until(state(where))) for where in states]
        await fraud.apply(spec("2", **{**BRISK, "steps": {40: 1}}, load_seconds=2))
        for reached in coming:
            await reached
            await serin.restart()
        seen = await fraud.until(condition("Ready"))
        good = seen["status"]["stable"]["revision"]
        await asking.more(200)
        assert asking.results.lost() == [], asking.results.story()

        await fraud.apply(spec("3", error_rate=0.3, **BRISK))
        await fraud.until(state("RollingBack"))
        await serin.restart()
        await fraud.until(condition("Stalled", reason="RolledBack"))
        await asking.more(200)

    assert {one.revision for one in asking.results.lost()} == {"3"}, asking.results.story()
    assert await fraud.weights() == {good: 100}


async def test_without_prometheus_nothing_moves_until_it_is_back(
    gateway: Gateway, prometheus: Prometheus, serin: Operator, fraud: Model, users: Users
) -> None:
    await serving(fraud, gateway, spec("1", **BRISK))
    async with users(fraud) as asking:
        await fraud.apply(spec("2", **{**BRISK, "steps": {30: 20, 60: 1}}))
        await fraud.until(state("Stepping"))
        await fraud.until_weights(30)
        await prometheus.stop()
        try:
            seen = await fraud.until(condition("AnalysisAvailable", "False", reason="PrometheusUnreachable"))
            assert conditions(seen)["AnalysisAvailable"]["message"]
            await fraud.until(condition("Ready", "Unknown", reason="NoData"))
            await asking.more(25 * PER_SECOND)  # enough for both steps, had they been counted
            assert set((await fraud.weights()).values()) == {70, 30}
        finally:
            await prometheus.start()
        await fraud.until(condition("Ready"))

    assert asking.results.lost() == [], asking.results.story()


async def test_pods_carry_the_weight_without_a_failed_request(
    cluster: Cluster, serin: Operator, fraud: Model
) -> None:
    wanted = {**BRISK, "router": "Replicas", "steps": {25: 1, 50: 1}}
    await fraud.apply(spec("1", **wanted))
    await fraud.until(condition("Ready"))
    async with ServiceResolver(
        cluster.api, fraud.name, namespace=fraud.namespace, port_name="http"
    ) as resolver:
        await resolver.until(lambda found: len(found) == 3)
        url = f"http://{fraud.name}.{fraud.namespace}.svc/v2/models/{fraud.name}/infer"
        async with Traffic(url, per_second=PER_SECOND, max_age_seconds=1.0, resolver=resolver) as asking:
            opened = asyncio.create_task(fraud.until_widened())
            await fraud.apply(spec("2", **wanted))
            await fraud.until(state("Stepping"))
            await opened
            await fraud.until(phase("Ready"))
            await asking.more(400)

    assert asking.results.lost() == [], asking.results.story()
    assert asking.results.by_revision()["2"] > 1000
