"""The numbers that are told of many runs, against scipy's and against plain counting."""

from math import inf

import numpy as np
import pytest
from scipy import stats

from serin.workbench.simulation.estimates import quantile, share
from serin.workbench.simulation.faults import HEALTHY, Fault


@pytest.mark.parametrize(("hits", "runs"), [(0, 50), (3, 50), (50, 50), (7, 1000), (1, 1), (0, 4000)])
def test_bounds_of_a_share_are_clopper_and_pearson_s(hits: int, runs: int) -> None:
    theirs = stats.binomtest(hits, runs).proportion_ci(method="exact")

    ours = share(hits, runs)

    assert (ours.lower, ours.upper) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
    assert ours.value == hits / runs


def test_nothing_tried_tells_nothing() -> None:
    assert (share(0, 0).lower, share(0, 0).upper) == (0, 1)


@pytest.mark.parametrize("part", [0.5, 0.95])
def test_bounds_of_a_quantile_hold_as_often_as_they_say(part: float) -> None:
    dice = np.random.default_rng(3)
    true = stats.expon.ppf(part)

    held = [
        found.lower <= true <= found.upper
        for found in (quantile(dice.exponential(size=200), part) for _ in range(1000))
    ]

    assert share(sum(held), len(held)).upper >= 0.95


def test_what_never_happened_counts_as_infinitely_late() -> None:
    times = np.array([15.0, 30.0, 45.0] + [inf] * 7)

    assert quantile(times, 0.2).value == 30
    assert quantile(times, 0.5).value == inf


@pytest.mark.parametrize(
    ("text", "share_then"), [("none", 0.01), ("x5", 0.05), ("+1pp", 0.02), ("100%", 1.0), ("x500", 1.0)]
)
def test_a_fault_is_what_its_name_says(text: str, share_then: float) -> None:
    fault = Fault.parse(text)

    assert fault.mean_share(0.01, 0.0, 15.0) == pytest.approx(share_then)
    assert fault.is_none == (text == "none")


@pytest.mark.parametrize("text", ["", "5", "x", "x-1", "+1", "101 %", "five"])
def test_any_other_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="need a fault such as x5"):
        Fault.parse(text)


def test_a_fault_that_begins_within_an_interval_counts_for_its_part() -> None:
    assert Fault(times=5.0, onset=10.0).mean_share(0.01, 0.0, 15.0) == pytest.approx(0.01 + 0.04 / 3)


def test_a_ramp_is_half_grown_in_its_middle() -> None:
    ramp = Fault(times=11.0, onset=60.0, ramp=100.0)

    found = ramp.mean_share(0.01, np.array([0.0, 109.0, 200.0]), np.array([60.0, 111.0, 260.0]))

    assert found == pytest.approx([0.01, 0.06, 0.11])
    assert HEALTHY.beginning(60.0).is_none
