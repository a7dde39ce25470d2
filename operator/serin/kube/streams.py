"""Lists and watches: pages of objects, and changes one by one as they come.

What is watched is told line by line, whatever the chunks it comes in; every watch is read here.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from serin.kube.connection import Call, Connection, within
from serin.kube.errors import Request, refusal, unanswered
from serin.kube.kinds import KINDS

PAGE: Final = 100
"""Objects of one page: some megabytes at once, however many there are."""
PAGES_AT_ONCE: Final = 2
LIST_SECONDS: Final = 60.0
SILENT_SECONDS: Final = 70.0
"""A connection without even a bookmark, which comes each minute, is given up, and the watch goes on over
another where it was: so long is a dead one believed (design 8)."""

FORGOTTEN: Final = 410
"""The status of a version that the server no longer goes back to."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some of what existed at a version; `rest` asks for what follows, and is empty on the last one."""

    version: str
    objects: tuple[Mapping[str, Any], ...]
    rest: str


class Streams:
    """Lists and watches of Serin's objects. What goes wrong is raised as `KubeError`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        # At a start all kinds are listed at once, and so would be their pages in memory.
        self._turns = asyncio.Semaphore(PAGES_AT_ONCE)

    async def page(self, kind: str, namespace: str | None, *, after: str = "") -> Page:
        """One page of Serin's objects of a kind; `after` is the `rest` of the page before it."""
        call = _call("list", kind, namespace, {"limit": str(PAGE)} | ({"continue": after} if after else {}))
        async with self._turns:
            chunks = [chunk async for chunk in _read(self._connection, call, within(LIST_SECONDS))]
        try:
            answer = json.loads(b"".join(chunks))
        except ValueError as error:
            raise unanswered(call.request, error) from error
        metadata = answer["metadata"]
        rest = metadata.get("continue") or ""
        return Page(metadata["resourceVersion"], tuple(answer["items"] or ()), rest)

    def changes(
        self, kind: str, namespace: str | None, *, since: str, seconds: float
    ) -> AsyncIterator[Mapping[str, Any]]:
        """Every change after a version, and bookmarks, until the server ends it after so long.

        A version that is too old to go on from is a `KubeError` with the status 410.
        """
        query = {"allowWatchBookmarks": "true", **following(since, seconds)}
        limits = within(seconds + SILENT_SECONDS, silent=SILENT_SECONDS)
        return changes(self._connection, _call("watch", kind, namespace, query), limits)


def following(since: str, seconds: float) -> dict[str, str]:
    """What asks for all changes after a version, for so long."""
    return {"watch": "true", "resourceVersion": since, "timeoutSeconds": f"{seconds:.0f}"}


async def changes(
    connection: Connection, call: Call, limits: aiohttp.ClientTimeout
) -> AsyncGenerator[Mapping[str, Any], None]:
    """The changes that a watch tells. Its own errors, and what goes wrong on the way, are raised as
    `KubeError`.
    """
    rest = b""
    async with aclosing(_read(connection, call, limits)) as chunks:
        async for chunk in chunks:
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield _change(call.request, line)


async def _read(
    connection: Connection, call: Call, limits: aiohttp.ClientTimeout
) -> AsyncGenerator[bytes, None]:
    try:
        async with connection.asked(call, limits) as answer:
            if answer.status != 200:
                raise refusal(call.request, answer.status, answer.headers, await answer.read())
            async for chunk in answer.content.iter_any():
                yield chunk
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise unanswered(call.request, error) from error


def _call(verb: str, kind: str, namespace: str | None, query: Mapping[str, str]) -> Call:
    row = KINDS[kind]
    query = {**query, **row.ours}
    return Call(request=Request(verb, kind, namespace), path=row.path(namespace), query=query)


def _change(request: Request, line: bytes) -> Mapping[str, Any]:
    try:
        change: Mapping[str, Any] = json.loads(line)
    except ValueError as error:
        raise unanswered(request, error) from error
    if change["type"] == "ERROR":
        status = change["object"]
        raise refusal(request, status.get("code", 500), {}, json.dumps(status).encode())
    return change
