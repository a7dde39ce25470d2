"""What can go wrong with a request, and with an event of a watch: small functions that a rule names.

An act on a request gets the exchange and returns what the client is answered; an act on an event returns the
lines that the watch gives in its place. `Dropped` ends the connection without a word, as a reset does.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from tests.faults.trace import Asked, Shown

REASONS: Final = {
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Expired",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


class Dropped(Exception):
    """The connection ends here, after these bytes of what was to be sent."""

    def __init__(self, sent: bytes = b"") -> None:
        super().__init__("the connection was reset")
        self.sent = sent


@dataclass(frozen=True, slots=True)
class Answer:
    """What the client gets."""

    code: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Exchange(Protocol):
    """A request that has arrived and was not yet answered."""

    asked: Asked

    async def forward(self, **query: str) -> Answer:
        """Ask the server, with these parameters in place of the client's; of a watch, only begin it."""
        ...


class Stream(Protocol):
    """A watch, as acts on its events see it."""

    later: list[bytes]
    """Lines to be given right after the next event."""

    def hold(self, uid: str, line: bytes, seconds: float) -> None:
        """Give the line in so many seconds, unless the object has another event until then."""
        ...


Act = Callable[[Exchange], Awaitable[Answer]]
EventAct = Callable[[Stream, Shown, bytes], Awaitable[list[bytes]]]


@dataclass(slots=True, kw_only=True)
class Rule:
    """An act upon the requests it matches.

    Attributes:
        verb: One of them or several; empty for any.
        kind: As in `Asked.kind`; empty for any.
        name: The object's; empty for any.
        nth: The first of the matching requests to be hit, counted from when the rule is laid.
        times: How many are hit from there on; None for all.
        hit: Set as soon as one was.
    """

    act: Act
    verb: str | Collection[str] = ""
    kind: str = ""
    name: str = ""
    nth: int = 1
    times: int | None = 1
    seen: int = 0
    hit: asyncio.Event = field(default_factory=asyncio.Event)

    def meets(self, asked: Asked) -> bool:
        """Whether this request is to be hit; counts it."""
        verbs = (self.verb,) if isinstance(self.verb, str) else self.verb
        if (any(verbs) and asked.verb not in verbs) or self.kind not in ("", asked.kind):
            return False
        return self.name in ("", asked.name) and _counted(self)


@dataclass(slots=True, kw_only=True)
class EventRule:
    """An act upon the events it matches; `type` is the watch's word, `holds` is asked last."""

    act: EventAct
    type: str = ""
    kind: str = ""
    name: str = ""
    holds: Callable[[Mapping[str, Any]], object] = bool
    nth: int = 1
    times: int | None = 1
    seen: int = 0
    hit: asyncio.Event = field(default_factory=asyncio.Event)

    def meets(self, shown: Shown) -> bool:
        """Whether this event is to be hit; counts it."""
        if self.type not in ("", shown.type) or self.kind not in ("", shown.kind):
            return False
        return self.name in ("", shown.name) and bool(self.holds(shown.object)) and _counted(self)


def _counted(rule: Rule | EventRule) -> bool:
    rule.seen += 1
    due = rule.seen >= rule.nth and (rule.times is None or rule.seen < rule.nth + rule.times)
    if due:
        rule.hit.set()
    return due


def status(code: int, message: str = "a fault on the way") -> dict[str, Any]:
    """The server's words for an error."""
    body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    return {**body, "message": message, "reason": REASONS.get(code, "Unknown"), "code": code}


def refused(code: int, *, retry_after: int | None = None) -> Act:
    """Answered with an error; the server never hears of it."""

    async def act(exchange: Exchange) -> Answer:
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        return Answer(code, json.dumps(status(code)).encode(), headers)

    return act


async def dropped_before(exchange: Exchange) -> Answer:
    """The connection breaks before the server has heard of it."""
    raise Dropped


async def dropped_after(exchange: Exchange) -> Answer:
    """The server acts, and the answer is lost."""
    await exchange.forward()
    raise Dropped


