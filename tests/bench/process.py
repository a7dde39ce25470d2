"""The operator as a process whose CPU time and memory are read from the kernel.

It watches the whole cluster, under its own ServiceAccount with the rights of `manifests/`, without a
Prometheus: steps go on by readiness and time.
"""

import asyncio
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import aiohttp

from tests.cluster.cluster import Cluster
from tests.cluster.network import GATEWAY, free_port
from tests.cluster.processes import Program, answers
from tests.stage.operator import ACCESS, ACCOUNT

TICKS: Final = os.sysconf("SC_CLK_TCK")
SELDOM: Final = ("--sweep-interval=86400",)
"""Its lists of names, once in ten minutes otherwise, would be counted for what they happen to fall into."""
REST_SECONDS: Final = 3.0
REST_CPU: Final = 0.05
"""Below this share of a core a process does nothing for objects."""


class Operator:
    """Runs while entered. `stop` and `start` in between are a restart."""

    def __init__(self, cluster: Cluster, arguments: Sequence[str] = ()) -> None:
        self._cluster, self._arguments = cluster, arguments
        self._program: Program | None = None

    async def __aenter__(self) -> Self:
        await self._cluster.install(*ACCESS)
        self._account = await self._cluster.service_account_kubeconfig(*ACCOUNT)
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start it, and wait until it has seen all that exists."""
        port = free_port()
        self._address = f"http://{GATEWAY}:{port}"
        pages = [f"--host={GATEWAY}", f"--http-port={port}"]
        command = [sys.executable, "-m", "serin", "run", *pages, *SELDOM, *self._arguments]
        program = self._cluster.program("serin", command, kubeconfig=self._account)
        self._program = await program.until(answers(f"{self._address}/readyz")).__aenter__()

    async def stop(self) -> None:
        """Ask it to end."""
        if self._program is not None:
            await self._program.stop()
            self._program = None

    async def looks(self) -> int:
        """How many looks at models it has ended since its start, well or not."""
        async with aiohttp.ClientSession() as http, http.get(f"{self._address}/metrics") as page:
            found = re.findall(r"^serin_reconciles_total\{.*\} (\S+)$", await page.text(), re.MULTILINE)
        return sum(int(float(number)) for number in found)

    @property
    def cpu_seconds(self) -> float:
        """User and system time since its start."""
        fields = self._proc("stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    @property
    def peak_bytes(self) -> int:
        """The most memory it had since `forget_peak`."""
        lines = self._proc("status").read_text().splitlines()
        line = next(line for line in lines if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024

    def forget_peak(self) -> None:
        """Measure the peak from now on."""
        self._proc("clear_refs").write_text("5")

    async def at_rest(self) -> None:
        """Wait until it has done nothing for a while."""
        clock = asyncio.get_running_loop().time
        spent, since = self.cpu_seconds, clock()
        while clock() - since < REST_SECONDS:
            await asyncio.sleep(0.5)
            if self.cpu_seconds - spent > REST_CPU * (clock() - since) + 0.02:
                spent, since = self.cpu_seconds, clock()

    def _proc(self, name: str) -> Path:
        assert self._program is not None
        return Path(f"/proc/{self._program.pid}/{name}")
