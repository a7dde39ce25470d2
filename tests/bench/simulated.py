"""A cluster whose pods are only told to run: kwok answers for nodes and pods, ready at once.

kwok is built like the control plane, from `kwok/go.mod`, and kept in the user's cache.
"""

import hashlib
import sys
from pathlib import Path
from typing import Final

from tests.cluster import binaries
from tests.cluster.binaries import Say
from tests.cluster.cluster import Cluster
from tests.cluster.network import GATEWAY, free_port
from tests.cluster.processes import Program
from tests.cluster.resources import NODES, Object

MODULE: Final = Path(__file__).parent / "kwok"
"""The go.mod that pins kwok, with its go.sum."""
PACKAGE: Final = "sigs.k8s.io/kwok"
STAGES: Final = ("node/fast/node-initialize.yaml", "pod/fast/pod-ready.yaml", "pod/fast/pod-delete.yaml")
"""What kwok does to a node and to a pod, of the files it comes with."""
POD_ADDRESSES: Final = "10.128.0.0/12"
PODS_PER_NODE: Final = 2000


def kwok(say: Say = lambda line: print(line, file=sys.stderr, flush=True)) -> Path:
    """The folder with the program `kwok` and its `stages`, built if need be. Raises Missing."""
    digest = hashlib.sha256((MODULE / "go.sum").read_bytes()).hexdigest()
    folder = binaries.cache_home() / "kwok" / digest[:16]
    folder.mkdir(parents=True, exist_ok=True)
    with binaries.alone(folder, say):
        if not (folder / "kwok").exists():
            say("building kwok (about 2 min the first time)")
            _build(binaries.go_command(say), folder)
    return folder


def _build(go: str, folder: Path) -> None:
    partial = folder / "kwok.partial"
    flags = ["-trimpath", "-ldflags", "-s -w", "-o", str(partial)]
    binaries.run([go, "build", *flags, f"{PACKAGE}/cmd/kwok"], module=MODULE)
    source = binaries.run([go, "list", "-m", "-f", "{{.Dir}}", PACKAGE], module=MODULE).strip()
    (folder / "stages").mkdir(exist_ok=True)
    for name in STAGES:
        text = (Path(source) / "kustomize" / "stage" / name).read_text()
        (folder / "stages" / Path(name).name).write_text(text)
    partial.replace(folder / "kwok")


class SimulatedCluster(Cluster):
    """A cluster as the tests have it, with simulated nodes for so many pods."""

    kwok: Path
    pods: int

    @classmethod
    def sized(
        cls, found: binaries.Binaries, kwok: Path, *, pods: int, manifests: list[Path]
    ) -> "SimulatedCluster":
        """One with room for all these pods."""
        made = cls(found, manifests=manifests)
        made.kwok, made.pods = kwok, pods
        return made

    async def _add_nodes(self) -> None:
        stages = [f"--config={path}" for path in sorted((self.kwok / "stages").iterdir())]
        port = free_port()
        command: list[str | Path] = [
            self.kwok / "kwok",
            f"--kubeconfig={self.server.kubeconfigs['node']}",
            f"--cidr={POD_ADDRESSES}",
            f"--node-ip={GATEWAY}",
            f"--server-address={GATEWAY}:{port}",
            "--manage-all-nodes=true",
            # Nobody looks whether nodes live, so their heartbeats would only be noise.
            "--node-lease-duration-seconds=0",
            *stages,
        ]
        await self.attach(Program("kwok", command, log=self.folder / "logs" / "kwok.log"))
        for number in range(1 + self.pods // PODS_PER_NODE):
            name = f"node-{number}"
            await self.api.create(_node(name))
            await self.api.until(NODES, name, _ready)


def _node(name: str) -> Object:
    labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}


def _ready(node: Object) -> bool:
    conditions = {one["type"]: one["status"] for one in node["status"]["conditions"]}
    return conditions.get("Ready") == "True"
