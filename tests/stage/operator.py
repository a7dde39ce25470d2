"""The operator as a process that a test may kill, pause and start again.

It runs under its own ServiceAccount with the rights of `manifests/` and no others, and looks at one
namespace.
"""

import json
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from tests.cluster.audit import service_account
from tests.cluster.cluster import Cluster
from tests.cluster.network import GATEWAY, free_port
from tests.cluster.processes import Ended, Program, answers
from tests.cluster.waiting import until
from tests.stage.stillness import until_still

MANIFESTS: Final = Path(__file__).parents[2] / "manifests" / "base"
ACCESS: Final = (MANIFESTS / "namespace.yaml", MANIFESTS / "access.yaml")
ACCOUNT: Final = ("serin-system", "serin")
USER: Final = service_account(*ACCOUNT)
"""Its name in the audit log."""


class Operator:
    """Runs while entered; `kill` and `start` in between are a crash and its restart.

    Args:
        prometheus: Its address; None for an operator that has none.
        scrape_seconds: Prometheus' interval.
        arguments: More of its command line.
        replica: Its log's name, where one namespace has several.
    """

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        kubeconfig: Path,
        *,
        prometheus: str | None = None,
        scrape_seconds: int = 5,
        arguments: Iterable[str] = (),
        replica: str = "",
    ) -> None:
        self._cluster, self._kubeconfig = cluster, kubeconfig
        self._name = f"serin-{namespace}{replica}"
        self._port = free_port()
        self.address = f"http://{GATEWAY}:{self._port}"
        self._command = [sys.executable, "-m", "serin", "run", f"--namespace={namespace}"]
        self._command += [f"--host={GATEWAY}", f"--http-port={self._port}"]
        if prometheus:
            self._command += [f"--prometheus={prometheus}", f"--scrape-interval={scrape_seconds}"]
        self._command += arguments
        self._program: Program | None = None
        self._judged: list[dict[str, object]] = []
        self._read = 0

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._program is not None:
            await self._program.stop()

    @property
    def log(self) -> Path:
        """All that its processes have said."""
        return self._cluster.folder / "logs" / f"{self._name}.log"

    async def launch(self) -> Program:
        """Start it, and leave the rest to it."""
        program = self._cluster.program(self._name, self._command, kubeconfig=self._kubeconfig)
        self._program = await program.__aenter__()
        return program

    async def start(self) -> None:
        """Start it and wait until it has seen all that exists."""
        program = await self.launch()
        ready = answers(f"{self.address}/readyz")

        async def settled() -> bool:
            if program.exit_code is not None:
                raise Ended(f"the operator ended with {program.exit_code}:\n{program.tail()}")
            return await ready()

        await until(settled, what="the operator's readiness")

    async def kill(self) -> None:
        """End it at once, as a power cut would."""
        assert self._program is not None
        await self._program.kill()

    async def stop(self) -> None:
        """Ask it to end, as a kubelet does."""
        assert self._program is not None
        await self._program.stop()

    async def restart(self) -> None:
        """A crash and a new start."""
        await self.kill()
        await self.start()

    async def at_rest(self, *, seconds: float = 1.0) -> None:
        """Wait until it has looked at something since its start, and then at nothing for a while."""
        await until_still(self.looks, self._cluster.api, seconds=seconds, what="the operator's rest")

    async def looks(self) -> float:
        """How many looks at its models its process has ended well."""
        async with aiohttp.ClientSession() as http, http.get(f"{self.address}/metrics") as answer:
            families = text_string_to_metric_families(await answer.text())
            samples = [one for family in families for one in family.samples]
        return sum(
            one.value
            for one in samples
            if one.name == "serin_reconciles_total" and one.labels["outcome"] == "done"
        )

    def judgements(self) -> list[dict[str, object]]:
        """Every turn of the verdict that it has logged; what was read before is not read again."""
        with self.log.open("rb") as log:
            log.seek(self._read)
            whole, end, _ = log.read().rpartition(b"\n")
        self._read += len(whole + end)
        lines = [json.loads(line) for line in whole.splitlines() if line.startswith(b"{")]
        self._judged += [line for line in lines if line["event"] == "judged"]
        return self._judged

    def freeze(self) -> None:
        """Stop its time: it neither works nor ends."""
        assert self._program is not None
        self._program.send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let its time go on."""
        assert self._program is not None
        self._program.send(signal.SIGCONT)
