"""Who answers for a Service: what EndpointSlices say, read as a proxy reads them.

`gateway` takes the ready endpoints only; `ServiceResolver` does as kube-proxy does, for connections that go
straight to a Service.
"""

import random
import socket
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import NamedTuple, Self

from aiohttp.abc import AbstractResolver, ResolveResult

from tests.cluster.api import Api
from tests.cluster.mirror import Mirror
from tests.cluster.resources import ENDPOINT_SLICES, Object
from tests.cluster.waiting import PATIENT, until

SERVICE_LABEL = "kubernetes.io/service-name"


class Endpoint(NamedTuple):
    """Where one pod listens."""

    address: str
    port: int


def ready(slices: Iterable[Object], port_name: str | None = None) -> frozenset[Endpoint]:
    """The endpoints that may get new work; `port_name` is the Service port's, None means the first."""
    return _endpoints(slices, port_name, lambda conditions: conditions.get("ready") is not False)


def ready_or_last_resort(slices: Iterable[Object], port_name: str | None = None) -> frozenset[Endpoint]:
    """As kube-proxy: the ready ones; without any, those that terminate but still serve."""
    slices = list(slices)
    return ready(slices, port_name) or _endpoints(
        slices,
        port_name,
        lambda conditions: bool(conditions.get("serving") and conditions.get("terminating")),
    )


def _endpoints(
    slices: Iterable[Object], port_name: str | None, counts: Callable[[Object], bool]
) -> frozenset[Endpoint]:
    return frozenset(
        Endpoint(address, port["port"])
        for one in slices
        for port in (one.get("ports") or [])[: 1 if port_name is None else None]
        if port_name is None or (port.get("name") or "") == port_name
        for endpoint in one.get("endpoints") or []
        if counts(endpoint.get("conditions") or {})
        for address in endpoint["addresses"]
    )


class ServiceResolver(AbstractResolver):
    """Lets every new connection of aiohttp go to an endpoint of a Service, chosen as kube-proxy would.

    `async with ServiceResolver(api, "fraud", namespace="ml") as fraud: Traffic(..., resolver=fraud)`. The
    URL's host and port are not looked at. Without an endpoint the connection is refused.
    """

    def __init__(
        self, api: Api, service: str, *, namespace: str, port_name: str | None = None, seed: int = 0
    ) -> None:
        labels = f"{SERVICE_LABEL}={service}"
        self._slices = Mirror(api, ENDPOINT_SLICES, namespace=namespace, labels=labels)
        self._service = f"{namespace}/{service}"
        self._port_name = port_name
        self._random = random.Random(seed)

    async def __aenter__(self) -> Self:
        await self._slices.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._slices.__aexit__(kind, error, trace)

    @property
    def endpoints(self) -> frozenset[Endpoint]:
        return ready_or_last_resort(self._slices.objects.values(), self._port_name)

    async def until(
        self, holds: Callable[[frozenset[Endpoint]], object], *, within: float = PATIENT
    ) -> frozenset[Endpoint]:
        """Wait until the endpoints of new connections are as asked."""

        async def look() -> frozenset[Endpoint]:
            return self.endpoints

        return await until(look, holds, within=within, what=f"endpoints of {self._service}")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        endpoints = sorted(self.endpoints)
        if not endpoints:
            raise ConnectionRefusedError(f"Service {self._service} has no endpoint")
        chosen = self._random.choice(endpoints)
        return [
            ResolveResult(
                hostname=host,
                host=chosen.address,
                port=chosen.port,
                family=socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        """Nothing: many connectors share this resolver, and leaving its context ends it."""
