"""Requests to the API server: sent, bounded, and repeated only if they certainly were never done.

A write leaves only with the licence to do so, and its server hears how long it may take: none is done for who
may no longer act (I12).
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

import aiohttp

from serin.kube.access import Access
from serin.kube.connection import UNAUTHORIZED, Call, Connection, within
from serin.kube.errors import KubeError, NotLeading, Request, refusal, unanswered
from serin.kube.licence import READING, Lapsed, Licence

CONNECT_RETRIES: Final = (0.1, 0.4, 1.0)
"""Seconds before each new attempt to connect. Short: the key waits in the queue for longer outages."""
REQUEST_SECONDS: Final = 30.0
JSON: Final = "application/json"

Told = Callable[[Request, KubeError | None], None]
"""Called after each request, with the error it is about to raise, if any."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    content: bytes


class Transport:
    """What is asked of one API server.

    Args:
        told: Hears of every request's outcome.
        licence: Without it no write leaves; None for one that may always write.
    """

    def __init__(
        self, connection: Connection, *, told: Told | None = None, licence: Licence | None = None
    ) -> None:
        self.connection = connection
        self._told = told
        self._licence = licence
        self._open: dict[object, float] = {}

    @classmethod
    @asynccontextmanager
    async def connected(
        cls,
        kubeconfig: Path | None = None,
        *,
        context: str | None = None,
        told: Told | None = None,
        licence: Licence | None = None,
        instance: str = "",
    ) -> AsyncIterator[Self]:
        """One that is closed when the block is left; `instance` as `Connection` has it.

        Raises:
            BadAccess: The way to the server is not known.
        """
        access = Access(kubeconfig, context)
        async with Connection.opened(access, licence=licence, instance=instance) as connection:
            yield cls(connection, told=told, licence=licence)

    @property
    def server(self) -> str:
        """Its address."""
        return self.connection.server

    @property
    def unsettled(self) -> bool:
        """Whether a write may still be done by the server whose answer has not come, and may never come."""
        return any(until > time.monotonic() for until in self._open.values())

    async def send(
        self,
        request: Request,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        content_type: str | None = None,
        accept: str = JSON,
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The answer, which must be a JSON object; anything else is raised as `KubeError`."""
        call = Call(
            request=request,
            path=path,
            method=method,
            query=query or {},
            headers={"Accept": accept} | ({"Content-Type": content_type} if content_type else {}),
            body=None if body is None else json.dumps(body, separators=(",", ":")).encode(),
        )
        try:
            answer = await self._answer(call)
        except KubeError as error:
            self._tell(request, error)
            raise
        self._tell(request, None)
        return answer

    def _tell(self, request: Request, error: KubeError | None) -> None:
        if self._told is not None:
            self._told(request, error)

    async def _answer(self, call: Call) -> dict[str, Any]:
        try:
            answer = await self._attempts(call)
            if answer.status == UNAUTHORIZED:
                # Nothing was done, so a repeat is harmless, with the token of now.
                answer = await self._attempts(call)
        except Lapsed as error:
            raise _not_leading(call.request) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise unanswered(call.request, error) from error
        if not 200 <= answer.status < 300:
            raise refusal(call.request, answer.status, answer.headers, answer.content)
        try:
            read: dict[str, Any] = json.loads(answer.content)
        except ValueError as error:
            # A proxy's page, or an answer cut in the middle: the server may well have acted.
            raise unanswered(call.request, error) from error
        return read

    async def _attempts(self, call: Call) -> _Answer:
        for pause in (*CONNECT_RETRIES, None):
            try:
                return await self._exchange(call)
            except aiohttp.ClientConnectorError:
                # No connection, so nothing was sent: the one failure after which a repeat is harmless.
                if pause is None:
                    raise
            await asyncio.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    async def _exchange(self, call: Call) -> _Answer:
        if call.method in READING:
            return await self._sent(call, REQUEST_SECONDS)
        seconds, now, token = self._bound(call.request), time.monotonic(), object()
        if self._licence is not None:
            # The server is told as well how long it may take.
            call = replace(call, query={**call.query, "timeout": f"{seconds:.3f}s"})
        self._open = {one: until for one, until in self._open.items() if until > now}
        self._open[token] = now + seconds
        try:
            answer = await self._sent(call, seconds)
        except (aiohttp.ClientConnectorError, Lapsed):
            self._open.pop(token, None)  # it was never sent
            raise
        self._open.pop(token, None)
        return answer

    def _bound(self, request: Request) -> float:
        """How long a write that leaves now may be under way."""
        seconds = REQUEST_SECONDS
        if self._licence is not None:
            seconds = min(seconds, self._licence.seconds())
        if seconds <= 0:
            raise _not_leading(request)
        return seconds

    async def _sent(self, call: Call, seconds: float) -> _Answer:
        async with self.connection.asked(call, within(seconds)) as answer:
            return _Answer(answer.status, answer.headers, await answer.read())


def _not_leading(request: Request) -> NotLeading:
    return NotLeading(request, "not sent, for this replica may no longer be the one that acts")
