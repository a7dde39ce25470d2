"""The client against a server that misbehaves: what is repeated, what is not, and what is raised."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from serin.kube.client import KubeClient
from serin.kube.errors import KubeError, Request, Throttled, Unavailable
from serin.kube.fences import CreateOnly

SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "fraud", "namespace": "ml"}}
Handler = Callable[[web.Request], Any]


@asynccontextmanager
async def server(handler: Handler, *, port: int = 0) -> AsyncIterator[int]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def kubeconfig(folder: Path, port: int, **user: str) -> Path:
    path = folder / "kubeconfig"
    content = {
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path.write_text(yaml.safe_dump(content))
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_a_throttled_write_is_not_repeated_and_tells_how_long_to_wait(tmp_path: Path) -> None:
    asked = []

    async def busy(request: web.Request) -> web.Response:
        asked.append(request.method)
        return web.json_response({"message": "busy"}, status=429, headers={"Retry-After": "3"})

    async with server(busy) as port, KubeClient.connected(kubeconfig(tmp_path, port)) as kube:
        with pytest.raises(Throttled) as raised:
            await kube.apply(SERVICE, fence=CreateOnly())

    assert raised.value.retry_after == 3
    assert asked == ["PATCH"]


async def test_a_write_whose_answer_is_lost_is_not_repeated(tmp_path: Path) -> None:
    asked = []

    async def hang_up(request: web.Request) -> web.Response:
        asked.append(await request.text())
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    async with server(hang_up) as port, KubeClient.connected(kubeconfig(tmp_path, port)) as kube:
        with pytest.raises(Unavailable, match="apply Service ml/fraud"):
            await kube.apply(SERVICE, fence=CreateOnly())

    assert len(asked) == 1


async def test_a_connection_that_is_refused_is_tried_again(tmp_path: Path) -> None:
    port = free_port()

    async def served(_: web.Request) -> web.Response:
        return web.json_response({"kind": "Service"})

    async with KubeClient.connected(kubeconfig(tmp_path, port)) as kube:
        waiting = asyncio.create_task(kube.apply(SERVICE, fence=CreateOnly()))
        async with server(served, port=port):
            assert await waiting == {"kind": "Service"}


async def test_a_server_that_stays_away_is_unavailable(tmp_path: Path) -> None:
    port = free_port()

    async with KubeClient.connected(kubeconfig(tmp_path, port)) as kube:
        with pytest.raises(Unavailable):
            await kube.get("Service", "ml", "fraud")


async def test_an_answer_cut_in_the_middle_is_no_answer(tmp_path: Path) -> None:
    async def cut(_: web.Request) -> web.Response:
        return web.Response(text='{"kind": "Serv', content_type="application/json")

    async with server(cut) as port, KubeClient.connected(kubeconfig(tmp_path, port)) as kube:
        with pytest.raises(Unavailable):
            await kube.apply(SERVICE, fence=CreateOnly())


async def test_an_answer_that_is_no_list_is_none(tmp_path: Path) -> None:
    async def served(_: web.Request) -> web.Response:
        return web.json_response({"kind": "Status", "status": "Success"})

    async with server(served) as port, KubeClient.connected(kubeconfig(tmp_path, port)) as kube:
        with pytest.raises(Unavailable, match="list Service: the answer is no list"):
            await kube.list_metadata("Service")
        with pytest.raises(Unavailable, match="list Service ml/fraud: the answer is no list"):
            await kube.newest("Service", "ml", "fraud")


async def test_a_token_file_is_sent_and_never_shown(tmp_path: Path) -> None:
    seen = []

    async def served(request: web.Request) -> web.Response:
        seen.append(request.headers["Authorization"])
        return web.json_response({"message": "no"}, status=403)

    (tmp_path / "token").write_text("s3cret\n")
    async with server(served) as port:
        config = kubeconfig(tmp_path, port, tokenFile="token")
        async with KubeClient.connected(config) as kube:
            with pytest.raises(KubeError) as raised:
                await kube.get("Service", "ml", "fraud")

    assert seen == ["Bearer s3cret"]
    assert "s3cret" not in f"{raised.value!r} {raised.value}"


async def test_every_outcome_is_told_once(tmp_path: Path) -> None:
    heard: list[tuple[str, str]] = []

    def told(request: Request, error: KubeError | None) -> None:
        heard.append((str(request), type(error).__name__))

    async def served(request: web.Request) -> web.Response:
        return web.json_response({}, status=200 if request.method == "GET" else 409)

    async with server(served) as port, KubeClient.connected(kubeconfig(tmp_path, port), told=told) as kube:
        await kube.get("Service", "ml", "fraud")
        with pytest.raises(KubeError):
            await kube.apply(SERVICE, fence=CreateOnly())

    assert heard == [("get Service ml/fraud", "NoneType"), ("apply Service ml/fraud", "Conflict")]
