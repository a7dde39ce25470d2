"""Tables of signals that count bad requests: which scenarios, and what is told of them."""

from dataclasses import replace
from typing import Final

from serin.workbench.simulation.conditions import CONDITIONS, WORDS
from serin.workbench.simulation.faults import HEALTHY, Fault
from serin.workbench.simulation.findings import Findings, Times, at_most, bounded, times
from serin.workbench.simulation.oracle import oracle_times
from serin.workbench.simulation.rollouts import RULES, Rules, Step, Until, by_ratio_alone
from serin.workbench.simulation.scenarios import Scenario, simulate
from serin.workbench.simulation.tables import Cell, Table

SEVERAL_PODS: Final = replace(RULES, lone_pod=False)
RATIO_ALONE: Final = replace(SEVERAL_PODS, evidence=by_ratio_alone)
"""The leanest test: ratio 1.25, no points, no cap on growth."""
WARM_UP: Final = 120.0
WHOLE: Final = replace(RULES, steps=(Step(5, 60), Step(25, 60), Step(50, 60)), warm_up=WARM_UP)
"""The default rollout, of a model with one replica."""
TWENTY_MINUTES: Final = 1200.0

_FAULTS: Final = {
    "x2": Fault.parse("x2"),
    "x5": Fault.parse("x5"),
    "+1 point": Fault.parse("+1pp"),
    "+5 points": Fault.parse("+5pp"),
    "every request": Fault.parse("100%"),
    "x5 after 20 min": Fault.parse("x5").beginning(TWENTY_MINUTES),
    "to x10 from 20 to 60 min": Fault.parse("x10").beginning(TWENTY_MINUTES, ramp=2400),
}
_DETECTED: Final = {
    "x2": ((10, 1), (100, 0.1), (100, 1), (1000, 0.1), (1000, 1)),
    "x5": ((1, 1), (10, 0.1), (10, 1), (100, 0.1), (100, 1), (1000, 0.1), (1000, 1)),
    "+1 point": ((10, 0.1), (100, 0.1), (100, 1), (1000, 0.1), (1000, 1)),
    "+5 points": ((1, 0.1), (10, 0.1), (10, 1), (100, 0.1), (100, 1)),
    "every request": ((1, 0.1), (1, 1), (10, 1), (100, 1), (1000, 1)),
    "x5 after 20 min": ((10, 1), (100, 1), (1000, 1)),
    "to x10 from 20 to 60 min": ((10, 1), (100, 1), (1000, 1)),
}
"""Requests a second and bad percent at which each fault is tried."""


def _found(scenario: Scenario, runs: int, seed: int) -> Findings:
    return Findings.of(simulate(scenario, runs=runs, seed=seed), scenario.fault)


def _in_vain(scenario: Scenario) -> Cell:
    return lambda runs, seed: (at_most(_found(scenario, runs, seed).in_vain),)


def _detected(scenario: Scenario) -> Cell:
    return lambda runs, seed: (times(_found(scenario, runs, seed).detected),)


def _detected_and_served(scenario: Scenario) -> Cell:
    def cell(runs: int, seed: int) -> tuple[str, ...]:
        found = _found(scenario, runs, seed)
        return times(found.detected), f"{found.served.value:,.0f}"

    return cell


def _by_oracle(scenario: Scenario) -> Cell:
    return lambda runs, seed: (times(Times.of(oracle_times(scenario, runs=runs, seed=seed))),)


def _first_step(scenario: Scenario) -> Cell:
    def cell(runs: int, seed: int) -> tuple[str, ...]:
        found = _found(replace(scenario, until=Until.FIRST_STEP), runs, seed)
        return (times(found.safe),)

    return cell


def _whole_rollout(scenario: Scenario) -> Cell:
    def cell(runs: int, seed: int) -> tuple[str, ...]:
        found = _found(replace(scenario, rules=WHOLE, until=Until.PROMOTION), runs, seed)
        back = found.in_vain if scenario.fault.is_none else found.detected.happened
        through = found.promoted
        return (
            bounded(back),
            bounded(through.happened),
            times(found.detected),
            times(through),
        )

    return cell


def _traffic(per_second: float, bad_percent: float) -> str:
    return f"{per_second:,g} /s, {bad_percent:g} % bad"


def false_rollbacks() -> Table:
    """How often healthy canaries are rolled back."""
    tried = [(rps, bad) for rps in (1, 10, 100, 1000) for bad in (0.1, 1)]
    tried += [(100, bad) for bad in (5, 20, 50, 80)]
    return Table(
        words="Healthy canaries rolled back within an hour (and the largest rate that would still give this)",
        head=("traffic", "one canary pod", "several", "ratio alone"),
        rows=tuple(
            (
                _traffic(rps, bad),
                tuple(
                    _in_vain(Scenario(per_second=rps, usual=bad / 100, rules=rules))
                    for rules in (RULES, SEVERAL_PODS, RATIO_ALONE)
                ),
            )
            for rps, bad in tried
        ),
        runs=4000,
    )


