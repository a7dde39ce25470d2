"""Evidence over time: still an e-process after hedging, capping and cutting off."""

from itertools import product
from math import exp, isclose, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp

from serin.domain.analysis.process import (
    GROWTH_CAP,
    HORIZON_ONSETS,
    ONSET_SECONDS,
    Harm,
    Safety,
    equal_parts,
    log_sum,
)

FAIR_BETS = ((1.9, 0.1), (1.2, 0.8))
"""Two components' factors after heads and after tails of a fair coin: each has mean 1."""

factors = st.lists(st.tuples(st.floats(-5, 5), st.floats(-5, 5)), min_size=1, max_size=30)


def after(process: Harm, flips: tuple[int, ...], *, interval: float) -> Harm:
    for place, flip in enumerate(flips):
        bets = np.log([bet[flip] for bet in FAIR_BETS])
        process = process.advanced(bets, elapsed=place * interval)
    return process


@pytest.mark.parametrize("interval", [5.0, 60.0, 3600.0])
def test_harm_has_mean_one_at_most_under_the_null(interval: float) -> None:
    paths = list(product((0, 1), repeat=9))

    ends = [after(Harm.begin(2), path, interval=interval) for path in paths]

    assert isclose(sum(exp(end.log_mixture) for end in ends) / len(paths), 1)
    assert sum(exp(end.log_value) for end in ends) / len(paths) <= 1 + 1e-9


def test_no_single_interval_decides() -> None:
    once = Harm.begin(2).advanced(np.full(2, 500.0), elapsed=0)

    assert once.log_value == GROWTH_CAP < log(100)
    assert once.advanced(np.full(2, 500.0), elapsed=15).log_value > log(100)


def test_a_late_fault_is_not_drowned_by_good_hours() -> None:
    good, bad = np.full(2, -0.5), np.full(2, 2.0)
    process = Harm.begin(2)
    for minute in range(180):
        process = process.advanced(good, elapsed=60.0 * minute)

    for minute in range(180, 190):
        process = process.advanced(bad, elapsed=60.0 * minute)

    assert process.log_value > log(100)


@given(factors)
def test_onsets_only_move_capital(found: list[tuple[float, float]]) -> None:
    process = Harm.begin(2)
    for place, one in enumerate(found):
        process = process.advanced(np.array(one), elapsed=ONSET_SECONDS * 20 * place)
        assert 0 <= process.left <= 0.5
        assert process.onsets == min(20 * place, HORIZON_ONSETS)
        assert isclose(
            process.log_mixture, logsumexp([*process.logs, log(process.left or 1e-300)]), abs_tol=1e-9
        )


def test_safety_shares_its_capital_equally_between_forms() -> None:
    safety = Safety.begin(equal_parts((2, 4)), confidence=0.95)

    first_form_only = safety.advanced(np.array([3.0, 3.0, -900.0, -900.0, -900.0, -900.0]))

    assert safety.log_value == 0
    assert isclose(first_form_only.log_value, 3.0 + log(0.5))


def test_an_old_good_hour_does_not_outvote_a_bad_minute() -> None:
    safety = Safety.begin(equal_parts((1,)), confidence=0.95)
    for _ in range(1000):
        safety = safety.advanced(np.ones(1))

    for _ in range(4):
        safety = safety.advanced(-np.ones(1))

    assert safety.log_value < log(20)


@given(st.lists(st.floats(-70_000, 70_000), min_size=1, max_size=9), st.floats(0, 1))
def test_log_sum_agrees_with_scipy(logs: list[float], rest: float) -> None:
    expected = logsumexp([*logs, log(rest)]) if rest > 0 else logsumexp(logs)

    assert isclose(log_sum(logs, rest), expected, rel_tol=1e-12, abs_tol=1e-12)


def test_many_processes_at_once_are_each_of_them() -> None:
    dice = np.random.default_rng(5)
    found = dice.normal(0, 3, size=(40, 7, 3))
    together, safe = Harm.begin(3), Safety.begin(equal_parts((1, 2)), confidence=0.95)
    apart, safes = [together] * 7, [safe] * 7

    for place, factors in enumerate(found):
        together, safe = together.advanced(factors, elapsed=25.0 * place), safe.advanced(factors)
        apart = [one.advanced(f, elapsed=25.0 * place) for one, f in zip(apart, factors, strict=True)]
        safes = [one.advanced(f) for one, f in zip(safes, factors, strict=True)]

    assert np.allclose(together.log_value, [one.log_value for one in apart], rtol=1e-12)
    assert np.allclose(safe.log_value, [one.log_value for one in safes], rtol=1e-12, atol=1e-12)
