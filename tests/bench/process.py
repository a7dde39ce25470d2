"""The operator as a process whose CPU time and memory are read from the kernel.

It watches the whole cluster as in a pod: under its own ServiceAccount with the rights of `manifests/`, whose
token it finds where a kubelet puts it. It has no Prometheus: steps go on by readiness and time.
"""

import asyncio
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

import aiohttp

from tests.cluster.cluster import Cluster
from tests.cluster.network import GATEWAY, free_port
from tests.cluster.processes import Program, answers
from tests.stage.operator import ACCESS, ACCOUNT

TICKS: Final = os.sysconf("SC_CLK_TCK")
SELDOM: Final = ("--sweep-interval=86400",)
"""Its lists of names, once in ten minutes otherwise, would be counted for what they happen to fall into."""
ALONE: Final = ("--no-leader-elect",)
"""Renewals cost next to nothing. But where all is slow, a Lease may be lost, and a kubelet would start again
what nobody starts here."""
AS_IN_A_POD: Final = """
place=$(readlink -f /var/run) account=$1
mount -t tmpfs tmpfs "$place"
mkdir -p "$place/secrets/kubernetes.io"
ln -s "$account" "$place/secrets/kubernetes.io/serviceaccount"
shift
exec "$@"
"""
"""Starts a program, in a mount namespace of its own, that finds a service account's files at their place."""
REST_SECONDS: Final = 2.0
REST_CPU: Final = 0.05
"""Below this share of a core a process does nothing for objects."""


class Operator:
    """Runs while entered. `stop` and `start` in between are a restart."""

    def __init__(self, cluster: Cluster, arguments: Sequence[str] = ()) -> None:
        self._cluster, self._arguments = cluster, arguments
        self._program: Program | None = None

    async def __aenter__(self) -> Self:
        await self._cluster.install(*ACCESS)
        self._account = self._cluster.folder / "account"
        self._account.mkdir()
        namespace, _ = ACCOUNT
        (self._account / "namespace").write_text(namespace)
        (self._account / "ca.crt").write_bytes(self._cluster.server.ca.read_bytes())
        (self._account / "token").write_text(await self._cluster.service_account_token(*ACCOUNT))
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
        serin = [sys.executable, "-m", "serin", "run", *pages, *SELDOM, *ALONE, *self._arguments]
        command = ["unshare", "--mount", "sh", "-ec", AS_IN_A_POD, "sh", str(self._account), *serin]
        server = urlsplit(self._cluster.server.address)
        place = {"KUBERNETES_SERVICE_HOST": str(server.hostname), "KUBERNETES_SERVICE_PORT": str(server.port)}
        program = self._cluster.program("serin", command, environment=place)
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
