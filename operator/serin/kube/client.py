"""The API server as Serin uses it: applies, status patches, deletes, and lists of names.

Bodies and answers are plain dicts; the client library gives transport and authentication, its models are not
built. A request is repeated here only if it certainly was never sent. Everything else is the work queue's to
repeat, because between two attempts the decision may change.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import aiohttp
from kubernetes.aio.client.api_client import ApiClient

from serin.domain.names import FIELD_MANAGER, MODEL_LABEL, Key
from serin.kube.access import configuration
from serin.kube.errors import KubeError, NotFound, Request, refusal, unanswered
from serin.kube.fences import Fence
from serin.kube.kinds import EVENT, KINDS, MODEL_DEPLOYMENT
from serin.kube.merge import merge_patch

CONNECT_RETRIES: Final = (0.1, 0.4, 1.0)
"""Seconds before each new attempt to connect. Short: the key waits in the queue for longer outages."""
TIMEOUT: Final = aiohttp.ClientTimeout(total=30, sock_connect=5)

APPLY: Final = "application/apply-patch+yaml"
MERGE: Final = "application/merge-patch+json"
JSON: Final = "application/json"
METADATA_ONLY: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"


Told = Callable[[Request, KubeError | None], None]
"""Called after each request, with the error it is about to raise, if any."""


@dataclass(frozen=True, slots=True)
class Named:
    """One row of a metadata-only list."""

    namespace: str
    name: str
    uid: str
    resource_version: str


@dataclass(frozen=True, slots=True)
class Listing:
    """What existed at `resource_version`."""

    resource_version: str
    items: tuple[Named, ...]


class KubeClient:
    """One connection pool to one API server. What goes wrong on the way is raised as `KubeError`."""

    def __init__(self, api: ApiClient, *, told: Told | None = None) -> None:
        self._api = api
        self._told = told
        self._api.user_agent = FIELD_MANAGER

    @classmethod
    @asynccontextmanager
    async def connected(
        cls, kubeconfig: Path | None = None, *, told: Told | None = None
    ) -> AsyncIterator[Self]:
        """A client that is closed when the block is left; `told` hears of every request's outcome."""
        async with ApiClient(configuration=await configuration(kubeconfig)) as api:
            yield cls(api, told=told)

    async def apply(self, manifest: Mapping[str, Any], *, fence: Fence) -> dict[str, Any]:
        """Make the fields of the manifest so, and return the whole object. May be repeated.

        Fields are taken over from other managers (`force`): the manifest says which fields are ours, and the
        fence whether the object is.
        """
        kind = KINDS[manifest["kind"]]
        metadata = manifest["metadata"]
        request = Request("apply", kind.name, metadata["namespace"], metadata["name"])
        return await self._send(
            request,
            "PATCH",
            kind.path(metadata["namespace"], metadata["name"]),
            query={"fieldManager": FIELD_MANAGER, "force": "true", "fieldValidation": "Strict"},
            content_type=APPLY,
            body={**manifest, "metadata": {**metadata, **fence.metadata()}},
        )

    async def patch_status(
        self,
        key: Key,
        status: Mapping[str, Any],
        *,
        previous: Mapping[str, Any],
        resource_version: str,
    ) -> dict[str, Any]:
        """Replace a ModelDeployment's status if the object still is at `resource_version`; return the object.

        `previous` is the status at that version: what it has and `status` lacks is removed.
        """
        return await self._send(
            Request("patch status of", MODEL_DEPLOYMENT.name, *key),
            "PATCH",
            MODEL_DEPLOYMENT.path(key.namespace, key.name, "status"),
            query={"fieldManager": FIELD_MANAGER},
            content_type=MERGE,
            body={
                "metadata": {"resourceVersion": resource_version},
                "status": merge_patch(previous, status),
            },
        )

    async def get(self, kind: str, namespace: str, name: str) -> dict[str, Any]:
        """The object as it is now. For what the watches do not show; `NotFound` if there is none."""
        return await self._send(
            Request("get", kind, namespace, name), "GET", KINDS[kind].path(namespace, name)
        )

    async def delete(self, kind: str, namespace: str, name: str, *, uid: str) -> None:
        """Delete that very object, and in the background what it owns. One already gone is no error."""
        try:
            await self._send(
                Request("delete", kind, namespace, name),
                "DELETE",
                KINDS[kind].path(namespace, name),
                content_type=JSON,
                body={"preconditions": {"uid": uid}, "propagationPolicy": "Background"},
            )
        except NotFound:
            return

    async def list_metadata(self, kind: str, namespace: str | None = None) -> Listing:
        """Names and versions of Serin's objects of a kind, in one namespace or in all.

        Answered from the server's watch cache, so it may be old: compare with its `resource_version`.
        """
        row = KINDS[kind]
        answer = await self._send(
            Request("list", kind, namespace),
            "GET",
            row.path(namespace),
            query={"resourceVersion": "0"} | ({"labelSelector": MODEL_LABEL} if row.labelled else {}),
            accept=METADATA_ONLY,
        )
        return Listing(
            answer["metadata"]["resourceVersion"],
            tuple(_named(item["metadata"]) for item in answer["items"] or ()),
        )

    async def serves(self, kind: str) -> bool:
        """Whether the cluster has this kind."""
        row = KINDS[kind]
        try:
            answer = await self._send(Request("discover", kind, None), "GET", row.root)
        except NotFound:
            return False
        return any(resource["name"] == row.plural for resource in answer["resources"])

    async def post_event(self, event: Mapping[str, Any]) -> None:
        """Create an Event. Not to be repeated blindly: each call is one more row in `kubectl describe`."""
        metadata = event["metadata"]
        await self._send(
            Request("create", EVENT.name, metadata["namespace"], metadata["name"]),
            "POST",
            EVENT.path(metadata["namespace"]),
            query={"fieldManager": FIELD_MANAGER},
            content_type=JSON,
            body=event,
        )

    async def _send(
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
            status, answered, data = await self._attempts(method, path, query, headers, body)
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

    async def _attempts(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: Mapping[str, Any] | None,
    ) -> tuple[int, Mapping[str, str], bytes]:
        for pause in (*CONNECT_RETRIES, None):
            call = await self._api.param_serialize(
                method,
                path,
                query_params=list(query.items()),
                header_params=dict(headers),
                body=body,
                auth_settings=["BearerToken"],
            )
            try:
                response = await self._api.call_api(*call, _request_timeout=TIMEOUT)
                data = await response.read()  # type: ignore[no-untyped-call]
                return response.status, response.headers, data
            except aiohttp.ClientConnectorError:
                # No connection, so nothing was sent: the one failure after which a repeat is harmless.
                if pause is None:
                    raise
            await asyncio.sleep(pause)
        raise AssertionError("the last attempt returns or raises")


def _named(metadata: Mapping[str, Any]) -> Named:
    return Named(metadata["namespace"], metadata["name"], metadata["uid"], metadata["resourceVersion"])
