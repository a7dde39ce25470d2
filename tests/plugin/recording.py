"""`python -m tests.plugin.recording`: record models in every state a person meets, from a real control plane.

An operator, Envoy, Prometheus and users drive each model there; what the API server then has of it and its
children is kept under `recorded/`, as the views read it. Run it anew when the status gains or loses fields.
"""

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

from tests.cluster import binaries, network, prometheus
from tests.cluster.binaries import Binaries, Missing
from tests.cluster.cluster import Cluster
from tests.cluster.envoy import Envoy
from tests.cluster.gateway import Gateway
from tests.cluster.local_server import IMAGE as SERVER
from tests.cluster.namespaces import fresh_namespace
from tests.cluster.prometheus import Prometheus
from tests.cluster.resources import DEPLOYMENTS, PODS, Object, Resource
from tests.e2e.side_by_side import SETTLED_WITHIN, Ground, Trial, on_trial
from tests.invariants.watcher import Watcher
from tests.stage.model import IMAGE, Model, attempt, condition, phase, spec, state
from tests.stage.operator import ACCESS, ACCOUNT, Operator

RECORDED: Final = Path(__file__).parent / "recorded"
REVISIONS: Final = Resource("apps/v1", "controllerrevisions")
CRDS: Final = Path(__file__).parents[2] / "crds"
SCRAPE_SECONDS: Final = 2
LONG: Final = {5: 600, 25: 600, 50: 600}


async def keep(ground: Ground, model: Model, name: str) -> None:
    """Write what the server has of a model and its children."""
    chosen = f"serin.dev/model={model.name}"
    kinds = {"ControllerRevision": REVISIONS, "Deployment": DEPLOYMENTS, "Pod": PODS}
    found = {
        kind: await ground.cluster.api.list(one, ground.place, labels=chosen) for kind, one in kinds.items()
    }
    record = {
        "model": plain(await model.get()),
        "children": {kind: list(map(plain, one)) for kind, one in found.items()},
    }
    text = json.dumps(record, indent=1, sort_keys=True).replace(ground.place, "ml")
    (RECORDED / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")


def plain(body: Object) -> Object:
    """An object without who wrote which field, and without the template that nobody looks at."""
    body["metadata"].pop("managedFields", None)
    if "data" in body:
        body["data"] = {}
    if "containers" in body["spec"] if "spec" in body else False:
        body["spec"] = {}
    return body


async def of_a_trial(ground: Ground) -> None:
    """Undecided at a step, held by a person, then taken back for the harm it does."""
    hard = {"minRequests": 100_000}
    async with on_trial(
        ground, "fraud", per_second=40, promote=hard, steps={5: 600, 25: 600, 50: 600}, replicas=2
    ) as trial:
        await trial.model.until(state("Stepping"), within=SETTLED_WITHIN)
        await trial.until_said("Undecided")
        await counted(trial, 200)
        await keep(ground, trial.model, "undecided")
        now = attempt(await trial.model.get())
        await trial.model.ask(pause=now)
        await trial.model.until(condition("Ready", "Unknown", reason="Paused"))
        await keep(ground, trial.model, "paused")


async def of_harm(ground: Ground) -> None:
    """Taken back for harm, with the numbers that condemned it."""
    async with on_trial(ground, "scores", per_second=40, canary={"error_rate": 0.3}, steps=LONG) as trial:
        await trial.taken_back()
        await keep(ground, trial.model, "rolled-back")


async def counted(trial: Trial, requests: int) -> None:
    """Wait until the status tells of so many of the canary's requests."""

    def enough(seen: Object) -> bool:
        signals = (seen["status"].get("analysis") or {}).get("signals") or [{"canary": {"events": 0}}]
        return bool(signals[0]["canary"]["events"] >= requests)

    await trial.model.until(enough, within=SETTLED_WITHIN)


async def of_steps(ground: Ground) -> None:
    """A first deployment, a steady model, one that waits for a person, and one that bakes. Nobody asks it."""
    model = Model(ground.cluster.api, ground.place, "iris")
    off = {"analysis": {"mode": "Off"}}
    await model.apply({**spec("1", replicas=2), **off})
    await model.until(phase("Deploying"))
    await keep(ground, model, "deploying")
    await model.until(condition("Ready"))
    await keep(ground, model, "steady")
    await model.apply({**spec("2", replicas=2, waits=True, bake=300), **off})
    seen = await model.until(condition("Ready", "Unknown", reason="AwaitingPromotion"))
    await keep(ground, model, "awaiting-promotion")
    await model.ask(promote=f"{attempt(seen)}:to-60")
    await model.until(phase("Baking"))
    await keep(ground, model, "baking")


async def of_faults(ground: Ground) -> None:
    """Pods that do not come, a spec that cannot be meant, and a canary that a person took back."""
    model = Model(ground.cluster.api, ground.place, "churn")
    off = {"analysis": {"mode": "Off"}}
    await model.apply({**spec("1", replicas=1), **off})
    await model.until(condition("Ready"))
    await model.apply({**spec("2", replicas=1, image="serin.test/missing:1"), **off})
    await model.until(condition("Stalled", reason="PodsNotReady"))
    await keep(ground, model, "pods-not-ready")
    await model.ask(abort=attempt(await model.get()))
    await model.until(condition("Stalled", reason="RolledBack"))
    await keep(ground, model, "aborted")
    wrong: dict[str, Any] = {**spec("3", replicas=1), **off}
    wrong["runtime"] = "mlserve"
    await model.apply(wrong)
    await model.until(condition("Stalled", reason="InvalidSpec"))
    await keep(ground, model, "invalid-spec")


async def record(found: Binaries) -> None:
    """All states, side by side."""
    async with AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(Cluster(found, manifests=[CRDS], images={IMAGE: SERVER}))
        await cluster.install(*ACCESS)
        account = await cluster.service_account_kubeconfig(*ACCOUNT)
        envoy = await cluster.attach(Envoy(cluster.folder / "envoy", address=network.GATEWAY))
        gateway = await cluster.attach(Gateway(cluster.api, envoy))
        place = await stack.enter_async_context(fresh_namespace(cluster.api))
        watcher = await stack.enter_async_context(Watcher(cluster.api, place))
        samples = await stack.enter_async_context(
            Prometheus(cluster.api, cluster.folder / "prometheus", scrape_seconds=SCRAPE_SECONDS, twice=True)
        )
        running = Operator(cluster, place, account, prometheus=samples.url, scrape_seconds=SCRAPE_SECONDS)
        serin = await stack.enter_async_context(running)
        ground = Ground(
            cluster=cluster,
            place=place,
            gateway=gateway,
            prometheus=samples,
            serin=serin,
            watcher=watcher,
            url=envoy.url,
        )
        await asyncio.gather(*(one(ground) for one in (of_a_trial, of_harm, of_steps, of_faults)))


def main() -> int:
    """Returns the exit code."""
    try:
        network.require()
        prepared = binaries.ready(print)
        prometheus.find_prometheus(print)
        network.enter()
    except Missing as missing:
        print(f"nothing can be recorded: {missing}", file=sys.stderr)
        return 2
    RECORDED.mkdir(exist_ok=True)
    asyncio.run(record(prepared))
    return 0


if __name__ == "__main__":
    sys.exit(main())
