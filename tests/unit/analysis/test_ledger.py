"""Which margins count, and what safety asks for besides evidence."""

import random

import numpy as np
import pytest

from serin.domain.analysis.evidence import ArmCounts, Interval
from serin.domain.analysis.ledger import Ledger
from serin.domain.analysis.policy import Promotion, SignalPolicy
from serin.domain.analysis.verdict import Pin
from tests.unit.analysis import plain
from tests.unit.analysis.worlds import errors


def after(
    intervals: int,
    *,
    canary: tuple[float, float],
    stable: tuple[float, float],
    signal: SignalPolicy | None = None,
    lone_pod: bool = False,
    phi: float = 1.0,
    min_requests: int = 200,
) -> Ledger:
    """A ledger after equal intervals of (requests, bad) on both sides; the stable's hour before was alike."""
    requests, bad = stable
    ledger = Ledger.open(
        signal or errors(),
        Promotion(min_requests=min_requests),
        began=0,
        past=ArmCounts(240 * requests, 240 * bad),
        phi=phi,
        step=0,
    )
    for place in range(intervals):
        seen = Interval(ArmCounts(*canary), ArmCounts(*stable))
        ledger = ledger.advanced(seen, start=15.0 * place, lone_pod=lone_pod)
    return ledger


def test_three_times_as_often_is_no_harm_within_a_tenth_of_a_point() -> None:
    by_both = after(240, canary=(750, 0.225), stable=(14_250, 1.425))
    by_ratio = after(240, canary=(750, 0.225), stable=(14_250, 1.425), signal=errors(max_increase=0.0))

    assert by_both.log_harm < 0 < 4.6 < by_ratio.log_harm


def test_a_quarter_more_of_many_is_harm_only_beyond_both() -> None:
    allowed = after(240, canary=(750, 7.5 * 1.2), stable=(14_250, 142.5))

    assert allowed.log_harm < 1


def test_where_most_are_bad_harm_is_a_matter_of_points() -> None:
    from_most_to_all = after(3, canary=(75, 75), stable=(1425, 1140))
    within_five_points = after(240, canary=(75, 62), stable=(1425, 1140))

    assert from_most_to_all.log_harm > 4.6
    assert within_five_points.log_harm < 1
    assert not from_most_to_all.safe


def test_a_lone_pod_may_be_half_as_bad_again() -> None:
    several, lone = (
        after(240, canary=(750, 7.5 * 1.48), stable=(14_250, 142.5), lone_pod=lone) for lone in (False, True)
    )

    assert several.log_harm > 4.6
    assert lone.log_harm < 1


def test_a_signal_that_allows_more_keeps_it_for_a_lone_pod() -> None:
    lenient = errors(max_ratio=3.0)

    assert after(240, canary=(750, 15), stable=(14_250, 142.5), signal=lenient, lone_pod=True).log_harm < 1


def test_clustered_failures_take_more_evidence() -> None:
    single, clustered = (after(12, canary=(75, 3), stable=(1425, 14.25), phi=phi) for phi in (1.0, 4.0))

    assert 0 < clustered.relative.log_value < single.relative.log_value / 3
    assert 0 < clustered.absolute.log_value < single.absolute.log_value / 3
    healthy = [after(20, canary=(10, 0), stable=(190, 0), phi=phi).log_safety for phi in (1.0, 4.0)]
    assert 0 < healthy[1] < healthy[0] / 3


def test_without_errors_four_hundred_requests_are_needed() -> None:
    """The figure that is promised to people: 400 canary requests at 95 %, one point."""
    before, reached = (after(n, canary=(10, 0), stable=(190, 0)) for n in (38, 41))

    assert (before.safe, reached.safe) == (False, True)


def test_evidence_does_not_stand_in_for_the_requests_that_were_asked_for() -> None:
    few, enough = (after(50, canary=(10, 0), stable=(190, 0), min_requests=n) for n in (501, 500))

    assert few.log_safety == enough.log_safety > 3
    assert (few.safe, enough.safe) == (False, True)


def test_what_the_stable_does_is_learnt_as_it_goes() -> None:
    ledger = after(10, canary=(10, 0), stable=(190, 2)).learned(ArmCounts(5, 1))

    assert ledger.past == ArmCounts(250 * 190 + 5, 250 * 2 + 1)


def test_more_than_twice_as_often_is_not_safe_even_within_a_point() -> None:
    fivefold = after(20, canary=(750, 3.75), stable=(14_250, 14.25))

    assert fivefold.log_safety > 3
    assert not fivefold.leans_safe
    assert not fivefold.safe


