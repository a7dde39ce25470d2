"""A wholly failing canary is found while it warms up; a slow start never is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serin.domain.analysis.evidence import WORSE_ODDS, ArmCounts, Interval, Numbers, log_absolute
from serin.domain.analysis.warming import FALSE_ALARM_RATE, FORGIVEN_INCREASE, Warming
from tests.unit.analysis.outcomes import Binomial, mean_over_outcomes

RUNS = 2000


def found_after(risk: float, *, per_second: float, usual: float, intervals: int = 8) -> Numbers:
    """Scrapes until a catastrophe was seen, in each of many warm-ups; infinite where it was not."""
    dice = np.random.default_rng(6)
    hour = ArmCounts(3600 * per_second, 3600 * per_second * usual)
    warming, first = Warming.begin(began=0, past=hour, phi=1.0), np.full(RUNS, np.inf)
    for place in range(intervals):
        n_c, n_s = (dice.poisson(15 * per_second * part, RUNS) for part in (0.05, 0.95))
        canary, stable = ArmCounts(n_c, dice.binomial(n_c, risk)), ArmCounts(n_s, dice.binomial(n_s, usual))
        warming = warming.advanced(Interval(canary, stable), start=15.0 * place)
        first = np.where(np.isinf(first) & warming.catastrophic, place + 1, first)
    return first


@pytest.mark.parametrize("per_second", [100, 1000])
@pytest.mark.parametrize("usual", [0.0, 0.01])
def test_a_wholly_failing_canary_is_found_in_four_scrapes(per_second: float, usual: float) -> None:
    assert (found_after(1.0, per_second=per_second, usual=usual) == 4).all()


@pytest.mark.parametrize("per_second", [10, 100, 1000])
@pytest.mark.parametrize("usual", [0.001, 0.01])
def test_a_slow_start_is_forgiven(per_second: float, usual: float) -> None:
    """One request in twenty fails for the whole of the warm-up."""
    assert np.isinf(found_after(0.05, per_second=per_second, usual=usual)).all()


def test_false_alarms_are_one_in_ten_thousand_at_the_very_edge() -> None:
    found = found_after(0.01 + FORGIVEN_INCREASE, per_second=100, usual=0.01, intervals=40)

    assert np.isfinite(found).mean() <= FALSE_ALARM_RATE + 3 * np.sqrt(FALSE_ALARM_RATE / RUNS)


@given(n_c=st.integers(0, 8), n_s=st.integers(0, 8), guess=st.floats(1e-6, 0.74), share=st.floats(0, 0.75))
def test_evidence_of_a_catastrophe_does_not_grow_within_what_is_forgiven(
    n_c: int, n_s: int, guess: float, share: float
) -> None:
    canary, stable = Binomial(n_c, share + FORGIVEN_INCREASE), Binomial(n_s, share)

    means = mean_over_outcomes(
        canary, stable, lambda seen: log_absolute(seen, WORSE_ODDS, mu=guess, delta=FORGIVEN_INCREASE)
    )

    assert means.max() <= 1 + 1e-9


def test_clusters_take_more_evidence_and_counts_are_kept() -> None:
    seen = Interval(ArmCounts(10, 8), ArmCounts(190, 0))
    single, clustered = (
        Warming.begin(began=0, past=ArmCounts(1e4, 0), phi=phi).advanced(seen, start=0) for phi in (1.0, 4.0)
    )

    assert 0 < clustered.log_value < single.log_value
    assert (single.canary, single.stable, single.past) == (seen.canary, seen.stable, ArmCounts(10190, 0))
