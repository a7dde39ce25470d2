"""Factors against exact enumeration: no outcome is left out, so no test here can be unlucky."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import comb, exp, isfinite

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from serin.domain.analysis.evidence import (
    SAFE_ODDS,
    WORSE_ODDS,
    ArmCounts,
    Interval,
    expected_share,
    log_absolute,
    log_relative,
)

served = st.integers(0, 8)
ratios = st.floats(0.5, 3)
worse = st.floats(1.01, 100)
shares = st.floats(0, 1)
guesses = st.floats(1e-6, 0.9)
margins = st.floats(0, 0.05)


@dataclass(frozen=True)
class Binomial:
    """Independent requests, each bad with the same risk."""

    requests: int
    risk: float

    def outcomes(self) -> Iterator[tuple[ArmCounts, float]]:
        for bad in range(self.requests + 1):
            ways = comb(self.requests, bad)
            chance = ways * self.risk**bad * (1 - self.risk) ** (self.requests - bad)
            yield ArmCounts(self.requests, bad), chance


def mean_over_outcomes(canary: Binomial, stable: Binomial, value: Callable[[Interval], float]) -> float:
    return sum(
        p_c * p_s * value(Interval(seen_c, seen_s))
        for seen_c, p_c in canary.outcomes()
        for seen_s, p_s in stable.outcomes()
    )


@given(n_c=served, n_s=served, rho=ratios, step=worse, share=shares)
@example(n_c=8, n_s=1, rho=2.0, step=100.0, share=1.0)  # every canary request bad, and still allowed
def test_harm_by_ratio_does_not_grow_at_the_margin(
    n_c: int, n_s: int, rho: float, step: float, share: float
) -> None:
    canary, stable = Binomial(n_c, min(share, share * rho)), Binomial(n_s, min(share, share * rho) / rho)

    mean = mean_over_outcomes(canary, stable, lambda seen: exp(log_relative(seen, theta=rho * step, rho=rho)))

    assert mean <= 1 + 1e-9


def test_harm_by_ratio_grows_beyond_the_margin() -> None:
    canary, stable = Binomial(8, 0.5), Binomial(8, 0.05)

    mean = mean_over_outcomes(canary, stable, lambda seen: exp(log_relative(seen, theta=10, rho=1.25)))

    assert mean > 2


@given(n_c=served, n_s=served, rho=st.floats(1.1, 3), below=st.floats(0.05, 0.99), share=shares)
def test_safety_by_ratio_does_not_grow_at_the_margin(
    n_c: int, n_s: int, rho: float, below: float, share: float
) -> None:
    canary, stable = Binomial(n_c, share), Binomial(n_s, share / rho)

    mean = mean_over_outcomes(
        canary, stable, lambda seen: exp(log_relative(seen, theta=rho * below, rho=rho))
    )

    assert mean <= 1 + 1e-9


@given(
    n_c=served,
    n_s=served,
    odds=st.sampled_from(WORSE_ODDS + SAFE_ODDS),
    guess=guesses,
    margin=margins,
    share=st.floats(0, 0.95),
)
@example(n_c=8, n_s=1, odds=1000.0, guess=1e-6, margin=0.001, share=0.5)  # the stake is cut by the small arm
@example(n_c=8, n_s=1, odds=0.001, guess=0.5, margin=0.05, share=0.0)
def test_points_do_not_grow_at_the_margin(
    n_c: int, n_s: int, odds: float, guess: float, margin: float, share: float
) -> None:
    canary, stable = Binomial(n_c, share + margin), Binomial(n_s, share)

    mean = mean_over_outcomes(
        canary, stable, lambda seen: exp(log_absolute(seen, odds=odds, mu=guess, delta=margin))
    )

    assert mean <= 1 + 1e-9


@pytest.mark.parametrize(
    ("odds", "risk"), [(10.0, 0.9), (0.1, 0.0)], ids=["harm when far worse", "safety without errors"]
)
def test_points_grow_beyond_the_margin(odds: float, risk: float) -> None:
    canary, stable = Binomial(8, risk), Binomial(8, 0.3)

    mean = mean_over_outcomes(
        canary, stable, lambda seen: exp(log_absolute(seen, odds=odds, mu=0.3, delta=0.05))
    )

    assert mean > 1.5


@given(bad=st.integers(0, 8), total=served, other=worse)
def test_an_arm_without_requests_says_nothing(bad: int, total: int, other: float) -> None:
    one_sided = Interval(ArmCounts(), ArmCounts(8, bad)), Interval(ArmCounts(8, bad), ArmCounts())

    assert [log_relative(seen, theta=other * 1.25, rho=1.25) for seen in one_sided] == [0, 0]
    assert [log_absolute(seen, odds=other, mu=0.1, delta=0.001) for seen in one_sided] == [0, 0]


@given(n=st.floats(0.01, 1e6), share=shares, odds=st.sampled_from(WORSE_ODDS + SAFE_ODDS), guess=guesses)
def test_no_count_is_ruled_out_for_good(n: float, share: float, odds: float, guess: float) -> None:
    all_or_nothing = [
        Interval(ArmCounts(n, n * a), ArmCounts(3.5, 3.5 * b)) for a in (share, 0, 1) for b in (0, 1)
    ]

    assert all(isfinite(log_absolute(seen, odds=odds, mu=guess, delta=0.05)) for seen in all_or_nothing)


@pytest.mark.parametrize(("theta", "rho"), [(0.0, 1.25), (2.0, 0.0), (-1.0, 1.0)])
def test_impossible_ratios_are_refused_with_their_values(theta: float, rho: float) -> None:
    with pytest.raises(ValueError, match=f"theta={theta}, rho={rho}"):
        log_relative(Interval(ArmCounts(1, 1), ArmCounts(1, 0)), theta=theta, rho=rho)


@given(n=st.floats(0, 1e9), share=shares, margin=margins)
def test_the_expected_share_leaves_room_for_the_margin(n: float, share: float, margin: float) -> None:
    guess = expected_share(ArmCounts(n, n * share), delta=margin)

    assert 0 < guess <= guess + margin < 1
