"""The states that only a judge makes: without data, undecided, inconclusive, harmed. For recording alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from tests.cluster.cluster import Cluster
from tests.cluster.envoy import Envoy
from tests.cluster.gateway import Gateway
from tests.cluster.namespaces import fresh_namespace
from tests.cluster.network import GATEWAY
from tests.cluster.prometheus import Prometheus
from tests.e2e.side_by_side import Ground as Judged
from tests.e2e.side_by_side import on_trial
from tests.gitops.scenes import Found, Ground, model, reached, version
from tests.invariants.watcher import Watcher
from tests.stage.operator import Operator

SCRAPE_SECONDS: Final = 2
NOBODY_LISTENS: Final = f"http://{GATEWAY}:9"
HARD: Final[dict[str, Any]] = {"minRequests": 1_000_000}


@asynccontextmanager
async def judged_ground(cluster: Cluster, account: Path) -> AsyncIterator[Judged]:
    """A gateway, a Prometheus that looks often, and an operator that asks it."""
    async with AsyncExitStack() as stack:
        envoy = await stack.enter_async_context(Envoy(cluster.folder / "envoy", address=GATEWAY))
        gateway = await stack.enter_async_context(Gateway(cluster.api, envoy))
        prometheus = Prometheus(cluster.api, cluster.folder / "prometheus", scrape_seconds=SCRAPE_SECONDS)
        await stack.enter_async_context(prometheus)
        place = await stack.enter_async_context(fresh_namespace(cluster.api))
        watcher = await stack.enter_async_context(Watcher(cluster.api, place))
        address: dict[str, Any] = {"prometheus": prometheus.url, "scrape_seconds": SCRAPE_SECONDS}
        serin = await stack.enter_async_context(Operator(cluster, place, account, **address))
        yield Judged(
            cluster=cluster,
            place=place,
            gateway=gateway,
            prometheus=prometheus,
            serin=serin,
            watcher=watcher,
            url=envoy.url,
        )


async def undecided(ground: Judged) -> Found:
    """A canary that has not been shown safe: first within the step's time, then beyond it."""
    async with on_trial(ground, "undecided", promote=HARD) as trial:
        seen = await reached(trial.model, "Undecided")
        wanted = dict((await trial.model.get())["spec"])
        wanted["rollout"] = {**wanted["rollout"], "stepDeadlineSeconds": 5}
        await trial.model.apply(wanted)
        return {"undecided": seen, "inconclusive": await reached(trial.model, "Inconclusive")}


async def harmed(ground: Judged) -> Found:
    """A canary whose every third answer is an error."""
    async with on_trial(ground, "harmed", canary={"error_every": 3}, per_second=20) as trial:
        await trial.taken_back()
        return {"harmed": await reached(trial.model, "RolledBack")}


async def without_data(ground: Ground) -> Found:
    """A Prometheus that does not answer."""
    async with model(ground, "blind") as one:
        await one.apply(version("1"))
        await reached(one, "Complete")
        await one.apply(version("2", waits=False, steps={50: 0}))
        return {"no-data": await reached(one, "NoData")}


async def played(cluster: Cluster, account: Path, blind: Ground) -> Found:
    """What all of these have found."""
    async with judged_ground(cluster, account) as ground:
        parts = await asyncio.gather(undecided(ground), harmed(ground), without_data(blind))
    return {state: body for part in parts for state, body in part.items()}
