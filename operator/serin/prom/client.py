"""The HTTP side of Prometheus: one question, one answer or one error.

`PrometheusError`, whose text a person can read, is one of
    Unreachable   no answer: connection, time-out, 5xx, a body that is none of Prometheus'
    Refused       an answer that says no: bad query, forbidden, too many samples

Nothing is retried but a POST that a proxy does not allow, once, as GET: the poller asks again by itself.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, Protocol

import aiohttp

from serin.prom.samples import Matrix, parse_matrix

TIMEOUT_SECONDS: Final = 10.0
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
        self._headers = dict(headers or {})
        self._timeout = timeout
        self._method = "POST"

    def __repr__(self) -> str:
        """Without headers, which may hold credentials."""
        return f"PrometheusClient({self._url!r})"

    async def query(self, expr: str, at: float) -> Matrix:
        """See `Prometheus`."""
        status, answer = await self._ask(expr, at)
        if self._method == "POST" and status in _NOT_ALLOWED:
            self._method = "GET"
            status, answer = await self._ask(expr, at)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Unreachable(f"{self._url} answered {status}{_reason(answer)}")
        if status >= HTTPStatus.BAD_REQUEST:
            raise Refused(f"{self._url} answered {status}{_reason(answer)}")
        try:
            return parse_matrix(answer)
        except ValueError as error:
            raise Unreachable(f"{self._url}: {error}") from error

    async def _ask(self, expr: str, at: float) -> tuple[int, object]:
        """Status and body; a body that is not JSON is None."""
        form = {"query": expr, "time": f"{at:.3f}"}
        where: dict[str, Any] = {"data": form} if self._method == "POST" else {"params": form}
        limit = aiohttp.ClientTimeout(total=self._timeout)
        try:
            async with self._session.request(
                self._method, self._url, headers=self._headers, timeout=limit, allow_redirects=False, **where
            ) as response:
                return response.status, await _json(response)
        except TimeoutError as error:
            raise Unreachable(f"{self._url} did not answer within {self._timeout:g} s") from error
        except aiohttp.ClientError as error:
            raise Unreachable(f"{self._url} cannot be reached: {error}") from error


async def _json(response: aiohttp.ClientResponse) -> object:
    try:
        answer: object = await response.json(content_type=None)
    except ValueError:
        return None
    return answer


def _reason(answer: object) -> str:
    return f": {answer['error']}" if isinstance(answer, Mapping) and "error" in answer else ""
