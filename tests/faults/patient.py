"""The API for those who act in a plan: it waits while the server is away, for the fault is not theirs."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

import aiohttp

from tests.cluster.api import Api, ApiError
from tests.cluster.resources import Object, Resource
from tests.cluster.waiting import PATIENT, NotInTime

AGAIN_SECONDS: Final = 0.2
AWAY_AT_MOST: Final = 180.0
LOST: Final = (aiohttp.ClientError, OSError, TimeoutError)


class PatientApi(Api):
    """Repeats what had no answer; what it asks for may be asked for twice."""

    async def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        params: Mapping[str, str] | None = None,
        media: str = "application/json",
        accept: str = "application/json",
    ) -> Any:
        """See `Api`; a second DELETE may find nothing left."""
        clock = asyncio.get_running_loop().time
        deadline, repeated = clock() + AWAY_AT_MOST, False
        while True:
            try:
                return await super().request(method, path, body, params=params, media=media, accept=accept)
            except LOST:
                if clock() > deadline:
                    raise
            except ApiError as error:
                if error.code == 404 and method == "DELETE" and repeated:
                    return {}
                if error.code not in (429, 500, 503) or clock() > deadline:
                    raise
            repeated = True
            await asyncio.sleep(AGAIN_SECONDS)

    async def until(
        self,
        resource: Resource,
        name: str,
        holds: Callable[[Object], object],
        namespace: str | None = None,
        *,
        within: float = PATIENT,
    ) -> Object:
        """See `Api`; over the ends of watches."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + within
        while True:
            try:
                return await super().until(resource, name, holds, namespace, within=deadline - clock())
            except LOST as error:
                if clock() > deadline:
                    raise NotInTime(f"{resource.plural} {name}: the server is away") from error
            except ApiError as error:
                if error.code < 500 or clock() > deadline:
                    raise
            await asyncio.sleep(AGAIN_SECONDS)
