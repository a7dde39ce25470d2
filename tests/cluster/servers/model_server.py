"""A small model server with MLServer's ports, paths and metric names, that can misbehave on demand.

On the standard library and prometheus_client, because it has to start in a fraction of a second, many times
in a test. Bodies need a content-length. The pattern is MLServer 1.7.1: it does not count /v2/health/*, labels
paths by their route, knows a version only from the path ("None" otherwise), creates the failure counter with
the first request and an error's series in rest_server_requests_total with the first error.
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
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path

from prometheus_client import disable_created_metrics

from tests.cluster.servers.behaviour import Behaviour, behaviour_of
from tests.cluster.servers.metrics import APP, Inference, Metrics, RequestLog
from tests.cluster.servers.tokens import Tokens, send

KEPT_ALIVE_SECONDS = 60.0
"""An idle connection is closed after this: longer than a machine stands still, since a request that came in
meanwhile would be lost with its connection.
"""
SCORE_BETA = 5.0
FLAP_SECONDS, UNREADY_SECONDS = 20.0, 15.0
"""Slower than any probe: of readiness that turns at its pace a probe may see one side alone."""


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
    tokens: Tokens | None = None
    """Follow in chunks instead of the body."""


class ModelServer:
    """The server: routes, behaviour, and an orderly end."""

    def __init__(
        self, *, name: str, version: str, pod: str, behaviour: Behaviour, log: RequestLog | None = None
    ) -> None:
        self._name, self._version, self._pod = name, version, pod
        self._behaviour = behaviour
        self._random = random.Random(behaviour.seed)
        self._inferences = 0
        self._born = time.monotonic()
        self._metrics = Metrics(log)
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
                        answered = await answer(request)
                        self._send(writer, request, answered)
                        await writer.drain()
                        if answered.tokens is not None:
                            await send(writer, answered.tokens)
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
            "transfer-encoding: chunked" if answer.tokens else f"content-length: {len(answer.body)}",
            f"x-revision: {os.environ.get('REVISION', self._version)}",
            f"x-served-by: {self._pod}",
        ]
        if self._stopping.is_set() or not request.keep_alive:
            headers.append("connection: close")
        writer.write("\r\n".join([*headers, "", ""]).encode() + answer.body)

    async def _metrics_port(self, request: Request) -> Answer:
        if request.path != "/metrics":
            return Answer(404)
        await asyncio.sleep(self._behaviour.scrape_seconds)
        kind = "text/plain; version=0.0.4; charset=utf-8"
        return Answer(200, self._metrics.page(self._behaviour), kind)

    async def _infer_port(self, request: Request) -> Answer:
        """MLServer's REST port: only what has a route is counted, and the health of the server is not."""
        match (request.method, request.path):
            case ("GET", "/v2/health/live"):
                return Answer(200)
            case ("GET", "/v2/health/ready"):
                return Answer(200 if self._ready else 400)
            case ("PUT", "/behaviour"):
                self._behaviour = replace(self._behaviour, **json.loads(request.body))
                return Answer(200)
        found = ROUTES.fullmatch(request.path)
        if found is None or (request.method == "POST") != (found["verb"] != "ready"):
            return Answer(404, b'{"detail":"Not Found"}')
        self._metrics.in_progress.labels(request.method, APP).inc()
        begin = time.perf_counter()
        try:
            match found["verb"]:
                case "infer":
                    answer = await self._infer(found)
                case "generate_stream":
                    answer = self._stream(found["model"], request.body)
                case _:
                    answer = await self._model_ready(found["model"])
        finally:
            self._metrics.in_progress.labels(request.method, APP).dec()
        version = "/versions/{model_version}" if found["version"] else ""
        path = f"/v2/models/{{model_name}}{version}/{found['verb']}"
        seconds = time.perf_counter() - begin
        self._metrics.answered(request.method, path, status=answer.status, seconds=seconds)
        return answer

    async def _model_ready(self, model: str) -> Answer:
        if model != self._name:
            return _error(404, f"Model {model} not found")
        return Answer(200 if self._ready else 400)

    def _stream(self, model: str, body: bytes) -> Answer:
        """As vLLM, TGI and KServe stream; what is counted is the request, when its answer begins."""
        if model != self._name or not self._loaded:
            return _error(404 if model != self._name else 400, f"Model {model} is not there")
        return Answer(200, content_type="text/event-stream", tokens=Tokens.asked(body))

    async def _infer(self, found: re.Match[str]) -> Answer:
        """Nothing is awaited from the end of the work until all has been counted and logged: a scrape sees
        the whole of a request or nothing of it.
        """
        labels = (found["model"], str(found["version"]))
        self._metrics.asked(labels)
        begin = time.perf_counter()
        answer, outcome = await self._answer(found["model"])
        score = self._random.betavariate(self._behaviour.score_shape, SCORE_BETA)
        seconds = time.perf_counter() - begin
        seen = Inference(status=answer.status, outcome=outcome, seconds=seconds, score=score)
        self._metrics.inferred(labels, seen)
        return answer

    async def _answer(self, model: str) -> tuple[Answer, str]:
        """The answer, and what the model itself says that it was."""
        if model != self._name:
            return _error(404, f"Model {model} not found"), "error"
        now = self._behaviour
        if not self._loaded:
            return _error(503 if now.early else 400, f"Model {model} is not ready yet."), "error"
        self._inferences += 1
        fails = self._is_turn(now.error_every) or self._random.random() < now.error_rate
        slow = self._is_turn(now.slow_every) or self._random.random() < now.slow_rate or self._cold
        if seconds := now.latency_seconds + slow * now.slow_seconds:
            await asyncio.sleep(seconds)
        if self._is_turn(now.crash_every):
            os._exit(3)
        if fails:
            return Answer(500, b"Internal Server Error", "text/plain; charset=utf-8"), "error"
        if self._is_turn(now.masked_every):
            return _error(200, "the model failed"), "error"
        output = {"name": "predict", "shape": [1, 1], "datatype": "INT64", "data": [1]}
        body = {
            "model_name": self._name,
            "model_version": self._version,
            "id": self._pod,
            "outputs": [output],
        }
        told = "fallback" if self._is_turn(now.fallback_every) else "model"
        return Answer(200, json.dumps(body).encode()), told

    def _is_turn(self, every: int) -> bool:
        return every > 0 and self._inferences % every == 0

    @property
    def _age(self) -> float:
        return time.monotonic() - self._born

    @property
    def _loaded(self) -> bool:
        return self._age >= self._behaviour.load_seconds

    @property
    def _cold(self) -> bool:
        return self._age < self._behaviour.cold_seconds

    @property
    def _ready(self) -> bool:
        now = self._behaviour
        flapped = now.flapping and self._age % FLAP_SECONDS < UNREADY_SECONDS
        return now.ready and (self._loaded or now.early) and not flapped


