"""What is read from a Prometheus can be kept as Prometheus itself would have answered it."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from serin.prom.samples import parse_series
from serin.workbench.live import result_of

counts = st.integers(0, 10**9)
ZERO = [3, "-0.001", "0.001"]


def native(*moments: tuple[int, dict[int, int]]) -> list[dict[str, Any]]:
    """A native histogram of resolution 2: counts by bucket, by powers of the fourth root of 2."""
    edges = {k: [0, repr(2 ** ((k - 1) / 4)), repr(2 ** (k / 4))] for k in range(-8, 9)}
    histograms = [
        [t, {"count": str(sum(held.values())), "buckets": [[*edges[k], str(n)] for k, n in held.items()]}]
        for t, held in moments
    ]
    return [{"metric": {"__name__": "score", "pod": "a"}, "histograms": histograms}]


@given(st.lists(st.floats(0, 1e15, allow_nan=False), min_size=1, max_size=5))
def test_counters_come_back_as_they_were(values: list[float]) -> None:
    answered = [{"metric": {"pod": "a"}, "values": [[15.0 * k, repr(v)] for k, v in enumerate(values)]}]
    series = parse_series(answered)

    assert parse_series(json.loads(json.dumps(result_of(series)))) == series


@given(st.lists(st.dictionaries(st.integers(-8, 8), counts, min_size=1), min_size=1, max_size=4))
def test_native_histograms_come_back_as_the_judge_reads_them(moments: list[dict[int, int]]) -> None:
    series = parse_series(native(*((15 * k, held) for k, held in enumerate(moments))))

    again = parse_series(json.loads(json.dumps(result_of(series))))

    assert sorted(again, key=str) == sorted(series, key=str)


def test_the_bucket_around_zero_stays_there() -> None:
    held = {"count": "7", "buckets": [[*ZERO, "7"]]}
    series = parse_series([{"metric": {}, "histograms": [[0, held]]}])

    assert sorted(parse_series(result_of(series)), key=str) == sorted(series, key=str)
