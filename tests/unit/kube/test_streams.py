"""Lists and watches against a server on this machine: how its bytes become objects, changes and errors."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from serin.kube.access import Access
from serin.kube.connection import Connection
from serin.kube.errors import KubeError, Unavailable
from serin.kube.leases import LeaseObject
from serin.kube.streams import PAGES_AT_ONCE, Streams
from serin.kube.transport import Transport
from tests.unit.kube.test_client import kubeconfig, server

POD = {"metadata": {"name": "fraud-1", "namespace": "ml", "uid": "p", "resourceVersion": "7"}}


@asynccontextmanager
async def streams(folder: Path, port: int, **user: str) -> AsyncIterator[Streams]:
    async with Connection.opened(Access(kubeconfig(folder, port, **user))) as connection:
        yield Streams(connection)


def line(kind: str, obj: object) -> bytes:
    return json.dumps({"type": kind, "object": obj}).encode() + b"\n"


def sending(*chunks: bytes, cut: bool = False) -> Callable[[web.Request], Any]:
    async def send(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        for chunk in chunks:
            await answer.write(chunk)
            await asyncio.sleep(0.01)
        if cut:
            assert request.transport is not None
            request.transport.close()
        return answer

    return send


async def followed(running: Streams) -> list[Any]:
    return [change async for change in running.changes("Pod", "ml", since="5", seconds=30)]


async def test_a_list_comes_in_pages_of_our_objects(tmp_path: Path) -> None:
    asked: list[dict[str, str]] = []

    async def pages(request: web.Request) -> web.Response:
        asked.append(dict(request.query))
        more = {} if "continue" in request.query else {"continue": "next"}
        return web.json_response({"metadata": {"resourceVersion": "9", **more}, "items": [POD]})

    async with server(pages) as port, streams(tmp_path, port) as running:
        first = await running.page("Pod", "ml")
        last = await running.page("Pod", "ml", after=first.rest)

    assert (first.version, first.objects, first.rest, last.rest) == ("9", (POD,), "next", "")
    assert [one["labelSelector"] for one in asked] == ["serin.dev/model"] * 2
    assert asked[1]["continue"] == "next"


async def test_a_change_may_come_in_pieces_and_be_larger_than_any_buffer(tmp_path: Path) -> None:
    large = line("ADDED", {**POD, "data": "x" * 300_000})
    handler = sending(large[:70_000], large[70_000:] + line("MODIFIED", POD)[:10], line("MODIFIED", POD)[10:])

    async with server(handler) as port, streams(tmp_path, port) as running:
        changes = await followed(running)

    assert [change["type"] for change in changes] == ["ADDED", "MODIFIED"]
    assert len(changes[0]["object"]["data"]) == 300_000


async def test_a_forgotten_version_is_told_by_its_status(tmp_path: Path) -> None:
    status = {"code": 410, "reason": "Expired", "message": "too old resource version: 5 (900)"}

    async with server(sending(line("ERROR", status))) as port, streams(tmp_path, port) as running:
        with pytest.raises(KubeError, match="too old resource version") as raised:
            await followed(running)

    assert raised.value.status == 410


@pytest.mark.parametrize("rest", [b" ", b'{"type": "MODI'])
async def test_a_cut_connection_is_no_answer(tmp_path: Path, rest: bytes) -> None:
    handler = sending(line("ADDED", POD), rest, cut=True)

    async with server(handler) as port, streams(tmp_path, port) as running:
        with pytest.raises(Unavailable, match="watch Pod ml"):
            await followed(running)


async def test_a_token_that_was_replaced_is_the_one_that_is_sent(tmp_path: Path) -> None:
    sent: list[str] = []

    async def picky(request: web.Request) -> web.Response:
        sent.append(request.headers["Authorization"])
        if sent[-1] != "Bearer new":
            return web.json_response({"message": "who are you?"}, status=401)
        return web.json_response({"metadata": {"resourceVersion": "9"}, "items": None})

    token = tmp_path / "token"
    token.write_text("old")
    async with server(picky) as port, streams(tmp_path, port, tokenFile="token") as running:
        with pytest.raises(KubeError, match="who are you"):
            await running.page("Pod", None)
        token.write_text("new")
        page = await running.page("Pod", None)

    assert page.objects == ()
    assert sent == ["Bearer old", "Bearer new"]


async def test_the_watch_of_a_lease_ends_where_its_version_is_forgotten(tmp_path: Path) -> None:
    lease = {"metadata": {"name": "serin", "resourceVersion": "8"}}
    told = sending(line("MODIFIED", lease), line("ERROR", {"code": 410, "message": "too old"}))

    async with server(told) as port, Transport.connected(kubeconfig(tmp_path, port)) as transport:
        leases = LeaseObject(transport, namespace="serin-system", name="serin")
        seen = [change async for change in leases.changes("5")]

    assert seen == [{"type": "MODIFIED", "object": lease}]


async def test_few_pages_are_in_memory_at_once_though_all_kinds_are_listed(tmp_path: Path) -> None:
    under_way: set[int] = set()
    most = 0

    async def slow(request: web.Request) -> web.Response:
        nonlocal most
        under_way.add(id(request))
        most = max(most, len(under_way))
        await asyncio.sleep(0.05)
        under_way.discard(id(request))
        return web.json_response({"metadata": {"resourceVersion": "9"}, "items": [POD]})

    async with server(slow) as port, streams(tmp_path, port) as running:
        pages = await asyncio.gather(*(running.page("Pod", f"team-{number}") for number in range(8)))

    assert [page.objects for page in pages] == [(POD,)] * 8
    assert most == PAGES_AT_ONCE
