"""The claim itself: what is allowed hardly ever comes to harm, and what is not is hardly ever called safe.

By exact enumeration of all outcomes, by properties, and by hours right on the margin, where both are hardest.
"""

from collections.abc import Callable
from functools import partial
from itertools import product
from math import log

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from serin.domain.analysis.evidence import (
    SAFE_ODDS,
    SAFE_RATIOS,
    WORSE_ODDS,
    WORSE_RATIOS,
    Alternatives,
    Amount,
    ArmCounts,
    Interval,
    Numbers,
    log_absolute,
    log_relative,
)
from serin.domain.analysis.ledger import Ledger
from serin.domain.analysis.policy import Promotion, SignalPolicy
from serin.domain.analysis.process import log_sum
from tests.unit.analysis.outcomes import Binomial, mean_over_outcomes
from tests.unit.analysis.worlds import errors

SIZES = [(1, 1), (1, 8), (2, 3), (3, 8), (8, 1), (8, 8)]
SHARES = [0.0, 0.001, 0.01, 0.1, 0.3, 0.5, 0.66, 0.79, 0.8, 0.95, 1.0]
RUNS = 1000

counts = st.tuples(st.floats(0, 500), st.floats(0, 1), st.floats(0, 5000), st.floats(0, 1))
margins = st.floats(1, 3)


def interval(found: tuple[float, float, float, float]) -> Interval:
    n_c, share_c, n_s, share_s = found
    return Interval(ArmCounts(n_c, n_c * share_c), ArmCounts(n_s, n_s * share_s))


# Every factor, by enumeration


@pytest.mark.parametrize("rho", [1.0, 1.25, 1.5, 2.0])
@pytest.mark.parametrize("against", [WORSE_RATIOS, SAFE_RATIOS], ids=["harm", "safety"])
def test_factors_by_ratio_have_mean_one_at_most(against: Alternatives, rho: float) -> None:
    """Also where the margin allows the canary nearly all, or more than all, to be bad."""
    for (n_c, n_s), share in product(SIZES, SHARES):
        allowed = min(1.0, rho * share) if against.worse else share
        theirs = share if against.worse else share / rho

        means = mean_over_outcomes(
            Binomial(n_c, allowed), Binomial(n_s, theirs), lambda seen: log_relative(seen, against, rho=rho)
        )

        assert means.max() <= 1 + 1e-9, (n_c, n_s, share)


@pytest.mark.parametrize("delta", [0.0, 0.001, 0.01, 0.05, 0.25])
@pytest.mark.parametrize("against", [WORSE_ODDS, SAFE_ODDS], ids=["harm", "safety"])
def test_factors_by_points_have_mean_one_at_most(against: Alternatives, delta: float) -> None:
    """However wrong the guess at the stable's share is; shifts of a distribution are judged so too."""
    for (n_c, n_s), share, guess in product(SIZES, SHARES, (1e-6, 0.01, 0.5, 0.7)):
        means = mean_over_outcomes(
            Binomial(n_c, min(1.0, share + delta)),
            Binomial(n_s, min(share, 1 - delta)),
            partial(log_absolute, against=against, mu=guess, delta=delta),
        )

        assert means.max() <= 1 + 1e-9, (n_c, n_s, share, guess)


@given(
    n_c=st.integers(0, 8), n_s=st.integers(0, 8), rho=margins, share=st.floats(0, 1), better=st.floats(0, 1)
)
def test_a_canary_better_than_the_margin_gains_no_evidence_of_harm(
    n_c: int, n_s: int, rho: float, share: float, better: float
) -> None:
    stable = Binomial(n_s, share)
    by_ratio, by_points = Binomial(n_c, better * min(1, rho * share)), Binomial(n_c, better * share)

    means = [
        mean_over_outcomes(by_ratio, stable, lambda seen: log_relative(seen, WORSE_RATIOS, rho=rho)),
        mean_over_outcomes(
            by_points, stable, lambda seen: log_absolute(seen, WORSE_ODDS, mu=0.1, delta=0.001)
        ),
    ]

    assert np.max(means) <= 1 + 1e-9


# The whole fold, by enumeration of all paths


