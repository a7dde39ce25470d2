"""The fastest test there is, for comparison: it knows the stable's share, the fault and its onset.

Wald's sequential probability ratio test (Annals of Mathematical Statistics 16 (1945) 117) of the canary's
counts alone. No judge knows what it knows; how much longer ours takes is the price of not knowing.
"""

from math import inf, log, log1p

import numpy as np

from serin.domain.analysis.ledger import LONE_POD_RATIO
from serin.workbench.simulation.estimates import Floats
from serin.workbench.simulation.rollouts import Rules
from serin.workbench.simulation.scenarios import Scenario
from serin.workbench.simulation.traffic import INTERVAL


def oracle_times(scenario: Scenario, *, runs: int, seed: int, same_margins: bool = False) -> Floats:
    """Seconds from the onset to the test's decision; infinite where it comes after the scenario's end.

    Args:
        scenario: Of independent requests, at one weight.
        runs: How many rollouts.
        seed: Of the dice.
        same_margins: Test against the worst canary that the rules allow, not against a healthy one.
    """
    rules, fault = scenario.rules, scenario.fault
    world = scenario.world(runs, np.random.default_rng([seed, 0]))
    null = _allowed(rules, scenario.usual) if same_margins else scenario.usual
    weight, rows = np.full(runs, rules.steps[0].weight / 100), np.arange(runs)
    limit = -log(rules.max_false_rollback_rate)
    found, evidence = np.full(runs, inf), np.zeros(runs)
    for number in range(int(fault.onset / INTERVAL), scenario.intervals):
        start = number * INTERVAL
        seen = world.interval(number, weight, rows).canary
        share = float(fault.mean_share(scenario.usual, start, start + INTERVAL))
        if share > null:
            good = seen.requests - seen.bad
            surely = np.where(good > 0, -inf, 0.0) if share >= 1 else good * (log1p(-share) - log1p(-null))
            evidence = evidence + seen.bad * log(share / null) + surely
        found = np.minimum(found, np.where(evidence >= limit, start + INTERVAL - fault.onset, inf))
    return found


def _allowed(rules: Rules, usual: float) -> float:
    ratio = max(LONE_POD_RATIO, rules.signal.max_ratio) if rules.lone_pod else rules.signal.max_ratio
    return max(ratio * usual, usual + rules.signal.max_increase)
