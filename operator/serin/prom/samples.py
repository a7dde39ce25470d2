"""Prometheus' JSON into series. An answer of another shape is the fault of a server, or of a proxy.

Native histograms become one series for each bucket, at bounds that are the same whatever the resolution, so
that the rest sees counters. No bucket holds those below it: one that is not sent then holds nothing, as any
counter that is absent while its target answers. The one that ends at infinity is the count of all, also of
what is no number, which is in no other bucket.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, floor, inf, isinf, log2
from typing import Any, Final

from serin.domain.analysis.counters import Sample, Series

PER_OCTAVE: Final = 4
"""Buckets between a number and its double: the resolution 2 of Prometheus, a fifth wide each. Finer ones are
joined; coarser ones have bounds that are among these.
"""


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
    return Matrix(parse_series(data.get("result")), tuple(str(one) for one in answer.get("warnings") or ()))


def parse_series(result: Any) -> tuple[Series, ...]:
    """The series of a matrix.

    Raises:
        ValueError: One of them cannot be read.
    """
    series: list[Series] = []
    try:
        for one in result:
            "".join((labels := one["metric"]).values())  # refuses what is no text, at the least cost
            if values := one.get("values"):
                series.append(Series(labels, tuple([(float(t), float(v)) for t, v in values])))
            if histograms := one.get("histograms"):
                series += _buckets(labels, histograms)
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise ValueError(f"a series that cannot be read: {error!r}") from error
    return tuple(series)


def _buckets(labels: Mapping[str, str], histograms: Iterable[Any]) -> Iterable[Series]:
    """One native histogram over time, as a counter for each of its buckets."""
    found: dict[float, list[Sample]] = {}
    for moment, histogram in histograms:
        t = float(moment)
        held: dict[float, float] = {inf: float(histogram["count"])}
        for _, low, high, count in histogram.get("buckets") or ():
            if not isinf(bound := bucket_bound(low, high)):
                held[bound] = held.get(bound, 0.0) + float(count)
        for bound, count in held.items():
            found.setdefault(bound, []).append((t, count))
    return [
        Series({**labels, "le": "+Inf" if bound == inf else repr(bound)}, tuple(found[bound]), native=True)
        for bound in sorted(found)
    ]


@lru_cache(maxsize=10_000)
def bucket_bound(low: str, high: str) -> float:
    """The upper bound at which a native bucket's observations count.

    Zero for the bucket around zero, whose width may change; infinity for the last one; for a bucket finer
    than `PER_OCTAVE` the bound of the one it is part of; else its own, such as one chosen by hand.
    """
    a, b = float(low), float(high)
    if isinf(b):
        return b
    if a == -b:
        return 0.0
    if a <= 0 <= b or isinf(a):
        return b
    if not _finer(a, b):
        return _snapped(b)
    place = log2(abs(b)) * PER_OCTAVE
    return _power(ceil(place - 1e-6)) if b > 0 else -_power(floor(place + 1e-6))


def _finer(low: float, high: float) -> bool:
    """Whether a bucket is exponential, and narrower than those that are kept."""
    ratio = abs(high / low) if high > 0 else abs(low / high)
    if isinf(ratio) or ratio <= 1:
        return False
    resolution = -log2(log2(ratio))
    return resolution > 2.5 and abs(resolution - round(resolution)) < 1e-4


def _snapped(bound: float) -> float:
    """A bound to the last digit as `_power` has it, where it is one of those up to rounding."""
    place = log2(abs(bound)) * PER_OCTAVE
    if abs(place - round(place)) > 1e-6:
        return bound
    return _power(round(place)) if bound > 0 else -_power(round(place))


def _power(place: int) -> float:
    return float(2 ** (place / PER_OCTAVE))
