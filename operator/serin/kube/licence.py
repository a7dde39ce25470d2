"""The last check before a write leaves: whether this replica may still act (I12).

A process that was paused goes on in the middle of what it did, hours later perhaps. So the question is asked
where the bytes are handed to the connection, after every wait: for a connection, for a retry, for the loop.
What has left before the pause is bounded by a timeout, here and at the server, and fenced by versions.
"""

from typing import Final, Protocol

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection

READING: Final = frozenset({"GET", "HEAD"})


class Licence(Protocol):
    """Whether this process may write, and for how long yet."""

    def seconds(self) -> float:
        """How long a write that leaves now may be under way; 0 where none may leave."""
        ...


class Lapsed(aiohttp.ClientError):
    """The write was kept back at the last moment."""


def licensed(licence: Licence) -> type[ClientRequest]:
    """A kind of request that leaves only with a licence, unless it reads; for aiohttp's sessions."""

    class LicensedRequest(ClientRequest):
        async def send(self, conn: Connection) -> aiohttp.ClientResponse:
            if self.method not in READING and licence.seconds() <= 0:
                raise Lapsed
            return await super().send(conn)

        async def write_bytes(
            self, writer: AbstractStreamWriter, conn: Connection, content_length: int | None = None
        ) -> None:
            # A task of its own, one turn of the loop after `send`; headers wait in a buffer for it.
            if self.method not in READING and licence.seconds() <= 0:
                if conn.protocol is not None:
                    conn.protocol.set_exception(Lapsed())
                conn.close()
                return
            await super().write_bytes(writer, conn, content_length)

    return LicensedRequest
