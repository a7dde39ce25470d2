"""What the operator says of itself as metrics.

No label here has an unbounded number of values: never a name, a namespace or a message. What is told of
single models, for as long as they are there, is `gauges`; log lines are `logs`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from time import perf_counter
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from serin.kube.errors import Conflict, KubeError, Request
from serin.runtime.tracing import TRACER

LOOK_BUCKETS: Final = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0)


class Telemetry:
    """The metrics of one operator, in a registry of its own so that a process may hold several."""

    def __init__(self) -> None:
        # A second series for each counter, which Prometheus 2 takes for one more metric.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self.listeners: list[Callable[[Request, KubeError | None], None]] = []
        self._more: list[Callable[[], str]] = []
        ProcessCollector(registry=self.registry)
        build = Gauge("serin_build_info", "1, with the version.", ["version"], registry=self.registry)
        build.labels(version("serin")).set(1)
        self._looks = Counter(
            "serin_reconciles", "Looks at a ModelDeployment.", ["outcome"], registry=self.registry
        )
        # From 0 on: Prometheus sees no increase in a counter that begins at 1.
        for outcome in ("done", "failed"):
            self._looks.labels(outcome)
        self._seconds = Histogram(
            "serin_reconcile_seconds", "Time of a look.", buckets=LOOK_BUCKETS, registry=self.registry
        )
        self._errors = Counter(
            "serin_errors", "Looks that failed, by the class of error.", ["error"], registry=self.registry
        )
        self._requests = Counter(
            "serin_kube_requests",
            "Requests to the API server beside the watches.",
            ["verb", "kind", "outcome"],
            registry=self.registry,
        )
        self._conflicts = Counter(
            "serin_conflicts", "Writes that a fence kept out.", ["kind"], registry=self.registry
        )
        self._swept = Counter(
            "serin_swept", "Deletions that no watch had shown.", ["kind"], registry=self.registry
        )

        self._notifications = Counter(
            "serin_notifications",
            "What receivers of transitions were told.",
            ["format", "outcome"],
            registry=self.registry,
        )

    def watch(self, name: str, meaning: str, value: Callable[[], float]) -> None:
        """Show a figure that is asked for when scraped."""
        Gauge(name, meaning, registry=self.registry).set_function(value)

    def show(self, page: Callable[[], str]) -> None:
        """Show a text of Prometheus' format below the others; it is asked for when scraped."""
        self._more.append(page)

    @contextmanager
    def look(self) -> Iterator[None]:
        """Measure a look; whatever it raises is counted and passed on."""
        started = perf_counter()
        try:
            with TRACER.look():
                yield
        except Exception as error:
            self._looks.labels("failed").inc()
            self._errors.labels(type(error).__name__).inc()
            raise
        else:
            self._looks.labels("done").inc()
        finally:
            self._seconds.observe(perf_counter() - started)

    def answered(self, request: Request, error: KubeError | None) -> None:
        """Count a request, and pass it on to who listens."""
        for listener in self.listeners:
            listener(request, error)
        outcome = type(error).__name__ if error else "Done"
        self._requests.labels(request.verb, request.kind, outcome).inc()
        if isinstance(error, Conflict):
            self._conflicts.labels(request.kind).inc()

    def swept(self, kind: str) -> None:
        """Count a deletion found by the sweeper."""
        self._swept.labels(kind).inc()

    def notified(self, form: str, outcome: str) -> None:
        """Count a notification that was delivered, or never will be."""
        self._notifications.labels(form, outcome).inc()

    def page(self) -> bytes:
        """The metrics as Prometheus reads them."""
        return generate_latest(self.registry) + "".join(page() for page in self._more).encode()
