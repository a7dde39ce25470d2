"""Load that asks at a fixed rate, whatever the answers, and keeps every request's fate.

It never retries: what a client would have lost is counted as lost. Requests travel on kept-alive connections
of bounded age, because a proxy may split by connection and kube-proxy always does: `ServiceResolver` makes a
connection choose a ready endpoint as kube-proxy would.
"""

import asyncio
import json
import random
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp.abc import AbstractResolver

from tests.cluster.waiting import PATIENT, NotInTime

IDLE_SECONDS = 3.0
"""A connection idle for longer is not used again: servers close theirs after 5 s (uvicorn)."""


class Fate(StrEnum):
    """What became of a request."""

    OK = "ok"
    CLIENT_ERROR = "4xx"
    SERVER_ERROR = "5xx"
    TIMEOUT = "timeout"
    TRANSPORT = "transport"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One request and what became of it."""

    at: float
    """When it was sent, in Unix seconds."""
    seconds: float
    """Until the whole answer, or the failure."""
    fate: Fate
    status: int | None = None
    revision: str | None = None
    served_by: str | None = None
    detail: str = ""
    """The transport's error, or the start of a bad answer's body."""

    @property
    def lost(self) -> bool:
        """Not answered, or answered with a 5xx: what a user would call failed."""
        return self.fate in (Fate.TIMEOUT, Fate.TRANSPORT, Fate.SERVER_ERROR)

    @property
    def done(self) -> float:
        return self.at + self.seconds


@dataclass(slots=True)
class Results:
    """Every request sent so far; each question can be asked of a part of the time (Unix seconds)."""

    sent: list[Sent] = field(default_factory=list)

    def between(self, since: float = 0, until: float = float("inf")) -> list[Sent]:
        """The requests that were sent in a window."""
        return [one for one in self.sent if since <= one.at < until]

    def by_fate(self, since: float = 0, until: float = float("inf")) -> Counter[Fate]:
        return Counter(one.fate for one in self.between(since, until))

    def by_revision(self, since: float = 0, until: float = float("inf")) -> Counter[str | None]:
        """Requests by the revision that answered; None counts those nobody answered."""
        return Counter(one.revision for one in self.between(since, until))

    def share(self, revision: str, *, since: float = 0, until: float = float("inf")) -> float:
        """The revision's part of the requests that some revision answered, from 0 to 1."""
        answered = [one for one in self.between(since, until) if one.revision is not None]
        return sum(one.revision == revision for one in answered) / len(answered) if answered else 0.0

    def lost(self, since: float = 0, until: float = float("inf")) -> list[Sent]:
        return [one for one in self.between(since, until) if one.lost]

    def first_bad(self, revision: str | None = None) -> Sent | None:
        """The first lost request to be answered (of a revision), by the time of its answer."""
        lost = [one for one in self.lost() if revision is None or one.revision == revision]
        return min(lost, key=lambda one: one.done, default=None)

    def last_of(self, revision: str) -> Sent | None:
        """The last request that reached a revision: after it, its traffic is really zero."""
        reached = [one for one in self.sent if one.revision == revision]
        return max(reached, key=lambda one: one.at, default=None)

    def story(self) -> str:
        """A few lines for an assertion's message: totals, then the first losses."""
        lines = [f"{len(self.sent)} requests: {dict(self.by_fate())}, by revision {dict(self.by_revision())}"]
        for one in self.lost()[:10]:
            lines.append(
                f"  {one.at:.3f} {one.fate} {one.status} {one.revision} {one.seconds:.3f}s {one.detail}"
            )
        return "\n".join(lines)


RevisionOf = Callable[[Mapping[str, str], bytes], str | None]
"""Tells the revision from an answer's headers (case-insensitive) and body."""


def revision_by_header(headers: Mapping[str, str], body: bytes) -> str | None:
    """The `x-revision` of the model server of these tests; a proxy's own answers have none."""
    return headers.get("x-revision")


def revision_by_model_version(headers: Mapping[str, str], body: bytes) -> str | None:
    """MLServer's `model_version` in the answer's body."""
    try:
        version = json.loads(body).get("model_version")
    except (ValueError, AttributeError):
        return None
    return str(version) if version is not None else None


class _Client:
    """One connection at a time, given up when it is old."""

    def __init__(self, resolver: AbstractResolver | None, *, opened: float, expires: float) -> None:
        self.opened, self.expires = opened, expires
        connector = aiohttp.TCPConnector(
            limit=1, resolver=resolver, use_dns_cache=False, keepalive_timeout=IDLE_SECONDS
        )
        self.session = aiohttp.ClientSession(
            connector=connector,
            connector_owner=True,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )


