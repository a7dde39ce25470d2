"""A pod: a network of its own, volumes, and processes in place of containers.

The life of a pod is one task; its deletion is another, which takes over. Its status is written when it has
changed, by a third, so that ten changes at once are one request.
"""

import asyncio
import itertools
import os
import shutil
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp

from tests.cluster.api import Api, ApiError, Patch
from tests.cluster.containers import BackOff, Container, NotStartable, Start
from tests.cluster.environment import Unresolved, environment
from tests.cluster.images import Image, Images
from tests.cluster.network import GATEWAY, PREFIX, pod_network
from tests.cluster.resources import PODS, Object
from tests.cluster.status import Seen, pod_status, timestamp
from tests.cluster.tasks import begin
from tests.cluster.volumes import make_volumes, mounts

RETRY_SECONDS: Final = 0.5
PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
INHERITED: Final = ("LANG", "LC_ALL", "TZ")
"""Variables of the machine that containers get."""


class Addresses:
    """Addresses of pods and names of their links, none used twice before all were used once."""

    def __init__(self) -> None:
        self._numbers = itertools.cycle(range(257, 65_535))

    def take(self) -> tuple[str, str]:
        number = next(self._numbers)
        return f"{PREFIX}.{number // 256}.{number % 256}", f"pod{number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What all pods of a node share."""

    api: Api
    node: str
    folder: Path
    images: Images
    back_off: BackOff
    environment: Mapping[str, str]
    """Variables of every container."""
    note: Callable[[Object, str, str, str], None]
    """Makes an Event: the pod, its type, reason and message."""
    addresses: Addresses = field(default_factory=Addresses)


