"""An operator in the midst of a rollout, as its dashboards and its log show it.

Every query of every panel is asked of a Prometheus that scrapes it, and every line of its log is read.
"""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import yaml

from tests.cluster.namespaces import fresh_namespace
from tests.cluster.network import GATEWAY
from tests.cluster.prometheus import Prometheus
from tests.cluster.resources import Object
from tests.cluster.waiting import until
from tests.e2e.conftest import OFTEN_SECONDS
from tests.e2e.side_by_side import WEIGHT, Ground, on_trial, side_by_side
from tests.invariants.watcher import Watcher
from tests.operator.test_gates import desk_at
from tests.seeing import ecs
from tests.seeing.answers import questions
from tests.seeing.sketch import sketch
from tests.stage.model import Model, condition, spec, state
from tests.stage.operator import ACCOUNT, Operator

GONE: Final = f"http://{GATEWAY}:1"
LASTING: Final = {WEIGHT: 900}
WATCHED: Final[dict[str, Any]] = {
    "mode": "Observe",
    "guards": [{"name": "targets", "query": 'count(up{pod=~"$canary"})', "max": "9"}],
}
"""Nothing is to end the rollout before all has been asked."""


@side_by_side
async def test_dashboards_and_log_of_a_rollout_show_what_they_should(
    ground: Ground,
) -> None:
    async with own(ground) as (own_ground, seeing, gate), AsyncExitStack() as opened:
        await name_is_taken(own_ground)
        flawed = {"error_rate": 0.2}
        analysis = {**WATCHED, "gates": [{"name": "eval", "beforeStep": f"to-{WEIGHT}", "webhook": gate}]}
        given: dict[str, Any] = {"stable": flawed, "canary": flawed, "analysis": analysis, "steps": LASTING}
        trial = await opened.enter_async_context(on_trial(own_ground, "seen", **given))
        await unseen(own_ground, told=f"{gate['url']}/nobody")
        await trial.under_way()
        place = own_ground.place

        left = set(questions(namespace=place, name="seen", rate_interval=f"{5 * OFTEN_SECONDS}s"))
        lacking: dict[str, str] = {}

        async def unanswered() -> dict[str, str]:
            for question in list(left):
                wrong = question.unmet(await seeing.query(question.expr))
                if wrong is None:
                    left.discard(question)
                    lacking.pop(question.expr, None)
                else:
                    lacking[question.expr] = wrong
            return lacking

        await until(unanswered, lambda found: not found, what="an answer to every query")
        lines = [ecs.read(text) for text in own_ground.serin.log.read_text().splitlines()]
        assert [fault for line in lines for fault in ecs.faults(line)] == []
        about = [line for line in lines if line.get("labels.model") == "seen"]
        assert {line["event.action"] for line in about} >= {"told", "judged", "applied", "phase-changed"}
        assert [line for line in about if "labels.revision" not in line] == []
        if folder := os.environ.get("SKETCHES"):
            await sketch(seeing.url, Path(folder), namespace=place, name="seen")


@asynccontextmanager
async def own(ground: Ground) -> AsyncIterator[tuple[Ground, Prometheus, Object]]:
    """An operator of its own, a Prometheus that scrapes it, and a gate that says yes."""
    cluster = ground.cluster
    account = await cluster.service_account_kubeconfig(*ACCOUNT)
    async with fresh_namespace(cluster.api) as place, desk_at(GATEWAY) as desk, AsyncExitStack() as opened:
        watcher = await opened.enter_async_context(Watcher(cluster.api, place))
        options = [f"--webhook-allow={desk.url}", f"--prometheus-config={two(ground, place)}"]
        options.append("--log-format=ecs")
        running = Operator(cluster, place, account, arguments=options)
        serin = await opened.enter_async_context(running)
        folder, targets = cluster.folder / "prometheus-seeing", {"serin": [f"{serin.address}/metrics"]}
        scraping = Prometheus(cluster.api, folder, scrape_seconds=OFTEN_SECONDS, targets=targets)
        seeing = await opened.enter_async_context(scraping)
        own_ground = replace(ground, place=place, serin=serin, watcher=watcher)
        yield own_ground, seeing, {"url": desk.url}


def two(ground: Ground, place: str) -> Path:
    """The list of a Prometheus that answers, and of one that does not."""
    interval = f"{OFTEN_SECONDS}s"
    listed = [
        {"name": "main", "url": ground.prometheus.url, "default": True, "scrape_interval": interval},
        {"name": "gone", "url": GONE, "scrape_interval": interval},
    ]
    path = ground.cluster.folder / f"prometheuses-{place}.yaml"
    path.write_text(yaml.safe_dump({"prometheuses": listed}))
    return path


async def unseen(ground: Ground, *, told: str) -> None:
    """A canary that nobody can judge, and of which a server is told that does not want to know."""
    model = Model(ground.cluster.api, ground.place, "unseen")
    for version in ("1", "2"):
        wanted = spec(version, router="Replicas", replicas=1, steps=LASTING)
        receivers = [{"name": "bus", "url": told}]
        await model.apply({**wanted, "prometheus": {"address": GONE}, "notifications": receivers})
        await model.until(condition("Ready") if version == "1" else state("Stepping"))


async def name_is_taken(ground: Ground) -> None:
    """A model that cannot be made, so that a look fails."""
    taken = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "taken"},
        "spec": {"ports": [{"port": 80}], "selector": {"app": "another"}},
    }
    await ground.cluster.api.apply(taken, ground.place, manager="somebody")
    model = Model(ground.cluster.api, ground.place, "taken")
    await model.apply(spec("1", router="Replicas", replicas=1))
    await model.until(condition("Stalled", reason="NameConflict"))
