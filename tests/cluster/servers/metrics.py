"""What the model server of the tests counts, and the log of requests that its counters are held against.

The names are MLServer 1.7.1's, without those of its parallel workers; beside them are what a model counts of
its own: outcomes and a histogram of scores. A request is logged and counted in one go, and `model_log_lines`
is the length of the log: a stored sample of it says which requests the other counters of that scrape include.
"""

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary, generate_latest

from tests.cluster.servers.behaviour import Ailment, Behaviour

APP: Final = "mlserver"
SCORE_BUCKETS: Final = tuple(round(0.05 * k, 2) for k in range(1, 21))
CROWD: Final = 100_000
COUNTED: Final = re.compile(rb"^(rest_server_requests_total\{.*\}) (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inference:
    """One inference, as it went."""

    status: int
    outcome: str
    """`model`, `fallback` or `error`."""
    seconds: float
    score: float


class RequestLog:
    """An append-only file, a line for each inference: time, status, outcome, seconds, score."""

    def __init__(self, folder: Path, pod: str) -> None:
        self.run = f"{pod}.{time.time_ns()}"
        self.lines = 0
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self._file = os.open(folder / f"{self.run}.log", flags, 0o644)

    def note(self, seen: Inference) -> None:
        line = f"{time.time():.6f} {seen.status} {seen.outcome} {seen.seconds:.6f} {seen.score:.6f}\n"
        os.write(self._file, line.encode())
        self.lines += 1


class Metrics:
    """The counters of one process."""

    def __init__(self, log: RequestLog | None) -> None:
        self.registry = registry = CollectorRegistry()
        self._log = log
        rest, model = ("method", "path", "status_code", "app_name"), ("model", "version")
        name = "rest_server_request"
        self._requests = Counter(f"{name}s_total", "Total HTTP requests", rest, registry=registry)
        text = "HTTP request duration, in seconds"
        self._seconds = Histogram(f"{name}_duration_seconds", text, rest, registry=registry)
        text = "Total HTTP requests currently in progress"
        self.in_progress = Gauge(f"{name}s_in_progress", text, ("method", "app_name"), registry=registry)
        name, text = "model_infer_request", "Model infer request"
        self._success = Counter(f"{name}_success", f"{text} success count", model, registry=registry)
        self._failure = Counter(f"{name}_failure", f"{text} failure count", model, registry=registry)
        self._duration = Summary(f"{name}_duration", f"{text} duration", model, registry=registry)
        self._outcomes = Counter("app_predictions_total", "Outcomes", ("outcome",), registry=registry)
        self._scores = Histogram("app_score", "Scores", registry=registry, buckets=SCORE_BUCKETS)
        self._start = Gauge("process_start_time_seconds", "Start of the process", registry=registry)
        self._start.set(time.time())
        if log is not None:
            lines = Gauge("model_log_lines", "Lines of the log of requests", ("run",), registry=registry)
            lines.labels(log.run).set_function(lambda: log.lines)

    def asked(self, model: tuple[str, str]) -> None:
        """An inference begins: MLServer makes its failure counter before it knows."""
        self._failure.labels(*model)

    def inferred(self, model: tuple[str, str], seen: Inference) -> None:
        """An inference ended."""
        self._duration.labels(*model).observe(seen.seconds)
        (self._success if seen.status == 200 else self._failure).labels(*model).inc()
        self._outcomes.labels(seen.outcome).inc()
        if seen.outcome == "model":
            self._scores.observe(seen.score)
        if self._log is not None:
            self._log.note(seen)

    def answered(self, method: str, path: str, *, status: int, seconds: float) -> None:
        """A request on a route ended."""
        labels = (method, path, str(status), APP)
        self._requests.labels(*labels).inc()
        self._seconds.labels(*labels).observe(seconds)

    def page(self, behaviour: Behaviour) -> bytes:
        """What a scrape gets."""
        text = generate_latest(self.registry)
        if not behaviour.tells_start:
            text = b"\n".join(line for line in text.splitlines() if b"process_start_time" not in line) + b"\n"
        return AILING[behaviour.ailment](text)


def _crowded(text: bytes) -> bytes:
    """Every series of requests once for each of very many users, who divide the count."""
    found = COUNTED.findall(text)
    users = CROWD // max(1, len(found))
    more = b"".join(
        b'%s,user="%d"} %d\n' % (series[:-1], user, float(value) * user // users)
        for series, value in found
        for user in range(users)
    )
    return COUNTED.sub(b"", text) + more


def _retyped(text: bytes) -> bytes:
    """Gauges of the requests that are left of a million."""
    return COUNTED.sub(
        lambda found: b"%s %d" % (found[1], 1_000_000 - float(found[2])),
        text.replace(b"total counter", b"total gauge"),
    )


AILING: Final[dict[Ailment, Callable[[bytes], bytes]]] = {
    Ailment.NONE: lambda text: text,
    Ailment.RENAMED: lambda text: text.replace(b"rest_server_", b"http_server_"),
    Ailment.RETYPED: _retyped,
    Ailment.NAN: lambda text: COUNTED.sub(rb"\1 NaN", text),
    Ailment.CROWDED: _crowded,
}
