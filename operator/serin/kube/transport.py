"""Requests to the API server: sent, bounded, and repeated only if they certainly were never sent.

The client library gives connection and authentication, its models are not built. A write leaves only with
the licence to do so, and its server hears how long it may take: none is done for who may no longer act (I12).
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from math import inf
from pathlib import Path
from typing import Any, Final, Self

import aiohttp
from kubernetes.aio.client.api_client import ApiClient, RequestSerialized

from serin.domain.names import FIELD_MANAGER
from serin.kube.access import BadAccess, configuration, proxied
from serin.kube.errors import KubeError, NotLeading, Request, refusal, unanswered
from serin.kube.licence import READING, Lapsed, Licence, licensed

CONNECT_RETRIES: Final = (0.1, 0.4, 1.0)
"""Seconds before each new attempt to connect. Short: the key waits in the queue for longer outages."""
REQUEST_SECONDS: Final = 30.0
CONNECT_SECONDS: Final = 5.0
JSON: Final = "application/json"
UNAUTHORIZED: Final = 401

Told = Callable[[Request, KubeError | None], None]
"""Called after each request, with the error it is about to raise, if any."""


class Transport:
    """One connection pool to one API server.

    Args:
        kubeconfig, context: Where the way in is read again when the server no longer knows the token.
        told: Hears of every request's outcome.
        licence: Without it no write leaves; None for one that may always write.
        instance: Which replica this is, for the server's audit log.
    """

    def __init__(
        self,
        api: ApiClient,
        *,
        kubeconfig: Path | None = None,
        context: str | None = None,
        told: Told | None = None,
        licence: Licence | None = None,
        instance: str = "",
    ) -> None:
        self._api = api
        self._kubeconfig, self._context = kubeconfig, context
        self._told = told
        self._licence = licence
        self._api.user_agent = f"{FIELD_MANAGER}/{instance}" if instance else FIELD_MANAGER
        self._open: dict[object, float] = {}

    @classmethod
    @asynccontextmanager
    async def connected(
        cls,
        kubeconfig: Path | None = None,
        *,
        context: str | None = None,
        told: Told | None = None,
        licence: Licence | None = None,
        instance: str = "",
    ) -> AsyncIterator[Self]:
        """One that is closed when the block is left."""
        config = await configuration(kubeconfig, context)
        config.client_session_kwargs = {"trust_env": proxied(config.host)}
        if licence is not None:
            config.client_session_kwargs["request_class"] = licensed(licence)
        async with ApiClient(configuration=config) as api:
            yield cls(
                api,
                kubeconfig=kubeconfig,
                context=context,
                told=told,
                licence=licence,
                instance=instance,
            )

    @property
    def server(self) -> str:
        """Its address."""
        return str(self._api.configuration.host)

    @property
    def unsettled(self) -> bool:
        """Whether a write may still be done by the server whose answer has not come, and may never come."""
        return any(until > time.monotonic() for until in self._open.values())

    async def stream(
        self, request: Request, path: str, *, query: Mapping[str, str], seconds: float
    ) -> AsyncIterator[dict[str, Any]]:
        """The lines of an answer that lasts, each a JSON object, for so long at most."""
        timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT_SECONDS)
        try:
            call = await self._call("GET", path, query, {"Accept": JSON}, None)
            answer = (await self._api.call_api(*call, _request_timeout=timeout)).response
            async with answer:
                if answer.status == UNAUTHORIZED:
                    await self._log_in_again()
                if answer.status != 200:
                    raise refusal(request, answer.status, answer.headers, await answer.read())
                async for line in answer.content:
                    yield json.loads(line)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise unanswered(request, error) from error

    async def send(
        self,
        request: Request,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        content_type: str | None = None,
        accept: str = JSON,
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The answer, which must be a JSON object; anything else is raised as `KubeError`."""
        headers = {"Accept": accept} | ({"Content-Type": content_type} if content_type else {})
        try:
            answer = await self._answer(request, method, path, query or {}, headers, body)
        except KubeError as error:
            self._tell(request, error)
            raise
        self._tell(request, None)
        return answer

    def _tell(self, request: Request, error: KubeError | None) -> None:
        if self._told is not None:
            self._told(request, error)

    async def _answer(
        self,
        request: Request,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: Mapping[str, Any] | None,
    ) -> dict[str, Any]:
        try:
            status, answered, data = await self._attempts(request, method, path, query, headers, body)
            if status == UNAUTHORIZED:
                # The token may be another one since it was read. Nothing was done, so a repeat is harmless.
                await self._log_in_again()
                status, answered, data = await self._attempts(request, method, path, query, headers, body)
        except Lapsed as error:
            raise _not_leading(request) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise unanswered(request, error) from error
        if not 200 <= status < 300:
            raise refusal(request, status, answered, data)
        try:
            answer: dict[str, Any] = json.loads(data)
        except ValueError as error:
            # A proxy's page, or an answer cut in the middle: the server may well have acted.
            raise unanswered(request, error) from error
        return answer

    async def _log_in_again(self) -> None:
        try:
            fresh = await configuration(self._kubeconfig, self._context)
        except BadAccess:
            return  # the answer that led here says what is wrong
        known = self._api.configuration
        known.api_key, known.refresh_api_key_hook = fresh.api_key, fresh.refresh_api_key_hook

    async def _attempts(
        self,
        request: Request,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: Mapping[str, Any] | None,
    ) -> tuple[int, Mapping[str, str], bytes]:
        for pause in (*CONNECT_RETRIES, None):
            seconds, query = self._bounds(request, method, query)
            call = await self._call(method, path, query, headers, body)
            try:
                return await self._exchange(method, call, seconds)
            except aiohttp.ClientConnectorError:
                # No connection, so nothing was sent: the one failure after which a repeat is harmless.
                if pause is None:
                    raise
            await asyncio.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _bounds(
        self, request: Request, method: str, query: Mapping[str, str]
    ) -> tuple[float, Mapping[str, str]]:
        """How long the request may take, and its query, which tells a write's server the same."""
        if self._licence is None or method in READING:
            return REQUEST_SECONDS, query
        seconds = min(REQUEST_SECONDS, self._licence.seconds())
        if seconds <= 0:
            raise _not_leading(request)
        return seconds, {**query, "timeout": f"{seconds:.3f}s"}

    async def _exchange(
        self, method: str, call: RequestSerialized, seconds: float
    ) -> tuple[int, Mapping[str, str], bytes]:
        token = object()
        if method not in READING:
            now = time.monotonic()
            self._open = {one: until for one, until in self._open.items() if until > now}
            self._open[token] = now + seconds
        # To the moment: by default a time above the threshold is rounded up, beyond what the licence allows.
        timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT_SECONDS, ceil_threshold=inf)
        try:
            response = await self._api.call_api(*call, _request_timeout=timeout)
            data = await response.read()  # type: ignore[no-untyped-call]
        except (aiohttp.ClientConnectorError, Lapsed):
            self._open.pop(token, None)  # it was never sent
            raise
        self._open.pop(token, None)
        return response.status, response.headers, data

    async def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: Any,
    ) -> RequestSerialized:
        verb, url, sent, _, fields = await self._api.param_serialize(
            method,
            path,
            query_params=list(query.items()),
            header_params=dict(headers),
            auth_settings=["BearerToken"],
        )
        # Added only here: the library would copy it in search of models, and there are none.
        return verb, url, sent, body, fields


def _not_leading(request: Request) -> NotLeading:
    return NotLeading(request, "not sent, for this replica may no longer be the one that acts")
