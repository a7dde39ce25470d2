"""Lists and watches: pages of objects, and changes line by line as they come.

Their connections are their own, since a watch holds one for minutes. The way in is read anew for each, so a
token that was replaced is never an old one for longer than a watch lasts.
"""

import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

from serin.domain.names import FIELD_MANAGER, MODEL_LABEL
from serin.kube.access import Login, proxied
from serin.kube.errors import Request, refusal, unanswered
from serin.kube.kinds import KINDS

PAGE: Final = 100
"""Objects of one page: some megabytes at once, however many there are."""
CONNECT_SECONDS: Final = 5.0
LIST_SECONDS: Final = 60.0
SILENT_SECONDS: Final = 70.0
"""A connection without even a bookmark, which comes each minute, is given up, and the watch goes on over
another where it was: so long is a dead one believed (design 8)."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some of what existed at a version; `rest` asks for what follows, and is empty on the last one."""

    version: str
    objects: tuple[Mapping[str, Any], ...]
    rest: str


class Streams:
    """Open while entered. What goes wrong is raised as `KubeError`.

    Args:
        login: The way in, as it is now.
    """

    def __init__(self, login: Callable[[], Awaitable[Login]]) -> None:
        self._login = login
        self._tls: tuple[Login, ssl.SSLContext] | None = None

    async def __aenter__(self) -> Self:
        # Compressing is work for both sides, and the server is rarely far away.
        headers = {"User-Agent": FIELD_MANAGER, "Accept-Encoding": "identity"}
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            headers=headers,
            trust_env=proxied((await self._login()).server),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def page(self, kind: str, namespace: str | None, *, after: str = "") -> Page:
        """One page of Serin's objects of a kind; `after` is the `rest` of the page before it."""
        query = {"limit": str(PAGE)} | ({"continue": after} if after else {})
        limits = aiohttp.ClientTimeout(total=LIST_SECONDS, sock_connect=CONNECT_SECONDS)
        chunks = [chunk async for chunk in self._read(Request("list", kind, namespace), query, limits)]
        try:
            answer = json.loads(b"".join(chunks))
        except ValueError as error:
            raise unanswered(Request("list", kind, namespace), error) from error
        metadata = answer["metadata"]
        rest = metadata.get("continue") or ""
        return Page(metadata["resourceVersion"], tuple(answer["items"] or ()), rest)

    async def changes(
        self, kind: str, namespace: str | None, *, since: str, seconds: float
    ) -> AsyncIterator[Mapping[str, Any]]:
        """Every change after a version, and bookmarks, until the server ends it after so long.

        A version that is too old to go on from is a `KubeError` with the status 410.
        """
        request = Request("watch", kind, namespace)
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": since,
            "timeoutSeconds": f"{seconds:.0f}",
        }
        limits = aiohttp.ClientTimeout(
            total=seconds + SILENT_SECONDS, sock_connect=CONNECT_SECONDS, sock_read=SILENT_SECONDS
        )
        rest = b""
        async with aclosing(self._read(request, query, limits)) as chunks:
            async for chunk in chunks:
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    yield _change(request, line)

    async def _read(
        self, request: Request, query: Mapping[str, str], limits: aiohttp.ClientTimeout
    ) -> AsyncGenerator[bytes, None]:
        row = KINDS[request.kind]
        chosen = {"labelSelector": MODEL_LABEL} if row.labelled else {}
        way_in = await self._login()
        headers = {"Authorization": f"Bearer {way_in.token}"} if way_in.token else {}
        try:
            async with self._session.get(
                f"{way_in.server}{row.path(request.namespace)}",
                params={**query, **chosen},
                headers=headers,
                ssl=self._trusting(way_in),
                timeout=limits,
            ) as answer:
                if answer.status != 200:
                    raise refusal(request, answer.status, answer.headers, await answer.read())
                async for chunk in answer.content.iter_any():
                    yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise unanswered(request, error) from error

    def _trusting(self, way_in: Login) -> ssl.SSLContext:
        """How to tell the server, made once for each pair of certificates: it takes milliseconds."""
        if self._tls is None or _certificates(self._tls[0]) != _certificates(way_in):
            context = ssl.create_default_context(cafile=way_in.ca)
            if way_in.insecure:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            if way_in.certificate:
                context.load_cert_chain(way_in.certificate, way_in.key)
            self._tls = way_in, context
        return self._tls[1]


def _certificates(way_in: Login) -> tuple[object, ...]:
    return way_in.ca, way_in.insecure, way_in.certificate, way_in.key


def _change(request: Request, line: bytes) -> Mapping[str, Any]:
    try:
        change: Mapping[str, Any] = json.loads(line)
    except ValueError as error:
        raise unanswered(request, error) from error
    if change["type"] == "ERROR":
        status = change["object"]
        raise refusal(request, status.get("code", 500), {}, json.dumps(status).encode())
    return change
