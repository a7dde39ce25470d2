"""Counts what is asked of the Prometheuses: how often, with what outcome, how long it took, how much came.

Labels are the operator's own names of Prometheuses and the classes of errors: as many as it has of both.
"""

from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Final, Protocol, TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram

from serin.prom.client import Prometheus
from serin.prom.errors import PrometheusError
from serin.prom.samples import Matrix
from serin.prom.values import Values
from serin.runtime.tracing import QUERY, TRACER

Answer = TypeVar("Answer", Matrix, Values)

QUERY_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
DONE: Final = "Done"
PARTIAL: Final = "Partial"
"""Answered with warnings."""


class Queried(Prometheus, Protocol):
    """Prometheus, for samples and for numbers."""

    async def values(self, expr: str, at: float) -> Values:
        """The numbers an expression yields at a moment."""
        ...


class QueryMeters:
    """The metrics, of all Prometheuses together."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.queries = Counter(
            "serin_prometheus_queries",
            "Queries, by outcome: Done, Partial or the class of error.",
            ["prometheus", "outcome"],
            registry=registry,
        )
        self.seconds = Histogram(
            "serin_prometheus_query_seconds",
            "Time to an answer, or to none.",
            ["prometheus"],
            buckets=QUERY_BUCKETS,
            registry=registry,
        )
        self.samples = Counter(
            "serin_prometheus_samples", "Samples that came.", ["prometheus"], registry=registry
        )


class Metered:
    """A Prometheus whose queries are counted."""

    def __init__(self, prometheus: Queried, name: str, meters: QueryMeters) -> None:
        self._prometheus = prometheus
        self._name = name
        self._meters = meters

    @property
    def longest(self) -> int:
        """See `Prometheus`."""
        return self._prometheus.longest

    async def query(self, expr: str, at: float) -> Matrix:
        """See `Prometheus`."""
        matrix = await self._counted(self._prometheus.query, expr, at)
        self._meters.samples.labels(self._name).inc(sum(len(one.samples) for one in matrix.series))
        return matrix

    async def values(self, expr: str, at: float) -> Values:
        """See `Queried`."""
        return await self._counted(self._prometheus.values, expr, at)

    async def _counted(self, ask: Callable[[str, float], Awaitable[Answer]], expr: str, at: float) -> Answer:
        begun = perf_counter()
        outcome = "Abandoned"
        try:
            with TRACER.span(QUERY, prometheus=self._name):
                answer = await ask(expr, at)
            outcome = PARTIAL if answer.warnings else DONE
        except PrometheusError as error:
            outcome = type(error).__name__
            raise
        finally:
            self._meters.queries.labels(self._name, outcome).inc()
            self._meters.seconds.labels(self._name).observe(perf_counter() - begun)
        return answer
