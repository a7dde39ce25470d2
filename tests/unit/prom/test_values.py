"""Numbers from Prometheus' answers: vectors, scalars, and what is neither."""

from math import inf, isnan
from typing import Any

import pytest

from serin.prom.values import parse_values


def answer(kind: str, result: object, **more: object) -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": kind, "result": result}, **more}


def test_a_vector_has_a_number_for_each_series() -> None:
    series = [{"metric": {"pod": "a"}, "value": [1.5, "12"]}, {"metric": {}, "value": [1.5, "+Inf"]}]

    assert parse_values(answer("vector", series)).numbers == (12.0, inf)


def test_a_scalar_is_one_number() -> None:
    (number,) = parse_values(answer("scalar", [1.5, "NaN"])).numbers

    assert isnan(number)


def test_a_native_histogram_is_no_number() -> None:
    histogram = {"metric": {}, "histogram": [1.5, {"count": "3", "sum": "1"}]}

    assert parse_values(answer("vector", [histogram])).numbers == ()


def test_warnings_are_kept() -> None:
    assert parse_values(answer("vector", [], warnings=["a store is missing"])).warnings == (
        "a store is missing",
    )


@pytest.mark.parametrize(
    "body",
    [
        None,
        {"status": "error", "error": "no"},
        answer("matrix", []),
        answer("string", [1.5, "up"]),
        answer("vector", [{"metric": {}, "value": [1.5]}]),
        answer("vector", [{"metric": {}, "value": [1.5, "many"]}]),
    ],
)
def test_what_is_no_number_is_told(body: object) -> None:
    with pytest.raises(ValueError, match=r"number|successful|could not convert"):
        parse_values(body)
