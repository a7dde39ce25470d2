"""One Lease at the API server: read, made, replaced by version, and watched."""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any, Final

from serin.domain.names import FIELD_MANAGER
from serin.kube.connection import Call, within
from serin.kube.errors import KubeError, NotFound, Request
from serin.kube.kinds import LEASE
from serin.kube.streams import FORGOTTEN, changes, following
from serin.kube.transport import JSON, Transport

WATCH_SECONDS: Final = 290.0

Object = Mapping[str, Any]


class LeaseObject:
    """The Lease of one name. Its own transport needs no licence: it is what gives it."""

    def __init__(self, transport: Transport, *, namespace: str, name: str) -> None:
        self._transport = transport
        self.namespace, self.name = namespace, name

    async def get(self) -> Object | None:
        """As it is now; None if there is none."""
        path = LEASE.path(self.namespace, self.name)
        try:
            return await self._transport.send(self._request("get"), "GET", path)
        except NotFound:
            return None

    async def create(self, lease: Object) -> Object:
        """Make it; `Conflict` if there is one."""
        return await self._write("create", "POST", LEASE.path(self.namespace), lease)

    async def replace(self, lease: Object) -> Object:
        """Put it in the place of the version named in it; `Conflict` if that is not the newest."""
        return await self._write("replace", "PUT", LEASE.path(self.namespace, self.name), lease)

    async def changes(self, since: str) -> AsyncIterator[Mapping[str, Any]]:
        """Its watch events after a version, as long as the server goes on and remembers that version."""
        call = Call(
            request=self._request("watch"),
            path=LEASE.path(self.namespace),
            query={"fieldSelector": f"metadata.name={self.name}", **following(since, WATCH_SECONDS)},
        )
        told = changes(self._transport.connection, call, within(WATCH_SECONDS + 10))
        try:
            async with aclosing(told):
                async for change in told:
                    yield change
        except KubeError as error:
            if error.status != FORGOTTEN:
                raise

    async def _write(self, verb: str, method: str, path: str, lease: Object) -> Object:
        metadata = {**lease["metadata"], "namespace": self.namespace, "name": self.name}
        body = {**lease, "apiVersion": LEASE.api_version, "kind": LEASE.name, "metadata": metadata}
        query = {"fieldManager": FIELD_MANAGER}
        return await self._transport.send(
            self._request(verb), method, path, query=query, content_type=JSON, body=body
        )

    def _request(self, verb: str) -> Request:
        return Request(verb, LEASE.name, self.namespace, self.name)
