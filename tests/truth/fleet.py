"""Model servers in place of pods, users who ask them at a steady rate, and Prometheus who scrape them.

A pod is a process at an address that it keeps over restarts; a job scrapes the pods that are on its list.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
import yaml

from tests.cluster.local_server import INFER, LOOPBACK, LocalServer
from tests.cluster.network import free_port
from tests.cluster.prometheus import over
from tests.cluster.traffic import EXAMPLE
from tests.cluster.waiting import until

NAMESPACE: Final = "ml"
SCRAPE_SECONDS: Final = 1
TIMEOUT: Final = aiohttp.ClientTimeout(total=1)


class Pod:
    """One pod and its users, `async with`; the process is `server.program`."""

    def __init__(self, name: str, folder: Path, *, per_second: float) -> None:
        self.name = name
        self.server = LocalServer(name, folder, pod=name, requests=folder, slow_seconds=0.15)
        self._period = 1 / per_second
        self._asking: set[asyncio.Task[None]] = set()
        self._begun = False

    async def __aenter__(self) -> Self:
        await self.server.start()
        self._http = aiohttp.ClientSession(self.server.url, timeout=TIMEOUT)
        self._users = asyncio.create_task(self._ask_steadily())
        self._begun = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._users.cancel()
        await asyncio.wait([self._users, *self._asking])
        await self._http.close()
        await self.server.program.kill()

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self._begun and self.server.program.exit_code is None

    async def restart(self) -> None:
        """A container's crash: the next one has the pod's name and address, and begins at zero."""
        await self.server.program.kill()
        await self.server.start()

    async def ask(self, times: int) -> None:
        """Ask so often at once."""
        await asyncio.gather(*(self._ask() for _ in range(times)))

    async def _ask_steadily(self) -> None:
        clock = asyncio.get_running_loop().time
        due = clock()
        while True:
            task = asyncio.create_task(self._ask())
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
            due += self._period
            await asyncio.sleep(max(0.0, due - clock()))

    async def _ask(self) -> None:
        """Ask once. What becomes of it is in the server's log, if it got there."""
        try:
            async with self._http.post(INFER, json=EXAMPLE) as answer:
                await answer.read()
        except (aiohttp.ClientError, OSError, TimeoutError):
            return


class Scraper:
    """A Prometheus with some jobs, each with a list of pods that may change while it runs.

    Args:
        jobs: Names of its jobs.
        replica: Its external label, where it is one of several that write to `remote`.
        remote: The address of one that receives.
    """

    def __init__(self, folder: Path, *jobs: str, replica: str = "", remote: str = "") -> None:
        self._folder = folder
        self._jobs = jobs
        self._listen = f"{LOOPBACK}:{free_port(LOOPBACK)}"
        self.url = f"http://{self._listen}"
        interval = f"{SCRAPE_SECONDS}s"
        self._config: dict[str, Any] = {
            "global": {"scrape_interval": interval, "scrape_timeout": interval},
            "scrape_configs": [
                {"job_name": job, "file_sd_configs": [{"files": [str(self._list(job))]}]} for job in jobs
            ],
        }
        if remote:
            self._config["global"]["external_labels"] = {"prometheus_replica": replica}
            queue = {"batch_send_deadline": "200ms"}
            self._config["remote_write"] = [{"url": f"{remote}/api/v1/write", "queue_config": queue}]
        self._exit = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._folder.mkdir()
        (self._folder / "prometheus.yml").write_text(yaml.safe_dump(self._config))
        for job in self._jobs:
            self.scrape(job, ())
        self._http = await self._exit.enter_async_context(aiohttp.ClientSession(self.url))
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
        await self._exit.aclose()

    async def start(self) -> None:
        self._program = over(self._folder, self._listen, "--web.enable-remote-write-receiver")
        await self._program.__aenter__()

    async def stop(self) -> None:
        """Stop it; its data stay."""
        await self._program.stop()

    def scrape(self, job: str, pods: Iterable[Pod]) -> None:
        """A job's pods from now on."""
        groups = [
            {
                "targets": ["{}:{}".format(*pod.server.metrics)],
                "labels": {"namespace": NAMESPACE, "pod": pod.name},
            }
            for pod in pods
        ]
        beside = self._list(job).with_suffix(".new")
        beside.write_text(json.dumps(groups))
        beside.rename(self._list(job))

    async def samples(
        self, selector: str, *, at: float
    ) -> list[tuple[Mapping[str, str], list[tuple[float, float]]]]:
        """The stored samples of the ten minutes before: labels, and times with values."""
        params = {"query": f"{selector}[10m]", "time": str(at)}
        async with self._http.get("/api/v1/query", params=params) as answer:
            body = await answer.json()
        return [
            (one["metric"], [(float(t), float(value)) for t, value in one["values"]])
            for one in body["data"]["result"]
        ]

    async def until_scraped(self, targets: int) -> None:
        """Wait until it has tried so many targets. It takes a new list in after up to five seconds."""

        async def tried() -> int:
            async with self._http.get("/api/v1/targets", params={"state": "active"}) as answer:
                body = await answer.json()
            return sum(one["health"] != "unknown" for one in body["data"]["activeTargets"])

        await until(tried, lambda found: found == targets, what=f"{targets} targets")

    def _list(self, job: str) -> Path:
        return self._folder / f"{job}.json"
