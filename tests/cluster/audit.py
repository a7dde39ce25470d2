"""What was asked of the API server, by whom: its audit log, read as it grows.

The log has a line for every request that was answered, refused ones included, so it is an exact witness of
what a program costs. A line is written just after its answer; `AuditLog.requests` therefore first waits for
the line of a request of its own.
"""

import json
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, Self

from tests.cluster.api import Api
from tests.cluster.resources import Object
from tests.cluster.waiting import until

WRITES: Final = frozenset({"create", "update", "patch", "delete", "deletecollection"})
READS: Final = frozenset({"get", "list"})
ROUND_TRIPS: Final = 4
BOOKKEEPING: Final = frozenset({"leases", "events", "selfsubjectaccessreviews", "selfsubjectrulesreviews"})
"""What a program asks about itself and leaves as a trace: counted apart from its work."""


def service_account(namespace: str, name: str) -> str:
    """The user name of a ServiceAccount."""
    return f"system:serviceaccount:{namespace}:{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One answered request; for one that names no object of the API, the resource is empty."""

    user: str
    verb: str
    group: str
    resource: str
    subresource: str
    namespace: str
    name: str
    code: int
    at: datetime
    answered: datetime
    path: str
    agent: str = ""
    """The program that asked, as it calls itself."""
    version: str = ""
    """The resourceVersion in the answer, where the log has answers of the kind."""

    def __str__(self) -> str:
        kind = f"{self.resource}/{self.subresource}" if self.subresource else self.resource or self.path
        return f"{self.verb} {kind} {self.namespace}/{self.name} {self.code}"


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests in the order of their answers; each method is a narrower choice of them."""

    all: Sequence[Request]

    def __iter__(self) -> Iterator[Request]:
        return iter(self.all)

    def __len__(self) -> int:
        return len(self.all)

    def __str__(self) -> str:
        return "\n".join(map(str, self.all)) or "no requests"

    def that(self, holds: Callable[[Request], object]) -> Self:
        return type(self)([request for request in self.all if holds(request)])

    def by(self, user: str) -> Self:
        return self.that(lambda request: request.user == user)

    def on(self, *resources: str) -> Self:
        return self.that(lambda request: request.resource in resources)

    def within(self, namespace: str) -> Self:
        return self.that(lambda request: request.namespace == namespace)

    @property
    def work(self) -> Self:
        """Without Leases, Events and questions about one's own rights."""
        return self.that(lambda request: request.resource and request.resource not in BOOKKEEPING)

    @property
    def writes(self) -> Self:
        return self.that(lambda request: request.verb in WRITES)

    @property
    def reads(self) -> Self:
        """GETs and LISTs; a watch is neither."""
        return self.that(lambda request: request.verb in READS)

    @property
    def refused(self) -> Self:
        return self.that(lambda request: request.code >= 400)

    def counts(self) -> Counter[str]:
        """How often each `verb resource/subresource` was asked."""
        return Counter(
            f"{request.verb} {request.resource}" + (f"/{request.subresource}" if request.subresource else "")
            for request in self.all
        )


@dataclass(slots=True)
class Counted:
    """Filled in when its block is left."""

    requests: Requests = field(default_factory=lambda: Requests([]))


class AuditLog:
    """The audit log of one API server; `api` is only used to mark places in it."""

    def __init__(self, path: Path, api: Api) -> None:
        self._path, self._api = path, api

    async def position(self) -> int:
        """The end of the last whole line, once the log holds everything that was answered before the call."""
        end = 0
        # The server writes an answer's line just after the answer: some round trips give it time to overtake.
        for _ in range(ROUND_TRIPS):
            mark = f"/version?mark={uuid.uuid4()}"
            start = self._path.stat().st_size
            await self._api.request("GET", mark)
            look = partial(self._end_with, mark, start)
            end = await until(look, what=f"the line of {mark} in {self._path}")
        return end

    async def requests(self, since: int = 0, *, user: str = "") -> Requests:
        """Everything answered after a position and before the call, our own marks left out.

        A user, if one is given, spares the reading of what others asked; lines in which they only name it
        are there all the same.
        """
        end = await self.position()
        requests = [
            request for line in self._lines(since, end, user) if (request := _request(json.loads(line)))
        ]
        return Requests([request for request in requests if not request.path.startswith("/version?mark=")])

    async def written(self, body: Object) -> float:
        """When who wrote a version was answered, in Unix seconds; of a kind whose answers are in the log."""
        version: str = body["metadata"]["resourceVersion"]

        async def look() -> list[datetime]:
            lines = self._lines(0, await self.position(), f'"{version}"')
            found = [request for line in lines if (request := _request(json.loads(line)))]
            return [one.answered for one in found if one.version == version]

        return min(await until(look, what=f"who wrote version {version}")).timestamp()

    @asynccontextmanager
    async def counting(self) -> AsyncIterator[Counted]:
        """Collect what is asked while the block runs."""
        start, counted = await self.position(), Counted()
        yield counted
        counted.requests = await self.requests(start)

    def _lines(self, since: int, end: int, word: str) -> Iterator[bytes]:
        with self._path.open("rb") as log:
            log.seek(since)
            for line in log:
                since += len(line)
                if since > end:
                    return
                if word.encode() in line:
                    yield line

    async def _end_with(self, mark: str, start: int) -> int:
        """The end of the last whole line, where the mark's is one of those after a position; else 0."""
        with self._path.open("rb") as log:
            log.seek(start)
            whole = log.read().rpartition(b"\n")[0]
        return start + len(whole) + 1 if mark.encode() in whole else 0


def _request(line: dict[str, Any]) -> Request | None:
    if line["stage"] != "ResponseComplete":
        return None
    target = line.get("objectRef") or {}
    return Request(
        user=line["user"].get("username", ""),
        verb=line["verb"],
        group=target.get("apiGroup", ""),
        resource=target.get("resource", ""),
        subresource=target.get("subresource", ""),
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        code=line.get("responseStatus", {}).get("code", 0),
        at=datetime.fromisoformat(line["requestReceivedTimestamp"]),
        answered=datetime.fromisoformat(line["stageTimestamp"]),
        path=line["requestURI"],
        agent=line.get("userAgent", ""),
        version=(line.get("responseObject") or {}).get("metadata", {}).get("resourceVersion", ""),
    )
