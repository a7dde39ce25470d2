"""One replica of the operator behind its own proxy, started again whenever it ends, as a kubelet does."""

import asyncio
import signal
import sys
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import aiohttp

from tests.cluster.cluster import Cluster
from tests.cluster.network import GATEWAY, free_port
from tests.cluster.processes import Program
from tests.cluster.tasks import begin
from tests.faults.proxy import FaultProxy

LEADING, STANDBY = "ok, leading", "ok, standby"
LOOK_SECONDS: Final = 10.0


class Replica:
    """Use as an async context manager.

    Attributes:
        ends: How its processes have ended: exit codes, negative for a signal.
    """

    def __init__(
        self, cluster: Cluster, namespace: str, number: int, *, proxy: FaultProxy, arguments: list[str]
    ) -> None:
        self.name = f"serin-{namespace}-{number}"
        self.proxy = proxy
        self.ends: list[int] = []
        port = free_port()
        self._address = f"http://{GATEWAY}:{port}"
        self._cluster = cluster
        self._command = [sys.executable, "-m", "serin", "run", f"--namespace={namespace}", *arguments]
        self._command += [f"--host={GATEWAY}", f"--http-port={port}", f"--lease-namespace={namespace}"]
        self._program: Program | None = None

    async def __aenter__(self) -> Self:
        self._task = begin(self._keep(), self.name)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._program is not None and self._program.exit_code is None:
            self.send(signal.SIGCONT)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    @property
    def log(self) -> Path:
        """All that its processes have said."""
        return self._cluster.folder / "logs" / f"{self.name}.log"

    def send(self, sign: signal.Signals) -> None:
        """Send a signal to the process that runs now."""
        assert self._program is not None
        self._program.send(sign)

    async def role(self) -> str:
        """What its readiness page says where it is ready; empty otherwise."""
        status, words = await self._page("readyz")
        return words if status == 200 else ""

    async def words(self) -> str:
        """What its readiness page says, ready or not; empty where it gives no answer."""
        return (await self._page("readyz"))[1]

    async def alive(self) -> bool:
        """Whether its liveness page says that all is well."""
        return (await self._page("healthz"))[0] == 200

    async def ailment(self) -> str:
        """What its liveness page finds wrong; empty where that is nothing, or it gives no answer."""
        status, words = await self._page("healthz")
        return words if status == 503 else ""

    async def _page(self, name: str) -> tuple[int, str]:
        try:
            timeout = aiohttp.ClientTimeout(total=LOOK_SECONDS)
            async with (
                aiohttp.ClientSession(timeout=timeout) as http,
                http.get(f"{self._address}/{name}") as page,
            ):
                return page.status, await page.text()
        except (aiohttp.ClientError, TimeoutError, OSError):
            return 0, ""

    async def _keep(self) -> None:
        while True:
            program = self._cluster.program(self.name, self._command, kubeconfig=self.proxy.kubeconfig)
            async with program as self._program:
                self.ends.append(await program.wait())
