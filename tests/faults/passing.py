"""A request on its way through the proxy, and a watch while it lasts: what acts get to act upon."""

import asyncio
from contextlib import suppress
from typing import Final

import aiohttp
from aiohttp import web

from tests.faults.acts import Answer
from tests.faults.trace import Asked, version_of

LONGEST_LINE: Final = 2**22
HOP_BY_HOP: Final = frozenset(
    {"host", "connection", "keep-alive", "transfer-encoding", "content-length", "accept-encoding", "upgrade"}
)
PASSED_BACK: Final = ("Content-Type", "Retry-After", "Warning", "Audit-Id")


class Watch:
    """One watch under way."""

    def __init__(self, kind: str, response: web.StreamResponse) -> None:
        self.kind = kind
        self.later: list[bytes] = []
        self._response = response
        self._held: dict[str, asyncio.Task[None]] = {}

    def hold(self, uid: str, line: bytes, seconds: float) -> None:
        """Give the line in so many seconds, unless the object has another event until then."""
        self._held[uid] = asyncio.create_task(self._give_late(line, seconds))

    def release(self, uid: str) -> None:
        """The object has another event."""
        if task := self._held.pop(uid, None):
            task.cancel()

    def end(self) -> None:
        """Nothing more is given."""
        for uid in list(self._held):
            self.release(uid)

    async def _give_late(self, line: bytes, seconds: float) -> None:
        await asyncio.sleep(seconds)
        with suppress(OSError):
            await self._response.write(line)


class Passing:
    """One request on its way to the server."""

    def __init__(
        self,
        asked: Asked,
        request: web.BaseRequest,
        body: bytes,
        session: aiohttp.ClientSession,
        *,
        looks_by: str | None = None,
    ) -> None:
        self.asked = asked
        self.stream: aiohttp.ClientResponse | None = None
        self._request, self._body, self._session, self._looks_by = request, body, session, looks_by

    @property
    def token(self) -> str:
        """The client's bearer token."""
        return self._request.headers.get("Authorization", "").removeprefix("Bearer ")

    async def forward(self, **query: str) -> Answer:
        """Ask the server."""
        request, asked = self._request, self.asked
        before = await self._version() if self._looks_by and asked.write and asked.name else None
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP}
        answer = await self._session.request(
            request.method,
            request.path,
            params={**request.query, **query},
            headers=headers,
            data=self._body or None,
            read_bufsize=LONGEST_LINE,
        )
        asked.acted = answer.status
        passed = {name: answer.headers[name] for name in PASSED_BACK if name in answer.headers}
        if asked.verb == "watch" and answer.status == 200:
            self.stream = answer
            return Answer(200, b"", passed)
        async with answer:
            body = await answer.read()
        if asked.verb in ("list", "get") or asked.write:
            asked.version = version_of(body)
        if before is not None:
            asked.changed = asked.version != before
        return Answer(answer.status, body, passed)

    async def _version(self) -> str:
        path = self._request.path.removesuffix("/status")
        headers = {"Authorization": f"Bearer {self._looks_by}"}
        with suppress(aiohttp.ClientError):
            async with self._session.get(path, headers=headers) as answer:
                return version_of(await answer.read()) if answer.status == 200 else ""
        return ""
