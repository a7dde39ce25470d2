"""The promises where they are tight: a canary just as bad as is allowed, and bounds on the ratio.

Rates drift and weights follow the evidence, as they do in a rollout: what held only for fixed ones would fail
here. Binomial counts, so that large shares are what they are.
"""

from dataclasses import dataclass

import numpy as np
import pytest

from serin.domain.analysis.evidence import ArmCounts, Interval
from serin.domain.analysis.ledger import Ledger
from serin.domain.analysis.policy import Promotion, SignalPolicy
from serin.workbench.simulation.estimates import Floats, share
from serin.workbench.simulation.traffic import INTERVAL
from tests.statistics.simulated import BOUND, SEED
from tests.unit.analysis.worlds import errors

HOUR = 240
RATIO_ALONE = errors(max_increase=0.0)
BOTH = errors()


@dataclass(frozen=True)
class Drifting:
    """Traffic that comes and goes, whose canary is worse by a ratio and a difference all the time."""

    per_second: float
    usual: float
    ratio: float = 1.0
    more: float = 0.0

    def opened(self, ledger: Ledger, dice: np.random.Generator, *, runs: int) -> Ledger:
        """With the hour before."""
        requests = np.full(runs, self.per_second * 3600.0)
        return ledger.learned(_drawn(dice, requests, self.usual))

    def interval(self, number: int, weight: Floats, dice: np.random.Generator) -> Interval:
        usual = self.usual * (1 + 0.8 * np.sin(number / 15))
        served = self.per_second * INTERVAL * (1 + 0.5 * np.cos(number / 40))
        return Interval(
            _drawn(dice, served * weight, min(1.0, self.ratio * usual + self.more)),
            _drawn(dice, served * (1 - weight), usual),
        )


def _drawn(dice: np.random.Generator, expected: Floats, risk: float) -> ArmCounts:
    requests = dice.poisson(expected)
    return ArmCounts(requests.astype(np.float64), dice.binomial(requests, risk).astype(np.float64))


def an_hour(world: Drifting, ledger: Ledger, *, runs: int) -> tuple[Ledger, Floats]:
    """After it, and the highest evidence of harm of each; the weight is high while the canary looks good."""
    dice = np.random.default_rng(SEED)
    ledger = world.opened(ledger, dice, runs=runs)
    highest = np.full(runs, -np.inf)
    for number in range(HOUR):
        weight = np.where(np.asarray(ledger.log_harm) > 0, 0.05, 0.5) * np.ones(runs)
        ledger = ledger.advanced(
            world.interval(number, weight, dice), start=number * INTERVAL, lone_pod=False
        )
        highest = np.maximum(highest, ledger.log_harm)
    return ledger, highest


def fresh(signal: SignalPolicy = BOTH, *, usual: float, level: float | None = None) -> Ledger:
    past = ArmCounts(1e5, 1e5 * usual)
    return Ledger.open(signal, Promotion(), began=0, past=past, phi=1.0, step=0, level=level)


@pytest.mark.parametrize(
    ("signal", "world", "runs"),
    [
        pytest.param(RATIO_ALONE, Drifting(20, 0.002, ratio=1.25), 4000, id="ratio, rare"),
        pytest.param(RATIO_ALONE, Drifting(100, 0.01, ratio=1.25), 1000, id="ratio, one in a hundred"),
        pytest.param(RATIO_ALONE, Drifting(1000, 0.1, ratio=1.25), 1000, id="ratio, one in ten"),
        pytest.param(BOTH, Drifting(100, 0.01, ratio=1.25), 1000, id="both, at the ratio"),
        pytest.param(BOTH, Drifting(1000, 0.0005, more=0.001), 1000, id="both, at the points"),
        pytest.param(BOTH, Drifting(100, 0.4, more=0.05), 1000, id="points alone, where bad is common"),
    ],
)
def test_a_canary_as_bad_as_allowed_is_hardly_ever_rolled_back(
    signal: SignalPolicy, world: Drifting, runs: int
) -> None:
    _, highest = an_hour(world, fresh(signal, usual=world.usual), runs=runs)

    assert share(int((highest >= -np.log(BOUND)).sum()), len(highest)).upper <= BOUND


@pytest.mark.parametrize("world", [Drifting(20, 0.01, ratio=1.25), Drifting(20, 0.1, ratio=1.25)])
def test_evidence_at_the_margin_does_not_grow_on_average(world: Drifting) -> None:
    """Its mean is at most 1; the largest values are too rare to be seen, hence the three standard errors."""
    ledger, _ = an_hour(world, fresh(RATIO_ALONE, usual=world.usual), runs=2000)

    evidence = np.exp(ledger.relative.log_mixture)

    assert evidence.mean() - 3 * evidence.std() / np.sqrt(len(evidence)) <= 1


@pytest.mark.parametrize("ratio", [0.5, 1.0, 2.0, 6.0])
def test_bounds_on_the_ratio_hold_at_all_times_together(ratio: float) -> None:
    level = 0.05
    world = Drifting(100, 0.01, ratio=ratio)

    ledger, _ = an_hour(world, fresh(usual=world.usual, level=level), runs=300)

    assert ledger.bounds is not None
    missed = (ledger.bounds.lower > ratio) | (ledger.bounds.upper < ratio)
    assert share(int(missed.sum()), len(missed)).upper <= level


def test_bounds_close_in_on_the_ratio() -> None:
    """Not by being so wide that nothing is said."""
    world = Drifting(100, 0.01, ratio=2.0)

    ledger, _ = an_hour(world, fresh(usual=world.usual, level=0.05), runs=200)

    assert ledger.bounds is not None
    assert np.median(ledger.bounds.lower) > 1.4
    assert np.median(ledger.bounds.upper) < 2.8
