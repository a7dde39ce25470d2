"""What is made of Prometheus' JSON, native histograms above all, recorded from a 3.x server."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serin.prom.samples import bucket_bound, parse_matrix, parse_series


def answer(*result: object) -> object:
    return {"status": "success", "data": {"resultType": "matrix", "result": list(result)}}


def histogram(t: float, count: float, *buckets: tuple[float, float, float]) -> list[object]:
    """As the server writes it: bounds and counts are strings."""
    told = [[0, repr(low), repr(high), f"{n:g}"] for low, high, n in buckets]
    return [t, {"count": f"{count:g}", "sum": "1", "buckets": told}]


def held(*histograms: list[object]) -> dict[float, dict[float, float]]:
    """By bucket bound, what is held by time."""
    series = parse_matrix(answer({"metric": {"pod": "a"}, "histograms": list(histograms)})).series
    assert all(one.native for one in series)
    return {float(one.labels["le"]): dict(one.samples) for one in series}


def test_a_native_histogram_becomes_a_series_for_each_bucket() -> None:
    first = histogram(1.0, 5, (0.5, 0.5946035575013605, 3), (1.0, 1.189207115002721, 1))
    second = histogram(2.0, 9, (0.5, 0.5946035575013605, 7), (1.0, 1.189207115002721, 1))

    assert held(first, second) == {
        2**-0.75: {1: 3, 2: 7},
        2**0.25: {1: 1, 2: 1},
        math.inf: {1: 5, 2: 9},
    }


def test_observations_that_are_no_number_are_in_the_count_alone() -> None:
    found = held(histogram(1.0, 5, (0.5, 0.5946035575013605, 3)))

    assert found[math.inf][1] - found[2**-0.75][1] == 2


@pytest.mark.parametrize("resolution", range(3, 9))
def test_finer_buckets_are_joined(resolution: int) -> None:
    """Every one of an octave lands in the quarter that holds it."""
    edges = [2 ** (k / 2**resolution) for k in range(2**resolution + 1)]

    found = held(histogram(1.0, 2**resolution, *((a, b, 1) for a, b in pairwise(edges))))

    each = 2**resolution / 4
    assert {bound: at[1] for bound, at in found.items() if bound < math.inf} == {
        2 ** (k / 4): each for k in range(1, 5)
    }


@pytest.mark.parametrize("resolution", range(-4, 3))
def test_coarser_bounds_are_among_those_that_are_kept(resolution: int) -> None:
    for place in range(-5, 6):
        low, high = (2 ** ((place + k) / 2**resolution) for k in (0, 1))
        assert bucket_bound(repr(low), repr(high)) == 2 ** ((place + 1) / 2**resolution)


@pytest.mark.parametrize("resolution", [0, 2, 3, 8])
def test_negative_buckets_mirror_the_positive_ones(resolution: int) -> None:
    for place in range(-20, 21):
        low, high = (2 ** ((place + k) / 2**resolution) for k in (0, 1))
        upper, lower = bucket_bound(repr(-high), repr(-low)), bucket_bound(repr(low), repr(high))
        assert upper >= -low or math.isclose(upper, -low)
        assert lower >= high or math.isclose(lower, high)


@pytest.mark.parametrize("width", ["2.938735877055719e-39", "0.5"])
def test_the_bucket_around_zero_is_one_however_wide(width: str) -> None:
    assert bucket_bound(f"-{width}", width) == 0


def test_bounds_chosen_by_hand_are_kept() -> None:
    """A histogram with custom buckets, such as tenths for scores."""
    edges = [k / 10 for k in range(1, 11)]
    bounds = [bucket_bound(repr(a), repr(b)) for a, b in pairwise(edges)]

    assert bounds == edges[1:]
    assert bucket_bound("-Inf", "0.1") == 0.1
    assert bucket_bound("0", "0.1") == 0.1


@given(st.floats(1e-9, 1e9), st.integers(3, 8))
def test_no_observation_is_counted_below_itself(value: float, resolution: int) -> None:
    place = math.ceil(math.log2(value) * 2**resolution)
    low, high = (2 ** ((place + k) / 2**resolution) for k in (-1, 0))

    bound = bucket_bound(repr(low), repr(high))

    assert high <= bound * (1 + 1e-9)
    assert bound / high < 2**0.25 * (1 + 1e-9)


def test_a_series_may_turn_from_floats_to_histograms() -> None:
    both = {"metric": {"pod": "a"}, "values": [[1.0, "5"]], "histograms": [histogram(2.0, 6)]}

    floats, native = parse_series([both])

    assert (floats.samples, floats.native) == (((1.0, 5.0),), False)
    assert (native.samples, native.native, native.labels["le"]) == (((2.0, 6.0),), True, "+Inf")


@pytest.mark.parametrize("broken", [[1.0], [1.0, {"buckets": []}], [1.0, {"count": "x"}], 5])
def test_a_histogram_that_cannot_be_read_is_told(broken: object) -> None:
    with pytest.raises(ValueError, match="a series that cannot be read"):
        parse_series([{"metric": {}, "histograms": [broken]}])


@pytest.mark.parametrize("low", ["-Inf", "0.5", "10"])
def test_a_bucket_without_an_end_is_the_count_of_all(low: str) -> None:
    """The last one, of an exponential histogram as of one with bounds chosen by hand."""
    last = [0, low, "+Inf", "2"]

    (series,) = parse_series(
        [{"metric": {}, "histograms": [[1.0, {"count": "5", "sum": "1", "buckets": [last]}]]}]
    )

    assert (series.labels["le"], series.samples) == ("+Inf", ((1.0, 5.0),))


def test_bounds_in_no_order_are_no_histogram() -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        parse_series([{"metric": {}, "histograms": [[1.0, {"count": "5", "buckets": [[0, "1", "0", "2"]]}]]}])
