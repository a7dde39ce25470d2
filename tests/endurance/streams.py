"""Users of streaming answers: each reads token by token to the end, and knows when the end did not come.

Streams are begun at a fixed rate whatever becomes of them, most of them short and some a minute long, as the
users of a language model's are. Every stream has a connection of its own, like a browser's.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import aiohttp

from tests.cluster.servers.tokens import DONE

LENGTHS: Final = (2.0, 5.0, 3.0, 60.0, 8.0, 2.0, 20.0, 4.0)
"""Seconds of one stream after the other, again and again: one in eight takes a minute."""
EVERY_SECONDS: Final = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Streamed:
    """One stream, and whether it came whole."""

    at: float
    seconds: float
    """That it was to take."""
    revision: str | None
    tokens: int
    wrong: str = ""
    """Empty where it came whole."""


class Streams:
    """Users who stream while entered: `async with Streams(url, host=..., per_second=1) as streams`.

    Leaving it begins no more, and waits for those under way.
    """

    def __init__(self, url: str, *, host: str, per_second: float, lengths: Sequence[float] = LENGTHS) -> None:
        self._url, self._headers = url, {"Host": host}
        self._period, self._lengths = 1 / per_second, lengths
        self._under_way: set[asyncio.Task[None]] = set()
        self._begun = 0
        self.ended: list[Streamed] = []

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, force_close=True),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=60, sock_read=120),
        )
        self._beginning = asyncio.create_task(self._begin())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._beginning.cancel()
        await asyncio.gather(self._beginning, *self._under_way, return_exceptions=True)
        await self._http.close()

    @property
    def truncated(self) -> list[Streamed]:
        """Streams that ended too early, or never began."""
        return [one for one in self.ended if one.wrong]

    def by_seconds(self) -> Counter[float]:
        """How many of each length came to an end."""
        return Counter(one.seconds for one in self.ended)

    async def _begin(self) -> None:
        clock = asyncio.get_running_loop().time
        due = clock()
        while True:
            await asyncio.sleep(max(0.0, due - clock()))
            due += self._period
            task = asyncio.create_task(self._stream(self._lengths[self._begun % len(self._lengths)]))
            self._begun += 1
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _stream(self, seconds: float) -> None:
        at, tokens, revision, wrong = time.time(), 0, None, "no end"
        body = {"parameters": {"seconds": seconds, "every": EVERY_SECONDS}}
        try:
            async with self._http.post(self._url, json=body, headers=self._headers) as answer:
                revision = answer.headers.get("x-revision")
                if answer.status != 200:
                    wrong = f"{answer.status} {(await answer.text())[:100]}"
                async for line in answer.content:
                    tokens += line.startswith(b'data: {"token"')
                    if line.strip() == DONE.strip():
                        wrong = ""
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            wrong = repr(error)
        if not wrong and tokens != round(seconds / EVERY_SECONDS):
            wrong = f"{tokens} tokens"
        self.ended.append(Streamed(at=at, seconds=seconds, revision=revision, tokens=tokens, wrong=wrong))
