"""An operator behind its own proxy, kept alive as a kubelet keeps one: started again whenever it ends."""

import asyncio
import sys
from types import TracebackType
from typing import Final, Self

from tests.cluster.cluster import Cluster
from tests.cluster.network import GATEWAY
from tests.cluster.processes import Program
from tests.cluster.tasks import begin
from tests.faults.proxy import FaultProxy

SWEEP_SECONDS: Final = 5
"""Between searches for what a watch has missed; ten minutes in real life."""


class Kept:
    """The operator of one namespace. Use as an async context manager.

    Attributes:
        ends: How its processes have ended by themselves: exit codes.
        kills: How often it was killed.
    """

    def __init__(self, cluster: Cluster, namespace: str, proxy: FaultProxy, *arguments: str) -> None:
        self._cluster, self._proxy, self._name = cluster, proxy, f"serin-{namespace}"
        self._command = [sys.executable, "-m", "serin", "run", f"--namespace={namespace}"]
        self._command += [f"--host={GATEWAY}", "--http-port=0", f"--sweep-interval={SWEEP_SECONDS}"]
        self._command += arguments
        self._program: Program | None = None
        self._dying = False
        self.ends: list[int] = []
        self.kills = 0

    async def __aenter__(self) -> Self:
        self._task = begin(self._keep(), self._name)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def kill(self) -> None:
        """A power cut; the next process starts at once."""
        if self._program is not None and self._program.exit_code is None:
            self.kills += 1
            self._dying = True
            await self._program.kill()

    def said(self) -> str:
        """The end of its log."""
        return "" if self._program is None else self._program.tail()

    async def _keep(self) -> None:
        while True:
            program = self._cluster.program(self._name, self._command, kubeconfig=self._proxy.kubeconfig)
            async with program as self._program:
                code = await program.wait()
            if not self._dying:
                self.ends.append(code)
            self._dying = False
