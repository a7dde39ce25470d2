"""A receiver of notifications: a real HTTP server that takes down what comes and answers as it is told."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.cluster.waiting import PATIENT, until


@dataclass(frozen=True, slots=True)
class Letter:
    """One request."""

    path: str
    content: str
    body: Any


@dataclass(slots=True)
class Receiver:
    """What it was sent.

    Attributes:
        answering: The next answers, with their headers; 204 where there are none left.
        silent: Answers nothing while set.
    """

    url: str = ""
    letters: list[Letter] = field(default_factory=list)
    answering: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    silent: asyncio.Event = field(default_factory=asyncio.Event)

    async def asked(self, request: web.Request) -> web.Response:
        text = await request.text()
        self.letters.append(Letter(request.path, request.headers["Content-Type"], json.loads(text)))
        if self.silent.is_set():
            await asyncio.Event().wait()
        status, headers = self.answering.pop(0) if self.answering else (204, {})
        return web.Response(status=status, headers=headers)

    async def until(self, count: int, *, within: float = PATIENT) -> list[Letter]:
        """Wait for so many."""

        async def look() -> list[Letter]:
            return self.letters

        what = f"{count} notifications"
        return await until(look, lambda found: len(found) >= count, within=within, what=what)


@asynccontextmanager
async def receiving(host: str = "127.0.0.1") -> AsyncIterator[Receiver]:
    """A server that listens; its address ends in `/a`."""
    receiver, app = Receiver(), web.Application()
    app.router.add_post("/{path:.*}", receiver.asked)
    async with TestServer(app, host=host) as server:
        receiver.url = str(server.make_url("/a"))
        yield receiver
