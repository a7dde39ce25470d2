"""A small model server with MLServer's ports, paths and metric names, that can misbehave on demand.

One file on the standard library and prometheus_client, because it has to start in a fraction of a second,
many times in a test. What it is told comes from the environment, overridden by `behaviour.json` beside the
model (so that the model's URI alone makes a version bad), overridden by `PUT /behaviour` while it runs.

Bodies need a content-length. The pattern is MLServer 1.7.1: it does not count /v2/health/*, labels paths by
their route, knows a version only from the path ("None" otherwise), creates the failure counter with the first
request and an error's series in rest_server_requests_total with the first error.
"""

import asyncio
import json
import os
import random
import re
import signal
import socket
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Summary,
    disable_created_metrics,
    generate_latest,
)

APP = "mlserver"
KEPT_ALIVE_SECONDS = 5.0
"""As uvicorn, and so MLServer: an idle connection is closed after this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How the server behaves; each field is set by the environment variable of its name in capitals."""

    error_rate: float = 0.0
    """Probability that an inference fails with a 500, drawn from a generator with `seed`."""
    error_every: int = 0
    """Every so manieth inference fails with a 500; 0 for none."""
    latency_seconds: float = 0.0
    slow_rate: float = 0.0
    """Probability that an inference takes `slow_seconds` longer."""
    slow_seconds: float = 1.0
    seed: int = 0
    load_seconds: float = 0.0
    """How long the model loads: the server is live, but neither ready nor able to infer."""
    ready: bool = True
    """False takes readiness away; inferences go on being answered, as a server that is told to drain does."""
    crash_after_seconds: float = 0.0
    """The process exits with code 3 this long after its start; 0 for never."""
    ignore_sigterm: bool = False


@dataclass(slots=True)
class Request:
    """One HTTP request, and whether its connection may carry another."""

    method: str
    path: str
    body: bytes
    keep_alive: bool


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes = b""
    content_type: str = "application/json"


