"""How soon faults are found: medians and 95 % points as published, to a tenth or one scrape.

Published are figures of an independent implementation with the same margins (`FOUND`) and of the leanest test
of the kind (`LEAN`). They are simulated figures too: the confidence interval of ours has to reach theirs.
"""

from math import inf, isfinite

import pytest

from serin.workbench.simulation.estimates import Estimate, quantile
from serin.workbench.simulation.faults import Fault
from serin.workbench.simulation.findings import Times
from serin.workbench.simulation.grids import RATIO_ALONE, SEVERAL_PODS, WHOLE
from serin.workbench.simulation.oracle import oracle_times
from serin.workbench.simulation.rollouts import Rules, Until
from serin.workbench.simulation.scenarios import Scenario
from tests.statistics.simulated import ONE_POD, SCRAPE, SEED, found, scenario

RUNS = 1000
NEVER = inf
MINUTE = 60.0
LATE = Fault.parse("x5").beginning(20 * MINUTE)
RAMP = Fault.parse("x10").beginning(20 * MINUTE, ramp=40 * MINUTE)

LEAN: dict[tuple[str, float, float], tuple[float, float]] = {
    ("x2", 10, 1): (NEVER, NEVER),
    ("x2", 100, 0.1): (NEVER, NEVER),
    ("x2", 100, 1): (15 * MINUTE, 31 * MINUTE),
    ("x2", 1000, 1): (105, 210),
    ("x5", 1, 1): (NEVER, NEVER),
    ("x5", 10, 0.1): (NEVER, NEVER),
    ("x5", 10, 1): (480, 18 * MINUTE),
    ("x5", 100, 0.1): (435, 20 * MINUTE),
    ("x5", 100, 1): (60, 120),
    ("x5", 1000, 1): (15, 15),
    ("+1pp", 10, 0.1): (17 * MINUTE, 42 * MINUTE),
    ("+1pp", 100, 0.1): (120, 270),
    ("+1pp", 100, 1): (14 * MINUTE, 32 * MINUTE),
    ("+1pp", 1000, 1): (105, 195),
    ("+5pp", 1, 0.1): (23 * MINUTE, 58 * MINUTE),
    ("+5pp", 10, 0.1): (135, 330),
    ("+5pp", 10, 1): (345, 12 * MINUTE),
    ("+5pp", 100, 0.1): (15, 45),
    ("+5pp", 100, 1): (45, 90),
    ("100%", 1, 0.1): (75, 135),
    ("100%", 1, 1): (75, 150),
    ("100%", 10, 1): (15, 15),
    ("100%", 100, 1): (15, 15),
    ("100%", 1000, 1): (15, 15),
}
FOUND: dict[tuple[str, float, float], tuple[tuple[float, float], tuple[float, float]]] = {
    ("x2", 100, 1): ((14 * MINUTE, 33 * MINUTE), (38 * MINUTE, NEVER)),
    ("x2", 1000, 1): ((105, 225), (255, 450)),
    ("x5", 10, 1): ((480, 18 * MINUTE), (10 * MINUTE, 24 * MINUTE)),
    ("x5", 100, 0.1): ((16 * MINUTE, 36 * MINUTE), (16 * MINUTE, 36 * MINUTE)),
    ("x5", 100, 1): ((60, 120), (75, 165)),
    ("x5", 1000, 0.1): ((105, 225), (105, 225)),
    ("x5", 1000, 1): ((30, 30), (30, 30)),
    ("+1pp", 10, 0.1): ((24 * MINUTE, 60 * MINUTE), (24 * MINUTE, 60 * MINUTE)),
    ("+1pp", 100, 0.1): ((180, 375), (180, 375)),
    ("+1pp", 1000, 0.1): ((30, 60), (30, 60)),
    ("+1pp", 100, 1): ((14 * MINUTE, 31 * MINUTE), (39 * MINUTE, NEVER)),
    ("+5pp", 10, 0.1): ((150, 405), (150, 405)),
    ("+5pp", 10, 1): ((330, 14 * MINUTE), (420, 16 * MINUTE)),
    ("+5pp", 100, 0.1): ((30, 60), (30, 60)),
    ("+5pp", 100, 1): ((45, 90), (60, 105)),
    ("100%", 10, 1): ((30, 30), (30, 30)),
    ("100%", 100, 1): ((30, 30), (30, 30)),
    ("100%", 1000, 1): ((30, 30), (30, 30)),
    ("100%", 1, 1): ((75, 150), (90, 165)),
}
"""Several canary pods, then one. At 1 request a second one pod's is our own."""


def reaches(ours: Estimate, published: float, *, tenths: float = 1.0) -> bool:
    """Whether the interval of ours comes within tenths of it or one scrape."""
    if not isfinite(published):
        return ours.upper == inf
    near = max(tenths * published / 10, SCRAPE)
    return ours.lower <= published + near and ours.upper >= published - near


