"""How soon a fault would be found: the published formula, and the judge itself."""

from dataclasses import replace
from math import inf, log

import numpy as np
import pytest

from serin.domain.analysis.evidence import ArmCounts, Interval
from serin.domain.analysis.ledger import Ledger
from serin.domain.analysis.outlook import Outlook
from serin.domain.analysis.policy import Promotion
from tests.unit.analysis.worlds import errors

RUNS = 200
ONE_IN_A_HUNDRED = Outlook(
    signal=errors(), canary=5, stable=95, usual=0.01, phi=1.0, limit=log(100), interval=15, lone_pod=False
)


def simulated(outlook: Outlook, ratio: float, *, intervals: int) -> float:
    """The judge's median time to find it."""
    dice = np.random.default_rng(7)
    hour = ArmCounts(3600 * outlook.stable, 3600 * outlook.stable * outlook.usual)
    ledger = Ledger.open(outlook.signal, Promotion(), began=0, past=hour, phi=outlook.phi, step=0)
    found = np.full(RUNS, np.inf)
    for place in range(intervals):
        n_c, n_s = (dice.poisson(15 * rate, RUNS) for rate in (outlook.canary, outlook.stable))
        canary = ArmCounts(n_c, dice.binomial(n_c, ratio * outlook.usual))
        seen = Interval(canary, ArmCounts(n_s, dice.binomial(n_s, outlook.usual)))
        ledger = ledger.advanced(seen, start=15.0 * place, lone_pod=outlook.lone_pod)
        found = np.where(np.isinf(found) & (ledger.log_harm >= outlook.limit), 15.0 * (place + 1), found)
    return float(np.median(found))


@pytest.mark.parametrize(("ratio", "expected"), [(5, 46), (2, 749)])
def test_the_published_examples_are_met(ratio: float, expected: float) -> None:
    by_ratio_alone = replace(ONE_IN_A_HUNDRED, signal=errors(max_increase=0.0))

    assert by_ratio_alone.seconds_to_find(ratio) == pytest.approx(1.2 * expected + 15, rel=0.02)


@pytest.mark.parametrize(
    ("outlook", "ratio"),
    [
        pytest.param(ONE_IN_A_HUNDRED, 5, id="fivefold"),
        pytest.param(ONE_IN_A_HUNDRED, 2, id="twice"),
        pytest.param(replace(ONE_IN_A_HUNDRED, lone_pod=True), 5, id="one pod"),
        pytest.param(replace(ONE_IN_A_HUNDRED, usual=0.001), 10, id="by points"),
        pytest.param(replace(ONE_IN_A_HUNDRED, phi=3.0), 5, id="clustered"),
        pytest.param(replace(ONE_IN_A_HUNDRED, usual=0.45), 2, id="common"),
        pytest.param(replace(ONE_IN_A_HUNDRED, usual=0.5), 2, id="from half to all"),
    ],
)
def test_the_judge_takes_as_long_as_expected(outlook: Outlook, ratio: float) -> None:
    expected = outlook.seconds_to_find(ratio)

    found = simulated(outlook, ratio, intervals=round(2 * expected / 15) + 4)

    assert abs(found - expected) <= 0.35 * expected + 15


def test_what_is_allowed_is_never_found() -> None:
    assert ONE_IN_A_HUNDRED.seconds_to_find(1.25) == inf
    assert replace(ONE_IN_A_HUNDRED, lone_pod=True).seconds_to_find(1.5) == inf
    assert replace(ONE_IN_A_HUNDRED, usual=0.0005).seconds_to_find(3) == inf
    assert replace(ONE_IN_A_HUNDRED, usual=0.3).seconds_to_find(1.1) == inf
    assert replace(ONE_IN_A_HUNDRED, usual=0.3).seconds_to_find(4) == inf
    assert replace(ONE_IN_A_HUNDRED, canary=0).seconds_to_find(5) == inf


def test_a_tenth_of_the_traffic_takes_ten_times_as_long() -> None:
    slow = replace(ONE_IN_A_HUNDRED, canary=0.5, stable=9.5)

    assert slow.seconds_to_find(5) - 15 == pytest.approx(10 * (ONE_IN_A_HUNDRED.seconds_to_find(5) - 15))
    assert replace(ONE_IN_A_HUNDRED, canary=5e4, stable=95e4).seconds_to_find(5) == 30


@pytest.mark.parametrize(("within", "ratio"), [(3600, 2), (600, 3), (90, 5), (40, 10), (10, None)])
def test_the_smallest_fault_that_is_found_in_time_is_told(within: float, ratio: float | None) -> None:
    found = ONE_IN_A_HUNDRED.found_first(within=within)

    assert found == (ratio and (ratio, ONE_IN_A_HUNDRED.seconds_to_find(ratio)))