class Pod:
    """One pod of this node, from the first time it is seen until it is gone."""

    def __init__(self, pod: Object, ground: Ground) -> None:
        self.object = pod
        self._ground = ground
        self._since = timestamp()
        self._address: str | None = None
        self._network: int | None = None
        self._volumes: dict[str, Path] = {}
        self._dirty = asyncio.Event()
        self._folder = ground.folder / "pods" / self.uid
        logs = log_folder(ground.folder, self.namespace, self.name, self.uid)
        grace = float(pod["spec"].get("terminationGracePeriodSeconds", 30))
        self.init, self.main = (
            [
                Container(
                    spec,
                    self,
                    images=ground.images,
                    back_off=ground.back_off,
                    logs=logs,
                    grace=grace,
                )
                for spec in pod["spec"].get(kind) or []
            ]
            for kind in ("initContainers", "containers")
        )
        logs.mkdir(parents=True, exist_ok=True)
        if not self.init:
            for container in self.main:
                container.record.wait("ContainerCreating")
        self._publishing = begin(self._publish_changes(), f"status of {self.name}")
        self._living = begin(self._live(), f"pod {self.name}")
        self._dying: asyncio.Task[None] | None = None
        self.cut_off = False
        """Nothing is told of it any more, as of a pod whose node is out of reach."""

    @property
    def uid(self) -> str:
        return str(self.object["metadata"]["uid"])

    @property
    def name(self) -> str:
        return str(self.object["metadata"]["name"])

    @property
    def namespace(self) -> str:
        return str(self.object["metadata"]["namespace"])

    def container(self, name: str) -> Container | None:
        return next((one for one in (*self.init, *self.main) if one.name == name), None)

    def see(self, pod: Object) -> None:
        """Take notice of a newer version of the object."""
        if _version(pod) < _version(self.object):
            return
        self.object = pod
        if "deletionTimestamp" in pod["metadata"] and self._dying is None:
            grace = float(pod["metadata"].get("deletionGracePeriodSeconds", 30))
            self._dying = begin(self._die(grace), f"end of pod {self.name}")
        # Readiness gates are conditions that others write.
        self._dirty.set()

    async def end(self) -> None:
        """The object is gone, or the node ends: nothing of the pod stays."""
        tasks = [task for task in (self._living, self._dying, self._publishing) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await asyncio.gather(*(container.stop(0) for container in (*self.init, *self.main)))
        if self._network is not None:
            _kill_all_in(self._network)
            os.close(self._network)
            self._network = None
        shutil.rmtree(self._folder, ignore_errors=True)

    def changed(self) -> None:
        self._dirty.set()

    def note(self, kind: str, reason: str, message: str) -> None:
        self._ground.note(self.object, kind, reason, message)

    async def prepare(self, container: Container, image: Image) -> Start:
        assert self._network is not None and self._address is not None
        scratch = self._fresh(container.name, "scratch")
        base = {
            "PATH": PATH,
            "HOME": str(scratch),
            "TMPDIR": str(scratch),
            "HOSTNAME": self.name,
            **self._ground.environment,
            **image.environment,
        }
        # Fields of the status are the kubelet's own words, so they need not have been written yet.
        known = {**self.object, "status": self._status()}
        try:
            values = await environment(self._ground.api, known, container.spec, base)
            binds = mounts(container.spec, self._volumes, values)
        except (Unresolved, ApiError, aiohttp.ClientError) as error:
            raise NotStartable("CreateContainerConfigError", str(error)) from error
        hosts = self._folder / "etc-hosts"
        hosts.write_text(f"127.0.0.1 localhost\n{self._address} {self.name}\n")
        binds.append({"source": str(hosts), "target": "/etc/hosts", "readOnly": True})
        binds += [{"source": files, "target": files, "readOnly": True} for files in image.files]
        stage = self._fresh(container.name, "stage")
        return Start(
            environment=values,
            network=self._network,
            address=self._address,
            root={"stage": str(stage), "binds": binds, "hostname": self.name},
            folder=container.spec.get("workingDir") or image.folder or str(scratch),
        )

    async def _live(self) -> None:
        policy = self.object["spec"].get("restartPolicy", "Always")
        await self._until_set_up()
        for container in self.init:
            # Not awaited itself: a cancelled pod must not take the container's grace away.
            await asyncio.wait([container.begin(lambda code: code != 0 and policy != "Never")])
            if container.record.exit_code != 0:
                return
        restarts: Callable[[int], bool] = {
            "Always": lambda _: True,
            "OnFailure": lambda code: code != 0,
            "Never": lambda _: False,
        }[policy]
        await asyncio.wait([container.begin(restarts) for container in self.main])

    async def _until_set_up(self) -> None:
        self.changed()
        address, link = self._ground.addresses.take()
        self._network = await pod_network(address, link)
        self._address = address
        claims = self._ground.folder / "claims"
        while True:
            try:
                volumes = self._folder / "volumes"
                self._volumes = await make_volumes(self._ground.api, self.object, volumes, claims)
                break
            except (Unresolved, ApiError, aiohttp.ClientError) as error:
                self.note("Warning", "FailedMount", f"MountVolume.SetUp failed: {error}")
                await asyncio.sleep(RETRY_SECONDS)
        self.changed()

    async def _die(self, grace: float) -> None:
        self._living.cancel()
        await asyncio.wait([self._living])
        await asyncio.gather(*(container.stop(grace) for container in (*self.init, *self.main)))
        await self._persistently(self._publish)
        await self._persistently(self._delete)

    async def _delete(self) -> None:
        with suppress(ApiError):
            await self._ground.api.delete(PODS, self.name, self.namespace, grace_seconds=0, uid=self.uid)

    async def _publish_changes(self) -> None:
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            await self._persistently(self._publish)

    async def _publish(self) -> None:
        """Write the status if it is not what the object says already."""
        status = self._status()
        if self.cut_off or _contains(self.object.get("status") or {}, status):
            return
        body = {"metadata": {"uid": self.uid}, "status": status}
        try:
            written = await self._ground.api.patch(
                PODS, self.name, body, self.namespace, kind=Patch.STRATEGIC, subresource="status"
            )
        except ApiError as error:
            # Not found, or another pod of this name: ours is gone, and the watch will say so.
            if error.code in (404, 409, 422):
                return
            raise
        if _version(written) > _version(self.object):
            self.see(written)

    def _status(self) -> Object:
        seen = Seen(
            pod=self.object,
            init=[container.record for container in self.init],
            main=[container.record for container in self.main],
            address=self._address,
            host=GATEWAY,
            since=self._since,
        )
        return pod_status(seen)

    async def _persistently(self, act: Callable[[], Awaitable[None]]) -> None:
        """Repeat until the API server takes it; it may be down or slow for a while."""
        while True:
            try:
                return await act()
            except (aiohttp.ClientError, ApiError, TimeoutError):
                await asyncio.sleep(RETRY_SECONDS)

    def _fresh(self, container: str, name: str) -> Path:
        """An empty folder: a container starts with none of what its last run left."""
        folder = self._folder / container / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder


def log_folder(folder: Path, namespace: str, name: str, uid: str) -> Path:
    """Where a pod's logs are; they outlive it."""
    return folder / "logs" / "pods" / f"{namespace}_{name}_{uid}"


def _kill_all_in(network: int) -> None:
    """Kill every process in a pod's network: also what has left its container's session."""
    inode = os.fstat(network).st_ino
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if (entry / "ns" / "net").stat().st_ino == inode:
                    os.kill(int(entry.name), signal.SIGKILL)


def _version(pod: Object) -> int:
    return int(pod["metadata"]["resourceVersion"])


def _contains(seen: object, wanted: object) -> bool:
    """Whether a write would change nothing; what is empty may be missing."""
    match wanted:
        case dict() if wanted:
            return isinstance(seen, dict) and all(_contains(seen.get(key), wanted[key]) for key in wanted)
        case [{"type": _}, *_]:
            return isinstance(seen, list) and _contains(_by_type(seen), _by_type(wanted))
        case list():
            return isinstance(seen, list) and len(seen) == len(wanted) and all(map(_contains, seen, wanted))
    return seen == wanted or (not seen and not wanted)


def _by_type(conditions: Sequence[Any]) -> dict[str, Object]:
    return {entry["type"]: entry for entry in conditions}
