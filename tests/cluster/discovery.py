"""Pods as Prometheus' own Kubernetes discovery (role pod) describes them, written for its file discovery.

Debian builds Prometheus without Kubernetes discovery. The meta labels are the same, so relabelling rules of
real clusters work unchanged; a file that is replaced takes effect at once, as a watch event would.
"""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.cluster.api import Api
from tests.cluster.mirror import Key, changes, key_of
from tests.cluster.resources import PODS, Object

META: Final = "__meta_kubernetes_"
DISCOVERY_RULES: Final[list[dict[str, Any]]] = [
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}
]
"""What the user of the API may need to do, as a ClusterRole's rules."""


class PodDiscovery:
    """Keeps a file of all pods' targets; a context manager, complete when entered."""

    def __init__(self, api: Api, file: Path) -> None:
        self._api = api
        self._file = file
        self._targets: dict[Key, list[Object]] = {}

    async def __aenter__(self) -> Self:
        synced = asyncio.get_running_loop().create_future()
        self._follower = asyncio.create_task(self._follow(synced))
        await asyncio.wait({self._follower, synced}, return_when=asyncio.FIRST_COMPLETED)
        if self._follower.done():
            self._follower.result()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._follower.cancel()
        await asyncio.gather(self._follower, return_exceptions=True)

    async def _follow(self, synced: asyncio.Future[None]) -> None:
        async for change in changes(self._api, PODS):
            match change.type:
                case "SYNCED":
                    self._write()
                    if not synced.done():
                        synced.set_result(None)
                    continue
                case "DELETED":
                    found: list[Object] = []
                case _:
                    found = list(targets(change.object))
            key = key_of(change.object)
            if found != self._targets.get(key, []):
                self._targets[key] = found
                if synced.done():
                    self._write()

    def _write(self) -> None:
        beside = self._file.with_suffix(".new")
        beside.write_text(json.dumps([target for found in self._targets.values() for target in found]))
        beside.rename(self._file)


def targets(pod: Object) -> Iterator[Object]:
    """A target for each declared port of each container, or for the pod's address where none is declared."""
    meta, spec, status = pod["metadata"], pod["spec"], pod.get("status", {})
    address = status.get("podIP")
    if not address:
        return
    ready = [entry["status"] for entry in status.get("conditions", []) if entry["type"] == "Ready"]
    common = {
        f"{META}namespace": meta["namespace"],
        f"{META}pod_name": meta["name"],
        f"{META}pod_uid": meta["uid"],
        f"{META}pod_ip": address,
        f"{META}pod_phase": status.get("phase", ""),
        f"{META}pod_ready": (ready or ["unknown"])[0].lower(),
        f"{META}pod_node_name": spec.get("nodeName", ""),
        **{f"{META}pod_label_{_word(key)}": value for key, value in meta.get("labels", {}).items()},
        **{f"{META}pod_annotation_{_word(key)}": value for key, value in meta.get("annotations", {}).items()},
    }
    for kind in ("containers", "initContainers"):
        for container in spec.get(kind, []):
            named = {
                **common,
                f"{META}pod_container_name": container["name"],
                f"{META}pod_container_init": str(kind == "initContainers").lower(),
            }
            for port in container.get("ports", []):
                labels = {
                    f"{META}pod_container_port_name": port.get("name", ""),
                    f"{META}pod_container_port_number": str(port["containerPort"]),
                }
                yield {"targets": [f"{address}:{port['containerPort']}"], "labels": {**named, **labels}}
            if not container.get("ports"):
                yield {"targets": [address], "labels": named}


def _word(key: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_]", "_", key)
