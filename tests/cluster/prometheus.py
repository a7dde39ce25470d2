"""Prometheus for the test cluster, found or fetched, scraping pods the way most clusters do.

The program is the one on PATH, or Debian's package unpacked into the user's cache: nothing is installed.
Scraped are pods annotated `prometheus.io/scrape: "true"` and container ports named `metrics`, with the labels
namespace, pod and container. It can be stopped and started again over the same data, as tests of missing data
need. Which pods there are is `discovery`'s.
"""

import fcntl
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
import yaml

from tests.cluster.api import Api
from tests.cluster.binaries import Missing, Say, cache_home
from tests.cluster.discovery import META, PodDiscovery
from tests.cluster.network import GATEWAY, free_port
from tests.cluster.processes import Program, answers
from tests.cluster.waiting import PATIENT, until

PODS_JOB: Final = "kubernetes-pods"
TWICE: Final = {"serin.test/twice": "true"}
"""An annotation of pods that two jobs scrape."""


class Prometheus:
    """A running Prometheus; `async with Prometheus(api, folder) as prometheus`.

    Args:
        api: By which pods are discovered, as a user who may list and watch them.
        folder: For its data, configuration and log.
        scrape_seconds: The scrape interval of everything.
        targets: Further jobs by name, each with the URLs of its metrics.
        twice: Scrape pods annotated `serin.test/twice` by a second job too.
        host: Where it listens.
    """

    def __init__(
        self,
        api: Api,
        folder: Path,
        *,
        scrape_seconds: int = 5,
        targets: Mapping[str, Sequence[str]] | None = None,
        twice: bool = False,
        host: str = GATEWAY,
    ) -> None:
        self._folder = folder
        self._discovery = PodDiscovery(api, folder / "pods.json")
        found = {"file_sd_configs": [{"files": [str(folder / "pods.json")]}]}
        jobs = [_static_job(name, urls) for name, urls in (targets or {}).items()]
        jobs += [{**AGAIN, **found}] if twice else []
        self._config = {
            "global": {"scrape_interval": f"{scrape_seconds}s", "scrape_timeout": f"{scrape_seconds}s"},
            "scrape_configs": [{**PODS, **found}, *jobs],
        }
        self._listen = f"{host}:{free_port(host)}"
        self.url = f"http://{self._listen}"

    async def __aenter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "prometheus.yml").write_text(yaml.safe_dump(self._config))
        async with AsyncExitStack() as exit_:
            self._http = await exit_.enter_async_context(aiohttp.ClientSession(self.url))
            await exit_.enter_async_context(self._discovery)
            await self.start()
            self._exit = exit_.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
        await self._exit.aclose()

    async def start(self) -> None:
        """Start it over the data there is; it listens where it did before."""
        self._program = over(self._folder, self._listen)
        await self._program.__aenter__()

    async def stop(self) -> None:
        """Stop it; its data stay. May be repeated."""
        await self._program.stop()

    async def kill(self) -> None:
        """End it at once, as a power cut would; `start` starts it again."""
        await self._program.kill()

    async def query(self, expression: str, *, at: float | None = None) -> list[dict[str, Any]]:
        """An instant query; a range selector as the expression gives the raw samples."""
        params = {"query": expression, "time": str(time.time() if at is None else at)}
        async with self._http.get("/api/v1/query", params=params) as answer:
            body = await answer.json()
        if body["status"] != "success":
            raise ValueError(f"{expression}: {body.get('error')}")
        result: list[dict[str, Any]] = body["data"]["result"]
        return result

    async def value(self, expression: str) -> float | None:
        """The value of an expression that yields one series or none."""
        found = await self.query(expression)
        return float(found[0]["value"][1]) if found else None

    async def until(self, expression: str, *, within: float = PATIENT) -> list[dict[str, Any]]:
        """Wait until an expression yields something."""

        async def look() -> list[dict[str, Any]]:
            return await self.query(expression)

        return await until(look, within=within, what=expression)

    async def targets(self) -> list[dict[str, Any]]:
        """What is scraped now, with health and last error of each."""
        async with self._http.get("/api/v1/targets", params={"state": "active"}) as answer:
            body = await answer.json()
        found: list[dict[str, Any]] = body["data"]["activeTargets"]
        return found


