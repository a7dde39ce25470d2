"""Attacks on who reads: new lines and control characters in what a tenant writes, where an admin sees it."""

import io
import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from serin.api.intent import intent_of
from serin.api.invalid import InvalidSpec
from serin.domain.rollout.world import Notice
from serin.kube.events import EventRecorder
from serin.prom.client import PrometheusClient, Refused
from serin.prom.connections import connections
from serin.runtime.logs import JsonLines

FORGED: Final = (
    "x\nWarning  RolledBack  ml/fraud",
    'x"}\n{"level":"error","event":"forged"',
    "\x1b[2J\x1b[1;31mowned",
    "\x9b2Jowned",
    "fraud\u202egnihton",
    "a\u2028b\u0085c\x00",
)


@pytest.mark.parametrize("text", FORGED, ids=ascii)
def test_a_log_has_one_line_for_one_event(text: str) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    record = logging.makeLogRecord({"msg": "write refused", "error": text, "levelname": "WARNING"})

    handler.emit(record)

    [line] = stream.getvalue().splitlines()
    assert json.loads(line)["error"] == text
    assert line.isascii()


@pytest.mark.parametrize("text", FORGED, ids=ascii)
def test_a_refusal_is_one_line_that_can_be_printed(text: str) -> None:
    metadata = {"name": "own", "namespace": "tenant-a"}
    guard = {"name": "memory", "query": text, "max": "1"}
    for spec in (
        {"model": {"format": text}},
        {"model": {"format": "sklearn"}, text: 1},
        {"model": {"format": "sklearn"}, "analysis": {"guards": [guard]}},
        {"model": {"format": "sklearn"}, "prometheus": {"address": text}},
        {"model": {"format": "sklearn"}, "template": {text: text}},
        {"model": {"format": "sklearn"}, "template": {"spec": {"containers": [{"name": 1, text: text}]}}},
    ):
        made = intent_of({"metadata": metadata, "spec": spec})

        assert isinstance(made, InvalidSpec)
        assert made.message.isprintable(), made.message


@pytest.mark.parametrize("text", FORGED, ids=ascii)
async def test_an_event_is_one_line_that_can_be_printed(text: str) -> None:
    posted: list[Mapping[str, Any]] = []

    async def post(event: Mapping[str, Any]) -> None:
        posted.append(event)

    recorder = EventRecorder(post, clock=lambda: datetime(2026, 1, 2, tzinfo=UTC), instance="serin-0")
    recorder.record(
        {"metadata": {"name": "own", "namespace": "tenant-a", "uid": "m-1"}}, Notice("GateTriedAgain", text)
    )
    recorder.finish()

    await recorder.run()

    assert posted[0]["message"].isprintable()


@pytest.mark.parametrize("text", FORGED, ids=ascii)
async def test_what_prometheus_quotes_is_one_line_that_can_be_printed(text: str) -> None:
    async def refusing(_: web.Request) -> web.Response:
        return web.json_response({"status": "error", "error": f"parse error: {text}"}, status=400)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", refusing)
    async with TestServer(app) as server, connections() as session:
        with pytest.raises(Refused) as told:
            await PrometheusClient(session, str(server.make_url(""))).values("up", 1.0)

    assert str(told.value).isprintable()
