"""One container of a pod: pulled, started, probed, restarted with back-off, ended; as a kubelet does it."""

import asyncio
import os
import uuid
from collections.abc import Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from tests.cluster.environment import expanded
from tests.cluster.images import Image, Images
from tests.cluster.probes import Target, ailing, outcomes
from tests.cluster.processes import CannotStart, kill_group, launch
from tests.cluster.resources import Object
from tests.cluster.status import Record
from tests.cluster.tasks import begin

LEAST_GRACE_SECONDS: Final = 2.0
"""A hook that used up the whole grace leaves this much to SIGTERM."""
CANNOT_START: Final = 128
LAST_LINES: Final = 80


@dataclass(frozen=True, slots=True)
class BackOff:
    """Seconds before a restart: a kubelet's 10 s doubling to 5 min, made short."""

    first: float = 1.0
    longest: float = 30.0
    forgotten_after: float = 600.0

    def delay(self, crashes: int) -> float:
        """Seconds to wait after so many crashes in a row; the first restart is at once."""
        return 0.0 if crashes <= 1 else min(self.longest, self.first * 2.0 ** min(crashes - 2, 30))


class NotStartable(Exception):
    """A container cannot be started yet: the reason and message of its waiting state."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason, self.message = reason, message


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What one start of a container needs."""

    environment: dict[str, str]
    network: int
    address: str
    root: Object
    folder: str


class Surroundings(Protocol):
    """What a container asks of its pod."""

    async def prepare(self, container: "Container", image: Image) -> Start:
        """What to start with, anew for each start. Raises NotStartable."""

    def changed(self) -> None:
        """The container's record says something new."""

    def note(self, kind: str, reason: str, message: str) -> None:
        """Something a person should read in an Event of the pod."""


