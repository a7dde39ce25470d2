"""Pods as Prometheus' own Kubernetes discovery (role pod) describes them, written for its file discovery.

Debian builds Prometheus without Kubernetes discovery. The meta labels are the same, so relabelling rules of
real clusters work unchanged; a file that is replaced takes effect at once, as a watch event would.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.cluster.api import Api
from tests.cluster.mirror import Mirror
from tests.cluster.resources import PODS, Object

META: Final = "__meta_kubernetes_"
DISCOVERY_RULES: Final[list[dict[str, Any]]] = [
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}
]
"""What the user of the API may need to do, as a ClusterRole's rules."""


class PodDiscovery:
    """Keeps a file of all pods' targets; a context manager, complete when entered."""

    def __init__(self, api: Api, file: Path) -> None:
        self._pods = Mirror(api, PODS, changed=self._write)
        self._file = file
        self._written: list[Object] | None = None

    async def __aenter__(self) -> Self:
        await self._pods.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pods.__aexit__(kind, error, trace)

    def _write(self) -> None:
        found = [target for pod in self._pods.objects.values() for target in targets(pod)]
        if found != self._written:
            beside = self._file.with_suffix(".new")
            beside.write_text(json.dumps(found))
            beside.rename(self._file)
            self._written = found


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