class Metrics:
    """MLServer's metrics, without those of its parallel workers."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        rest, model = ("method", "path", "status_code", "app_name"), ("model", "version")
        name = "rest_server_request"
        self.requests = Counter(f"{name}s_total", "Total HTTP requests", rest, registry=registry)
        text = "HTTP request duration, in seconds"
        self.seconds = Histogram(f"{name}_duration_seconds", text, rest, registry=registry)
        text = "Total HTTP requests currently in progress"
        self.in_progress = Gauge(f"{name}s_in_progress", text, ("method", "app_name"), registry=registry)
        name, text = "model_infer_request", "Model infer request"
        self.success = Counter(f"{name}_success", f"{text} success count", model, registry=registry)
        self.failure = Counter(f"{name}_failure", f"{text} failure count", model, registry=registry)
        self.duration = Summary(f"{name}_duration", f"{text} duration", model, registry=registry)


class ModelServer:
    """The server: routes, behaviour, and an orderly end."""

    def __init__(self, *, name: str, version: str, pod: str, behaviour: Behaviour) -> None:
        self._name, self._version, self._pod = name, version, pod
        self._behaviour = behaviour
        self._random = random.Random(behaviour.seed)
        self._inferences = 0
        self._born = time.monotonic()
        self._metrics = Metrics()
        self._stopping = asyncio.Event()
        self._busy = 0
        self._free = asyncio.Event()
        self._idle: set[StreamWriter] = set()

    async def run(self, *, host: str, port: int, metrics_port: int) -> None:
        """Serve until SIGTERM, then finish what is in flight."""
        loop = asyncio.get_running_loop()
        ignore = self._behaviour.ignore_sigterm
        loop.add_signal_handler(signal.SIGTERM, (lambda: None) if ignore else self._stopping.set)
        if self._behaviour.crash_after_seconds:
            loop.call_later(self._behaviour.crash_after_seconds, os._exit, 3)
        servers = [
            await asyncio.start_server(self._connection(answer), host, listened, backlog=512)
            for listened, answer in ((port, self._infer_port), (metrics_port, self._metrics_port))
        ]
        await self._stopping.wait()
        servers[0].close()
        for writer in self._idle:
            writer.close()
        if self._busy:
            await self._free.wait()
        servers[1].close()

    def _connection(
        self, answer: Callable[[Request], Awaitable[Answer]]
    ) -> Callable[[StreamReader, StreamWriter], Awaitable[None]]:
        async def serve(reader: StreamReader, writer: StreamWriter) -> None:
            try:
                while request := await self._next_request(reader, writer):
                    self._busy += 1
                    try:
                        self._send(writer, request, await answer(request))
                        await writer.drain()
                    finally:
                        self._busy -= 1
                        if self._stopping.is_set() and not self._busy:
                            self._free.set()
                    if self._stopping.is_set() or not request.keep_alive:
                        break
            except (ConnectionError, asyncio.IncompleteReadError):
                pass  # the client went away; its loss is counted on its side
            finally:
                writer.close()

        return serve

    async def _next_request(self, reader: StreamReader, writer: StreamWriter) -> Request | None:
        self._idle.add(writer)
        try:
            async with asyncio.timeout(KEPT_ALIVE_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
        except TimeoutError:
            return None
        finally:
            self._idle.discard(writer)
        first, *lines = head.decode("latin-1").rstrip().split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        keep_alive = headers.get("connection", "").lower() != "close"
        return Request(method, target.partition("?")[0], body, keep_alive)

    def _send(self, writer: StreamWriter, request: Request, answer: Answer) -> None:
        headers = [
            f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}",
            f"content-type: {answer.content_type}",
            f"content-length: {len(answer.body)}",
            f"x-revision: {os.environ.get('REVISION', self._version)}",
            f"x-served-by: {self._pod}",
        ]
        if self._stopping.is_set() or not request.keep_alive:
            headers.append("connection: close")
        writer.write("\r\n".join([*headers, "", ""]).encode() + answer.body)

    async def _metrics_port(self, request: Request) -> Answer:
        if request.path != "/metrics":
            return Answer(404)
        kind = "text/plain; version=0.0.4; charset=utf-8"
        return Answer(200, generate_latest(self._metrics.registry), kind)

    async def _infer_port(self, request: Request) -> Answer:
        """MLServer's REST port: only what has a route is counted, and the health of the server is not."""
        match (request.method, request.path):
            case ("GET", "/v2/health/live"):
                return Answer(200)
            case ("GET", "/v2/health/ready"):
                return Answer(200 if self._loaded and self._behaviour.ready else 400)
            case ("PUT", "/behaviour"):
                self._behaviour = replace(self._behaviour, **json.loads(request.body))
                return Answer(200)
        found = ROUTES.fullmatch(request.path)
        if found is None or (request.method == "POST") != (found["verb"] == "infer"):
            return Answer(404, b'{"detail":"Not Found"}')
        self._metrics.in_progress.labels(request.method, APP).inc()
        begin = time.perf_counter()
        try:
            answer = await (
                self._infer(found) if found["verb"] == "infer" else self._model_ready(found["model"])
            )
        finally:
            self._metrics.in_progress.labels(request.method, APP).dec()
        version = "/versions/{model_version}" if found["version"] else ""
        path = f"/v2/models/{{model_name}}{version}/{found['verb']}"
        labels = (request.method, path, str(answer.status), APP)
        self._metrics.requests.labels(*labels).inc()
        self._metrics.seconds.labels(*labels).observe(time.perf_counter() - begin)
        return answer

    async def _model_ready(self, model: str) -> Answer:
        if model != self._name:
            return _error(404, f"Model {model} not found")
        return Answer(200 if self._loaded and self._behaviour.ready else 400)

    async def _infer(self, found: re.Match[str]) -> Answer:
        labels = (found["model"], str(found["version"]))
        failures = self._metrics.failure.labels(*labels)
        with self._metrics.duration.labels(*labels).time():
            answer = await self._answer(found["model"])
        if answer.status == 200:
            self._metrics.success.labels(*labels).inc()
        else:
            failures.inc()
        return answer

    async def _answer(self, model: str) -> Answer:
        if model != self._name:
            return _error(404, f"Model {model} not found")
        if not self._loaded:
            return _error(400, f"Model {model} is not ready yet.")
        now = self._behaviour
        self._inferences += 1
        fails = (now.error_every > 0 and self._inferences % now.error_every == 0) or (
            self._random.random() < now.error_rate
        )
        slow = self._random.random() < now.slow_rate
        if seconds := now.latency_seconds + slow * now.slow_seconds:
            await asyncio.sleep(seconds)
        if fails:
            return Answer(500, b"Internal Server Error", "text/plain; charset=utf-8")
        output = {"name": "predict", "shape": [1, 1], "datatype": "INT64", "data": [1]}
        body = {
            "model_name": self._name,
            "model_version": self._version,
            "id": self._pod,
            "outputs": [output],
        }
        return Answer(200, json.dumps(body).encode())

    @property
    def _loaded(self) -> bool:
        return time.monotonic() - self._born >= self._behaviour.load_seconds


ROUTES = re.compile(r"/v2/models/(?P<model>[^/]+)(/versions/(?P<version>[^/]+))?/(?P<verb>infer|ready)")


def _error(status: int, text: str) -> Answer:
    return Answer(status, json.dumps({"error": text}).encode())


def behaviour_of(environ: dict[str, str], model: Path) -> Behaviour:
    """What the environment says, overridden by behaviour.json beside the model."""
    told: dict[str, Any] = {}
    for field in fields(Behaviour):
        if text := environ.get(field.name.upper()):
            told[field.name] = json.loads(text)
    beside = model / "behaviour.json"
    if beside.exists():
        told |= json.loads(beside.read_text())
    return Behaviour(**told)


def main() -> None:
    disable_created_metrics()  # type: ignore[no-untyped-call]  # MLServer's workers export none either
    environ = dict(os.environ)
    model = Path(environ.get("MLSERVER_MODEL_URI", "/mnt/models"))
    server = ModelServer(
        name=environ.get("MLSERVER_MODEL_NAME", "model"),
        version=environ.get("MLSERVER_MODEL_VERSION", ""),
        pod=environ.get("POD_NAME") or socket.gethostname(),
        behaviour=behaviour_of(environ, model),
    )
    port = int(environ.get("MLSERVER_HTTP_PORT", "8080"))
    metrics_port = int(environ.get("MLSERVER_METRICS_PORT", "8082"))
    host = environ.get("MLSERVER_HOST", "0.0.0.0")  # noqa: S104 -- a pod listens on its own address
    asyncio.run(server.run(host=host, port=port, metrics_port=metrics_port))


if __name__ == "__main__":
    main()
