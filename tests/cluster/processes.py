"""Programs the cluster consists of: started, waited for until they answer, stopped in order.

None outlives us, however we end: the kernel kills them with the process that started them (`launch.py`), and
`warden` looks after what they have started themselves.
"""

import asyncio
import json
import os
import signal
import ssl
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Self

import aiohttp

LAUNCHER: Final = Path(__file__).with_name("launch.py")
WARDEN: Final = Path(__file__).with_name("warden.py")
LOOK_EVERY_SECONDS = 0.05
TAIL_LINES = 30
MARK: Final = {"SERIN_TEST_CLUSTER": str(uuid.uuid4())}
"""In the environment of everything this process starts, and of what that starts in turn."""


class CannotStart(Exception):
    """The program could not be started at all."""


class Ended(Exception):
    """A program ended before it was ready; the text has the end of its log."""


async def launch(
    command: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str],
    network: int | None = None,
    **specification: Any,
) -> asyncio.subprocess.Process:
    """Start a program that dies with this process; its output is appended to the log.

    Returns once the program itself runs. Raises CannotStart.

    `network` is an open network namespace to start it in, by default our own; `specification` is what else
    `launch.py` understands: `folder`, `root`, `join`.
    """
    # The launcher writes what went wrong into the pipe; if all goes well, the new program's start closes it.
    reading, writing = os.pipe()
    wanted = {"parent": os.getpid(), "command": [str(part) for part in command], "report": writing}
    with os.fdopen(reading, "rb") as report:
        work = _started({**wanted, "network": network, **specification}, log, environment)
        starting = asyncio.create_task(work)
        try:
            process = await asyncio.shield(starting)
            wrong = await _read_all(report)
        except asyncio.CancelledError:
            # Nobody else knows of the process yet, and a half-started one would be lost.
            process = await starting
            kill_group(process)
            await process.wait()
            raise
    if wrong:
        await process.wait()
        raise CannotStart(wrong)
    return process


async def _started(
    wanted: Mapping[str, Any], log: Path, environment: Mapping[str, str]
) -> asyncio.subprocess.Process:
    try:
        with log.open("ab") as output:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(LAUNCHER), json.dumps(wanted)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**environment, **MARK},
                pass_fds=[handle for handle in (wanted["report"], wanted["network"]) if handle is not None],
                # A session of its own: Ctrl-C in a terminal is for us, who stop things in order.
                start_new_session=True,
            )
    finally:
        os.close(wanted["report"])


@asynccontextmanager
async def warden(folder: Path | None) -> AsyncIterator[None]:
    """Have someone clean up after us if we are killed: what `launch` started, and the folder."""
    (mark,) = (f"{name}={value}" for name, value in MARK.items())
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", str(WARDEN), mark, *([str(folder)] if folder else [])),
        stdin=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield
    finally:
        await process.communicate(b"ended in order\n")


async def _read_all(pipe: BinaryIO) -> str:
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), pipe
    )
    try:
        return (await reader.read()).decode()
    finally:
        transport.close()


def kill_group(process: asyncio.subprocess.Process) -> None:
    """Kill a program and all it started, as far as they stayed in its session."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


class Program:
    """A program that runs from entry to exit of its context, and is ready when entered.

    Args:
        ready: Asked until it says yes.
        within: Seconds it may take to be ready.
        grace: Seconds from SIGTERM to SIGKILL.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        ready: Callable[[], Awaitable[bool]] | None = None,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        within: float = 300,
        grace: float = 60,
    ) -> None:
        self.name, self.log = name, log
        self._command = [str(part) for part in command]
        self._ready, self._within, self._grace = ready, within, grace
        self._environment = dict(os.environ if environment is None else environment)
        self._folder = None if folder is None else str(folder)

    def until(self, ready: Callable[[], Awaitable[bool]]) -> Self:
        """Count as started only when this says so; to be said before it is entered."""
        self._ready = ready
        return self

    async def __aenter__(self) -> Self:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._process = await launch(
            self._command, log=self.log, environment=self._environment, folder=self._folder
        )
        try:
            if self._ready is not None:
                await self._until_ready(self._ready)
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._process.returncode

    def send(self, sign: signal.Signals) -> None:
        """Send a signal to the program alone. SIGSTOP and SIGCONT make it a paused process."""
        self._process.send_signal(sign)

    async def wait(self) -> int:
        """Wait for the end; returns the exit code."""
        return await self._process.wait()

    async def kill(self) -> None:
        """End it at once, as a power cut would."""
        kill_group(self._process)
        await self._process.wait()

    async def stop(self) -> None:
        """Ask it to end, and after the grace end it."""
        if self.exit_code is None:
            self._process.terminate()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._grace):
                    await self._process.wait()
        await self.kill()

    def tail(self, lines: int = TAIL_LINES) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    async def _until_ready(self, ready: Callable[[], Awaitable[bool]]) -> None:
        deadline = asyncio.get_running_loop().time() + self._within
        while not await ready():
            if self.exit_code is not None:
                raise Ended(f"{self.name} ended with {self.exit_code} before it was ready:\n{self.tail()}")
            if asyncio.get_running_loop().time() > deadline:
                raise Ended(f"{self.name} was not ready within {self._within:g} s:\n{self.tail()}")
            await asyncio.sleep(LOOK_EVERY_SECONDS)


def answers(url: str, *, ca: Path | None = None) -> Callable[[], Awaitable[bool]]:
    """A readiness check: the address answers 200. The certificate authority's file may appear later."""

    async def ready() -> bool:
        try:
            tls = ssl.create_default_context(cafile=str(ca)) if ca else True
            async with aiohttp.ClientSession() as session, session.get(url, ssl=tls) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, OSError):
            return False

    return ready