def detection(asked: Scenario, runs: int = RUNS) -> Times:
    return found(asked, runs=runs).detected


@pytest.mark.parametrize(("fault", "per_second", "bad_percent"), LEAN)
def test_the_leanest_test_is_as_fast_as_published(fault: str, per_second: float, bad_percent: float) -> None:
    median, late = LEAN[fault, per_second, bad_percent]

    times = detection(scenario(per_second, bad_percent, fault, rules=RATIO_ALONE))

    assert reaches(times.median, median)
    assert reaches(times.late, late)


@pytest.mark.parametrize("rules", [SEVERAL_PODS, ONE_POD], ids=["several-pods", "one-pod"])
@pytest.mark.parametrize(("fault", "per_second", "bad_percent"), FOUND)
def test_the_judge_is_as_fast_as_published(
    fault: str, per_second: float, bad_percent: float, rules: Rules
) -> None:
    median, late = FOUND[fault, per_second, bad_percent][rules.lone_pod]

    times = detection(scenario(per_second, bad_percent, fault, rules=rules))

    assert reaches(times.median, median)
    assert reaches(times.late, late)


@pytest.mark.parametrize(
    ("rules", "per_second", "median", "late"),
    [
        pytest.param(SEVERAL_PODS, 100, 105, 165, id="100 a second"),
        pytest.param(SEVERAL_PODS, 1000, 30, 30, id="1000 a second"),
        pytest.param(RATIO_ALONE, 100, 90, 165, id="leanest, 100 a second"),
        pytest.param(RATIO_ALONE, 1000, 15, 30, id="leanest, 1000 a second"),
        # Onsets are hedged over four hours and not, as where this was published, over one: a fifth later.
        pytest.param(RATIO_ALONE, 10, 1.2 * 10 * MINUTE, 1.1 * 22 * MINUTE, id="leanest, 10 a second"),
    ],
)
def test_a_fault_after_twenty_minutes_is_found_from_its_onset_on(
    rules: Rules, per_second: float, median: float, late: float
) -> None:
    times = detection(scenario(per_second, 1, LATE, rules=rules))

    assert reaches(times.median, median)
    assert reaches(times.late, late)


@pytest.mark.parametrize(("per_second", "median", "late"), [(10, 21, 28), (100, 10, 13), (1000, 5.5, 6.5)])
def test_a_fault_that_grows_slowly_is_found_on_its_way(per_second: float, median: float, late: float) -> None:
    times = detection(scenario(per_second, 1, RAMP, rules=RATIO_ALONE))

    assert reaches(times.median, median * MINUTE)
    assert reaches(times.late, late * MINUTE)


GROSS = [("x5", 100), ("x5", 1000), ("+5pp", 100), ("+5pp", 1000), ("100%", 100), ("100%", 1000)]


@pytest.mark.parametrize(("fault", "per_second"), GROSS)
def test_gross_faults_take_two_scrapes_more_than_the_oracle(fault: str, per_second: float) -> None:
    """The oracle knows the stable's share, the fault and its onset. x5 at 100 a second is just at the edge:
    49.5 % are found by then, of 20,000, so that the median is 60 s in one sample and 75 s in the next.
    """
    asked = scenario(per_second, 1, fault, rules=SEVERAL_PODS)

    oracle = quantile(oracle_times(asked, runs=RUNS, seed=SEED), 0.5)

    assert detection(asked).median.lower <= oracle.value + 2 * SCRAPE


@pytest.mark.parametrize(("fault", "per_second"), GROSS)
def test_so_they_do_for_one_pod_beside_the_oracle_that_allows_it_as_much(
    fault: str, per_second: float
) -> None:
    """A lone pod may be 1.5 times as bad. An oracle that does not care is three scrapes ahead for x5 at 100
    requests a second; one that tests the same margins is two.
    """
    asked = scenario(per_second, 1, fault)

    oracle = quantile(oracle_times(asked, runs=RUNS, seed=SEED, same_margins=True), 0.5)

    assert detection(asked).median.value <= oracle.value + 2 * SCRAPE


@pytest.mark.parametrize(("fault", "bad_percent"), [("x5", 0.1), ("x5", 1), ("x2", 1), ("100%", 0.1)])
def test_a_fault_is_never_promoted_where_traffic_shows_it(fault: str, bad_percent: float) -> None:
    """1,000 requests a second over the default steps. Five times as bad as one in a thousand is within the
    one point that promotion allows, but evidence of harm comes first.
    """
    asked = scenario(1000, bad_percent, fault, rules=WHOLE, until=Until.PROMOTION, seconds=120 * MINUTE)

    rollouts = found(asked, runs=2000)

    assert rollouts.promoted.happened.value == 0
    assert rollouts.detected.happened.value == 1
