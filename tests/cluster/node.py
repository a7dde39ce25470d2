"""A node whose pods are processes: it registers, runs what is bound to it, and reports as a kubelet does.

No node-lifecycle controller runs, so nobody asks for heartbeats and nothing is evicted. `pod` runs one pod.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, aclosing, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import aiohttp

from tests.cluster.api import Api, ApiError, Patch
from tests.cluster.apiserver import ApiServer
from tests.cluster.containers import BackOff, Container
from tests.cluster.images import Images
from tests.cluster.kubelet import log_server
from tests.cluster.network import GATEWAY
from tests.cluster.pod import INHERITED, Ground, Pod, log_folder
from tests.cluster.resources import NODES, PODS, Object
from tests.cluster.status import timestamp
from tests.cluster.tasks import begin

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
        self._certificates = server.ca.parent
        self._stack = AsyncExitStack()
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
                **{word: os.environ[word] for word in INHERITED if word in os.environ},
                "KUBERNETES_SERVICE_HOST": server.host,
                "KUBERNETES_SERVICE_PORT": str(server.port),
            },
            note=self._note,
        )

    async def __aenter__(self) -> Self:
        port = await self._stack.enter_async_context(log_server(self._find_log, self._certificates))
        await self._register(port)
        self._tasks = [begin(self._follow_pods(), "pods"), begin(self._send_events(), "events")]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        await asyncio.gather(*(pod.end() for pod in self._pods.values()), *self._endings)
        await self._stack.aclose()

    def log(self, namespace: str, pod: str, container: str) -> str:
        """All a container has printed, over its restarts; of the newest pod of the name, dead or alive."""
        pods = log_folder(self._folder, namespace, pod, "").parent
        folders = sorted(pods.glob(f"{namespace}_{pod}_*"), key=lambda folder: folder.stat().st_mtime)
        runs = list(folders[-1].glob(f"{container}.*.log")) if folders else []
        runs.sort(key=lambda path: int(path.name.split(".")[-2]))
        return "".join(path.read_text(errors="replace") for path in runs)

    def kill(
        self, namespace: str, pod: str, container: str, *, sign: signal.Signals = signal.SIGKILL
    ) -> None:
        """Send a signal to a container's main process: a crash, or with SIGSTOP a hang."""
        part = self._find(namespace, pod, container)
        if part is None or part.pid is None:
            raise ValueError(f"no container {container} of pod {namespace}/{pod} is running on {self.name}")
        os.kill(part.pid, sign)

    def cut_off(self, namespace: str, pod: str) -> None:
        """Tell nothing of a pod any more, as if the node were out of reach; it runs on."""
        for one in self._pods.values():
            if (one.namespace, one.name) == (namespace, pod):
                one.cut_off = True

    def _find(self, namespace: str, pod: str, container: str) -> Container | None:
        named = (one for one in self._pods.values() if (one.namespace, one.name) == (namespace, pod))
        return next((part for one in named if (part := one.container(container))), None)

    def _find_log(
        self, namespace: str, pod: str, container: str, previous: bool
    ) -> tuple[Path | None, Callable[[], bool]]:
        part = self._find(namespace, pod, container)
        if part is None:
            return None, lambda: False
        path = part.log_of(part.record.restarts - 1) if previous else part.log
        return (
            path if path.exists() else None,
            lambda: not previous and part.log == path and part.pid is not None,
        )

    async def _register(self, port: int) -> None:
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
            # No host name, which the API server would prefer and could not look up.
            "addresses": [{"type": "InternalIP", "address": GATEWAY}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
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
                    continue
                if uid not in self._pods:
                    self._pods[uid] = Pod(change.object, self._ground)
                # A new one as well: it may have been deleted before it was first seen.
                self._pods[uid].see(change.object)

    def _forget(self, uid: str) -> None:
        if (pod := self._pods.pop(uid, None)) is not None:
            ending = begin(pod.end(), f"forgetting {pod.name}")
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
