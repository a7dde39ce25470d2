"""Matrices of a recording into series, and what is wrong with them, told by path.

A matrix is the whole answer of `/api/v1/query` to a range selector, its `data` or its `result`. Samples may
come in any order and in several parts; each counts once.
"""

from collections.abc import Mapping
from itertools import chain, pairwise
from math import isfinite
from typing import Any, Final, TypeGuard

from serin.api.invalid import invalid
from serin.domain.analysis.counters import Arm, Sample, Series
from serin.domain.analysis.sources import ALWAYS_OF_SCRAPING
from serin.prom.samples import parse_series

ARM_LABEL: Final = "serin_arm"
"""Stands in for the namespace: a server that serves both versions is a target of each arm."""
LATEST: Final = 1e11
"""Unix seconds of the far future; milliseconds of long ago, which is what is meant."""
CURE: Final = "give what /api/v1/query answers to a range selector, such as requests_total[2h]"


class InvalidRecording(ValueError):
    """The document cannot be judged. The message names the field, what was found and what is needed."""


def fault(path: str, need: str, found: object) -> InvalidRecording:
    """An error in the words of the API's."""
    return InvalidRecording(invalid(path, need, found=found).message)


def series_of(matrix: object, path: str, arm: Arm) -> list[Series]:
    """The series of a matrix of one arm: each once, its samples in the order of time.

    Raises:
        InvalidRecording: It is no matrix.
    """
    result, path = _result(matrix, path)
    try:
        found = parse_series(result)
    except ValueError as error:
        raise _located(result, path) from error
    together: dict[tuple[bool, tuple[tuple[str, str], ...]], list[Series]] = {}
    for series in found:
        together.setdefault((series.native, tuple(sorted(series.labels.items()))), []).append(series)
    _check_times(result, path)
    return [_whole(alike, arm) for alike in together.values()]


def check_bound(series: Series, path: str) -> None:
    """Refuse a bucket that has none."""
    try:
        bound_of(series)
    except ValueError as error:
        raise fault(
            f"{path}: le", 'need the upper bound of a bucket, such as "0.5"', series.labels["le"]
        ) from error


def bound_of(series: Series) -> float:
    """The upper bound of a bucket, however it is spelled; what has none is all of it."""
    return float(series.labels.get("le", "+Inf"))


def as_scraped_with(one: Series, others: list[Series]) -> Series | None:
    """A series with the scrape labels of others of its process, by which they are read together; as it is,
    where they are of another port. None where it was scraped by another job, or replica, than all of them.
    """
    own = _scraping(one)
    theirs = [_scraping(other) for other in others]
    if own in theirs or not theirs:
        return one
    ports = {labels.get("instance", "").rpartition(":")[2] for labels in theirs}
    if (
        "instance" in own
        and own["instance"].rpartition(":")[2] not in ports
        and all("instance" in x for x in theirs)
    ):
        return one
    alike = (labels for labels in theirs if all(own.get(k, v) == v for k, v in labels.items()))
    found = next(alike, None)
    if found is None:
        return None
    kept = {label: value for label, value in one.labels.items() if label not in own}
    return one._replace(labels=kept | found)


def _scraping(series: Series) -> dict[str, str]:
    return {
        label: value
        for label, value in series.labels.items()
        if label in ALWAYS_OF_SCRAPING or label.startswith("prometheus")
    }


def _result(matrix: object, path: str) -> tuple[list[Any], str]:
    """The list of series, and its path."""
    if isinstance(matrix, Mapping) and matrix.get("status", "success") != "success":
        raise fault(f"{path}.status", f"the query did not succeed; {CURE}", matrix["status"])
    if isinstance(matrix, Mapping) and "data" in matrix:
        matrix, path = matrix["data"], f"{path}.data"
    if isinstance(matrix, Mapping) and "result" in matrix:
        if (kind := matrix.get("resultType", "matrix")) != "matrix":
            raise fault(f"{path}.resultType", CURE, kind)
        matrix, path = matrix["result"], f"{path}.result"
    if not isinstance(matrix, list):
        raise fault(path, CURE, matrix)
    return matrix, path


def _whole(alike: list[Series], arm: Arm) -> Series:
    """Parts of one series, such as the answers for two stretches of time, put together."""
    labels = {**alike[0].labels, ARM_LABEL: str(arm)}
    if not (labels.get("pod") or labels.get("instance")):
        labels["instance"] = str(arm)
    samples = _in_order(tuple(chain.from_iterable(one.samples for one in alike)))
    return alike[0]._replace(labels=labels, samples=samples, arm=arm)


def _in_order(samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
    if all(one[0] < other[0] for one, other in pairwise(samples)):
        return samples
    return tuple(sorted(dict(samples).items()))


def _check_times(result: list[Any], path: str) -> None:
    for index, one in enumerate(result):
        for key, _, _ in _SAMPLES:
            for place, (t, _) in enumerate(one.get(key) or ()):
                if not (isfinite(moment := float(t)) and abs(moment) < LATEST):
                    raise fault(f"{path}[{index}].{key}[{place}][0]", "need a time in Unix seconds", t)


def _located(result: list[Any], path: str) -> InvalidRecording:
    """What is wrong with a list that is no list of series."""
    for index, one in enumerate(result):
        here = f"{path}[{index}]"
        if not isinstance(one, Mapping) or not isinstance(one.get("metric"), Mapping):
            return fault(here, 'need a series: {"metric": {...}, "values": [[t, "value"], ...]}', one)
        for key, need, is_good in _SAMPLES:
            samples = one.get(key, [])
            if not isinstance(samples, list):
                return fault(f"{here}.{key}", f"need a list of {need}", samples)
            for place, pair in enumerate(samples):
                if not is_good(pair):
                    return fault(f"{here}.{key}[{place}]", f"need {need}", pair)
    return fault(path, CURE, result)


def _is_value(pair: object) -> bool:
    return _is_pair(pair) and all(map(_is_number, pair))


def _is_histogram(pair: object) -> bool:
    return _is_pair(pair) and _is_number(pair[0]) and _reads_as_native(pair)


def _reads_as_native(pair: object) -> bool:
    try:
        return bool(parse_series([{"metric": {}, "histograms": [pair]}]))
    except ValueError:
        return False


def _is_pair(pair: object) -> TypeGuard[list[object]]:
    return isinstance(pair, list) and len(pair) == 2


def _is_number(found: object) -> bool:
    try:
        return isinstance(found, int | float | str) and float(found) is not None
    except (ValueError, OverflowError):
        return False


_SAMPLES: Final = (
    ("values", '[Unix seconds, "value"]', _is_value),
    (
        "histograms",
        '[Unix seconds, {"count": ..., "buckets": [[rule, low, high, count], ...]}]',
        _is_histogram,
    ),
)
"""What a series may hold, and how it has to look."""
