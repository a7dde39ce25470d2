"""A node whose pods are processes: it registers, runs what is bound to it, and reports as a kubelet does.

No node-lifecycle controller runs, so nobody asks for heartbeats and nothing is evicted. `pod` runs one pod.
"""

import asyncio
import os
import signal
from collections.abc import Mapping
from contextlib import aclosing, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import aiohttp

from tests.cluster.api import Api, ApiError, Patch
from tests.cluster.apiserver import ApiServer
from tests.cluster.containers import BackOff
from tests.cluster.images import Images
from tests.cluster.network import GATEWAY
from tests.cluster.pod import WORDS_OF_THE_NODE, Ground, Pod, log_folder
from tests.cluster.resources import NODES, PODS, Object
from tests.cluster.status import timestamp

NAME: Final = "node-1"
CAPACITY: Final = {"cpu": "64", "memory": "256Gi", "pods": "250", "ephemeral-storage": "1Ti"}
"""What the scheduler may give away; nothing is enforced, so it is generous."""
KUBELET_VERSION: Final = "v1.37.2"
WATCH_AGAIN_SECONDS: Final = 0.5


class Node:
    """The node agent. Use as an async context manager; leaving it kills all pods at once.

    Args:
        images: What pods may run; may be changed while the node runs.
        capacity: Over `CAPACITY`; extended resources such as `nvidia.com/gpu` as well.
    """

    def __init__(
        self,
        api: Api,
        server: ApiServer,
        folder: Path,
        *,
        images: Images,
        name: str = NAME,
        capacity: Mapping[str, str] | None = None,
        back_off: BackOff | None = None,
    ) -> None:
        self.name = name
        self.images = images
        self._api, self._folder = api, folder
        self._capacity = {**CAPACITY, **(capacity or {})}
        self._pods: dict[str, Pod] = {}
        self._endings: set[asyncio.Task[None]] = set()
        self._events: asyncio.Queue[Object] = asyncio.Queue()
        self._said: set[tuple[str, str, str]] = set()
        self._ground = Ground(
            api=api,
            node=name,
            folder=folder,
            images=images,
            back_off=back_off or BackOff(),
            environment={
                **{word: os.environ[word] for word in WORDS_OF_THE_NODE if word in os.environ},
                "KUBERNETES_SERVICE_HOST": server.host,
                "KUBERNETES_SERVICE_PORT": str(server.port),
            },
            note=self._note,
        )

    async def __aenter__(self) -> Self:
        await self._register()
        self._tasks = [asyncio.create_task(self._follow_pods()), asyncio.create_task(self._send_events())]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        await asyncio.gather(*(pod.end() for pod in self._pods.values()), *self._endings)

    def log(self, namespace: str, pod: str, container: str) -> str:
        """All a container has printed, over its restarts; of the newest pod of the name, dead or alive."""
        found = sorted(
            log_folder(self._folder, namespace, pod, "*").parent.glob(f"{namespace}_{pod}_*/{container}.log"),
            key=lambda path: path.stat().st_mtime,
        )
        return found[-1].read_text(errors="replace") if found else ""

    def kill(
        self, namespace: str, pod: str, container: str, *, sign: signal.Signals = signal.SIGKILL
    ) -> None:
        """Send a signal to a container's main process: a crash, or with SIGSTOP a hang."""
        for one in self._pods.values():
            if (one.namespace, one.name) == (namespace, pod):
                for part in (*one.init, *one.main):
                    if part.name == container and part.pid is not None:
                        os.kill(part.pid, sign)
                        return
        raise ValueError(f"no container {container} of pod {namespace}/{pod} is running on {self.name}")

    async def _register(self) -> None:
        body: Object = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": self.name,
                "labels": {"kubernetes.io/hostname": self.name, "kubernetes.io/os": "linux"},
            },
        }
        if await self._api.find(NODES, self.name) is None:
            await self._api.create(body)
        status = {
            "capacity": self._capacity,
            "allocatable": self._capacity,
            "addresses": [
                {"type": "InternalIP", "address": GATEWAY},
                {"type": "Hostname", "address": self.name},
            ],
            "conditions": [
                {
                    "type": "Ready",
                    "status": "True",
                    "reason": "KubeletReady",
                    "message": "pods run as processes",
                    "lastHeartbeatTime": timestamp(),
                    "lastTransitionTime": timestamp(),
                }
            ],
            "nodeInfo": _node_info(),
        }
        await self._api.patch(NODES, self.name, {"status": status}, kind=Patch.MERGE, subresource="status")

    async def _follow_pods(self) -> None:
        """Keep `_pods` what the API server says, also when it was away for a while."""
        while True:
            try:
                await self._follow_one_watch()
            except (aiohttp.ClientError, ApiError, TimeoutError):
                await asyncio.sleep(WATCH_AGAIN_SECONDS)

    async def _follow_one_watch(self) -> None:
        listed: set[str] = set()
        async with aclosing(self._api.watch(PODS, fields=f"spec.nodeName={self.name}")) as changes:
            async for change in changes:
                if change.type == "SYNCED":
                    for uid in self._pods.keys() - listed:
                        self._forget(uid)
                    listed = set()
                    continue
                uid = change.object["metadata"]["uid"]
                listed.add(uid)
                if change.type == "DELETED":
                    self._forget(uid)
                elif uid in self._pods:
                    self._pods[uid].see(change.object)
                else:
                    self._pods[uid] = Pod(change.object, self._ground)

    def _forget(self, uid: str) -> None:
        if (pod := self._pods.pop(uid, None)) is not None:
            ending = asyncio.create_task(pod.end())
            self._endings.add(ending)
            ending.add_done_callback(self._endings.discard)

    def _note(self, pod: Object, kind: str, reason: str, message: str) -> None:
        """Queue an Event; the same words about the same pod are said once."""
        meta = pod["metadata"]
        if (said := (meta["uid"], reason, message)) in self._said:
            return
        self._said.add(said)
        now = timestamp()
        reference = {"apiVersion": "v1", "kind": "Pod", "name": meta["name"], "namespace": meta["namespace"]}
        self._events.put_nowait(
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"generateName": f"{meta['name']}.", "namespace": meta["namespace"]},
                "involvedObject": {**reference, "uid": meta["uid"]},
                "type": kind,
                "reason": reason,
                "message": message,
                "source": {"component": "kubelet", "host": self.name},
                "firstTimestamp": now,
                "lastTimestamp": now,
                "count": 1,
            }
        )

    async def _send_events(self) -> None:
        while True:
            event = await self._events.get()
            # A courtesy: in a namespace that is being deleted, or with the server away, it is dropped.
            with suppress(aiohttp.ClientError, ApiError, TimeoutError):
                await self._api.create(event)


def _node_info() -> Object:
    machine = os.uname()
    return {
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(machine.machine, machine.machine),
        "bootID": "",
        "containerRuntimeVersion": "process://1",
        "kernelVersion": machine.release,
        "kubeProxyVersion": "",
        "kubeletVersion": KUBELET_VERSION,
        "machineID": "",
        "operatingSystem": "linux",
        "osImage": machine.sysname,
        "systemUUID": "",
    }
