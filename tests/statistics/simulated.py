"""Scenarios of the tests and what came of them: seeds are fixed, so a test that passes passes for ever."""

from dataclasses import replace
from functools import cache
from typing import Final

from serin.workbench.simulation.faults import HEALTHY, Fault
from serin.workbench.simulation.findings import Findings
from serin.workbench.simulation.rollouts import RULES, Rules
from serin.workbench.simulation.scenarios import Scenario, simulate

SEED: Final = 20_26
SCRAPE: Final = 15.0
BOUND: Final = RULES.max_false_rollback_rate

ONE_POD: Final = RULES


def scenario(
    per_second: float,
    bad_percent: float,
    fault: Fault | str = HEALTHY,
    *,
    rules: Rules = ONE_POD,
    **changes: object,
) -> Scenario:
    """A rollout of an hour, warm from the start, with 5 % on the canary, unless said otherwise."""
    what = Fault.parse(fault) if isinstance(fault, str) else fault
    plain = Scenario(per_second=per_second, usual=bad_percent / 100, fault=what, rules=rules)
    return replace(plain, **changes)  # type: ignore[arg-type]


@cache
def found(asked: Scenario, *, runs: int) -> Findings:
    """What came of it."""
    return Findings.of(simulate(asked, runs=runs, seed=SEED), asked.fault)
