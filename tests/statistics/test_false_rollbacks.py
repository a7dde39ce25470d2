"""The user's one number: healthy canaries are rolled back no more often than that, whatever the world.

Asserted are upper ends of 95 % confidence intervals, of an hour with 240 looks.
"""

from dataclasses import replace

import pytest

from serin.workbench.simulation.conditions import CONDITIONS
from serin.workbench.simulation.grids import RATIO_ALONE, SEVERAL_PODS
from serin.workbench.simulation.rollouts import Rules, Step, Until
from tests.statistics.simulated import BOUND, ONE_POD, found, scenario

TRAFFIC = [(rps, bad) for rps in (1, 10, 100, 1000) for bad in (0.1, 1.0)]
RULES = {"one-pod": ONE_POD, "several-pods": SEVERAL_PODS, "ratio-alone": RATIO_ALONE}
WARM_UP = 120.0


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
@pytest.mark.parametrize(("per_second", "bad_percent"), TRAFFIC)
def test_a_healthy_canary_is_hardly_ever_rolled_back(
    per_second: float, bad_percent: float, rules: Rules
) -> None:
    healthy = found(scenario(per_second, bad_percent, rules=rules), runs=600)

    assert healthy.in_vain.upper <= BOUND


@pytest.mark.parametrize("bad_percent", [5.0, 20.0, 50.0, 80.0])
def test_nor_is_one_whose_bad_requests_are_common(bad_percent: float) -> None:
    healthy = found(scenario(100, bad_percent, rules=SEVERAL_PODS), runs=1000)

    assert healthy.in_vain.upper <= BOUND


def test_weights_that_rise_with_the_evidence_change_nothing() -> None:
    steps = tuple(Step(weight, 60) for weight in (5, 10, 25, 50))
    rising = replace(SEVERAL_PODS, steps=steps)

    healthy = found(scenario(100, 1, rules=rising, until=Until.PROMOTION), runs=1000)

    assert healthy.in_vain.upper <= BOUND
    assert healthy.promoted.happened.lower > 0.98


@pytest.mark.parametrize("rate", [0.05, 0.001])
def test_another_bound_is_kept_too(rate: float) -> None:
    strict = replace(SEVERAL_PODS, max_false_rollback_rate=rate)

    healthy = found(scenario(10, 1, rules=strict), runs=4000)

    assert healthy.in_vain.upper <= rate


@pytest.mark.parametrize("per_second", [10, 100, 1000])
@pytest.mark.parametrize("name", sorted(set(CONDITIONS) - {"unequal-pods", "warming"}))
def test_a_disturbance_is_no_reason(name: str, per_second: float) -> None:
    rules = replace(ONE_POD, warm_up=WARM_UP)

    healthy = found(scenario(per_second, 1, rules=rules, condition=CONDITIONS[name]), runs=600)

    assert healthy.in_vain.upper <= BOUND


@pytest.mark.parametrize("per_second", [10, 100, 1000])
def test_pods_that_differ_for_good_are_forgiven_by_the_larger_ratio(per_second: float) -> None:
    """A lone canary on a bad node cannot be told from a bad version: the bound holds on average only, and
    only for one pod's ratio of 1.5. At 1.25 it is missed, which is why that is for several pods.
    """
    rules = replace(ONE_POD, warm_up=WARM_UP)

    healthy = found(scenario(per_second, 1, rules=rules, condition=CONDITIONS["unequal-pods"]), runs=2000)

    assert healthy.in_vain.value <= BOUND


@pytest.mark.parametrize("per_second", [10, 100, 1000])
def test_warming_caches_are_forgiven_for_as_long_as_pods_are_left_out(per_second: float) -> None:
    warming = CONDITIONS["warming"]
    long_enough = replace(ONE_POD, warm_up=600.0)

    healthy = found(scenario(per_second, 1, rules=long_enough, condition=warming), runs=600)

    assert healthy.in_vain.upper <= BOUND


def test_a_warm_up_that_is_too_short_makes_warming_a_fault() -> None:
    """The limit of the promise: for eight minutes such a canary *is* worse, and it is told from a cold one by
    time alone.
    """
    rules = replace(ONE_POD, warm_up=WARM_UP)

    judged = found(scenario(1000, 1, rules=rules, condition=CONDITIONS["warming"]), runs=250)

    assert judged.in_vain.lower > 0.9


def test_without_a_warm_up_a_cold_start_is_harm() -> None:
    """What the 120 s are for."""
    judged = found(scenario(1000, 1, condition=CONDITIONS["cold-start"]), runs=250)

    assert judged.in_vain.lower > 0.9
