"""Factors against exact enumeration: no outcome is left out, so no test here can be unlucky."""

from math import isclose

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from serin.domain.analysis.evidence import (
    SAFE_ODDS,
    SAFE_RATIOS,
    WORSE_ODDS,
    WORSE_RATIOS,
    Alternatives,
    ArmCounts,
    Interval,
    expected_share,
    log_absolute,
    log_relative,
)
from tests.unit.analysis import plain
from tests.unit.analysis.outcomes import Binomial, mean_over_outcomes

served = st.integers(0, 8)
ratios = st.floats(0.5, 3)
worse = st.floats(1.01, 100)
shares = st.floats(0, 1)
guesses = st.floats(1e-6, 0.9)
margins = st.floats(0, 0.05)


@given(n_c=served, n_s=served, rho=ratios, step=worse, share=shares)
@example(n_c=8, n_s=1, rho=2.0, step=100.0, share=1.0)  # every canary request bad, and still allowed
def test_harm_by_ratio_does_not_grow_at_the_margin(
    n_c: int, n_s: int, rho: float, step: float, share: float
) -> None:
    canary, stable = Binomial(n_c, min(share, share * rho)), Binomial(n_s, min(share, share * rho) / rho)
    against = Alternatives.of(step, *np.exp(WORSE_RATIOS.logs))

    means = mean_over_outcomes(canary, stable, lambda seen: log_relative(seen, against, rho=rho))

    assert means.max() <= 1 + 1e-9


def test_harm_by_ratio_grows_beyond_the_margin() -> None:
    canary, stable = Binomial(8, 0.5), Binomial(8, 0.05)

    means = mean_over_outcomes(
        canary, stable, lambda seen: log_relative(seen, Alternatives.of(8.0), rho=1.25)
    )

    assert means.min() > 2


@given(n_c=served, n_s=served, rho=st.floats(1.1, 3), below=st.floats(0.05, 0.99), share=shares)
def test_safety_by_ratio_does_not_grow_at_the_margin(
    n_c: int, n_s: int, rho: float, below: float, share: float
) -> None:
    canary, stable = Binomial(n_c, share), Binomial(n_s, share / rho)
    against = Alternatives.of(below, *np.exp(SAFE_RATIOS.logs))

    means = mean_over_outcomes(canary, stable, lambda seen: log_relative(seen, against, rho=rho))

    assert means.max() <= 1 + 1e-9


@pytest.mark.parametrize("against", [WORSE_ODDS, SAFE_ODDS], ids=["harm", "safety"])
@given(n_c=served, n_s=served, guess=guesses, margin=margins, share=st.floats(0, 0.95))
@example(n_c=8, n_s=1, guess=1e-6, margin=0.001, share=0.5)  # the stake is cut by the small arm
@example(n_c=8, n_s=1, guess=0.5, margin=0.05, share=0.0)
def test_points_do_not_grow_at_the_margin(
    n_c: int, n_s: int, guess: float, margin: float, share: float, against: Alternatives
) -> None:
    canary, stable = Binomial(n_c, share + margin), Binomial(n_s, share)

    means = mean_over_outcomes(
        canary, stable, lambda seen: log_absolute(seen, against, mu=guess, delta=margin)
    )

    assert means.max() <= 1 + 1e-9


@pytest.mark.parametrize(
    ("odds", "risk"), [(10.0, 0.9), (0.1, 0.0)], ids=["harm when far worse", "safety without errors"]
)
def test_points_grow_beyond_the_margin(odds: float, risk: float) -> None:
    canary, stable = Binomial(8, risk), Binomial(8, 0.3)

    means = mean_over_outcomes(
        canary, stable, lambda seen: log_absolute(seen, Alternatives.of(odds), mu=0.3, delta=0.05)
    )

    assert means.min() > 1.5


def test_an_arm_without_requests_says_nothing() -> None:
    nobody = np.array([0.0, 0.0, 8.0])
    seen = Interval(ArmCounts(nobody, nobody / 2), ArmCounts(nobody[::-1], nobody[::-1] / 4)).wide()

    assert not log_relative(seen, WORSE_RATIOS, rho=1.25).any()
    assert not log_absolute(seen, WORSE_ODDS, mu=0.1, delta=0.001).any()
    assert not log_absolute(seen, SAFE_ODDS, mu=0.1, delta=0.001).any()


@pytest.mark.parametrize("against", [WORSE_ODDS, SAFE_ODDS], ids=["harm", "safety"])
@given(n=st.floats(0.01, 1e6), share=shares, guess=guesses)
def test_no_count_is_ruled_out_for_good(n: float, share: float, guess: float, against: Alternatives) -> None:
    bad_c, bad_s = np.meshgrid([0, share * n, n], [0, 3.5])
    all_or_nothing = Interval(
        ArmCounts(np.full_like(bad_c, n), bad_c), ArmCounts(np.full_like(bad_s, 3.5), bad_s)
    )

    assert np.isfinite(log_absolute(all_or_nothing.wide(), against, mu=guess, delta=0.05)).all()


@given(
    n_c=st.floats(0.01, 1e6),
    n_s=st.floats(0.01, 1e6),
    share_c=shares,
    share_s=shares,
    rho=ratios,
    guess=guesses,
    margin=margins,
)
def test_factors_agree_with_arithmetic_by_the_book(
    n_c: float, n_s: float, share_c: float, share_s: float, rho: float, guess: float, margin: float
) -> None:
    counts = (n_c, n_c * share_c, n_s, n_s * share_s)
    seen = Interval(ArmCounts(*counts[:2]), ArmCounts(*counts[2:]))
    scale = 1e-12 * (n_c + n_s)

    for multiple in (0.001, 0.8, 1.25, 1000.0):
        against = Alternatives.of(multiple)
        (by_ratio,) = log_relative(seen, against, rho=rho)
        (by_points,) = log_absolute(seen, against, mu=guess, delta=margin)
        assert isclose(by_ratio, plain.relative(counts, rho * multiple, rho), rel_tol=1e-9, abs_tol=scale)
        assert isclose(
            by_points, plain.absolute(counts, multiple, guess, margin), rel_tol=1e-9, abs_tol=scale
        )


@pytest.mark.parametrize("multiples", [(0.5, 2.0), (1.0, 3.0), (0.0, 0.5), (-1.0, 0.5)])
def test_alternatives_stand_on_one_side_of_the_margin(multiples: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="got"):
        Alternatives.of(*multiples)


@given(n=st.floats(0, 1e9), share=shares, margin=margins)
def test_the_expected_share_leaves_room_for_the_margin(n: float, share: float, margin: float) -> None:
    guess = expected_share(ArmCounts(n, n * share), delta=margin)

    assert 0 < guess <= guess + margin < 1
