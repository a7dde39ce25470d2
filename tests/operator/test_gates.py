"""Gates on a real control plane: Jobs by its Job controller, webhooks by a server beside it."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.cluster.cluster import Cluster
from tests.cluster.gateway import Gateway
from tests.cluster.images import Image
from tests.cluster.network import GATEWAY
from tests.cluster.resources import JOBS, Object
from tests.cluster.waiting import until
from tests.operator.test_writes import STATUS, writes_of
from tests.stage.model import Holds, Model, attempt, condition, spec, state
from tests.stage.operator import Operator

EVALUATOR = "serin.test/evaluator:1"
EVALUATE = "import sys, time; time.sleep(float(sys.argv[1])); sys.exit(int(sys.argv[2]))"

AWAITING_GATE = condition("Ready", "Unknown", reason="AwaitingGate")
"""Awaited from before the Job is made, which may be over soon."""
EVALUATOR_IMAGE = Image(entrypoint=(sys.executable, "-c", EVALUATE))


@dataclass(slots=True)
class Desk:
    """A server that answers webhooks as it is told, and takes down the keys."""

    url: str = ""
    answering: list[int] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)

    async def asked(self, request: web.Request) -> web.Response:
        self.keys.append(request.headers["Idempotency-Key"])
        self.bodies.append(await request.json())
        return web.Response(status=self.answering.pop(0) if self.answering else 200)


@asynccontextmanager
async def desk_at(host: str) -> AsyncIterator[Desk]:
    desk, app = Desk(), web.Application()
    app.router.add_post("/gate", desk.asked)
    async with TestServer(app, host=host) as server:
        desk.url = str(server.make_url("/gate"))
        yield desk


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def desk(cluster: Cluster) -> AsyncIterator[Desk]:
    async with desk_at(GATEWAY) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def serin(cluster: Cluster, place: str, account: Path, desk: Desk) -> AsyncIterator[Operator]:
    """An operator that may ask the desk."""
    async with Operator(cluster, place, account, arguments=[f"--webhook-allow={desk.url}"]) as running:
        yield running


@pytest.fixture(autouse=True)
def cleared(cluster: Cluster, desk: Desk) -> None:
    cluster.images[EVALUATOR] = EVALUATOR_IMAGE
    desk.answering.clear()
    desk.keys.clear()
    desk.bodies.clear()


async def template(fraud: Model, name: str, *, seconds: float = 0.2, code: int = 0) -> None:
    """A suspended CronJob whose Job takes so long and ends with that exit code."""
    container = {"name": "eval", "image": EVALUATOR, "args": [str(seconds), str(code)]}
    pod = {"spec": {"restartPolicy": "Never", "containers": [container], "terminationGracePeriodSeconds": 1}}
    body = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name},
        "spec": {
            "schedule": "0 0 1 1 *",
            "suspend": True,
            "jobTemplate": {"spec": {"backoffLimit": 0, "template": pod}},
        },
    }
    await fraud.api.apply(body, fraud.namespace, manager="pipeline")


def with_job(name: str, *, before: str = "to-20", **gate: Any) -> Object:
    return {"name": "eval", "beforeStep": before, "job": {"templateRef": {"name": name}}, **gate}


def gated(*gates: Object, **more: Any) -> Object:
    wanted = spec("2", replicas=1, **more)
    return {**wanted, "analysis": {**wanted["analysis"], "gates": list(gates)}}


async def jobs(fraud: Model) -> list[Object]:
    return await fraud.api.list(JOBS, fraud.namespace, labels=f"serin.dev/model={fraud.name}")


async def under_way(fraud: Model) -> None:
    """Wait until a gate's Job has been made."""
    await until(lambda: jobs(fraud), bool, what="the gate's Job")


async def begun(fraud: Model, wanted: Object) -> None:
    await fraud.apply(spec("1", replicas=1))
    await fraud.until(condition("Ready"))
    await fraud.apply(wanted)


