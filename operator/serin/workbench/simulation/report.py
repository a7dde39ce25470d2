"""A scenario and what was found, in lines for a person and as JSON for a program."""

from collections.abc import Iterator
from math import isfinite
from typing import Any

from serin.domain.analysis.ledger import LONE_POD_RATIO
from serin.workbench.simulation.faults import Fault
from serin.workbench.simulation.findings import Findings, Times, as_json, bounded, duration
from serin.workbench.simulation.scenarios import Scenario


def in_words(scenario: Scenario, found: Findings) -> str:
    """What a person reads."""
    return "\n".join(_lines(scenario, found))


def as_document(scenario: Scenario, found: Findings, *, seed: int) -> dict[str, Any]:
    """What a program reads; probabilities are shares, times seconds, null means never."""
    rules, fault = scenario.rules, scenario.fault
    return {
        "requestsPerSecond": scenario.per_second,
        "badPercent": 100 * scenario.usual,
        "steps": [step.weight for step in rules.steps],
        "fault": {
            "times": fault.times,
            "points": 100 * fault.points,
            "onsetSeconds": fault.onset,
            "rampSeconds": fault.ramp,
        },
        "minutes": scenario.seconds / 60,
        "onePod": rules.lone_pod,
        "maxFalseRollbackRate": rules.max_false_rollback_rate,
        "warmUpSeconds": rules.warm_up,
        "seed": seed,
        **as_json(found),
    }


def _lines(scenario: Scenario, found: Findings) -> Iterator[str]:
    rules, fault = scenario.rules, scenario.fault
    weights = ", ".join(f"{step.weight:g}" for step in rules.steps)
    ratio = max(rules.signal.max_ratio, LONE_POD_RATIO if rules.lone_pod else 0.0)
    pods = "one canary pod" if rules.lone_pod else "several canary pods"
    yield f"{scenario.per_second:g} requests a second, {100 * scenario.usual:g} % bad; {_fault(fault)}"
    yield f"{weights} % on {pods}, up to {ratio:g} times as bad called healthy"
    yield f"{found.runs:,} rollouts of {duration(scenario.seconds)}, warm-up {rules.warm_up:g} s included"
    yield ""
    yield _row("rolled back in vain", bounded(found.in_vain))
    if not fault.is_none:
        yield _row("rolled back for it", bounded(found.detected.happened))
        if found.detected.happened.value:
            yield _row("  after its onset", _when(found.detected))
        yield _row("  bad requests", f"median {found.served.value:,.0f} on the canary until then")
    yield _row("first step safe", bounded(found.safe.happened))
    if found.safe.happened.value:
        yield _row("  after", _when(found.safe))
    if len(rules.steps) > 1:
        yield _row("promoted", bounded(found.promoted.happened))
        if found.promoted.happened.value:
            yield _row("  after", _when(found.promoted))


def _row(title: str, text: str) -> str:
    return f"{title:<21}{text}"


def _fault(fault: Fault) -> str:
    if fault.is_none:
        return "healthy"
    words = f"{fault.times:g} times as bad"
    if fault.points:
        words = f"{100 * fault.points:g} points more bad" if fault.times else f"{100 * fault.points:g} % bad"
    begun = f" from {duration(fault.onset)} on" if fault.onset else " from the start"
    return words + begun + (f", growing for {duration(fault.ramp)}" if fault.ramp else "")


def _when(found: Times) -> str:
    median = found.median
    if not isfinite(median.value):
        return "in fewer than half of them"
    bounds = f"{duration(median.lower)} to {duration(median.upper)}"
    return f"median {duration(median.value)} ({bounds}), 95 % within {duration(found.late.value)}"
