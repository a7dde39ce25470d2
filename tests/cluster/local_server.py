"""The model server as a plain process, for tests of the data plane that need no pods."""

import json
import os
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

from tests.cluster.endpoints import Endpoint
from tests.cluster.images import Image
from tests.cluster.network import free_port
from tests.cluster.processes import Program, answers

LOOPBACK: Final = "127.0.0.1"
SCRIPT: Final = Path(__file__).parent / "servers" / "model_server.py"
IMAGE: Final = Image(entrypoint=(sys.executable, str(SCRIPT)))
"""The model server for pods: an entry of the cluster's table of images."""
INFER: Final = "/v2/models/iris/infer"


class LocalServer:
    """A model server for the model `iris`; ready when entered.

    Args:
        revision: What its answers carry as `x-revision`.
        folder: For its log.
        host: Where it listens; EndpointSlices refuse loopback addresses.
        behaviour: Fields of `model_server.Behaviour`.
    """

    def __init__(self, revision: str, folder: Path, *, host: str = LOOPBACK, **behaviour: Any) -> None:
        self.revision = revision
        self.endpoint = Endpoint(host, free_port(host))
        self.metrics = Endpoint(host, free_port(host))
        self._log = folder / f"{revision}-{self.endpoint.port}.log"
        self._environment = {
            **os.environ,
            **{name.upper(): json.dumps(value) for name, value in behaviour.items()},
            "REVISION": revision,
            "POD_NAME": f"{revision}-{self.endpoint.port}",
            "MLSERVER_HOST": host,
            "MLSERVER_HTTP_PORT": str(self.endpoint.port),
            "MLSERVER_METRICS_PORT": str(self.metrics.port),
            "MLSERVER_MODEL_NAME": "iris",
            "MLSERVER_MODEL_URI": str(folder / "no-model"),
        }
        self._exit = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self.program = Program(
            self.revision,
            [sys.executable, SCRIPT],
            log=self._log,
            environment=self._environment,
            ready=answers(f"{self.url}/v2/health/live"),
        )
        await self._exit.enter_async_context(self.program)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exit.aclose()

    @property
    def url(self) -> str:
        return f"http://{self.endpoint.address}:{self.endpoint.port}"

    async def behave(self, **behaviour: Any) -> None:
        """Change how it behaves from now on."""
        async with (
            aiohttp.ClientSession() as http,
            http.put(f"{self.url}/behaviour", json=behaviour) as answer,
        ):
            answer.raise_for_status()
