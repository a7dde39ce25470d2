"""The HTTP side of Prometheus: one question, one answer or one error.

`PrometheusError`, whose text a person can read, is one of
    Unreachable   no answer: connection, time-out, 5xx, a body that is none of Prometheus'
    Refused       an answer that says no: bad query, forbidden, too many samples

Nothing is retried but a POST that a proxy does not allow, once, as GET: the poller asks again by itself.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import aiohttp

from serin.prom.samples import Matrix, parse_matrix

TIMEOUT_SECONDS: Final = 10.0
MOST_BYTES: Final = 32 * 2**20
"""Of one answer, a hundred times what a large model gives: one user's counter with a label for each request
would otherwise take the memory of everyone's operator.
"""
LONGEST_REASON: Final = 300
"""Characters of Prometheus' own words that are passed on; an error may quote the whole query."""
_NOT_ALLOWED: Final = (HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED)


class PrometheusError(Exception):
    """Samples could not be read."""


class Unreachable(PrometheusError):
    """There was no answer, or none of Prometheus'."""


class Refused(PrometheusError):
    """Prometheus answered that it will not."""


class Prometheus(Protocol):
    """Where samples come from."""

    async def query(self, expr: str, at: float) -> Matrix:
        """The stored samples of a range selector that ends at a moment. May be repeated.

        Raises:
            PrometheusError: Nothing was learnt.
        """
        ...


class PrometheusClient:
    """Prometheus, or what speaks its API, at an address."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        address: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        self._session = session
        self._url = f"{address.rstrip('/')}/api/v1/query"
        parts = urlsplit(self._url)
        self._place = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        self._headers = dict(headers or {})
        self._timeout = timeout
        self._method = "POST"

    def __repr__(self) -> str:
        """Without what may hold credentials: headers, and a user in the address."""
        return f"PrometheusClient({self._place!r})"

    async def query(self, expr: str, at: float) -> Matrix:
        """See `Prometheus`."""
        status, answer = await self._ask(expr, at)
        if self._method == "POST" and status in _NOT_ALLOWED:
            self._method = "GET"
            status, answer = await self._ask(expr, at)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Unreachable(f"{self._place} answered {status}{_reason(answer)}")
        if status >= HTTPStatus.BAD_REQUEST:
            raise Refused(f"{self._place} answered {status}{_reason(answer)}")
        try:
            return parse_matrix(answer)
        except ValueError as error:
            raise Unreachable(f"{self._place}: {error}") from error

    async def _ask(self, expr: str, at: float) -> tuple[int, object]:
        """Status and body; a body that is not JSON is None."""
        form = {"query": expr, "time": f"{at:.3f}"}
        where: dict[str, Any] = {"data": form} if self._method == "POST" else {"params": form}
        limit = aiohttp.ClientTimeout(total=self._timeout)
        try:
            async with self._session.request(
                self._method, self._url, headers=self._headers, timeout=limit, allow_redirects=False, **where
            ) as response:
                return response.status, _json(await self._body(response))
        except TimeoutError as error:
            raise Unreachable(f"{self._place} did not answer within {self._timeout:g} s") from error
        except aiohttp.ClientError as error:
            raise Unreachable(f"{self._place} cannot be reached: {error}") from error

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for part in response.content.iter_any():
            body += part
            if len(body) > MOST_BYTES:
                most = f"more than {MOST_BYTES:,} bytes"
                raise Refused(f"{self._place} answered {most}; name a counter with fewer series")
        return bytes(body)


def _json(body: bytes) -> object:
    try:
        answer: object = json.loads(body)
    except ValueError:
        return None
    return answer


def _reason(answer: object) -> str:
    if not isinstance(answer, Mapping) or "error" not in answer:
        return ""
    return f": {str(answer['error'])[:LONGEST_REASON]}"