class Container:
    """A container and its current process; `record` says what became of it."""

    def __init__(
        self, spec: Object, pod: Surroundings, *, images: Images, back_off: BackOff, logs: Path, grace: float
    ) -> None:
        self.spec = spec
        self.record = Record(spec["name"], spec["image"])
        self._logs = logs
        self._pod, self._images, self._back_off, self._grace = pod, images, back_off, grace
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._start: Start | None = None
        self._stopping = False

    @property
    def name(self) -> str:
        return self.record.name

    @property
    def log(self) -> Path:
        """What the current run prints."""
        return self.log_of(self.record.restarts)

    def log_of(self, run: int) -> Path:
        return self._logs / f"{self.name}.{run}.log"

    @property
    def pid(self) -> int | None:
        """Of its main process, while it runs."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if self._process and running else None

    def begin(self, restarts: Callable[[int], bool]) -> "asyncio.Task[None]":
        """Run it, again after each exit code that restarts it; the task ends when it is done for good."""
        self._task = begin(self._run(restarts), f"container {self.name}")
        return self._task

    async def stop(self, grace: float) -> None:
        """End it for good: its hook, SIGTERM, and SIGKILL when the grace is over."""
        self._stopping = True
        if self._task is None:
            return
        if self.pid is None:
            self._task.cancel()
        else:
            self._pod.note("Normal", "Killing", f"Stopping container {self.name}")
            await self._end(grace)
        await asyncio.wait([self._task])

    async def _run(self, restarts: Callable[[int], bool]) -> None:
        crashes = 0
        clock = asyncio.get_running_loop().time
        while True:
            image, start = await self._startable()
            began = clock()
            await self._once(image, start)
            if self._stopping or not restarts(self.record.exit_code or 0):
                return
            crashes = 1 if clock() - began > self._back_off.forgotten_after else crashes + 1
            if delay := self._back_off.delay(crashes):
                text = f"back-off {delay:g}s restarting failed container={self.name}"
                self._wait("CrashLoopBackOff", text)
                self._pod.note("Warning", "BackOff", text)
                await asyncio.sleep(delay)
            self.record.restarts += 1

    async def _startable(self) -> tuple[Image, Start]:
        attempts = 1
        while True:
            try:
                image = self._pulled()
                return image, await self._pod.prepare(self, image)
            except NotStartable as obstacle:
                self._wait(obstacle.reason, obstacle.message)
                self._pod.note("Warning", "Failed", obstacle.message)
                attempts += 1
                delay = self._back_off.delay(attempts)
                if obstacle.reason == "ErrImagePull":
                    # A kubelet shows the error, then, most of the time, its back-off: readers know both.
                    await asyncio.sleep(delay / 4)
                    self._wait("ImagePullBackOff", f'Back-off pulling image "{self.record.image}"')
                await asyncio.sleep(delay)

    def _pulled(self) -> Image:
        name = self.record.image
        if (image := self._images.get(name)) is not None:
            return image
        reason = "ErrImageNeverPull" if self.spec.get("imagePullPolicy") == "Never" else "ErrImagePull"
        raise NotStartable(reason, f'failed to pull and unpack image "{name}": {name}: not found')

    async def _once(self, image: Image, start: Start) -> None:
        """From start to exit, whoever ends it."""
        command = image.command(self.spec.get("command") or [], self.spec.get("args") or [])
        self._start = start
        try:
            self._process = process = await launch(
                [expanded(part, start.environment) for part in command],
                log=self.log,
                environment=start.environment,
                network=start.network,
                root=start.root,
                folder=start.folder,
            )
        except CannotStart as error:
            self.record.end(CANNOT_START, "StartError", str(error))
            self._pod.note("Warning", "Failed", f"Error: {error}")
            self._pod.changed()
            return
        self.record.run(f"process://{uuid.uuid4()}")
        self._pod.note("Normal", "Started", f"Started container {self.name}")
        probing = begin(self._probe(self._target(start)), f"probes of {self.name}")
        try:
            await process.wait()
        finally:
            probing.cancel()
            kill_group(process)
            await asyncio.gather(probing, return_exceptions=True)
        self._ended(process.returncode or 0)

    def _ended(self, returned: int) -> None:
        code = returned if returned >= 0 else 128 - returned
        message = ""
        if code and self.spec.get("terminationMessagePolicy") == "FallbackToLogsOnError":
            message = "\n".join(self.log.read_text(errors="replace").splitlines()[-LAST_LINES:])
        self.record.end(code, "Error" if code else "Completed", message)
        self._pod.changed()

    def _target(self, start: Start) -> Target:
        async def run_inside(command: list[str], seconds: float) -> int:
            process = await launch(
                command,
                log=Path(os.devnull),
                environment=start.environment,
                join=self.pid,
                folder=start.folder,
            )
            try:
                async with asyncio.timeout(seconds):
                    return await process.wait()
            finally:
                kill_group(process)

        ports = {
            port["name"]: port["containerPort"] for port in self.spec.get("ports") or [] if "name" in port
        }
        return Target(address=start.address, ports=ports, run_inside=run_inside)

    async def _probe(self, target: Target) -> None:
        """Let the probes say when it has started, when it is ready, and when it has to be restarted."""
        if startup := self.spec.get("startupProbe"):
            self._pod.changed()
            async with aclosing(outcomes(startup, target)) as results:
                async for wrong in results:
                    if wrong is None:
                        break
                    await self._restart("Startup", wrong, startup)
        self.record.started = True
        readiness, liveness = self.spec.get("readinessProbe"), self.spec.get("livenessProbe")
        self.record.ready = readiness is None
        self._pod.changed()
        async with asyncio.TaskGroup() as group:
            if readiness:
                group.create_task(self._watch_readiness(readiness, target))
            if liveness:
                group.create_task(self._watch_liveness(liveness, target))

    async def _watch_readiness(self, probe: Object, target: Target) -> None:
        async with aclosing(outcomes(probe, target)) as results:
            async for wrong in results:
                if wrong and self.record.ready:
                    self._pod.note("Warning", "Unhealthy", f"Readiness probe failed: {wrong}")
                if self.record.ready != (wrong is None):
                    self.record.ready = wrong is None
                    self._pod.changed()

    async def _watch_liveness(self, probe: Object, target: Target) -> None:
        async with aclosing(outcomes(probe, target)) as results:
            async for wrong in results:
                if wrong and not self._stopping:
                    await self._restart("Liveness", wrong, probe)

    async def _restart(self, kind: str, wrong: str, probe: Object) -> None:
        self._pod.note("Warning", "Unhealthy", f"{kind} probe failed: {wrong}")
        message = f"Container {self.name} failed {kind.lower()} probe, will be restarted"
        self._pod.note("Normal", "Killing", message)
        await self._end(probe.get("terminationGracePeriodSeconds", self._grace))

    async def _end(self, grace: float) -> None:
        """Its hook, SIGTERM, and SIGKILL when the grace is over."""
        process, start, clock = self._process, self._start, asyncio.get_running_loop().time
        if process is None or start is None:
            return
        deadline = clock() + grace
        hook = (self.spec.get("lifecycle") or {}).get("preStop")
        if hook and grace > 0 and (wrong := await ailing(hook, self._target(start), seconds=grace)):
            self._pod.note("Warning", "FailedPreStopHook", wrong)
        if grace > 0 and process.returncode is None:
            process.terminate()
            # Not wait_for: in Python 3.11 it may swallow the cancellation that the end of the process brings.
            with suppress(TimeoutError):
                async with asyncio.timeout(max(LEAST_GRACE_SECONDS, deadline - clock())):
                    await process.wait()
        kill_group(process)
        await process.wait()

    def _wait(self, reason: str, message: str) -> None:
        self.record.wait(reason, message)
        self._pod.changed()