def _copied(source: str, target: str) -> dict[str, Any]:
    return {"source_labels": [META + source], "target_label": target}


PODS: Final[dict[str, Any]] = {
    "job_name": PODS_JOB,
    "relabel_configs": [
        {
            "source_labels": [META + "pod_phase"],
            "regex": "Pending|Succeeded|Failed",
            "action": "drop",
        },
        {"source_labels": [META + "pod_container_init"], "regex": "true", "action": "drop"},
        {
            "source_labels": [
                META + "pod_annotation_prometheus_io_scrape",
                META + "pod_container_port_name",
            ],
            "regex": "true;.*|;metrics",
            "action": "keep",
        },
        {**_copied("pod_annotation_prometheus_io_path", "__metrics_path__"), "regex": "(.+)"},
        {
            "source_labels": [
                META + "pod_ip",
                META + "pod_annotation_prometheus_io_port",
            ],
            "regex": r"(.+);(\d+)",
            "replacement": "$1:$2",
            "target_label": "__address__",
        },
        _copied("namespace", "namespace"),
        _copied("pod_name", "pod"),
        _copied("pod_container_name", "container"),
    ],
}
"""The pod job of the common charts. Ports of one container that end at one address are one target."""

AGAIN: Final[dict[str, Any]] = {
    "job_name": "again",
    "relabel_configs": [
        {"source_labels": [META + "pod_annotation_serin_test_twice"], "regex": "true", "action": "keep"},
        *PODS["relabel_configs"],
    ],
}


def _static_job(name: str, urls: Sequence[str]) -> dict[str, Any]:
    """A job whose targets have paths of their own."""
    groups = [
        {"targets": [host], "labels": {"__metrics_path__": f"/{path}"}}
        for host, _, path in (url.removeprefix("http://").partition("/") for url in urls)
    ]
    return {"job_name": name, "static_configs": groups}


def over(folder: Path, listen: str, *options: str) -> Program:
    """Prometheus over the configuration and the data in a folder, which are both left there."""
    return Program(
        "prometheus",
        [
            find_prometheus(),
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={listen}",
            "--log.level=warn",
            *options,
        ],
        log=folder / "prometheus.log",
        ready=answers(f"http://{listen}/-/ready"),
    )


def find_prometheus(say: Say = lambda line: print(line, file=sys.stderr, flush=True)) -> Path:
    """The program on PATH, or in the cache, where it is put if need be: that takes the machine's network.

    Raises Missing, with the cure.
    """
    if on_path := shutil.which("prometheus"):
        return Path(on_path)
    folder = cache_home() / "prometheus"
    program = folder / "usr" / "bin" / "prometheus"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "fetch.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not program.exists():
                say("fetching Prometheus (19 MB, the first time)")
                _fetch(folder)
    return program


def _fetch(folder: Path) -> None:
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise Missing(f"prometheus is not on PATH, and there is no {tool} to fetch it: put it on PATH")
    with TemporaryDirectory(dir=folder) as scratch:
        command = ["apt-get", "download", "prometheus"]
        done = subprocess.run(command, cwd=scratch, capture_output=True, text=True)
        packages = list(Path(scratch).glob("*.deb"))
        if done.returncode or not packages:
            raise Missing(
                "prometheus is not on PATH, and Debian's archive did not give it: run `apt-get update` as "
                f"root, then `make setup`\n{done.stderr.strip()}"
            )
        unpacked = Path(scratch) / "unpacked"
        subprocess.run(["dpkg-deb", "-x", str(packages[0]), str(unpacked)], check=True)
        (unpacked / "usr").rename(folder / "usr")