def all_paths(
    risk_c: float, risk_s: float, *, intervals: int, signals: tuple[SignalPolicy, ...]
) -> tuple[list[Ledger], Numbers]:
    """Ledgers after all that can happen to two requests on either side in each interval, and the chances.

    Signals count the same bad requests, or with every second one the good ones: they depend on each other as
    much as they can.
    """
    one = [
        (bad_c, bad_s, p_c * p_s)
        for bad_c, p_c in enumerate(Binomial(2, risk_c).chances)
        for bad_s, p_s in enumerate(Binomial(2, risk_s).chances)
    ]
    paths = np.array(list(product(range(len(one)), repeat=intervals)))
    bad_c, bad_s, chances = (np.array([row[k] for row in one])[paths] for k in range(3))
    ledgers = []
    for place, signal in enumerate(signals):
        ledger = Ledger.open(signal, Promotion(), began=0, past=ArmCounts(50, 10), phi=1.0, step=0)
        for t in range(intervals):
            mirrored = place % 2 == 1
            ours, theirs = (2.0 - b if mirrored else b * 1.0 for b in (bad_c[:, t], bad_s[:, t]))
            seen = Interval(
                ArmCounts(np.full(len(paths), 2.0), ours), ArmCounts(np.full(len(paths), 2.0), theirs)
            )
            ledger = ledger.advanced(seen, start=40.0 * t, lone_pod=t % 2 == 0)
        ledgers.append(ledger)
    return ledgers, chances.prod(axis=1)


@pytest.mark.parametrize("risk", [0.01, 0.1, 0.19])
def test_the_whole_harm_test_has_mean_one_at_most(risk: float) -> None:
    """With its mixture, onsets, cap, learning and a margin that comes and goes."""
    (ledger,), chances = all_paths(1.25 * risk, risk, intervals=4, signals=(errors(),))

    assert chances @ np.exp(ledger.relative.log_value) <= 1 + 1e-9
    assert chances @ np.exp(ledger.log_harm) <= 1 + 1e-9
    (ledger,), chances = all_paths(risk + 0.001, risk, intervals=4, signals=(errors(),))
    assert chances @ np.exp(ledger.absolute.log_value) <= 1 + 1e-9


@pytest.mark.parametrize("risk", [0.002, 0.01, 0.04])
def test_the_whole_safety_test_has_mean_one_at_most(risk: float) -> None:
    """At the nearest point to healthy that is unsafe by both forms."""
    (ledger,), chances = all_paths(max(2 * risk, risk + 0.05), risk, intervals=4, signals=(errors(),))

    assert chances @ np.exp(ledger.log_safety) <= 1 + 1e-9


def test_signals_that_depend_on_each_other_are_weighed_without_loss() -> None:
    """A weighted mean of their evidence; a product would not do, as the last line shows."""
    signals = (errors(), errors(), errors(max_ratio=2.0), errors(max_increase=0.05))
    ledgers, chances = all_paths(0.1, 0.1, intervals=4, signals=signals)
    weights = np.log([0.4, 0.3, 0.2, 0.1])

    logs = np.stack([one.log_harm for one in ledgers], axis=-1)

    assert chances @ np.exp(log_sum(logs + weights)) <= 1 + 1e-9
    single = ledgers[0].relative.log_mixture
    assert chances @ np.exp(2 * single) > chances @ np.exp(single)


# Properties


@given(found=st.lists(counts, min_size=1, max_size=5))
def test_without_canary_requests_evidence_stays(found: list[tuple[float, float, float, float]]) -> None:
    ledger = Ledger.open(errors(), Promotion(), began=0, past=ArmCounts(1e4, 100), phi=1.0, step=0)
    for place, one in enumerate(found):
        ledger = ledger.advanced(interval(one), start=15.0 * place, lone_pod=False)

    idle = ledger.advanced(interval((0, 0, 500, 0.5)), start=15.0 * (len(found) - 1), lone_pod=True)

    assert idle.log_harm == pytest.approx(ledger.log_harm, abs=1e-9)
    assert idle.log_safety == pytest.approx(ledger.log_safety, abs=1e-9)


@given(found=counts, rho=margins, more=st.floats(1, 10))
def test_more_errors_on_the_stable_are_never_more_evidence_of_harm(
    found: tuple[float, float, float, float], rho: float, more: float
) -> None:
    n_c, share_c, n_s, share_s = found
    seen, worse = interval(found), interval((n_c, share_c, n_s, min(1.0, more * share_s)))

    factors: list[Callable[[Interval], Amount]] = [
        partial(log_relative, against=WORSE_RATIOS, rho=rho),
        partial(log_absolute, against=WORSE_ODDS, mu=0.02, delta=0.001),
    ]
    for factor in factors:
        assert np.all(factor(worse) <= factor(seen) + 1e-9 * (n_c + n_s + 1))


