"""A proxy between one operator and the API server, which does to requests and watches what rules tell it to.

Towards the operator it speaks plain HTTP; the bearer token is passed on, so the server sees the same user.
Watches are streamed line by line. Everything that passes is in `trace`. What may go wrong is in `acts`; what
concerns the whole connection is here: a watch that freezes, a server that is away, a token that has expired.
"""

import asyncio
import json
import shutil
from collections import defaultdict
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import yaml
from aiohttp import web

from tests.cluster.kubeconfig import NAME, Access
from tests.cluster.network import GATEWAY
from tests.cluster.resources import Object
from tests.faults.acts import Answer, Dropped, EventRule, Rule, refused
from tests.faults.passing import Passing, Watch
from tests.faults.trace import Asked, Shown, Trace, read


class FaultProxy:
    """Use as an async context manager; then `kubeconfig` leads through it.

    Args:
        upstream: The API server, and the token its client is known by.
        folder: Where the kubeconfig and the token's file go; made where it is missing.
        looks_by: The token of somebody who may read all: each write is then preceded by a look at the object,
            which tells whether it changed anything.
    """

    def __init__(
        self, upstream: Access, folder: Path, *, host: str = GATEWAY, looks_by: str | None = None
    ) -> None:
        self._upstream, self._host, self._looks_by = upstream, host, looks_by
        self._folder = folder
        self.trace = Trace()
        self.rules: list[Rule] = []
        self.event_rules: list[EventRule] = []
        self.kubeconfig, self._token_file = folder / "kubeconfig", folder / "token"
        self.address = ""
        self._refused: set[str] = set()
        self._flowing: defaultdict[str, asyncio.Event] = defaultdict(_open)
        self._work: set[asyncio.Task[web.StreamResponse]] = set()

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            base_url=self._upstream.server,
            connector=aiohttp.TCPConnector(ssl=self._upstream.tls, limit=0),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=60),
            auto_decompress=True,
        )
        # A watch ends with its client; a request goes on, as one does that has reached the server.
        self._runner = web.ServerRunner(web.Server(self._handle, handler_cancellation=True))
        await self._runner.setup()
        self._port = 0
        await self._listen()
        self._folder.mkdir(parents=True, exist_ok=True)
        self.rotate(self._upstream.token or "")
        self.kubeconfig.write_text(yaml.safe_dump(self._document()))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for event in self._flowing.values():
            event.set()
        self.sever()
        for task in list(self._work):
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)
        await self._runner.cleanup()
        await self._session.close()
        shutil.rmtree(self._folder, ignore_errors=True)  # a cluster that ends takes it away, too

    def lay(self, *rules: Rule | EventRule) -> None:
        """Let rules act from now on; the first that meets a request or an event decides on it."""
        self.rules += [rule for rule in rules if isinstance(rule, Rule)]
        self.event_rules += [rule for rule in rules if isinstance(rule, EventRule)]

    def lift(self, *rules: Rule | EventRule) -> None:
        """Take rules back; without any, all."""
        self.rules = [rule for rule in self.rules if rules and rule not in rules]
        self.event_rules = [rule for rule in self.event_rules if rules and rule not in rules]

    def freeze(self, *kinds: str) -> None:
        """From now on the watches of these kinds, new ones too, give nothing; they stay connected."""
        for kind in kinds:
            self._flowing[kind].clear()

    def thaw(self, *kinds: str) -> None:
        """Let them give what was held back; without a kind, all."""
        for kind in kinds or tuple(self._flowing):
            self._flowing[kind].set()

    @property
    def token(self) -> str:
        """What is in the token file."""
        return self._token_file.read_text()

    def rotate(self, token: str) -> None:
        """Put another token into the token file, as a kubelet does long before the old one expires."""
        self._token_file.touch(mode=0o600)
        self._token_file.write_text(token)

    def expire(self, token: str) -> None:
        """Answer 401 to whoever comes with this token, and end the watches, as a server does in time."""
        self._refused.add(token)
        self.sever()

    @asynccontextmanager
    async def down(self) -> AsyncIterator[None]:
        """The server is away: connections break and new ones are refused."""
        await self._site.stop()
        self.sever()
        try:
            yield
        finally:
            await self._listen()

    def sever(self) -> None:
        """Reset all connections."""
        for connection in self._runner.server.connections if self._runner.server else ():
            if connection.transport is not None:
                connection.transport.abort()

    async def _listen(self) -> None:
        self._site = web.TCPSite(self._runner, self._host, self._port, reuse_address=True)
        await self._site.start()
        self._port = self._port or self._runner.addresses[0][1]
        self.address = f"http://{self._host}:{self._port}"

    def _document(self) -> Object:
        context = {"cluster": NAME, "user": NAME, "namespace": "default"}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": NAME, "cluster": {"server": self.address}}],
            "users": [{"name": NAME, "user": {"tokenFile": str(self._token_file)}}],
            "contexts": [{"name": NAME, "context": context}],
            "current-context": NAME,
        }

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        asked = read(request.method, request.path, request.query, request.headers.get("Content-Type", ""))
        asked.agent = request.headers.get("User-Agent", "")
        self.trace.all.append(asked)
        try:
            if asked.verb == "watch":
                return await self._watch(asked, request)
            return await self._shielded(self._answer(asked, request))
        except Dropped as dropped:
            return _reset(request, dropped)

    async def _shielded(self, work: Coroutine[Any, Any, web.StreamResponse]) -> web.StreamResponse:
        task = asyncio.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._over)
        return await asyncio.shield(task)

    def _over(self, task: asyncio.Task[web.StreamResponse]) -> None:
        self._work.discard(task)
        if not task.cancelled():
            task.exception()  # told to whoever waits for it; its client may be dead

    async def _answer(self, asked: Asked, request: web.BaseRequest) -> web.StreamResponse:
        exchange = Passing(asked, request, await request.read(), self._session, looks_by=self._looks_by)
        try:
            answer = await self._decided(exchange)
        except (aiohttp.ClientError, OSError) as error:
            raise Dropped from error
        if request.transport is not None and not request.transport.is_closing():
            asked.code = answer.code
        return web.Response(status=answer.code, body=answer.body, headers=answer.headers)

    async def _decided(self, exchange: Passing) -> Answer:
        asked = exchange.asked
        if exchange.token in self._refused:
            asked.fault = "expired"
            return await refused(401)(exchange)
        if rule := next((rule for rule in self.rules if rule.meets(asked)), None):
            asked.fault = getattr(rule.act, "__qualname__", repr(rule.act)).partition(".")[0]
            return await rule.act(exchange)
        return await exchange.forward()

    async def _watch(self, asked: Asked, request: web.BaseRequest) -> web.StreamResponse:
        exchange = Passing(asked, request, b"", self._session)
        try:
            answer = await self._decided(exchange)
            asked.code = answer.code
            if exchange.stream is None:
                return web.Response(status=answer.code, body=answer.body, headers=answer.headers)
            response = web.StreamResponse(status=answer.code, headers=answer.headers)
            await response.prepare(request)
            async with exchange.stream:
                await self._streamed(asked.kind, exchange.stream, response)
        except (aiohttp.ClientError, OSError) as error:
            raise Dropped from error
        return response

    async def _streamed(
        self, kind: str, stream: aiohttp.ClientResponse, response: web.StreamResponse
    ) -> None:
        watch = Watch(kind, response)
        try:
            async for line in stream.content:
                await self._flowing[kind].wait()
                for one in await self._given(watch, line):
                    await response.write(one)
        except Dropped as dropped:
            if dropped.sent:
                await response.write(dropped.sent)
            if not dropped.sent.endswith(b"\n"):
                raise Dropped from dropped
        finally:
            watch.end()

    async def _given(self, watch: Watch, line: bytes) -> list[bytes]:
        event = json.loads(line)
        shown = Shown(type=event["type"], kind=watch.kind, object=event["object"])
        later, watch.later = watch.later, []
        if shown.type != "BOOKMARK":
            self.trace.all.append(shown)
            watch.release(str(shown.object.get("metadata", {}).get("uid")))
        for rule in self.event_rules:
            if rule.meets(shown):
                shown.fault = getattr(rule.act, "__qualname__", repr(rule.act)).partition(".")[0]
                return [*await rule.act(watch, shown, line), *later]
        return [line, *later]


def _open() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


def _reset(request: web.BaseRequest, dropped: Dropped) -> web.StreamResponse:
    transport = request.transport
    if transport is not None and dropped.sent:
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {2 * len(dropped.sent)}"
        transport.write(head.encode() + b"\r\n\r\n" + dropped.sent)
        transport.close()
    elif transport is not None:
        transport.abort()
    return web.Response(status=503)  # nobody is left to read it
