"""A replica that may no longer act sends no write, whatever it waited for before (I12)."""

import asyncio
import time
from pathlib import Path

import pytest
from aiohttp import web

from serin.kube.client import KubeClient
from serin.kube.errors import NotLeading, Unavailable
from serin.kube.fences import CreateOnly
from serin.kube.transport import Transport
from tests.unit.kube.test_client import SERVICE, free_port, kubeconfig, server


class Licence:
    """Given for as many questions as it is told."""

    def __init__(self, *, times: int = 1000, seconds: float = 5.0) -> None:
        self.times, self._seconds = times, seconds

    def seconds(self) -> float:
        self.times -= 1
        return self._seconds if self.times >= 0 else 0.0


@pytest.mark.parametrize("times", [0, 1, 2])
async def test_no_write_leaves_without_a_licence_and_reads_do(tmp_path: Path, times: int) -> None:
    asked: list[str] = []

    async def answering(request: web.Request) -> web.Response:
        asked.append(request.method)
        return web.json_response({"resources": []})

    async with server(answering) as port:
        licence = Licence(times=times)
        async with KubeClient.connected(kubeconfig(tmp_path, port), licence=licence) as kube:
            with pytest.raises(NotLeading):
                await kube.apply(SERVICE, fence=CreateOnly())
            assert not await kube.serves("Service")

    assert asked == ["GET"]


async def test_a_write_is_asked_about_again_after_each_try_to_connect(tmp_path: Path) -> None:
    licence = Licence(times=1)
    async with KubeClient.connected(kubeconfig(tmp_path, free_port()), licence=licence) as kube:
        with pytest.raises(NotLeading):
            await kube.apply(SERVICE, fence=CreateOnly())


async def test_a_write_ends_when_its_licence_does_and_its_server_is_told(tmp_path: Path) -> None:
    told: list[str] = []
    over = asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        told.append(request.query["timeout"])
        await over.wait()
        return web.json_response({})

    async with server(slow) as port:
        licence = Licence(seconds=2)
        async with KubeClient.connected(kubeconfig(tmp_path, port), licence=licence) as kube:
            began = time.monotonic()
            with pytest.raises(Unavailable):
                await kube.apply(SERVICE, fence=CreateOnly())
            assert time.monotonic() - began < 60
        over.set()

    assert told == ["2.000s"]


async def test_a_write_without_an_answer_is_unsettled(tmp_path: Path) -> None:
    async def vanishing(request: web.Request) -> web.Response:
        if request.method == "PATCH" and request.transport is not None:
            request.transport.abort()
        return web.json_response({"resources": []})

    async with server(vanishing) as port:
        path = kubeconfig(tmp_path, port)
        async with Transport.connected(path, licence=Licence()) as transport:
            kube = KubeClient(transport)
            await kube.serves("Service")
            assert not transport.unsettled
            with pytest.raises(Unavailable):
                await kube.apply(SERVICE, fence=CreateOnly())
            assert transport.unsettled
