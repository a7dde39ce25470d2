"""A router that sends another share than it says is named soon, and an honest one hardly ever."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serin.domain.analysis.dispersion import SOON, Swings
from serin.domain.analysis.evidence import Amount, Numbers
from serin.domain.analysis.split import FALSE_ALARM_RATE, RECENT, SETTLING, Split
from tests.unit.analysis.connections import HOUR, PODS, Connections, found_after, learnt
from tests.unit.analysis.outcomes import Binomial

RUNS = 400


def steady(phi: Amount) -> Swings:
    """As much however long one looks."""
    return Swings(phi, phi)


INDEPENDENT = steady(2.0)


def after(counts: list[tuple[float, float]], *, weight: float = 0.05, phi: Swings = INDEPENDENT) -> Split:
    split = Split.begin(weight=weight, phi=phi)
    for place, (canary, stable) in enumerate(counts):
        split = split.advanced(canary, stable, elapsed=15.0 * place)
    return split


def independent(share: float, *, per_second: float, intervals: int, runs: int = RUNS) -> Numbers:
    """Requests to the canary and to the stable, each sent by itself."""
    dice = np.random.default_rng(11)
    means = np.array([share, 1 - share])[:, None] * per_second * 15
    return dice.poisson(np.broadcast_to(means, (intervals, 2, runs))).astype(float)


@pytest.mark.parametrize("weight", [0.0, 0.01, 0.05, 0.25, 0.5, 0.8, 1.0])
@settings(deadline=None)
@given(requests=st.integers(0, 8), position=st.floats(0, 1), phi=st.floats(1, 50))
def test_evidence_does_not_grow_while_the_share_passes(
    weight: float, requests: int, position: float, phi: float
) -> None:
    split = Split.begin(weight=weight, phi=steady(phi))
    share = split.least + position * (split.most - split.least)
    served = Binomial(requests, share)

    ours = served.bad[:, None, None]
    factors = np.exp((ours * split.canary + (requests - ours) * split.stable) / phi)

    assert (served.chances[:, None, None] * factors).sum(axis=0).max() <= 1 + 1e-9


@pytest.mark.parametrize("weight", [0.05, 0.25, 0.5])
@settings(deadline=None)
@given(position=st.floats(0, 1), soon=st.floats(1, 5), later=st.floats(1, 5))
def test_nor_does_it_over_a_whole_course(weight: float, position: float, soon: float, later: float) -> None:
    """A request in each interval, wherever it goes, while one dispersion gives way to the other."""
    tested = SOON + 3
    courses = np.array(list(product((0.0, 1.0), repeat=tested))).T
    split = Split.begin(weight=weight, phi=Swings(soon, later))
    share = split.least + position * (split.most - split.least)

    for place, ours in enumerate([np.zeros(2**tested)] * SETTLING + list(courses)):
        split = split.advanced(ours, 1 - ours, elapsed=15.0 * place)

    chances = np.where(courses, share, 1 - share).prod(axis=0)
    assert (chances * np.exp(split.log_value)).sum() <= 1 + 1e-9


@pytest.mark.parametrize(
    ("per_second", "share", "scrapes"),
    [(10, 0.0, 4), (20, 0.0, 3), (100, 0.0, 3), (100, 1.0, 3), (100, 0.5, 3), (1000, 0.5, 3)],
)
def test_a_stuck_router_is_named_as_soon_as_promised(per_second: float, share: float, scrapes: int) -> None:
    found = found_after(independent(share, per_second=per_second, intervals=20), weight=0.05, phi=INDEPENDENT)

    assert np.quantile(found, 0.95) == scrapes


@pytest.mark.parametrize("weight", [0.01, 0.05, 0.25, 0.5])
def test_an_hour_of_requests_sent_one_by_one_raises_no_alarm(weight: float) -> None:
    counts = independent(weight, per_second=100, intervals=HOUR)

    assert np.isinf(found_after(counts, weight=weight, phi=INDEPENDENT)).all()


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_stuck_router_is_named_through_short_connections(share: float) -> None:
    traffic = Connections(np.random.default_rng(3), rollouts=40, count=200, life=30)
    phi = learnt(traffic.requests([1 / PODS] * PODS, intervals=HOUR))
    traffic.requests([share, 1 - share], intervals=3)  # the old connections' lives

    found = found_after(traffic.requests([share, 1 - share], intervals=20), weight=0.05, phi=phi)

    assert 7 < np.median(phi.soon) < 12 < np.median(phi.later) < 15
    assert np.median(found) == 3


@pytest.mark.parametrize("count", [20, 50])
def test_ten_minute_connections_raise_few_alarms(count: int) -> None:
    traffic = Connections(np.random.default_rng(4), rollouts=100, count=count, life=600, limited=False)
    phi = learnt(traffic.requests([1 / PODS] * PODS, intervals=HOUR))
    traffic.requests([0.05, 0.95], intervals=HOUR)

    found = found_after(traffic.requests([0.05, 0.95], intervals=HOUR), weight=0.05, phi=phi)

    assert Split.begin(weight=0.05, phi=phi).blind.all()
    assert np.isfinite(found).mean() <= 0.01


def test_the_first_scrapes_at_a_weight_are_not_tested() -> None:
    split = after([(0, 1500)] * SETTLING)

    assert (split.log_value, split.settled, split.share) == (0, False, None)
    assert after([(75, 1425)] * (SETTLING + RECENT)).settled


@pytest.mark.parametrize("phi", [INDEPENDENT, Swings(12.5, 15.5)], ids=["independent", "connections"])
@pytest.mark.parametrize("at", [0, 1, 2, 20])
@pytest.mark.parametrize("ours", [0.0, 1500.0])
def test_no_single_scrape_names_a_router(ours: float, at: int, phi: Swings) -> None:
    """One that is late or lost reaches two intervals, as counts are interpolated."""
    course = [(75.0, 1425.0)] * (SETTLING + 40)
    course[SETTLING + at : SETTLING + at + 2] = [(ours, 1500.0 - ours)] * 2

    assert not any(after(course[:end], phi=phi).mismatch for end in range(len(course) + 1))


def test_a_mismatch_is_over_with_the_share_back_inside() -> None:
    stuck = [(75.0, 1425.0)] * SETTLING + [(0.0, 1500.0)] * 20

    assert after(stuck).mismatch
    assert after([*stuck, (75, 1425)]).mismatch  # 75 of the last three scrapes' 4500
    assert after([*stuck, (0, 0), (0, 0), (0, 0)]).mismatch

    over = after([*stuck, (75, 1425), (75, 1425)])

    assert (over.mismatch, over.log_value) == (False, 0)
    assert after([*stuck, *[(75, 1425)] * 2, *[(0, 1500)] * 3]).mismatch


def test_many_routers_at_once_are_each_of_them() -> None:
    """Also where only some of them recover, and begin anew."""
    stuck, honest = [(0.0, 1500.0)] * 10, [(75.0, 1425.0)] * 10
    courses = [stuck + honest, honest + stuck, honest + honest, stuck + stuck]
    split = Split.begin(weight=0.05, phi=steady(np.full(4, 3.0)))

    for place, counts in enumerate(zip(*courses, strict=True)):
        canary, stable = np.array(counts).T
        split = split.advanced(canary, stable, elapsed=15.0 * place)

    apart = [after(course, phi=steady(3.0)) for course in courses]
    assert split.mismatch.tolist() == [one.mismatch for one in apart] == [False, True, False, True]
    assert split.log_value == pytest.approx([float(one.log_value) for one in apart], abs=1e-12)


@pytest.mark.parametrize(("weight", "sides"), [(0.01, 1), (0.05, 2), (0.6, 2), (0.7, 1), (1.0, 1)])
def test_a_limit_that_cannot_be_passed_is_not_tested(weight: float, sides: int) -> None:
    split = Split.begin(weight=weight, phi=INDEPENDENT)

    assert len(split.canary) == sides
    assert 0 <= split.least < weight < split.most <= 1 or weight == split.most == 1


def test_one_alarm_in_a_thousand_is_what_is_accepted() -> None:
    """At the very edge of what passes, where alarms are most likely."""
    counts = independent(0.075, per_second=100, intervals=HOUR, runs=2000)

    found = found_after(counts, weight=0.05, phi=steady(1.0))

    assert np.isfinite(found).mean() <= FALSE_ALARM_RATE + 3 * np.sqrt(FALSE_ALARM_RATE / 2000)


@pytest.mark.parametrize("weight", [-0.1, 5.0])
def test_a_weight_is_a_share(weight: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        Split.begin(weight=weight, phi=INDEPENDENT)