def test_a_step_needs_its_own_requests() -> None:
    ledger = after(100, canary=(75, 0), stable=(1425, 0))

    anew = ledger.at_step(1)

    assert ledger.safe
    assert not anew.safe
    assert (anew.step_canary, anew.log_safety) == (ArmCounts(), 0)
    assert (anew.canary, anew.log_harm) == (ledger.canary, ledger.log_harm)
    assert anew.at_step(1) is anew


Row = tuple[float, float, float, float]


def noisy(usual: float, canary: float, *, requests: float, seed: int, intervals: int = 40) -> list[Row]:
    """Counts that are no integers, some of them nothing at all."""
    dice = random.Random(seed)
    rows = []
    for _ in range(intervals):
        n_c, n_s = (n * dice.choice([0.0, 1.0, 1.0, 1.3]) for n in (requests, 19 * requests))
        rows.append((n_c, n_c * min(1, canary * 2 * dice.random()), n_s, n_s * usual * 2 * dice.random()))
    return rows


def judged(rows: list[Row], *, past: ArmCounts, phi: float = 1.0, lone: float = 0.5) -> Ledger:
    """A lone canary pod for a part of the intervals."""
    ledger = Ledger.open(errors(), Promotion(), began=0, past=past, phi=phi, step=0)
    for place, (n_c, e_c, n_s, e_s) in enumerate(rows):
        seen = Interval(ArmCounts(n_c, e_c), ArmCounts(n_s, e_s))
        ledger = ledger.advanced(seen, start=15.0 * place, lone_pod=place < lone * len(rows))
    return ledger


@pytest.mark.parametrize("usual", [0.0, 0.001, 0.01, 0.1, 0.3])
@pytest.mark.parametrize("times", [0.5, 1.0, 3.0])
def test_the_fold_agrees_with_arithmetic_by_the_book(usual: float, times: float) -> None:
    rows = noisy(usual, usual * times, requests=75, seed=3)
    hour = ArmCounts(342_000, 342_000 * usual)

    ledger = judged(rows, past=hour, phi=1.7)

    rho = [1.5] * 20 + [1.25] * 20
    harm, safety = plain.evidence(rows, past=(hour.requests, hour.bad), rho=rho, phi=1.7)
    assert ledger.log_harm == pytest.approx(harm, rel=1e-9, abs=1e-9)
    assert ledger.log_safety == pytest.approx(safety, rel=1e-9, abs=1e-9)


def test_many_rollouts_at_once_are_each_of_them() -> None:
    """Each with its own past, dispersion and number of pods, on both sides of every choice of margins."""
    usual = np.array([0.0, 0.001, 0.01, 0.04, 0.07, 0.15, 0.3, 0.8])
    runs = [noisy(p, 1.5 * p, requests=40, seed=k) for k, p in enumerate(usual)]
    phi, lone = 1 + usual, np.arange(len(usual)) % 2 * 1.0

    batch = Ledger.open(
        errors(), Promotion(), began=0, past=ArmCounts(9e4 + 0 * usual, 9e4 * usual), phi=phi, step=0
    )
    for place in range(40):
        n_c, e_c, n_s, e_s = np.array([rows[place] for rows in runs]).T
        seen = Interval(ArmCounts(n_c, e_c), ArmCounts(n_s, e_s))
        batch = batch.advanced(seen, start=15.0 * place, lone_pod=lone > place / 40)

    for k, rows in enumerate(runs):
        one = judged(rows, past=ArmCounts(9e4, 9e4 * usual[k]), phi=phi[k], lone=lone[k])
        assert batch.log_harm[k] == pytest.approx(one.log_harm, rel=1e-12, abs=1e-12)
        assert batch.log_safety[k] == pytest.approx(one.log_safety, rel=1e-12, abs=1e-12)
        assert (batch.safe[k], batch.leans_safe[k]) == (one.safe, one.leans_safe)


def test_what_was_pinned_is_not_learnt_again() -> None:
    pin = Pin(phi=3.0, usual=0.3)

    ledger = Ledger.open(
        errors(), Promotion(), began=0, past=ArmCounts(1e6, 1e3), phi=1.0, step=0, pin=pin
    ).advanced(Interval(ArmCounts(75, 20), ArmCounts(1425, 300)), start=0, lone_pod=False)

    assert ledger.pin == pin
    assert ledger.log_harm == ledger.absolute.log_value
    assert Ledger.open(errors(), Promotion(), began=0, past=ArmCounts(), phi=2.0, step=0).pin.phi == 2.0
