"""Attacks by number: what one tenant asks or tells without end must not keep others waiting."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from random import Random
from typing import Any, Final

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from serin.domain.analysis.guards import GuardPolicy, GuardRequest
from serin.domain.analysis.request import LabelNames
from serin.domain.gates import GatePolicy, GateRun, Outcome
from serin.domain.names import Key, RevisionHash
from serin.domain.rollout.world import Notice
from serin.kube.events import AT_ONCE as EVENTS_AT_ONCE
from serin.kube.events import MOST_OF_A_NAMESPACE, EventRecorder
from serin.prom.connections import connections
from serin.prom.values import Values
from serin.runtime import guarding, webhooks
from serin.runtime.guarding import Guarding
from serin.runtime.queue import WorkQueue
from serin.runtime.webhooks import Webhooks
from tests.cluster.waiting import until

NOW: Final = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
VICTIM: Final = Key("victim", "fraud")
GUARD: Final = GuardPolicy(
    name="memory", query="max(used)", maximum=Decimal(70), minimum=None, failure_limit=1
)


def limits(namespace: str, attempt: str = "fraud-7c9f.1") -> GuardRequest:
    return GuardRequest(
        attempt=attempt,
        namespace=namespace,
        canary="fraud-7c9f",
        stable="fraud-55d1",
        guards=(GUARD,),
        interval=3600,
        labels=LabelNames(),
    )


class Prometheus:
    """Never answers the tenant, and the victim at once."""

    def __init__(self) -> None:
        self.under_way = self.most = 0

    async def values(self, expr: str, at: float) -> Values:
        if "victim" in expr:
            return Values((80.0,))
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await asyncio.Event().wait()
        finally:
            self.under_way -= 1
        raise AssertionError


@pytest.mark.looptime
async def test_slow_guards_of_one_namespace_keep_no_other_waiting() -> None:
    prometheus = Prometheus()
    watching = Guarding(changed=lambda key, after: None, now=lambda: 0.0)
    watching.prometheuses = {"default": prometheus}
    for number in range(200):
        watching.follow(Key("tenant-a", f"model-{number}"), limits("tenant-a"), "default")

    watching.follow(VICTIM, limits("victim"), "default")

    async def seen() -> list[float | None]:
        return [reading.value for reading in watching.readings(VICTIM)]

    assert await until(seen, what="the victim's guard", within=5) == [80.0]
    assert prometheus.most == guarding.AT_ONCE
    await watching.close()
    assert prometheus.under_way == 0


async def test_five_thousand_models_of_one_namespace_keep_no_other_waiting() -> None:
    queue: WorkQueue[Key] = WorkQueue(random=Random(1), lane=attrgetter("namespace"))
    for number in range(5000):
        queue.add(Key("tenant-a", f"model-{number}"))

    queue.add(VICTIM)

    assert VICTIM in [await queue.get() for _ in range(2)]


class Hooks:
    """A server that all tenants' webhooks are on. The tenant's answers when it is told to."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answering = asyncio.Event()
        self.asked: list[str] = []
        self.cookies: list[Mapping[str, str]] = []

    async def tenant(self, request: web.Request) -> web.Response:
        self.asked.append(str((await request.json())["model"]))
        await self.answering.wait()
        answer = web.Response()
        for number in range(50):
            answer.set_cookie(f"bomb{number}", "x" * 1000, path="/")
        return answer

    async def victim(self, request: web.Request) -> web.Response:
        self.cookies.append(dict(request.cookies))
        return web.Response()


@asynccontextmanager
async def hooks() -> AsyncIterator[tuple[Hooks, Webhooks]]:
    server, app = Hooks(""), web.Application()
    app.router.add_post("/tenant", server.tenant)
    app.router.add_post("/victim", server.victim)
    asking = Webhooks(changed=lambda key, after: None)
    async with TestServer(app) as running, connections() as session:
        # By a name: clients keep no cookies of bare addresses.
        server.url, asking.session = str(running.make_url("/").with_host("localhost")), session
        yield server, asking
        await asking.close()


