"""Bounds on the ratio: never wrong too often, tight where there is much to see, and honest about change."""

from collections.abc import Callable

import numpy as np
import pytest

from serin.domain.analysis.bounds import RATIOS, Bounded, Bounds
from serin.domain.analysis.evidence import ArmCounts, Interval
from serin.domain.analysis.ledger import Ledger
from serin.domain.analysis.policy import Promotion
from tests.unit.analysis.worlds import errors

RUNS = 100
LEVEL = 0.05
Course = Callable[[int], float]
"""The ratio in an interval."""


def hour(ratio: Course, *, usual: float, per_second: float = 100.0) -> Bounds:
    """Of many rollouts with 5 % on the canary."""
    dice = np.random.default_rng(9)
    bounds = Bounds.begin(began=0, level=LEVEL)
    for place in range(240):
        n_c, n_s = (dice.poisson(15 * per_second * part, RUNS) for part in (0.05, 0.95))
        canary = ArmCounts(n_c, dice.binomial(n_c, usual * ratio(place)))
        seen = Interval(canary, ArmCounts(n_s, dice.binomial(n_s, usual)))
        bounds = bounds.advanced(seen, start=15.0 * place, phi=1.0)
    return bounds


def exactly(ratio: Course, *, intervals: int, phi: float = 1.0) -> Bounds:
    """Of one rollout with 1 % errors on the stable, without chance."""
    bounds = Bounds.begin(began=0, level=LEVEL)
    for place in range(intervals):
        seen = Interval(ArmCounts(75, 0.75 * ratio(place)), ArmCounts(1425, 14.25))
        bounds = bounds.advanced(seen, start=15.0 * place, phi=phi)
    return bounds


@pytest.mark.parametrize(
    ("usual", "ratio", "within"),
    [
        (0.001, 1.0, 2.8),
        (0.01, 0.5, 1.7),
        (0.01, 1.0, 1.6),
        (0.1, 1.0, 1.2),
        (0.001, 5.0, 2),
        (0.01, 5.0, 1.4),
    ],
)
def test_the_true_ratio_is_hardly_ever_outside_close_bounds(
    usual: float, ratio: float, within: float
) -> None:
    bounds = hour(lambda _: ratio, usual=usual)

    assert np.mean((bounds.lower > ratio) | (bounds.upper < ratio)) <= LEVEL
    assert np.median(bounds.lower) > ratio / within
    assert np.median(bounds.upper) < ratio * within


def test_a_ratio_that_drifts_passes_both_bounds() -> None:
    """Lower is below the largest it ever was, upper above the smallest, and so they may cross."""
    bounds = hour(lambda place: 1 + place / 60, usual=0.01)

    assert np.mean((bounds.lower > 5) | (bounds.upper < 1)) <= LEVEL
    assert np.mean(bounds.lower > bounds.upper) > 0.9


def test_dispersion_widens_the_bounds() -> None:
    single, clustered = (exactly(lambda _: 2.0, intervals=100, phi=phi) for phi in (1.0, 5.0))

    assert clustered.lower < single.lower < 2 < single.upper < clustered.upper


def test_without_bad_requests_nothing_bounds_the_ratio() -> None:
    bounds = Bounds.begin(began=0, level=LEVEL)
    for place in range(100):
        seen = Interval(ArmCounts(75, 0), ArmCounts(1425, 0))
        bounds = bounds.advanced(seen, start=15.0 * place, phi=1.0)

    assert bounds.told() == Bounded(None, None)


def test_errors_on_the_canary_alone_bound_it_from_below() -> None:
    bounds = Bounds.begin(began=0, level=LEVEL)
    for place in range(20):
        bounds = bounds.advanced(Interval(ArmCounts(75, 5), ArmCounts(1425, 0)), start=15.0 * place, phi=1.0)

    told = bounds.told()

    assert told.lower is not None
    assert told.lower > 100
    assert told.upper is None


def test_after_a_change_both_bounds_are_of_the_time_since() -> None:
    bounds = exactly(lambda place: 1.0 if place < 80 else 5.0, intervals=240)

    told = bounds.told()

    assert bounds.lower > bounds.upper
    assert told.since == 80 * 15
    assert 3 < (told.lower or 0) < 5 < (told.upper or 0) < 7.5


def test_a_change_within_the_first_minute_leaves_nothing_to_tell() -> None:
    bounds = Bounds.begin(began=0.0, level=0.01)
    for k, canary in enumerate((ArmCounts(5000, 5000), ArmCounts(5000, 0))):
        bounds = bounds.advanced(Interval(canary, ArmCounts(9000, 4000 * k + 90)), start=15.0 * k, phi=1.0)

    assert bounds.lower > bounds.upper
    assert bounds.told() == Bounded(None, None)


def test_a_steady_ratio_is_told_of_the_whole_rollout() -> None:
    told = exactly(lambda _: 2.0, intervals=240).told()

    assert told.since is None
    assert (told.lower, told.upper) == (2 ** (5 / 8), 2 ** (11 / 8))


def test_the_bounds_of_one_rollout_are_those_of_many() -> None:
    dice = np.random.default_rng(1)
    bad = dice.poisson(2, size=(100, 5)).astype(float)
    together, apart = (Bounds.begin(began=0, level=LEVEL) for _ in range(2))
    for place, counts in enumerate(bad):
        stable = ArmCounts(1425.0, 14.0)
        together = together.advanced(
            Interval(ArmCounts(75.0, counts), stable), start=15.0 * place, phi=np.ones(5)
        )
        apart = apart.advanced(Interval(ArmCounts(75.0, counts[2]), stable), start=15.0 * place, phi=1.0)

    assert np.allclose(together.sums[2], apart.sums, rtol=1e-12, atol=1e-9)
    assert (together.lower[2], together.upper[2]) == (apart.lower, apart.upper)


def test_few_moments_are_remembered_of_a_long_rollout() -> None:
    """What four hours of one signal take in memory: 40 moments of 89 numbers."""
    bounds = exactly(lambda _: 1.0, intervals=960)

    assert len(bounds.moments) <= 40
    assert max(np.diff(bounds.moments)) <= 0.3 * 960 * 15
    assert bounds.marks.shape == (len(bounds.moments), len(RATIOS))


def test_a_ledger_keeps_bounds_where_asked() -> None:
    ledgers = [
        Ledger.open(errors(), Promotion(), began=0, past=ArmCounts(), phi=1.0, step=0, level=level).advanced(
            Interval(ArmCounts(75, 30), ArmCounts(1425, 14)), start=0, lone_pod=False
        )
        for level in (None, 0.01)
    ]

    assert ledgers[0].bounds is None
    assert ledgers[1].bounds is not None
    assert ledgers[1].bounds.lower > 1
