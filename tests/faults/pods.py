"""Pods without processes: what is bound to the node `simulated` is ready at once, or crashes by its image.

Plans of faults are about the operator and the API server; a hundred operators' worth of model servers would
only cost time. The kubelet's words are those of the node whose pods are processes (`cluster.status`).
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing, suppress
from types import TracebackType
from typing import Final, Self

import aiohttp

from tests.cluster.api import Api, ApiError
from tests.cluster.network import GATEWAY
from tests.cluster.resources import PODS, Object
from tests.cluster.status import Record, Seen, pod_status, timestamp
from tests.cluster.tasks import begin

NODE: Final = "simulated"
CRASHING: Final = "serin.test/crashing:1"
AGAIN_SECONDS: Final = 0.3


class Pods:
    """The node's pods, in all namespaces. Use as an async context manager."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._addresses = 0
        self._told: set[str] = set()
        self._known: dict[str, Object] = {}

    async def __aenter__(self) -> Self:
        # Endpoints are only counted on nodes that exist; to the scheduler this one is full.
        node: Object = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}}
        node["spec"] = {"unschedulable": True}
        await self._api.apply(node)
        self._task = begin(self._follow(), "simulated pods")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def turn(self, namespace: str, revision: str, *, ready: bool) -> None:
        """Make all pods of a revision ready or not."""
        for pod in self._of(namespace, revision):
            await self._tell(pod, ready=ready)

    async def lose(self, namespace: str, revision: str) -> None:
        """Take one pod of a revision away at once, as a node that dies does."""
        pod = self._of(namespace, revision)[0]
        await self._api.delete(PODS, pod["metadata"]["name"], namespace, grace_seconds=0)

    def _of(self, namespace: str, revision: str) -> list[Object]:
        chosen: Callable[[Object], bool] = lambda pod: (  # noqa: E731
            pod["metadata"]["namespace"] == namespace
            and pod["metadata"]["name"].startswith(f"{revision}-")
            and "deletionTimestamp" not in pod["metadata"]
        )
        return [pod for pod in self._known.values() if chosen(pod)]

    async def _follow(self) -> None:
        while True:
            try:
                async with aclosing(self._api.watch(PODS, fields=f"spec.nodeName={NODE}")) as changes:
                    async for change in changes:
                        if change.type != "SYNCED":
                            await self._seen(change.object, gone=change.type == "DELETED")
            except (aiohttp.ClientError, TimeoutError, OSError, ApiError):
                await asyncio.sleep(AGAIN_SECONDS)

    async def _seen(self, pod: Object, *, gone: bool) -> None:
        meta = pod["metadata"]
        if gone:
            self._told.discard(meta["uid"])
            self._known.pop(meta["uid"], None)
            return
        self._known[meta["uid"]] = pod
        if "deletionTimestamp" in meta:
            with suppress(ApiError):
                await self._api.delete(
                    PODS, meta["name"], meta["namespace"], grace_seconds=0, uid=meta["uid"]
                )
        elif meta["uid"] not in self._told:
            self._told.add(meta["uid"])
            await self._tell(pod, ready=pod["spec"]["containers"][0]["image"] != CRASHING)

    async def _tell(self, pod: Object, *, ready: bool) -> None:
        meta, spec = pod["metadata"], pod["spec"]
        image = spec["containers"][0]["image"]
        records = [Record(name=one["name"], image=one["image"]) for one in spec["containers"]]
        for record in records:
            record.run(f"simulated://{meta['uid']}/{record.name}")
            record.ready = record.started = ready
            if image == CRASHING:
                record.end(1, "Error")
                record.wait("CrashLoopBackOff")
                record.restarts = 3
        init = [Record(name=one["name"], image=one["image"]) for one in spec.get("initContainers") or []]
        for record in init:
            record.end(0, "Completed")
        address = (pod.get("status") or {}).get("podIP") or self._address()
        seen = Seen(pod=pod, init=init, main=records, address=address, host=GATEWAY, since=timestamp())
        body = {"status": pod_status(seen)}
        with suppress(ApiError):  # it is gone
            shown = await self._api.patch(PODS, meta["name"], body, meta["namespace"], subresource="status")
            self._known[meta["uid"]] = shown

    def _address(self) -> str:
        self._addresses += 1
        return f"10.245.{self._addresses // 250 % 250}.{self._addresses % 250 + 1}"