async def truncated(exchange: Exchange) -> Answer:
    """The server acts, and half of its answer comes."""
    answer = await exchange.forward()
    raise Dropped(answer.body[: len(answer.body) // 2])


def slow(seconds: float) -> Act:
    """The server acts at once, and its answer is late."""

    async def act(exchange: Exchange) -> Answer:
        answer = await exchange.forward()
        await asyncio.sleep(seconds)
        return answer

    return act


def late(seconds: float) -> Act:
    """The request is late: the server acts only then."""

    async def act(exchange: Exchange) -> Answer:
        await asyncio.sleep(seconds)
        return await exchange.forward()

    return act


def listed_at(version: int) -> Act:
    """A list as it was: the server's own answer for an older version."""

    async def act(exchange: Exchange) -> Answer:
        return await exchange.forward(resourceVersion=str(version), resourceVersionMatch="Exact")

    return act


def killed_before(kill: Callable[[], Awaitable[None]]) -> Act:
    """Whoever asks dies before the server has heard of it."""

    async def act(exchange: Exchange) -> Answer:
        await kill()
        raise Dropped

    return act


def killed_after(kill: Callable[[], Awaitable[None]]) -> Act:
    """The server acts, and whoever asked dies before the answer."""

    async def act(exchange: Exchange) -> Answer:
        await exchange.forward()
        await kill()
        raise Dropped

    return act


def then(what: Callable[[], Awaitable[None]]) -> Act:
    """The server acts, something happens, and only then the answer comes."""

    async def act(exchange: Exchange) -> Answer:
        answer = await exchange.forward()
        await what()
        return answer

    return act


async def hidden(stream: Stream, shown: Shown, line: bytes) -> list[bytes]:
    """The event never comes."""
    return []


def skipped(seconds: float) -> EventAct:
    """The event never comes if the object has another one soon, as after a gap; otherwise it is late."""

    async def act(stream: Stream, shown: Shown, line: bytes) -> list[bytes]:
        stream.hold(shown.object["metadata"]["uid"], line, seconds)
        return []

    return act


async def twice(stream: Stream, shown: Shown, line: bytes) -> list[bytes]:
    """The event comes two times."""
    return [line, line]


async def swapped(stream: Stream, shown: Shown, line: bytes) -> list[bytes]:
    """The event comes after the next one of its watch."""
    stream.later.append(line)
    return []


async def cut(stream: Stream, shown: Shown, line: bytes) -> list[bytes]:
    """The connection breaks before the event."""
    raise Dropped


async def torn(stream: Stream, shown: Shown, line: bytes) -> list[bytes]:
    """The connection breaks in the middle of the event."""
    raise Dropped(line[: len(line) // 2])


async def deadened(stream: Stream, shown: Shown, line: bytes) -> list[bytes]:
    """The connection gives nothing any more, and does not break either."""
    await asyncio.Event().wait()
    return []


async def expired(stream: Stream, shown: Shown, line: bytes) -> list[bytes]:
    """The server says that it has forgotten the version the watch was at."""
    raise Dropped(_error(410))


def failed(code: int) -> EventAct:
    """The server says that something is wrong with it, and ends the watch."""

    async def act(stream: Stream, shown: Shown, line: bytes) -> list[bytes]:
        raise Dropped(_error(code))

    return act


def delayed(seconds: float) -> EventAct:
    """The event comes late, and so does all after it."""

    async def act(stream: Stream, shown: Shown, line: bytes) -> list[bytes]:
        await asyncio.sleep(seconds)
        return [line]

    return act


def at_once(what: Callable[[], Awaitable[None]]) -> EventAct:
    """Something happens, and only then the event comes."""

    async def act(stream: Stream, shown: Shown, line: bytes) -> list[bytes]:
        await what()
        return [line]

    return act


def _error(code: int) -> bytes:
    return json.dumps({"type": "ERROR", "object": status(code)}).encode() + b"\n"