async def test_a_job_that_completes_lets_the_canary_have_its_weight(
    cluster: Cluster, gateway: Gateway, serin: Operator, fraud: Model
) -> None:
    await template(fraud, "good", seconds=1)
    async with writes_of(cluster, fraud) as writes:
        awaiting = asyncio.create_task(fraud.until(AWAITING_GATE))
        await begun(fraud, gated(with_job("good"), steps={20: 600}))
        seen = await awaiting
        assert seen["status"]["canary"]["weight"] == 0
        seen = await fraud.until(state("Stepping"))
        await fraud.until_weights(20)

    (entry,) = seen["status"]["rollout"]["gates"]
    assert (entry["name"], entry["step"], entry["tries"], entry["result"]) == (
        "eval",
        "to-20",
        1,
        "Succeeded",
    )
    (job,) = await jobs(fraud)
    assert job["spec"]["activeDeadlineSeconds"] == 3600
    canary = seen["status"]["canary"]["revision"]
    told = {one["name"]: one["value"] for one in job["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert told["SERIN_ADDRESS"] == f"http://{canary}.{fraud.namespace}.svc"
    made = writes.work.index("jobs")
    assert writes.work[made - 1 : made + 2] == [STATUS, "jobs", STATUS]
    assert writes.work.count("jobs") == 1
    await fraud.ask(abort=attempt(seen))
    await fraud.until(condition("Stalled", reason="RolledBack"))


async def test_a_job_that_fails_again_and_again_rejects_the_revision(
    gateway: Gateway, serin: Operator, fraud: Model
) -> None:
    await template(fraud, "bad", code=3)
    await begun(fraud, gated(with_job("bad", retries=1)))

    seen = await fraud.until(condition("Stalled", reason="RolledBack"))

    (rejection,) = seen["status"]["rejected"]
    assert rejection["reason"] == "Gate"
    assert "BackoffLimitExceeded" in rejection["message"]
    assert len(await jobs(fraud)) == 2
    assert await fraud.weights() == {seen["status"]["stable"]["revision"]: 100}


async def test_a_job_that_takes_too_long_has_failed(gateway: Gateway, serin: Operator, fraud: Model) -> None:
    await template(fraud, "slow", seconds=600)
    await begun(fraud, gated(with_job("slow", retries=0, timeoutSeconds=2)))

    seen = await fraud.until(condition("Stalled", reason="RolledBack"))

    assert "DeadlineExceeded" in seen["status"]["rejected"][0]["message"]


async def test_a_missing_template_is_waited_for(gateway: Gateway, serin: Operator, fraud: Model) -> None:
    await begun(fraud, gated(with_job("later")))
    seen = await fraud.until(condition("Stalled", reason="GateNotReady"))
    assert "there is no CronJob later in the namespace" in seen["status"]["message"]
    assert seen["status"].get("rejected", []) == []

    await template(fraud, "later")

    await fraud.until(condition("Ready"))


async def test_a_restart_while_a_job_runs_starts_no_second_one(
    gateway: Gateway, serin: Operator, fraud: Model
) -> None:
    await template(fraud, "long", seconds=4)
    await begun(fraud, gated(with_job("long")))

    async def running() -> list[Object]:
        return await jobs(fraud)

    await until(running, what="a Job")
    await serin.restart()
    await fraud.until(condition("Ready"))

    assert len(await jobs(fraud)) == 1


async def test_a_jobs_pod_is_none_of_the_models(gateway: Gateway, serin: Operator, fraud: Model) -> None:
    await template(fraud, "good", seconds=3)
    awaiting = asyncio.create_task(fraud.until(AWAITING_GATE))
    await begun(fraud, gated(with_job("good"), steps={20: 600}))
    seen = await awaiting
    canary = seen["status"]["canary"]["revision"]

    assert len(await fraud.pods(canary)) == 1
    await fraud.ask(abort=attempt(seen))
    await fraud.until(condition("Stalled", reason="RolledBack"))


async def test_a_webhook_is_asked_until_it_agrees(
    gateway: Gateway, serin: Operator, fraud: Model, desk: Desk
) -> None:
    desk.answering += [503]
    hook = {"name": "licence", "beforeStep": "promotion", "webhook": {"url": desk.url}}
    await begun(fraud, gated(hook, steps={20: 1}))
    seen = await fraud.until(condition("Ready"))

    name = seen["status"]["stable"]["revision"]
    assert desk.keys == [f"{name}.1:promotion:licence:1", f"{name}.1:promotion:licence:2"]
    question = desk.bodies[0]
    assert (question["attempt"], question["step"], question["canary"]) == (f"{name}.1", "promotion", name)
    assert question["address"] == f"http://{name}.{fraud.namespace}.svc"


async def test_a_webhook_that_was_answered_is_not_asked_after_a_restart(
    gateway: Gateway, serin: Operator, fraud: Model, desk: Desk
) -> None:
    await template(fraud, "long", seconds=4)
    hook = {"name": "licence", "beforeStep": "to-20", "webhook": {"url": desk.url}}
    answered = asyncio.create_task(fraud.until(has_passed("licence")))
    await begun(fraud, gated(hook, with_job("long")))
    await answered
    await serin.restart()
    await fraud.until(condition("Ready"))

    assert len(desk.keys) == 1


def has_passed(gate: str) -> Holds:
    """The status remembers that a gate of the attempt under way has agreed."""
    return lambda seen: (
        (gate, "Succeeded") in {(one["name"], one["result"]) for one in seen["status"]["rollout"]["gates"]}
    )


async def test_an_address_that_is_not_allowed_is_refused_by_name(
    gateway: Gateway, serin: Operator, fraud: Model, desk: Desk
) -> None:
    hook = {"name": "licence", "beforeStep": "to-20", "webhook": {"url": "http://169.254.169.254/latest"}}
    await begun(fraud, gated(hook))

    seen = await fraud.until(condition("Stalled", reason="InvalidSpec"))

    assert seen["status"]["message"].startswith("spec.analysis.gates[0].webhook.url is ")
    assert desk.url in seen["status"]["message"]
