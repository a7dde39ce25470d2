"""A small typed client for the API server, for tests: what a test asks for is one call, and one request.

It never retries and hides no answer: a refusal is an `ApiError` with the server's own words. Only `watch`
goes on by itself, over the server's time limits and a 410, because a test follows an object and not a
connection.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from tests.cluster import kubeconfig
from tests.cluster.answers import ApiError, Change, Patch, holding
from tests.cluster.resources import PODS, Object, Resource
from tests.cluster.waiting import PATIENT, NotInTime, shown, until

__all__ = ["Api", "ApiError", "Change", "Patch"]

REQUEST_SECONDS = 120
WATCH_SECONDS = 290
LONGEST_LINE = 2**22


class Api:
    """An API server as one user sees it. Use as an async context manager."""

    def __init__(self, access: kubeconfig.Access) -> None:
        self.access = access
        self._kinds: dict[tuple[str, str], Resource] = {}

    @classmethod
    def from_kubeconfig(cls, path: Path | None = None, context: str | None = None) -> Self:
        return cls(kubeconfig.access(path, context))

    async def __aenter__(self) -> Self:
        headers = {"Authorization": f"Bearer {self.access.token}"} if self.access.token else {}
        self._session = aiohttp.ClientSession(
            base_url=self.access.server,
            headers=headers,
            connector=aiohttp.TCPConnector(ssl=self.access.tls, limit=0),
            timeout=aiohttp.ClientTimeout(total=REQUEST_SECONDS),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

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
        """Any request at all; returns the answer's JSON, or its text where it is none."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": media, "Accept": accept}
        async with self._session.request(
            method,
            path,
            data=data,
            params=params,
            headers=headers,
            server_hostname=self.access.server_name,
        ) as answer:
            text = await answer.text()
            content = json.loads(text) if "json" in answer.content_type else text
            if answer.status >= 400:
                raise ApiError(f"{method} {path}", answer.status, content)
            return content

    async def resource(self, api_version: str, kind: str) -> Resource:
        """Where the objects of a kind live, by the server's discovery; asked once for each group version."""
        if (api_version, kind) not in self._kinds:
            root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
            found = await self.request("GET", root)
            for entry in found["resources"]:
                if "/" not in entry["name"]:
                    place = Resource(api_version, entry["name"], namespaced=entry["namespaced"])
                    self._kinds[api_version, entry["kind"]] = place
        if (api_version, kind) not in self._kinds:
            raise ValueError(f"the server has no {kind} in {api_version}")
        return self._kinds[api_version, kind]

    async def get(
        self, resource: Resource, name: str, namespace: str | None = None, *, subresource: str | None = None
    ) -> Object:
        found: Object = await self.request(
            "GET", resource.path(_place(resource, namespace), name, subresource)
        )
        return found

    async def find(self, resource: Resource, name: str, namespace: str | None = None) -> Object | None:
        """The object, or None where there is none."""
        try:
            return await self.get(resource, name, namespace)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    async def list(
        self, resource: Resource, namespace: str | None = None, *, labels: str = "", fields: str = ""
    ) -> list[Object]:
        """All objects, in one namespace or in all, that match the selectors."""
        answer = await self.request("GET", resource.path(namespace), params=_selectors(labels, fields))
        items: list[Object] = answer["items"]
        return items

    async def create(self, body: Object, namespace: str | None = None) -> Object:
        """Create an object; the namespace is its own unless one is given."""
        resource = await self.resource(body["apiVersion"], body["kind"])
        path = resource.path(_place(resource, namespace or body["metadata"].get("namespace")))
        created: Object = await self.request("POST", path, body)
        return created

    async def apply(
        self,
        body: Object,
        namespace: str | None = None,
        *,
        manager: str = "tests",
        force: bool = True,
        subresource: str | None = None,
    ) -> Object:
        """Server-side apply of an object, as `manager`."""
        resource = await self.resource(body["apiVersion"], body["kind"])
        place = _place(resource, namespace or body["metadata"].get("namespace"))
        applied: Object = await self.request(
            "PATCH",
            resource.path(place, body["metadata"]["name"], subresource),
            body,
            params={"fieldManager": manager, "force": str(force).lower()},
            media=Patch.APPLY,
        )
        return applied

    async def replace(self, body: Object, *, subresource: str | None = None) -> Object:
        """Update the object as a whole: with its resourceVersion this is a compare-and-swap."""
        resource = await self.resource(body["apiVersion"], body["kind"])
        meta = body["metadata"]
        path = resource.path(_place(resource, meta.get("namespace")), meta["name"], subresource)
        replaced: Object = await self.request("PUT", path, body)
        return replaced

    async def patch(
        self,
        resource: Resource,
        name: str,
        body: object,
        namespace: str | None = None,
        *,
        kind: Patch = Patch.MERGE,
        subresource: str | None = None,
    ) -> Object:
        path = resource.path(_place(resource, namespace), name, subresource)
        patched: Object = await self.request("PATCH", path, body, media=kind)
        return patched

    async def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str | None = None,
        *,
        grace_seconds: int | None = None,
        propagation: str = "Background",
        uid: str | None = None,
    ) -> None:
        """Ask for an object's deletion; `gone` waits for it. What is not there is an ApiError (404)."""
        options: Object = {"propagationPolicy": propagation}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        await self.request("DELETE", resource.path(_place(resource, namespace), name), options)

    async def log(self, pod: str, namespace: str, container: str = "") -> str:
        """A container's log, where the cluster has a kubelet that serves it."""
        params = {"container": container} if container else None
        return str(await self.request("GET", PODS.path(namespace, pod, "log"), params=params))

    async def watch(
        self, resource: Resource, namespace: str | None = None, *, labels: str = "", fields: str = ""
    ) -> AsyncGenerator[Change, None]:
        """Every object there is, then SYNCED, then every change, without end.

        After a 410 everything is listed again: existing objects come once more as ADDED and then SYNCED; the
        deletions that fell in the gap are for the caller to infer.
        """
        path, params = resource.path(namespace), _selectors(labels, fields)
        version: str | None = None
        while True:
            if version is None:
                listed = await self.request("GET", path, params=params)
                version = listed["metadata"]["resourceVersion"]
                for item in listed["items"]:
                    yield Change("ADDED", item)
                yield Change("SYNCED", {})
            try:
                async with aclosing(self._stream(path, {**params, "resourceVersion": version})) as stream:
                    async for change in stream:
                        version = change.object["metadata"]["resourceVersion"]
                        if change.type != "BOOKMARK":
                            yield change
            except ApiError as error:
                if error.code != 410:
                    raise
                version = None

    async def _stream(self, path: str, params: Mapping[str, str]) -> AsyncGenerator[Change, None]:
        params = {**params, "watch": "1", "allowWatchBookmarks": "true", "timeoutSeconds": str(WATCH_SECONDS)}
        limits = aiohttp.ClientTimeout(total=None)
        async with self._session.get(
            path,
            params=params,
            timeout=limits,
            read_bufsize=LONGEST_LINE,
            server_hostname=self.access.server_name,
        ) as answer:
            if answer.status >= 400:
                raise ApiError(f"GET {path}", answer.status, await answer.json())
            async for line in answer.content:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise ApiError(f"GET {path}", event["object"].get("code", 500), event["object"])
                yield Change(event["type"], event["object"])

    async def until(
        self,
        resource: Resource,
        name: str,
        holds: Callable[[Object], object],
        namespace: str | None = None,
        *,
        within: float = PATIENT,
    ) -> Object:
        """Follow one object until it holds; returns it as it was then.

        A version in which the predicate stumbles over a missing field (KeyError, IndexError, TypeError) does
        not hold. Raises NotInTime, with the object as last seen.
        """
        last: Object | None = None
        try:
            async with asyncio.timeout(within):
                watch = self.watch(resource, namespace, fields=f"metadata.name={name}")
                async with aclosing(watch) as changes:
                    async for change in changes:
                        last = None if change.type == "DELETED" else change.object or last
                        if last is not None and holding(holds, last):
                            return last
        except TimeoutError:
            where = f"{resource.plural} {namespace or ''}/{name}"
            message = f"{where} was not as awaited within {within:g} s; last seen:\n{shown(last)}"
            raise NotInTime(message) from None
        raise AssertionError("a watch has no end")

    async def gone(
        self, resource: Resource, name: str, namespace: str | None = None, *, within: float = PATIENT
    ) -> None:
        """Wait until there is no such object any more."""

        async def look() -> Object | None:
            return await self.find(resource, name, namespace)

        await until(
            look, lambda found: found is None, within=within, what=f"the end of {resource.plural} {name}"
        )


def _place(resource: Resource, namespace: str | None) -> str | None:
    return (namespace or "default") if resource.namespaced else None


def _selectors(labels: str, fields: str) -> dict[str, str]:
    chosen = {"labelSelector": labels, "fieldSelector": fields}
    return {key: value for key, value in chosen.items() if value}
