"""The HTTP side of Prometheus: one question, one answer or one of the errors of `errors`.

Nothing is retried but a POST that a proxy does not allow, once, as GET: the poller asks again by itself.
Redirects are not followed, they could lead credentials elsewhere.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import urlsplit

import aiohttp

from serin.domain.plain import plain
from serin.prom.credentials import Access, Credentials
from serin.prom.endpoints import TIMEOUT_SECONDS, shown
from serin.prom.errors import NotLetIn, PrometheusError, Refused, TooLarge, Unreachable
from serin.prom.samples import Matrix, parse_matrix
from serin.prom.values import Values, parse_values

T = TypeVar("T")

__all__ = ["Prometheus", "PrometheusClient", "PrometheusError", "Refused", "TooLarge", "Unreachable"]

MOST_BYTES: Final = 32 * 2**20
"""Of one answer, a hundred times what a large model gives: one user's counter with a label for each request
would otherwise take the memory of everyone's operator.
"""
LONGEST_FORM: Final = 12_000
"""Characters of an expression that every store takes: VictoriaMetrics stops at 16 KiB, the others later."""
LONGEST_ADDRESS: Final = 3_000
"""Characters of an expression that is part of an address, where many proxies stop at 8 KiB; it is sent with
escapes, of which each takes three characters."""
LONGEST_REASON: Final = 300
"""Characters of Prometheus' own words that are passed on; an error may quote the whole query."""
_NOT_ALLOWED: Final = (HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED)
_TOO_LARGE: Final = (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.REQUEST_URI_TOO_LONG)
_NOT_LET_IN: Final = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)
_LATER: Final = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY)


class Prometheus(Protocol):
    """Where samples come from."""

    @property
    def longest(self) -> int:
        """Characters that an expression may have."""
        ...

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
        credentials: Credentials | None = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        self._session = session
        self._url = f"{address.rstrip('/')}/api/v1/query"
        self._place = shown(self._url)
        self._credentials = credentials or Credentials(Access())
        self._timeout = timeout
        self._method = "POST"

    def __repr__(self) -> str:
        """Without what may hold credentials: headers, and a user in the address."""
        return f"PrometheusClient({self._place!r})"

    @property
    def longest(self) -> int:
        """See `Prometheus`."""
        return LONGEST_FORM if self._method == "POST" else LONGEST_ADDRESS

    async def query(self, expr: str, at: float) -> Matrix:
        """See `Prometheus`."""
        return await self._read(expr, at, parse_matrix)

    async def values(self, expr: str, at: float) -> Values:
        """The numbers that an expression yields at a moment. May be repeated.

        Raises:
            PrometheusError: Nothing was learnt.
        """
        return await self._read(expr, at, parse_values)

    async def _read(self, expr: str, at: float, parse: Callable[[object], T]) -> T:
        status, answer = await self._ask(expr, at)
        if self._method == "POST" and status in _NOT_ALLOWED:
            self._method = "GET"
            status, answer = await self._ask(expr, at)
        said = f"{self._place} answered {status}{_reason(answer)}"
        if status in _NOT_LET_IN:
            raise NotLetIn(said)
        if status in _TOO_LARGE:
            raise TooLarge(said)
        if status >= HTTPStatus.BAD_REQUEST:
            raise Refused(said)
        try:
            return parse(answer)
        except ValueError as error:
            raise Unreachable(f"{self._place}: {error}") from error

    async def _ask(self, expr: str, at: float) -> tuple[int, object]:
        """Status and body of an answer; a body that is not JSON is None."""
        # The store gives up when we do: what nobody waits for any more would keep it from others.
        form = {"query": expr, "time": f"{at:.3f}", "timeout": f"{round(self._timeout * 1000)}ms"}
        where: dict[str, Any] = {"data": form} if self._method == "POST" else {"params": form}
        limit = aiohttp.ClientTimeout(total=self._timeout)
        try:
            async with self._session.request(
                self._method,
                self._url,
                headers=self._credentials.headers(),
                ssl=self._credentials.tls(),
                server_hostname=self._credentials.server_name,
                timeout=limit,
                allow_redirects=False,
                **where,
            ) as response:
                answer = _json(await self._body(response))
        except TimeoutError as error:
            raise Unreachable(f"{self._place} did not answer within {self._timeout:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(f"{self._place} cannot be reached: {error}") from error
        self._check(response, answer)
        return response.status, answer

    def _check(self, response: aiohttp.ClientResponse, answer: object) -> None:
        """Raise for answers that say nothing about the question."""
        status = response.status
        if status in _NOT_ALLOWED and self._method == "POST":
            return
        if status in _LATER or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            message = f"{self._place} answered {status}{_reason(answer)}"
            raise Unreachable(message, retry_after=_seconds(response.headers.get("Retry-After")))
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            where = _elsewhere(response.headers.get("Location"))
            need = "redirects are not followed, give the address behind it"
            raise Unreachable(f"{self._place} answered {status}, a redirect{where}; {need}")
        if answer is None and status < HTTPStatus.BAD_REQUEST:
            kind = response.content_type
            need = "is it Prometheus' address, and is nothing asking for a login in front of it?"
            raise Unreachable(f"{self._place} answered {kind}, not JSON; {need}")

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for part in response.content.iter_any():
            body += part
            if len(body) > MOST_BYTES:
                most = f"more than {MOST_BYTES:,} bytes"
                raise TooLarge(f"{self._place} answered {most}; name a counter with fewer series")
        return bytes(body)


def _elsewhere(target: str | None) -> str:
    """Where a redirect leads, without what may be a secret; nothing where that cannot be told."""
    try:
        parts = urlsplit(target or "")._replace(query="", fragment="")
        return f" to {shown(parts.geturl())}" if target else ""
    except ValueError:  # half an IPv6 address
        return ""


def _json(body: bytes) -> object:
    try:
        answer: object = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return answer


def _reason(answer: object) -> str:
    if not isinstance(answer, Mapping) or "error" not in answer:
        return ""
    return f": {plain(str(answer['error'])[:LONGEST_REASON])}"


def _seconds(retry_after: str | None) -> float | None:
    """Both spellings of the header; what is neither is none."""
    if retry_after is None:
        return None
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        at = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