@given(found=counts, rho=margins, cut=st.floats(0.01, 0.99))
def test_an_interval_says_as_much_in_two_halves(
    found: tuple[float, float, float, float], rho: float, cut: float
) -> None:
    n_c, share_c, n_s, share_s = found
    parts = [interval((n_c * part, share_c, n_s * part, share_s)) for part in (cut, 1 - cut)]
    assume(all(part.comparable == interval(found).comparable for part in parts))  # a trace counts for nothing

    factors: list[Callable[[Interval], Amount]] = [
        *(partial(log_relative, against=against, rho=rho) for against in (WORSE_RATIOS, SAFE_RATIOS)),
        *(
            partial(log_absolute, against=against, mu=0.02, delta=0.001)
            for against in (WORSE_ODDS, SAFE_ODDS)
        ),
    ]
    for factor in factors:
        whole = factor(interval(found))
        assert factor(parts[0]) + factor(parts[1]) == pytest.approx(whole, rel=1e-9, abs=1e-6)


@given(found=st.lists(counts, min_size=2, max_size=6), data=st.data())
def test_the_order_of_intervals_within_a_minute_does_not_matter(
    found: list[tuple[float, float, float, float]], data: st.DataObject
) -> None:
    """For the ratio: where the stable's share comes into it, that is learnt from the past, in order."""
    mixed = data.draw(st.permutations(found))

    ends = []
    for order in (found, mixed):
        ledger = Ledger.open(errors(), Promotion(), began=0, past=ArmCounts(), phi=1.0, step=0)
        for one in order:
            ledger = ledger.advanced(interval(one), start=0.0, lone_pod=False)
        ends.append(ledger)

    assert ends[0].relative.log_mixture == pytest.approx(ends[1].relative.log_mixture, rel=1e-9, abs=1e-7)
    assert ends[0].canary.bad == pytest.approx(ends[1].canary.bad)


# Hours right on the margin


def hours(
    canary: float, stable: float, *, per_second: float = 100.0, flapping: bool = False
) -> tuple[Numbers, Numbers]:
    """The highest evidence of harm by ratio, and of safety, in each of a thousand hours."""
    dice = np.random.default_rng(12)
    hour = ArmCounts(3600 * per_second, 3600 * per_second * stable)
    ledger = Ledger.open(errors(max_increase=0.0), Promotion(), began=0, past=hour, phi=1.0, step=0)
    harm, safety = np.zeros(RUNS), np.zeros(RUNS)
    for place in range(240):
        n_c, n_s = (dice.poisson(15 * per_second * part, RUNS) for part in (0.05, 0.95))
        seen = Interval(
            ArmCounts(n_c, dice.binomial(n_c, canary)), ArmCounts(n_s, dice.binomial(n_s, stable))
        )
        lone = dice.random(RUNS) < 0.5 if flapping else False
        ledger = ledger.advanced(seen, start=15.0 * place, lone_pod=lone)
        harm, safety = np.maximum(harm, ledger.log_harm), np.maximum(safety, ledger.log_safety)
    return harm, safety


def at_most(probability: float) -> float:
    """Three standard errors above it."""
    return probability + 3 * float(np.sqrt(probability * (1 - probability) / RUNS))


@pytest.mark.parametrize(
    ("stable", "per_second", "flapping"),
    [(0.001, 100.0, False), (0.01, 10.0, True), (0.01, 1000.0, False), (0.15, 100.0, True)],
)
def test_an_hour_on_the_margin_is_hardly_ever_harm(stable: float, per_second: float, flapping: bool) -> None:
    harm, _ = hours(1.25 * stable, stable, per_second=per_second, flapping=flapping)

    assert np.mean(harm >= log(100)) <= at_most(0.01)
    assert np.mean(harm >= log(10)) <= at_most(0.1)


@pytest.mark.parametrize(("canary", "stable"), [(0.012, 0.002), (0.06, 0.03), (0.35, 0.3)])
def test_an_hour_that_is_barely_unsafe_is_hardly_ever_safe(canary: float, stable: float) -> None:
    _, safety = hours(canary, stable)

    assert np.mean(safety >= log(20)) <= at_most(0.05)
