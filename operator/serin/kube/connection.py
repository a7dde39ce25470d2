"""One request to the API server as HTTP has it: as whom, over which connections, and for how long.

Nothing is repeated here and no answer is read: `transport` does that for requests, `streams` for lists and
watches.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from math import inf
from typing import Final, Self

import aiohttp

from serin.domain.names import FIELD_MANAGER
from serin.kube.access import Access, proxied
from serin.kube.errors import Request
from serin.kube.licence import Licence, licensed

CONNECT_SECONDS: Final = 5.0
UNAUTHORIZED: Final = 401


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request; `request` is how errors speak of it."""

    request: Request
    path: str
    method: str = "GET"
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


class Connection:
    """A pool of connections to one API server; made by `opened`."""

    def __init__(self, access: Access, session: aiohttp.ClientSession, server: str) -> None:
        self._access = access
        self._session = session
        self.server = server
        """Its address."""

    @classmethod
    @asynccontextmanager
    async def opened(
        cls, access: Access, *, licence: Licence | None = None, instance: str = ""
    ) -> AsyncIterator[Self]:
        """One that is closed when the block is left.

        Args:
            access: Who we are.
            licence: Without it no write leaves; None for one that may always write.
            instance: Which replica this is, for the server's audit log.
        """
        server = (await access.login()).server
        agent = f"{FIELD_MANAGER}/{instance}" if instance else FIELD_MANAGER
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),  # a watch holds one for minutes
            # Compressing is work for both sides, and the server is rarely far away.
            headers={"User-Agent": agent, "Accept-Encoding": "identity"},
            request_class=licensed(licence) if licence else aiohttp.ClientRequest,
            trust_env=proxied(server),
        ) as session:
            yield cls(access, session, server)

    @asynccontextmanager
    async def asked(
        self, call: Call, limits: aiohttp.ClientTimeout
    ) -> AsyncGenerator[aiohttp.ClientResponse]:
        """The answer, which is to be read within the block. Raises what aiohttp does."""
        way_in = await self._access.login()
        authorization = {"Authorization": f"Bearer {way_in.token}"} if way_in.token else {}
        async with self._session.request(
            call.method,
            f"{way_in.server}{call.path}",
            params=call.query,
            headers={**call.headers, **authorization},
            data=call.body,
            ssl=self._access.tls(way_in),
            server_hostname=way_in.name,
            proxy=way_in.proxy,
            timeout=limits,
        ) as answer:
            if answer.status == UNAUTHORIZED:
                # The token may be another one since it was read.
                self._access.refused()
            yield answer


def within(seconds: float, *, silent: float | None = None) -> aiohttp.ClientTimeout:
    """How long an answer may take, and how long nothing may come of it. To the moment: by default longer
    times are rounded up, beyond what a licence allows.
    """
    return aiohttp.ClientTimeout(
        total=seconds, sock_connect=CONNECT_SECONDS, sock_read=silent, ceil_threshold=inf
    )
