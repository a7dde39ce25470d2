"""Webhooks over real HTTP: who is asked, what answers mean, and that one try has one key."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from serin.domain.gates import GateAnswer, GatePolicy, GateRun, Outcome
from serin.domain.names import Key, RevisionHash
from serin.runtime.addresses import is_allowed
from serin.runtime.webhooks import Webhooks
from tests.cluster.network import free_port
from tests.cluster.waiting import until

KEY = Key("ml", "fraud")
QUESTION = {"attempt": "fraud-7c9f.1", "step": "first"}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class House:
    """A server that takes down what it is asked, and a client of it."""

    url: str
    webhooks: Webhooks
    nudges: list[float]
    keys: list[str] = field(default_factory=list)
    bodies: list[Mapping[str, Any]] = field(default_factory=list)

    def run(self, number: int = 1, *, timeout: float = 120.0) -> GateRun:
        gate = GatePolicy(
            name="licence",
            before="first",
            template=None,
            webhook=self.url,
            timeout=timedelta(seconds=timeout),
            retries=2,
        )
        return GateRun(
            gate=gate,
            attempt="fraud-7c9f.1",
            canary="fraud-7c9f",
            stable="fraud-55d1",
            revision=RevisionHash("7c9f"),
            number=number,
        )

    async def answer(self, run: GateRun) -> GateAnswer:
        self.webhooks.ask(KEY, run, QUESTION)

        async def look() -> GateAnswer | None:
            return self.webhooks.answers(KEY).get(run.identity)

        found = await until(look, what="an answer")
        assert found is not None
        return found


@asynccontextmanager
async def house(handler: Handler) -> AsyncIterator[House]:
    async def listening(request: web.Request) -> web.StreamResponse:
        home.keys.append(request.headers["Idempotency-Key"])
        home.bodies.append(await request.json())
        return await handler(request)

    app = web.Application()
    app.router.add_post("/licence", listening)
    nudges: list[float] = []
    webhooks = Webhooks(changed=lambda key, after: nudges.append(after))
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        webhooks.session = session
        home = House(str(server.make_url("/licence")), webhooks, nudges)
        yield home
        await webhooks.close()


def answering(status: int, text: str = "", **headers: str) -> Handler:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status, text=text, headers=headers)

    return handler


async def test_a_webhook_is_told_the_attempt_under_one_key() -> None:
    async with house(answering(204)) as home:
        answer = await home.answer(home.run())

    assert answer == GateAnswer(Outcome.SUCCEEDED, "answered 204")
    assert home.keys == ["fraud-7c9f.1:first:licence:1"]
    assert home.bodies == [QUESTION]
    assert home.nudges == [0.0]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Outcome.SUCCEEDED),
        (202, Outcome.SUCCEEDED),
        (400, Outcome.REFUSED),
        (403, Outcome.REFUSED),
        (404, Outcome.REFUSED),
        (408, Outcome.FAILED),
        (429, Outcome.FAILED),
        (500, Outcome.FAILED),
        (503, Outcome.FAILED),
    ],
)
async def test_what_an_answer_means(status: int, outcome: Outcome) -> None:
    async with house(answering(status, "licence has\n expired\x07")) as home:
        answer = await home.answer(home.run())

    assert answer == GateAnswer(outcome, f"answered {status}: licence has expired")


async def test_a_redirect_is_not_followed() -> None:
    async with house(answering(200)) as other, house(answering(307, Location=other.url)) as home:
        answer = await home.answer(home.run())

    assert answer.outcome is Outcome.FAILED
    assert other.keys == []


async def test_silence_is_no_answer_in_time() -> None:
    async def silent(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with house(silent) as home:
        answer = await home.answer(home.run(timeout=0.2))

    assert answer == GateAnswer(Outcome.FAILED, "no answer within 0.2 s")


async def test_a_closed_port_is_no_answer() -> None:
    async with house(answering(200)) as home:
        run = home.run()
        gone = replace(run.gate, webhook=f"http://127.0.0.1:{free_port('127.0.0.1')}/licence")
        answer = await home.answer(replace(run, gate=gone))

    assert answer.outcome is Outcome.FAILED
    assert answer.message.startswith("cannot be reached: ")


async def test_an_endless_answer_is_read_no_further_than_needed() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"so " * 1000)

    async with house(endless) as home:
        answer = await home.answer(home.run())

    assert answer.outcome is Outcome.SUCCEEDED
    assert len(answer.message) < 300


async def test_the_same_try_is_asked_once_and_the_next_by_another_key() -> None:
    async with house(answering(503)) as home:
        for _ in range(3):
            await home.answer(home.run(1))
        await home.answer(home.run(2))

    assert [key[-1] for key in home.keys] == ["1", "2"]


async def test_a_new_process_asks_again_by_the_same_key() -> None:
    async with house(answering(200)) as home:
        await home.answer(home.run())
        home.webhooks.forget(KEY)  # as by a restart, which remembers nothing
        await home.answer(home.run())

    assert len(home.keys) == 2
    assert len(set(home.keys)) == 1


async def test_what_nobody_wants_to_know_any_more_is_given_up() -> None:
    asked, left = asyncio.Event(), asyncio.Event()

    async def slow(_: web.Request) -> web.Response:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            left.set()
        raise AssertionError

    async with house(slow) as home:
        home.webhooks.ask(KEY, home.run(), QUESTION)
        await asked.wait()
        home.webhooks.forget(KEY)
        await home.webhooks.close()

        assert home.webhooks.answers(KEY) == {}
        assert home.nudges == []


ALLOWED = ("https://hooks.example.com/serin/", "http://gates.ml:8080")


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://hooks.example.com/serin/licence", True),
        ("https://hooks.example.com:443/serin", True),
        ("https://HOOKS.example.com/serin/x", True),
        ("http://gates.ml:8080/anything", True),
        ("http://gates.ml:8080", True),
        ("https://hooks.example.com/", False),
        ("https://hooks.example.com/serinx", False),
        ("http://hooks.example.com/serin/x", False),
        ("https://hooks.example.com.evil.example/serin/x", False),
        ("https://hooks.example.com@evil.example/serin/x", False),
        ("https://evil.example/https://hooks.example.com/serin/x", False),
        ("https://hooks.example.com:8443/serin/x", False),
        ("https://hooks.example.com/serin/../admin", False),
        ("https://hooks.example.com/serin/%2e%2e/admin", False),
        ("https://hooks.example.com/serin/%252e%252e/admin", False),
        ("https://hooks.example.com\\@evil.example/serin/x", False),
        ("http://gates.ml/anything", False),
        ("http://gates.ml:80800/anything", False),
        ("http://[gates.ml:8080/anything", False),
        ("http://169.254.169.254/latest", False),
    ],
)
def test_an_address_is_allowed_by_its_whole_host_and_a_path_below(url: str, allowed: bool) -> None:
    assert is_allowed(url, ALLOWED) is allowed
    assert not is_allowed(url, ())