ROUTES = re.compile(
    r"/v2/models/(?P<model>[^/]+)(/versions/(?P<version>[^/]+))?/(?P<verb>infer|generate_stream|ready)"
)


def _error(status: int, text: str) -> Answer:
    return Answer(status, json.dumps({"error": text}).encode())


def main() -> None:
    disable_created_metrics()  # type: ignore[no-untyped-call]  # MLServer's workers export none either
    environ = dict(os.environ)
    model = Path(environ.get("MLSERVER_MODEL_URI", "/mnt/models"))
    pod = environ.get("POD_NAME") or socket.gethostname()
    folder = environ.get("REQUEST_LOGS")
    server = ModelServer(
        name=environ.get("MLSERVER_MODEL_NAME", "model"),
        version=environ.get("MLSERVER_MODEL_VERSION", ""),
        pod=pod,
        behaviour=behaviour_of(environ, model),
        log=RequestLog(Path(folder), pod) if folder else None,
    )
    port = int(environ.get("MLSERVER_HTTP_PORT", "8080"))
    metrics_port = int(environ.get("MLSERVER_METRICS_PORT", "8082"))
    host = environ.get("MLSERVER_HOST", "0.0.0.0")  # noqa: S104 -- a pod listens on its own address
    asyncio.run(server.run(host=host, port=port, metrics_port=metrics_port))


if __name__ == "__main__":
    main()
