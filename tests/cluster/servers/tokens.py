"""Streaming answers as model servers give them: server-sent events, one for each token, then `[DONE]`.

The request says how long the answer takes and how often a token comes, so that a test can have streams of a
minute beside short ones. A stream that has begun is finished, also after SIGTERM.
"""

import asyncio
import json
from asyncio import StreamWriter
from dataclasses import dataclass
from typing import Final, Self

DONE: Final = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """How many tokens, and how many seconds apart."""

    count: int
    every: float

    @classmethod
    def asked(cls, body: bytes) -> Self:
        """What a request's `parameters` ask for; one second by default."""
        asked = json.loads(body or b"{}").get("parameters", {})
        every = float(asked.get("every", 0.25))
        return cls(count=max(1, round(float(asked.get("seconds", 1.0)) / every)), every=every)


async def send(writer: StreamWriter, tokens: Tokens) -> None:
    """Write the body in chunks, each when its token is there."""
    for number in range(tokens.count):
        await asyncio.sleep(tokens.every)
        _chunk(writer, b'data: {"token": %d}\n\n' % number)
        await writer.drain()
    _chunk(writer, DONE)
    _chunk(writer, b"")
    await writer.drain()


def _chunk(writer: StreamWriter, content: bytes) -> None:
    writer.write(b"%x\r\n%b\r\n" % (len(content), content))
