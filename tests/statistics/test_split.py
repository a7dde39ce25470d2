"""A router that sends another share than it says is named, and one that does as it says is not."""

from math import inf

import numpy as np
import pytest

from serin.workbench.simulation.connections import Connections, Stage, named_after
from serin.workbench.simulation.estimates import Floats, quantile, share
from tests.statistics.simulated import SEED

AT_5_PERCENT = [Stage(0.05, 40)]
WHOLE = [Stage(0.05, 80), Stage(0.25, 80), Stage(0.5, 80)]
BATCH = 250


def named(
    stages: list[Stage], *, count: int, lifetime: float, runs: int, truth: float | None = None
) -> Floats:
    """Tested scrapes until the router is called wrong, at 100 requests a second."""
    found = []
    for number in range(runs // BATCH):
        dice = np.random.default_rng([SEED, number])
        fresh = Connections(per_second=100, count=count, lifetime=lifetime, runs=BATCH, dice=dice)
        found.append(named_after(fresh, stages, truth=truth))
    return np.concatenate(found)


@pytest.mark.parametrize("truth", [0.0, 0.5, 1.0], ids=["100 to 0", "50 to 50", "0 to 100"])
def test_a_stuck_router_is_named_within_three_scrapes(truth: float) -> None:
    scrapes = named(AT_5_PERCENT, count=1000, lifetime=30.0, runs=250, truth=truth)

    assert scrapes.max() <= 3


@pytest.mark.parametrize("lifetime", [15.0, 30.0])
def test_with_200_connections_it_is_in_99_percent(lifetime: float) -> None:
    """Their own swings count against the evidence, and of these an hour gives but an estimate."""
    nothing, half = (
        named(AT_5_PERCENT, count=200, lifetime=lifetime, runs=500, truth=truth) for truth in (0.0, 0.5)
    )

    assert half.max() <= 3
    assert quantile(nothing, 0.99).value <= 3
    assert quantile(nothing, 0.95).upper <= 3


def test_a_true_router_is_called_wrong_in_fewer_than_one_rollout_of_a_thousand() -> None:
    alarms = np.isfinite(named(WHOLE, count=200, lifetime=30.0, runs=4000)).sum()

    assert share(int(alarms), 4000).upper <= 0.001


@pytest.mark.parametrize("count", [20, 50])
def test_few_long_connections_raise_a_false_alarm_in_fewer_than_one_of_a_hundred(count: int) -> None:
    alarms = np.isfinite(named(WHOLE, count=count, lifetime=600.0, runs=1500)).sum()

    assert share(int(alarms), 1500).upper <= 0.01


def test_with_few_long_connections_the_test_is_nearly_blind() -> None:
    """The price, which the status tells: a canary that gets nothing may pass for one that is unlucky."""
    scrapes = named(AT_5_PERCENT, count=20, lifetime=600.0, runs=250, truth=0.0)

    assert np.median(scrapes) == inf
