"""Latency and scores: what is harmless at any traffic, and how soon the rest is found."""

import numpy as np
import pytest

from serin.domain.analysis.policy import SignalPolicy
from serin.workbench.simulation.distribution_grid import (
    LATENCIES,
    LATENCY_BOUNDS,
    NARROW_SHIFT,
    SCORE_BOUNDS,
    SCORE_CHANGES,
    SHIFT,
    SLOWDOWN,
    Change,
    harmed,
)
from serin.workbench.simulation.estimates import quantile, share
from serin.workbench.simulation.histograms import beta, between, log_normal, slower, stuck
from tests.statistics.simulated import BOUND, SCRAPE, SEED

MINUTE = 60.0


@pytest.mark.parametrize(
    ("signal", "change", "per_second"),
    [
        pytest.param(SLOWDOWN, LATENCIES["the same"], 10, id="the same latency"),
        pytest.param(SLOWDOWN, LATENCIES["1.1 times as long"], 1000, id="a tenth slower"),
        pytest.param(SHIFT, SCORE_CHANGES["the same"], 100, id="the same scores"),
        pytest.param(SHIFT, SCORE_CHANGES["Beta(2.05, 5)"], 1000, id="scores a little higher"),
        pytest.param(NARROW_SHIFT, SCORE_CHANGES["the same"], 1000, id="the same, held closer"),
    ],
)
def test_what_is_within_the_margin_is_hardly_ever_rolled_back(
    signal: SignalPolicy, change: Change, per_second: float
) -> None:
    bounds = LATENCY_BOUNDS if signal is SLOWDOWN else SCORE_BOUNDS

    found = harmed(signal, change, per_second=per_second, bounds=bounds, runs=400, seed=SEED)

    assert share(int(np.isfinite(found).sum()), len(found)).upper <= BOUND


@pytest.mark.parametrize(
    ("signal", "change", "per_second", "median"),
    [
        pytest.param(SLOWDOWN, "1.5 times as long", 10, 570, id="half slower at 10 a second"),
        pytest.param(SLOWDOWN, "1.5 times as long", 100, 60, id="half slower at 100"),
        pytest.param(SLOWDOWN, "1.5 times as long", 1000, 30, id="half slower at 1000"),
        pytest.param(SLOWDOWN, "1.5 times as long after 20 min", 10, 13 * MINUTE, id="later, at 10"),
        pytest.param(SLOWDOWN, "1.5 times as long after 20 min", 100, 105, id="later, at 100"),
        pytest.param(SLOWDOWN, "5 times as long for 2.5 %", 100, 270, id="a slow tail at 100"),
        pytest.param(SLOWDOWN, "5 times as long for 2.5 %", 1000, 45, id="a slow tail at 1000"),
        pytest.param(SHIFT, "Beta(2.5, 5), 17 % higher", 10, 30 * MINUTE, id="higher scores at 10"),
        pytest.param(SHIFT, "Beta(2.5, 5), 17 % higher", 100, 240, id="higher scores at 100"),
        pytest.param(SHIFT, "Beta(2.5, 5), 17 % higher", 1000, 45, id="higher scores at 1000"),
        pytest.param(SHIFT, "all between 0.2 and 0.4", 10, 135, id="a collapse at 10"),
        pytest.param(SHIFT, "all between 0.2 and 0.4", 100, 30, id="a collapse at 100"),
        pytest.param(NARROW_SHIFT, "Beta(2.5, 5), 17 % higher", 100, 120, id="held closer at 100"),
    ],
)
def test_what_is_beyond_it_is_found_as_soon_as_published(
    signal: SignalPolicy, change: str, per_second: float, median: float
) -> None:
    changes, bounds = (LATENCIES, LATENCY_BOUNDS) if signal is SLOWDOWN else (SCORE_CHANGES, SCORE_BOUNDS)

    found = harmed(signal, changes[change], per_second=per_second, bounds=bounds, runs=250, seed=SEED)
    times = found - changes[change].onset

    assert quantile(times, 0.5).lower <= max(1.1 * median, median + SCRAPE)


def test_the_distributions_are_those_of_the_words() -> None:
    latency = log_normal(100, ninety_nine=400)

    assert (latency(100), latency(400), latency(0)) == pytest.approx((0.5, 0.99, 0.0))
    assert slower(latency, 2.0)(200) == pytest.approx(0.5)
    assert slower(latency, 2.0, part=0.1)(100) == pytest.approx(0.45 + 0.1 * latency(50))
    assert beta(2, 5)(0.3) == pytest.approx(0.579825, abs=1e-4)  # 1 - 0.7^5 (1 + 5 * 0.3)
    assert stuck(beta(2, 5), 1.0, part=0.05)(1.0) == pytest.approx(1.0)
    assert stuck(beta(2, 5), 1.0, part=0.05)(0.999) == pytest.approx(0.95, abs=1e-6)
    assert between(0.2, 0.4)(0.3) == pytest.approx(0.5)
