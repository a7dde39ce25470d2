"""Histograms as wholes: a shift or a slowdown beyond the margin is harm, anything within it is safe."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import beta, lognorm

from serin.domain.analysis.dispersion import UNKNOWN, cut_dispersion
from serin.domain.analysis.distribution import Account, DistributionLedger, open_ledger
from serin.domain.analysis.evidence import ArmCounts, Interval, Numbers
from serin.domain.analysis.ledger import Ledger
from serin.domain.analysis.policy import Counter, Promotion, SignalPolicy
from serin.domain.analysis.tails import Tail, Tails, cuts_of
from serin.domain.analysis.verdict import Pin
from tests.unit.analysis.worlds import errors

RUNS = 40
TENTHS = tuple(k / 10 for k in range(1, 10))
NATIVE = tuple(float(b) for b in 2.0 ** (np.arange(20, 48) / 4))
"""Milliseconds, in the bounds of a native histogram of schema 2."""
STEP = 2**0.25
Shares = Callable[[Numbers], Numbers]


def scores(a: float, b: float = 5.0) -> Shares:
    return lambda cuts: beta.cdf(cuts, a, b)


def latency(times: float = 1.0) -> Shares:
    """With a median of 100 ms, and four times that at 99 %."""
    return lambda cuts: lognorm.cdf(cuts, np.log(4) / 2.326, scale=100 * times)


def distribution(**margins: float) -> SignalPolicy:
    histogram = Counter(metric="score_bucket")
    return SignalPolicy(
        name="scores",
        requests=Counter(metric="score_count"),
        bad=None,
        within=histogram,
        **margins,  # type: ignore[arg-type]
    )


SHIFT, SLOWER = distribution(max_shift=0.05), distribution(max_slowdown=STEP)


def opened(signal: SignalPolicy, cuts: tuple[float, ...], stable: Shares, *, runs: int = 1) -> Account:
    hour = np.full(runs, 360_000.0) if runs > 1 else np.float64(360_000.0)
    past = ArmCounts(hour, np.multiply.outer(hour, stable(np.array(cuts))))
    return open_ledger(signal, Promotion(), began=0, past=past, phi=1.0, step=0, cuts=cuts)


def judged(
    signal: SignalPolicy,
    canary: Shares,
    stable: Shares,
    *,
    cuts: tuple[float, ...],
    per_second: float = 100.0,
    intervals: int = 240,
) -> tuple[Numbers, Numbers]:
    """Seconds until harm and until safety were found, in each of many rollouts with 5 % on the canary."""
    dice = np.random.default_rng(8)
    ledger = opened(signal, cuts, stable, runs=RUNS)
    harm, safe = np.full(RUNS, np.inf), np.full(RUNS, np.inf)

    def arm(shares: Shares, part: float) -> ArmCounts:
        n = dice.poisson(15 * per_second * part, RUNS)
        within = np.diff(np.concatenate([[0], shares(np.array(cuts)), [1]]))
        return ArmCounts(
            n.astype(float), np.cumsum(dice.multinomial(n, within), axis=1)[:, :-1].astype(float)
        )

    for place in range(intervals):
        seen = Interval(arm(canary, 0.05), arm(stable, 0.95))
        ledger = ledger.advanced(seen, start=15.0 * place, lone_pod=False)
        now = 15.0 * (place + 1)
        harm = np.where(np.isinf(harm) & (ledger.log_harm >= np.log(100)), now, harm)
        safe = np.where(np.isinf(safe) & ledger.safe, now, safe)
    return harm, safe


@pytest.mark.parametrize(
    ("canary", "per_second", "seconds"),
    [
        pytest.param(scores(2.5), 100, 240, id="scores a sixth higher"),
        pytest.param(scores(2.5), 1000, 45, id="scores a sixth higher, with more traffic"),
        pytest.param(lambda cuts: np.clip((cuts - 0.2) / 0.2, 0, 1), 100, 30, id="all of one kind"),
    ],
)
def test_a_shift_is_found_as_soon_as_published(canary: Shares, per_second: float, seconds: float) -> None:
    harm, safe = judged(SHIFT, canary, scores(2), cuts=TENTHS, per_second=per_second, intervals=40)

    assert np.median(harm) <= seconds
    assert np.isinf(safe).all()


def test_a_small_shift_is_safe() -> None:
    harm, safe = judged(SHIFT, scores(2.05), scores(2), cuts=TENTHS, per_second=1000, intervals=40)

    assert np.isinf(harm).all()
    assert np.median(safe) <= 120


def test_a_shift_right_on_the_margin_is_neither_harm_nor_safe() -> None:
    def stuck(cuts: Numbers) -> Numbers:
        return scores(2)(cuts) * 0.95  # one score in twenty is 1

    harm, safe = judged(SHIFT, stuck, scores(2), cuts=TENTHS, per_second=1000, intervals=100)

    assert np.isfinite(harm).mean() <= 0.01
    assert np.isfinite(safe).mean() <= 0.1


@pytest.mark.parametrize(("per_second", "seconds"), [(100, 75), (1000, 30)])
def test_a_slowdown_is_found_as_soon_as_published(per_second: float, seconds: float) -> None:
    cuts = cuts_of(SLOWER, NATIVE, tuple(latency()(np.array(NATIVE))))

    harm, safe = judged(SLOWER, latency(1.5), latency(), cuts=cuts, per_second=per_second, intervals=20)

    assert np.median(harm) <= seconds
    assert np.isinf(safe).all()


@pytest.mark.parametrize("times", [1.0, 1.1, STEP], ids=["as fast", "a tenth slower", "right on the margin"])
def test_what_is_as_slow_as_allowed_is_no_harm(times: float) -> None:
    cuts = cuts_of(SLOWER, NATIVE, tuple(latency()(np.array(NATIVE))))

    harm, safe = judged(SLOWER, latency(times), latency(), cuts=cuts, intervals=100)

    assert np.isinf(harm).all()
    assert times == STEP or np.median(safe) <= 300


def test_tails_of_a_shift_are_both_sides_of_each_cut() -> None:
    tails = Tails.of(SHIFT, (0.2, 0.8))

    counted = tails.count(
        Interval(ArmCounts(10.0, np.array([1.0, 9.0])), ArmCounts(100.0, np.array([5.0, 50.0])))
    )

    assert [tails[k] for k in range(4)] == [
        Tail(0.2, 0.2, above=False),
        Tail(0.8, 0.8, above=False),
        Tail(0.2, 0.2, above=True),
        Tail(0.8, 0.8, above=True),
    ]
    assert counted.canary.bad.tolist() == [1, 9, 9, 1]
    assert counted.stable.bad.tolist() == [5, 50, 95, 50]


def test_tails_of_a_slowdown_hold_each_bound_against_a_smaller_one() -> None:
    tails = Tails.of(distribution(max_slowdown=2.0), (0.1, 0.2, 0.3, 0.6, 1.0))

    assert [tails[k] for k in range(len(tails))] == [
        Tail(0.2, 0.1, above=True),
        Tail(0.3, 0.1, above=True),
        Tail(0.6, 0.3, above=True),
        Tail(1.0, 0.3, above=True),
    ]


def test_a_margin_in_few_digits_means_the_bounds_it_is_written_for() -> None:
    tails = Tails.of(distribution(max_slowdown=1.2), NATIVE)

    assert {round(tails[k].canary / tails[k].stable, 6) for k in range(len(tails))} == {round(STEP, 6)}


def test_a_histogram_with_few_bounds_is_cut_at_all_of_them() -> None:
    assert cuts_of(SHIFT, TENTHS, TENTHS) == TENTHS


def test_a_fine_histogram_is_cut_at_its_tenths() -> None:
    hundredths = tuple(k / 100 for k in range(1, 101))

    assert cuts_of(SHIFT, hundredths, [b * 5000 for b in hundredths]) == TENTHS
    assert len(cuts_of(SHIFT, hundredths, [0.0] * 100)) == 9


def test_a_fine_histogram_is_cut_where_slowness_shows() -> None:
    cuts = cuts_of(SLOWER, NATIVE, tuple(latency()(np.array(NATIVE))))

    assert set(cuts) < set(NATIVE)
    assert len(Tails.of(SLOWER, cuts)) >= 8
    assert all(
        tail.canary / tail.stable < 1.01 * STEP**2
        for tail in map(Tails.of(SLOWER, cuts).__getitem__, range(8))
    )


def test_bounds_that_are_too_far_apart_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="scores: none of the bounds"):
        opened(distribution(max_slowdown=100.0), (0.1, 1.0), latency())


def one(
    signal: SignalPolicy, canary: list[float], stable: list[float], *, intervals: int = 10
) -> DistributionLedger:
    """Of 100 and of 1,900 requests in each interval, those at or below 0.2, 0.5 and 0.8."""
    ledger = opened(signal, (0.2, 0.5, 0.8), lambda cuts: cuts)
    for place in range(intervals):
        seen = Interval(ArmCounts(100.0, np.array(canary)), ArmCounts(1900.0, 19 * np.array(stable)))
        ledger = ledger.advanced(seen, start=15.0 * place, lone_pod=True)
    assert isinstance(ledger, DistributionLedger)
    return ledger


def test_the_tail_that_speaks_most_of_harm_is_told_of() -> None:
    ledger = one(SHIFT, [20, 30, 80], [20, 50, 80])

    assert ledger.tail == Tail(0.5, 0.5, above=True)
    assert (ledger.canary, ledger.stable) == (ArmCounts(1000.0, 700.0), ArmCounts(19_000.0, 9500.0))
    assert ledger.ratio == pytest.approx(0.2)
    assert ledger.log_harm > np.log(100)
    assert not ledger.leans_safe


def test_the_tail_least_shown_safe_is_told_of_a_step() -> None:
    ledger = one(SHIFT, [20, 53, 80], [20, 50, 80], intervals=40)

    assert ledger.step_tail == Tail(0.5, 0.5, above=False)
    assert ledger.step_canary == ArmCounts(4000.0, 2120.0)
    assert ledger.leans_safe


def test_how_much_more_often_requests_are_slow_is_told() -> None:
    ledger = one(distribution(max_slowdown=2.0), [20, 50, 60], [90, 98, 99])

    assert ledger.tail == Tail(0.5, 0.2, above=True)
    assert ledger.ratio == pytest.approx(5)
    assert ledger.bounds is None


def test_a_distribution_steps_learns_and_is_pinned_as_others_are() -> None:
    ledger = one(SHIFT, [20, 50, 80], [20, 50, 80], intervals=100)

    anew = ledger.at_step(1).learned(ArmCounts(100.0, np.array([1.0, 2.0, 3.0])))

    assert (ledger.safe, anew.safe, anew.at_step(1) is anew) == (True, False, True)
    assert (anew.step_canary, anew.log_safety, anew.log_harm) == (ArmCounts(), 0, ledger.log_harm)
    assert anew.past.bad[:3] == pytest.approx(ledger.past.bad[:3] + np.array([1, 2, 3]))
    pinned = open_ledger(
        SHIFT,
        Promotion(),
        began=0,
        past=ledger.totals.stable,
        phi=1.0,
        step=0,
        cuts=TENTHS[:6],
        pin=Pin(3.0, 0.1),
    )
    assert pinned.pin.phi == 3


def test_without_a_past_nothing_is_known_of_the_stable() -> None:
    blank = open_ledger(SHIFT, Promotion(), began=0, past=ArmCounts(), phi=1.0, step=0, cuts=TENTHS)

    assert (blank.log_harm, blank.log_safety, blank.ratio, bool(blank.safe)) == (0, 0, None, False)


def test_a_signal_that_counts_bad_requests_gets_a_ledger() -> None:
    ledger = open_ledger(errors(), Promotion(), began=0, past=ArmCounts(), phi=1.0, step=0, level=0.01)

    assert isinstance(ledger, Ledger)
    assert ledger.bounds is not None


def parts(*, together: int) -> list[dict[str, ArmCounts]]:
    dice = np.random.default_rng(2)
    return [
        {
            f"pod-{k}": ArmCounts(200.0, together * dice.binomial(200 // together, [0.3, 0.7]))
            for k in range(3)
        }
        for _ in range(240)
    ]


def test_a_cut_varies_as_much_as_independent_scores_do() -> None:
    assert cut_dispersion(parts(together=1), interval=15) == 1
    assert 4 < cut_dispersion(parts(together=5), interval=15) < 9
    assert cut_dispersion([], interval=15) == UNKNOWN
