"""Prometheus' JSON into series. An answer of another shape is the fault of a server, or of a proxy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from serin.domain.analysis.counters import Series


@dataclass(frozen=True, slots=True)
class Matrix:
    """The answer to a range selector: stored samples, and what the server warned of."""

    series: tuple[Series, ...]
    warnings: tuple[str, ...] = ()


def parse_matrix(answer: object) -> Matrix:
    """The series of a successful answer of `/api/v1/query`.

    Raises:
        ValueError: The answer is no matrix, and says what was found.
    """
    if not isinstance(answer, Mapping) or answer.get("status") != "success":
        raise ValueError(f"no successful answer of Prometheus: {str(answer)[:200]}")
    data = answer.get("data")
    kind = data.get("resultType") if isinstance(data, Mapping) else None
    if not isinstance(data, Mapping) or kind != "matrix":
        raise ValueError(f"a matrix was asked for and {kind!r} was answered")
    try:
        series = tuple(_series(one) for one in data["result"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"a series that cannot be read: {error!r}") from error
    return Matrix(series, tuple(str(one) for one in answer.get("warnings") or ()))


def _series(one: Mapping[str, Any]) -> Series:
    """One series. Native histograms have `histograms` in place of `values`: they are no counters."""
    return Series(
        labels={str(k): str(v) for k, v in one["metric"].items()},
        samples=tuple((float(t), float(v)) for t, v in one.get("values", ())),
    )