def detection() -> Table:
    """How soon faults are found."""

    def row(fault: str, rps: float, bad: float) -> tuple[str, tuple[Cell, ...]]:
        scenario = Scenario(per_second=rps, usual=bad / 100, fault=_FAULTS[fault])
        several, alone = (replace(scenario, rules=rules) for rules in (SEVERAL_PODS, RATIO_ALONE))
        cells = (
            _detected_and_served(scenario),
            _detected(several),
            _detected(alone),
            _by_oracle(scenario),
        )
        return f"{fault}, {_traffic(rps, bad)}", cells

    return Table(
        words="Time from a fault's onset to the boundary that shows it, within an hour: median / 95 %",
        head=(
            "fault",
            "one canary pod",
            "its bad requests until then",
            "several pods",
            "ratio alone",
            "oracle",
        ),
        rows=tuple(row(fault, rps, bad) for fault, tried in _DETECTED.items() for rps, bad in tried),
        runs=1000,
    )


def robustness() -> Table:
    """How often healthy canaries are rolled back where something else is wrong."""

    def scenario(name: str, rps: float, rules: Rules) -> Scenario:
        # Caches that warm for longer than pods are left out for are a fault; here they are given the time.
        warm_up = 600.0 if name == "warming" else WARM_UP
        return Scenario(
            per_second=rps,
            usual=0.01,
            rules=replace(rules, warm_up=warm_up),
            condition=CONDITIONS[name],
        )

    return Table(
        words="Healthy canaries rolled back within an hour at 1 % bad, one pod beside four of the stable",
        head=(
            "disturbance",
            *(f"{rps:,} /s" for rps in (10, 100, 1000)),
            *(f"{rps:,} /s at ratio 1.25" for rps in (10, 100, 1000)),
        ),
        rows=tuple(
            (
                WORDS[name],
                tuple(
                    _in_vain(scenario(name, rps, rules))
                    for rules in (RULES, SEVERAL_PODS)
                    for rps in (10, 100, 1000)
                ),
            )
            for name in CONDITIONS
        ),
        runs=2000,
    )


def under_disturbance() -> Table:
    """How soon faults are found there."""
    faults = ("x5", "+5 points", "every request", "x5 after 20 min")
    disturbed = ("calm", "clusters", "noisy-pods", "missing-scrapes")
    return Table(
        words="Time to detection under disturbance, one canary pod, 1 % bad, warm: median / 95 %",
        head=("fault and disturbance", "10 /s", "100 /s", "1,000 /s"),
        rows=tuple(
            (
                f"{fault}; {WORDS[name]}",
                tuple(
                    _detected(
                        Scenario(per_second=rps, usual=0.01, fault=_FAULTS[fault], condition=CONDITIONS[name])
                    )
                    for rps in (10, 100, 1000)
                ),
            )
            for fault in faults
            for name in disturbed
        ),
        runs=500,
    )


def promotion() -> Table:
    """How soon healthy canaries pass a step."""
    return Table(
        words="Time after the warm-up until 5 % of the traffic has shown the canary safe: median / 95 %",
        head=("bad on both sides", "10 /s", "100 /s", "1,000 /s"),
        rows=tuple(
            (
                f"{bad:g} %" if bad else "none",
                tuple(_first_step(Scenario(per_second=rps, usual=bad / 100)) for rps in (10, 100, 1000)),
            )
            for bad in (0, 0.1, 1, 5, 20, 80)
        ),
        runs=1000,
    )


def rollouts() -> Table:
    """What becomes of whole rollouts."""
    faults = {"healthy": HEALTHY} | {
        name: _FAULTS[name] for name in ("x2", "x5", "+1 point", "every request")
    }
    return Table(
        words="Whole rollouts over 5, 25 and 50 %, one canary pod, default warm-up, looked at for two hours",
        head=(
            "canary",
            "rolled back",
            "promoted",
            "time to rollback",
            "time to promotion",
        ),
        rows=tuple(
            (
                f"{name}, {_traffic(rps, bad)}",
                (_whole_rollout(Scenario(per_second=rps, usual=bad / 100, fault=fault, seconds=2 * 3600.0)),),
            )
            for name, fault in faults.items()
            for bad in (0.1, 1)
            for rps in (10, 100, 1000)
        ),
        runs=1000,
    )
