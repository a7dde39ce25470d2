"""The model server as a plain process, for tests of the data plane that need no pods."""

import json
import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

from tests.cluster.endpoints import Endpoint
from tests.cluster.envoy_config import Backend, DataPlane, Json
from tests.cluster.images import Image
from tests.cluster.network import free_port
from tests.cluster.processes import Program, answers

LOOPBACK: Final = "127.0.0.1"
COMMAND: Final = (sys.executable, "-m", "tests.cluster.servers.model_server")
PLACE: Final = {"PYTHONPATH": str(Path(__file__).parents[2])}
IMAGE: Final = Image(entrypoint=COMMAND, environment=PLACE)
"""The model server for pods: an entry of the cluster's table of images."""
INFER: Final = "/v2/models/iris/infer"


class LocalServer:
    """A model server for the model `iris`; ready when entered. Started again it has its old address.

    Args:
        revision: What its answers carry as `x-revision`.
        folder: For its log.
        host: Where it listens; EndpointSlices refuse loopback addresses.
        pod: Its pod's name; default: the revision and the port.
        requests: A folder for the log of its requests; default: none is kept.
        behaviour: Fields of `behaviour.Behaviour`.
    """

    def __init__(
        self,
        revision: str,
        folder: Path,
        *,
        host: str = LOOPBACK,
        pod: str = "",
        requests: Path | None = None,
        **behaviour: Any,
    ) -> None:
        self.revision = revision
        self.endpoint = Endpoint(host, free_port(host))
        self.metrics = Endpoint(host, free_port(host))
        self.pod = pod or f"{revision}-{self.endpoint.port}"
        self._log = folder / f"{self.pod}.log"
        self._environment = {
            **os.environ,
            **PLACE,
            **({"REQUEST_LOGS": str(requests)} if requests else {}),
            "REVISION": revision,
            "POD_NAME": self.pod,
            "MLSERVER_HOST": host,
            "MLSERVER_HTTP_PORT": str(self.endpoint.port),
            "MLSERVER_METRICS_PORT": str(self.metrics.port),
            "MLSERVER_MODEL_NAME": "iris",
            "MLSERVER_MODEL_URI": str(folder / "no-model"),
        }
        self._behaviour = behaviour

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.program.stop()

    async def start(self) -> None:
        """Start its process, behaving as told last."""
        told = {name.upper(): json.dumps(value) for name, value in self._behaviour.items()}
        program = Program(
            self.revision,
            COMMAND,
            log=self._log,
            environment=self._environment | told,
            ready=answers(f"{self.url}/v2/health/live"),
        )
        self.program = await program.__aenter__()

    @property
    def url(self) -> str:
        return f"http://{self.endpoint.address}:{self.endpoint.port}"

    async def behave(self, **behaviour: Any) -> None:
        """Change how it behaves from now on."""
        self._behaviour |= behaviour
        async with (
            aiohttp.ClientSession() as http,
            http.put(f"{self.url}/behaviour", json=behaviour) as answer,
        ):
            answer.raise_for_status()


def split(weights: dict[LocalServer, int]) -> DataPlane:
    """One virtual host for everybody, split by weight."""
    clusters = [{"name": server.revision, "weight": weight} for server, weight in weights.items()]
    route: Json = {"match": {"prefix": "/"}, "route": {"weighted_clusters": {"clusters": clusters}}}
    return DataPlane(
        backends={server.revision: Backend(endpoints=frozenset({server.endpoint})) for server in weights},
        virtual_hosts=[{"name": "all", "domains": ["*"], "routes": [route]}],
    )