def run(url: str, *, seconds: float = 3600) -> GateRun:
    gate = GatePolicy(
        name="licence",
        before="first",
        template=None,
        webhook=url,
        timeout=timedelta(seconds=seconds),
        retries=0,
    )
    return GateRun(
        gate=gate,
        attempt="fraud-7c9f.1",
        canary="fraud-7c9f",
        stable="fraud-55d1",
        revision=RevisionHash("7c9f"),
        number=1,
    )


async def answered(asking: Webhooks, key: Key) -> Outcome:
    async def look() -> Outcome | None:
        return next((answer.outcome for answer in asking.answers(key).values()), None)

    found = await until(look, what=f"an answer for {key}")
    assert found is not None
    return found


async def test_slow_webhooks_of_one_namespace_keep_no_other_waiting() -> None:
    async with hooks() as (server, asking):
        for number in range(200):
            key = Key("tenant-a", f"model-{number}")
            asking.ask(key, run(f"{server.url}tenant"), {"model": key.name})

        asking.ask(VICTIM, run(f"{server.url}victim"), {"model": "fraud"})

        assert await answered(asking, VICTIM) is Outcome.SUCCEEDED
        await until(lambda: _full(server), what="the tenant's share of questions")
        assert len(server.asked) == webhooks.AT_ONCE
        server.answering.set()
        assert await answered(asking, Key("tenant-a", "model-199")) is Outcome.SUCCEEDED


async def _full(server: Hooks) -> bool:
    return len(server.asked) >= webhooks.AT_ONCE


async def test_a_webhooks_cookies_go_to_nobody_else() -> None:
    """Fifty thousand characters of them, and servers refuse whoever brings them."""
    async with hooks() as (server, asking):
        server.answering.set()
        asking.ask(Key("tenant-a", "model"), run(f"{server.url}tenant"), {"model": "model"})
        await answered(asking, Key("tenant-a", "model"))

        asking.ask(VICTIM, run(f"{server.url}victim"), {"model": "fraud"})

        assert await answered(asking, VICTIM) is Outcome.SUCCEEDED
        assert server.cookies == [{}]


class Board:
    """Where Events are put up, as of a time."""

    def __init__(self) -> None:
        self.now = NOW
        self.posted: list[str] = []
        self.recorder = EventRecorder(self.post, clock=lambda: self.now, instance="serin-0")

    async def post(self, event: Mapping[str, Any]) -> None:
        self.posted.append(event["involvedObject"]["namespace"])

    def tell(self, namespace: str, name: str = "fraud") -> None:
        metadata = {"namespace": namespace, "name": name, "uid": f"{namespace}/{name}"}
        self.recorder.record({"metadata": metadata}, Notice("StepStarted", "words"))

    async def all(self) -> list[str]:
        self.recorder.finish()
        await self.recorder.run()
        return self.posted


async def test_a_spec_that_flips_twice_a_second_tells_little_of_it() -> None:
    board = Board()
    for _ in range(2 * 600):
        board.now += timedelta(seconds=0.5)
        board.tell("tenant-a")

    assert len(await board.all()) <= EVENTS_AT_ONCE + 600 / 30 + 1


async def test_events_of_a_thousand_models_leave_room_for_others() -> None:
    board = Board()
    for number in range(2000):
        board.tell("tenant-a", f"model-{number}")
    for _ in range(EVENTS_AT_ONCE):
        board.tell("victim")

    posted = await board.all()

    assert posted.count("victim") == EVENTS_AT_ONCE
    assert posted.count("tenant-a") == MOST_OF_A_NAMESPACE


async def test_a_model_that_was_quiet_may_tell_all_again() -> None:
    board = Board()
    for _ in range(3 * EVENTS_AT_ONCE):
        board.tell("tenant-a")
    board.now += timedelta(minutes=25)
    for _ in range(3 * EVENTS_AT_ONCE):
        board.tell("tenant-a")

    assert len(await board.all()) == 2 * EVENTS_AT_ONCE
