"""A model without a single error that is asked little, and is promoted on evidence all the same.

That takes minutes, nearly all of them waiting for users; so it goes on beside the other end-to-end tests,
in a namespace and under an operator of its own.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.cluster.cluster import Cluster
from tests.cluster.gateway import Gateway
from tests.cluster.namespaces import fresh_namespace
from tests.cluster.prometheus import Prometheus
from tests.cluster.traffic import Results, Traffic
from tests.invariants.watcher import Watcher
from tests.stage.model import Model, condition, spec, state
from tests.stage.operator import Operator

PER_SECOND: Final = 20
WITHIN_SECONDS: Final = 600
SHAPE: Final[dict[str, Any]] = {"replicas": 2, "steps": {25: 1, 50: 1}, "warm_up": 5, "drain": 10}
"""A step takes about 400 faultless requests to the canary, and twice that here, where no ten minutes of
history say how the stable revision's errors vary: 160 s at 5 requests/s, then 80 s at 10."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """How it went."""

    seconds: float
    """From the new version's apply to all traffic."""
    results: Results
    decided_on: dict[str, Any]
    """The analysis in the status that began the promotion."""
    broken: list[str]


async def promotion(
    cluster: Cluster,
    account: Path,
    prometheus: Prometheus,
    *,
    gateway: Gateway,
    url: str,
    scrape_seconds: int,
) -> Promotion:
    """Deploy a version, then another, under light traffic, and wait until the second is stable."""
    operator: dict[str, Any] = {"prometheus": prometheus.url, "scrape_seconds": scrape_seconds}
    async with (
        fresh_namespace(cluster.api) as place,
        Watcher(cluster.api, place) as watcher,
        Operator(cluster, place, account, **operator),
    ):
        model = Model(cluster.api, place, "unhurried")
        await model.apply(spec("1", **SHAPE))
        seen = await model.until(condition("Ready"))
        await gateway.until_served(place, model.name, {seen["status"]["stable"]["revision"]: 100})
        path = f"/v2/models/{model.name}/infer"
        async with Traffic(f"{url}{path}", per_second=PER_SECOND, host=model.host) as asking:
            began = time.time()
            await model.apply(spec("2", **SHAPE))
            await model.until(state("Baking"), within=WITHIN_SECONDS)
            seconds = time.time() - began
            await model.until(condition("Ready"))
        told = [seen.object.get("status", {}) for seen in watcher.of("ModelDeployment", model.name)]
        return Promotion(
            seconds=seconds,
            results=asking.results,
            decided_on=next(one["analysis"] for one in told if state("Promoting")({"status": one})),
            broken=await watcher.verdict(model.name),
        )
