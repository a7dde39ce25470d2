"""The API server as Serin uses it: applies, status patches, deletes, and lists of names.

Bodies and answers are plain dicts; `transport` sends them. Nothing is repeated here whose outcome is unknown:
that is the work queue's to repeat, because between two attempts the decision may change.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from serin.domain.names import FIELD_MANAGER, Key
from serin.kube.errors import NotFound, Request, Unavailable
from serin.kube.fences import Fence
from serin.kube.kinds import EVENT, KINDS, MODEL_DEPLOYMENT
from serin.kube.licence import Licence
from serin.kube.merge import merge_patch
from serin.kube.streams import Page
from serin.kube.transport import JSON, Told, Transport

APPLY: Final = "application/apply-patch+yaml"
MERGE: Final = "application/merge-patch+json"
METADATA_ONLY: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"

NAMES: Final = 500
"""Rows of one page of names: they come with managedFields, a kilobyte or two each."""


@dataclass(frozen=True, slots=True)
class Named:
    """One row of a metadata-only list."""

    namespace: str
    name: str
    uid: str
    resource_version: str
    terminating: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """What existed at `resource_version`."""

    resource_version: str
    items: tuple[Named, ...]


class KubeClient:
    """What Serin does to models and their children. What goes wrong on the way is raised as `KubeError`."""

    def __init__(self, transport: Transport) -> None:
        self._send = transport.send

    @classmethod
    @asynccontextmanager
    async def connected(
        cls, kubeconfig: Path | None = None, *, told: Told | None = None, licence: Licence | None = None
    ) -> AsyncIterator[Self]:
        """A client that is closed when the block is left; `told` and `licence` as `Transport` has them."""
        async with Transport.connected(kubeconfig, told=told, licence=licence) as transport:
            yield cls(transport)

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

    async def newest(self, kind: str, namespace: str, name: str) -> Page:
        """What a watch that is never late would show of that name: at most one object, and as of when. A
        list, for to list is a right that there is anyway.
        """
        request, query = Request("list", kind, namespace, name), {"fieldSelector": f"metadata.name={name}"}
        answer = await self._list(request, query, accept=JSON)
        return Page(answer["metadata"]["resourceVersion"], tuple(answer["items"] or ()), rest="")

    async def delete(self, kind: str, namespace: str, name: str, *, uid: str) -> dict[str, Any] | None:
        """Delete that very object, and in the background what it owns; how it is now where something holds it
        up. One already gone is no error.
        """
        try:
            answer = await self._send(
                Request("delete", kind, namespace, name),
                "DELETE",
                KINDS[kind].path(namespace, name),
                content_type=JSON,
                body={"preconditions": {"uid": uid}, "propagationPolicy": "Background"},
            )
        except NotFound:
            return None
        return answer if answer.get("metadata", {}).get("finalizers") else None

    async def stays(self, kind: str, namespace: str, name: str, *, uid: str) -> bool:
        """Whether that very object is there, and not on its way out. A list of one name: to list is a right
        that there is anyway.
        """
        listing = await self.list_metadata(kind, namespace, name=name)
        return any(row.uid == uid and not row.terminating for row in listing.items)

    async def list_metadata(self, kind: str, namespace: str | None = None, *, name: str = "") -> Listing:
        """Names and versions of Serin's objects of a kind, in one namespace or in all, as of one moment; with
        a name only those of that name.
        """
        chosen = {"limit": str(NAMES)} | ({"fieldSelector": f"metadata.name={name}"} if name else {})
        found: list[Named] = []
        rest: dict[str, str] = {}
        while True:
            answer = await self._list(Request("list", kind, namespace), chosen | rest, accept=METADATA_ONLY)
            found += [_named(item["metadata"]) for item in answer["items"] or ()]
            if not answer["metadata"].get("continue"):
                return Listing(answer["metadata"]["resourceVersion"], tuple(found))
            rest = {"continue": answer["metadata"]["continue"]}

    async def _list(self, request: Request, query: Mapping[str, str], *, accept: str) -> dict[str, Any]:
        """Serin's objects of a kind, as far as the query chooses them."""
        row = KINDS[request.kind]
        path = row.path(request.namespace)
        answer = await self._send(request, "GET", path, query={**query, **row.ours}, accept=accept)
        if "items" not in answer or "metadata" not in answer:
            raise Unavailable(request, "the answer is no list")
        return answer

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


def _named(metadata: Mapping[str, Any]) -> Named:
    return Named(
        metadata["namespace"],
        metadata["name"],
        metadata["uid"],
        metadata["resourceVersion"],
        terminating="deletionTimestamp" in metadata,
    )
