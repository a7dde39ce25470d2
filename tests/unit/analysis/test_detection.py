"""How soon a fault is found and a healthy version promoted, on seeded counts.

Expected are medians and 95 % points of an independent implementation (counts every 15 s, canary 5 %,
dispersion 1), with a tenth or one scrape either way.
"""

import random
from collections.abc import Callable
from math import log

import pytest

from serin.domain.analysis.evidence import ArmCounts, Interval
from serin.domain.analysis.ledger import Ledger
from serin.domain.analysis.policy import Promotion
from tests.unit.analysis.worlds import binomial, errors, poisson

INTERVAL = 15.0
HARM = log(100)
Reached = Callable[[Ledger], bool]


def harmful(ledger: Ledger) -> bool:
    return bool(ledger.log_harm >= HARM)


def safe(ledger: Ledger) -> bool:
    return bool(ledger.safe)


def time_until(
    reached: Reached,
    *,
    rps: float,
    usual: float,
    canary: float,
    onset: float,
    lone_pod: bool,
    within: float,
    seed: int,
) -> float:
    """Seconds from the onset until it is reached; infinite if it is not within that many seconds."""
    dice = random.Random(seed)
    hour = ArmCounts(rps * 3600, rps * 3600 * usual)
    ledger = Ledger.open(errors(), Promotion(), began=0, past=hour, phi=1.0, step=0)
    t = 0.0
    while t < onset + within:
        risk = canary if t >= onset else usual
        arms = ((0.05, risk), (0.95, usual))
        counts = []
        for part, p in arms:
            n = poisson(dice, rps * part * INTERVAL)
            counts.append(ArmCounts(n, binomial(dice, n, p)))
        ledger = ledger.advanced(Interval(*counts), start=t, lone_pod=lone_pod)
        t += INTERVAL
        if reached(ledger):
            return t - onset
    return float("inf")


def quantiles(reached: Reached, *, runs: int, **world: float | bool) -> tuple[float, float]:
    times = sorted(time_until(reached, seed=seed, **world) for seed in range(runs))  # type: ignore[arg-type]
    return times[runs // 2], times[int(runs * 0.95)]


def near(expected: float) -> float:
    return max(0.1 * expected, INTERVAL)


@pytest.mark.parametrize(
    ("rps", "usual", "canary", "onset", "lone_pod", "median", "late"),
    [
        pytest.param(100, 0.01, 0.05, 0, False, 60, 120, id="fivefold"),
        pytest.param(100, 0.01, 0.05, 0, True, 75, 165, id="fivefold with one canary pod"),
        pytest.param(1000, 0.01, 0.05, 0, False, 30, 30, id="fivefold at 1000 requests a second"),
        pytest.param(100, 0.001, 0.051, 0, False, 30, 60, id="five points"),
        pytest.param(10, 0.01, 1.0, 0, False, 30, 30, id="every request"),
        pytest.param(100, 0.01, 0.05, 1200, False, 105, 165, id="fivefold after twenty minutes"),
        pytest.param(100, 0.8, 1.0, 0, False, 30, 30, id="from most to all"),
    ],
)
def test_harm_is_found_as_soon_as_published(
    rps: float, usual: float, canary: float, onset: float, lone_pod: bool, median: float, late: float
) -> None:
    found = quantiles(
        harmful,
        runs=60,
        rps=rps,
        usual=usual,
        canary=canary,
        onset=onset,
        lone_pod=lone_pod,
        within=1200,
    )

    assert abs(found[0] - median) <= near(median)
    assert found[1] <= late + near(late)


@pytest.mark.parametrize(
    ("rps", "usual", "median"),
    [
        pytest.param(100, 0.0, 90, id="without errors"),
        pytest.param(100, 0.001, 90, id="one in a thousand"),
        pytest.param(1000, 0.01, 45, id="one in a hundred"),
    ],
)
def test_a_healthy_version_is_shown_safe_as_soon_as_published(
    rps: float, usual: float, median: float
) -> None:
    found, _ = quantiles(
        safe, runs=60, rps=rps, usual=usual, canary=usual, onset=0, lone_pod=False, within=1200
    )

    assert abs(found - median) <= near(median)


def test_an_hour_without_difference_is_no_harm() -> None:
    for seed in range(8):
        found = time_until(
            harmful, rps=100, usual=0.01, canary=0.01, onset=0, lone_pod=False, within=3600, seed=seed
        )
        assert found == float("inf")


def test_a_version_worse_than_promotion_allows_is_not_safe() -> None:
    """Two points above half a percent, and from most to all: never in twenty hours of either."""
    for usual, canary in ((0.005, 0.025), (0.8, 1.0)):
        times = [
            time_until(
                safe, rps=100, usual=usual, canary=canary, onset=0, lone_pod=True, within=600, seed=seed
            )
            for seed in range(20)
        ]
        assert times == [float("inf")] * 20