class Traffic:
    """Users who send inference requests at a fixed rate: `async with Traffic(url, per_second=50) as users`.

    Only POSTs: aiohttp silently repeats a GET whose kept-alive connection was closed.

    Args:
        url: Where to. Through a gateway: its address and the path; `host` names the route.
        per_second: Requests sent, evenly, also while earlier ones are unanswered.
        connections: Kept open; more are opened, for one request each, while all are busy.
        max_age_seconds: A connection is given up between half and one and a half of this. Where pods leave
            without a proxy in between it must be shorter than their preStop sleep, as for any real client.
        timeout_seconds: Of a whole request. A machine that stands still for a while is no loss.
        host: The Host header.
        body: What is asked, as JSON.
        revision_of: Tells which revision answered.
        resolver: Chooses the endpoint of each new connection; `ServiceResolver` is kube-proxy's way.
        seed: For the connections' ages.
    """

    def __init__(
        self,
        url: str,
        *,
        per_second: float,
        connections: int = 20,
        max_age_seconds: float = 5.0,
        timeout_seconds: float = 90.0,
        host: str = "",
        body: object = None,
        revision_of: RevisionOf = revision_by_header,
        resolver: AbstractResolver | None = None,
        seed: int = 0,
    ) -> None:
        self._url = url
        self._period = 1 / per_second
        self._connections = connections
        self._max_age = max_age_seconds
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._headers = {"Content-Type": "application/json"} | ({"Host": host} if host else {})
        self._body = json.dumps(EXAMPLE if body is None else body).encode()
        self._revision_of = revision_of
        self._resolver = resolver
        self._random = random.Random(seed)
        self._idle: deque[_Client] = deque()
        self._under_way: set[asyncio.Task[None]] = set()
        self._faults: list[BaseException] = []
        self._renewed = 0.0
        self._progress = asyncio.Condition()
        self.results = Results()

    async def __aenter__(self) -> Self:
        self._sender = asyncio.create_task(self._send_all())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self) -> Results:
        """Send no more, wait for what is under way, and return the results. May be repeated.

        A fault of the load itself, such as a `revision_of` that raises, is raised here: it would otherwise
        look like a request that was never sent.
        """
        self._sender.cancel()
        await asyncio.wait({self._sender, *self._under_way})
        await self.reconnect()
        if self._faults:
            raise self._faults[0]
        return self.results

    async def reconnect(self) -> None:
        """Give up every connection: requests sent from now on travel on new ones."""
        self._renewed = asyncio.get_running_loop().time()
        while self._idle:
            await self._idle.pop().session.close()

    async def more(self, count: int, *, within: float = PATIENT) -> float:
        """Wait until so many requests are done that were sent later; returns the time, in Unix seconds, from
        which on they were.
        """
        began, looked_at, left = time.time(), len(self.results.sent), count

        def enough() -> bool:
            nonlocal looked_at, left
            left -= sum(one.at >= began for one in self.results.sent[looked_at:])
            looked_at = len(self.results.sent)
            return left <= 0

        try:
            async with asyncio.timeout(within), self._progress:
                await self._progress.wait_for(lambda: self._faults or enough())
        except TimeoutError:
            raise NotInTime(f"no {count} requests within {within:g} s; {self.results.story()}") from None
        return began

    async def _send_all(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            # Never skipping ahead: after a stall of this process the missed requests are sent at once.
            await asyncio.sleep(max(0.0, due - loop.time()))
            due += self._period
            task = asyncio.create_task(self._send())
            self._under_way.add(task)
            task.add_done_callback(self._finish)

    def _finish(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (fault := task.exception()):
            self._faults.append(fault)

    async def _send(self) -> None:
        now = asyncio.get_running_loop().time
        client = await self._one_of_the_idle(now()) or self._connect(now())
        sent = await self._fate(client.session)
        reusable = (
            client.opened >= self._renewed and now() < client.expires and sent.fate is not Fate.TRANSPORT
        )
        if reusable and len(self._idle) < self._connections:
            self._idle.append(client)
        else:
            await client.session.close()
        self.results.sent.append(sent)
        async with self._progress:
            self._progress.notify_all()

    async def _one_of_the_idle(self, now: float) -> _Client | None:
        """One that may be used; while this process stood still, those it had may have got old."""
        while self._idle:
            client = self._idle.popleft()
            if now < client.expires:
                return client
            await client.session.close()
        return None

    async def _fate(self, session: aiohttp.ClientSession) -> Sent:
        at, begin = time.time(), time.perf_counter()

        def sent(fate: Fate, **more: Any) -> Sent:
            return Sent(at=at, seconds=time.perf_counter() - begin, fate=fate, **more)

        try:
            async with session.post(
                self._url, data=self._body, headers=self._headers, timeout=self._timeout
            ) as answer:
                body = await answer.read()
        except TimeoutError:
            return sent(Fate.TIMEOUT)
        except (aiohttp.ClientError, OSError) as error:
            return sent(Fate.TRANSPORT, detail=repr(error))
        return sent(
            _fate_of(answer.status),
            status=answer.status,
            revision=self._revision_of(answer.headers, body),
            served_by=answer.headers.get("x-served-by"),
            detail="" if answer.status < 400 else body[:200].decode(errors="replace"),
        )

    def _connect(self, now: float) -> _Client:
        age = self._max_age * self._random.uniform(0.5, 1.5)
        return _Client(self._resolver, opened=now, expires=now + age)


EXAMPLE = {"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [5.1, 3.5, 1.4, 0.2]}]}
"""An inference request that a model of the iris data set understands."""


def _fate_of(status: int) -> Fate:
    if status >= 500:
        return Fate.SERVER_ERROR
    return Fate.CLIENT_ERROR if status >= 400 else Fate.OK
