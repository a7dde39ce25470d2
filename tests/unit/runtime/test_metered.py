"""What the operator says of its queries: counts by outcome, times, samples."""

import pytest
from prometheus_client import CollectorRegistry

from serin.domain.analysis.counters import Series
from serin.prom.errors import PrometheusError, Refused, TooLarge, Unreachable
from serin.prom.samples import Matrix
from serin.prom.values import Values
from serin.runtime.metered import Metered, QueryMeters


class Prometheus:
    """Answers as it was told to."""

    longest = 100

    def __init__(self, answer: Matrix | PrometheusError) -> None:
        self._answer = answer

    async def query(self, expr: str, at: float) -> Matrix:
        if isinstance(self._answer, PrometheusError):
            raise self._answer
        return self._answer

    async def values(self, expr: str, at: float) -> Values:
        return Values((1.0,))


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


TWO = (Series({}, ((1.0, 1.0),)), Series({"a": "b"}, ((1.0, 1.0), (2.0, 2.0))))


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Matrix(TWO), "Done"),
        (Matrix(TWO, warnings=("a store is away",)), "Partial"),
        (Unreachable("away"), "Unreachable"),
        (Refused("no"), "Refused"),
        (TooLarge("no"), "TooLarge"),
    ],
)
async def test_every_query_is_counted_by_its_outcome(
    registry: CollectorRegistry, answer: Matrix | PrometheusError, outcome: str
) -> None:
    prometheus = Metered(Prometheus(answer), "main", QueryMeters(registry))

    try:
        await prometheus.query("x[20s]", 1.0)
    except PrometheusError as error:
        assert error is answer

    labels = {"prometheus": "main", "outcome": outcome}
    assert registry.get_sample_value("serin_prometheus_queries_total", labels) == 1
    assert registry.get_sample_value("serin_prometheus_query_seconds_count", {"prometheus": "main"}) == 1


async def test_samples_are_counted(registry: CollectorRegistry) -> None:
    await Metered(Prometheus(Matrix(TWO)), "main", QueryMeters(registry)).query("x[20s]", 1.0)

    assert registry.get_sample_value("serin_prometheus_samples_total", {"prometheus": "main"}) == 3


async def test_numbers_are_queries_too(registry: CollectorRegistry) -> None:
    answer = await Metered(Prometheus(Matrix(())), "main", QueryMeters(registry)).values("x", 1.0)

    labels = {"prometheus": "main", "outcome": "Done"}
    assert answer == Values((1.0,))
    assert registry.get_sample_value("serin_prometheus_queries_total", labels) == 1
