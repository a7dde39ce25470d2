"""From the command line's words, and a file with the fields of `spec.analysis`, to a scenario."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Final

import yaml
from pydantic import ValidationError

from serin.api.analysis import Analysis
from serin.api.signals import ERRORS_RATIO, INCREASE_POINTS, LATENCY_RATIO
from serin.domain.analysis.policy import Promotion, SignalPolicy
from serin.workbench.simulation.conditions import CONDITIONS
from serin.workbench.simulation.faults import Fault
from serin.workbench.simulation.rollouts import ERRORS, Rules, Step, Until
from serin.workbench.simulation.scenarios import Scenario

MINUTE: Final = 60.0


class Unclear(Exception):
    """What was asked for cannot be simulated; the text says what is needed."""


def scenario_of(parsed: argparse.Namespace) -> Scenario:
    """What is to be simulated; raises Unclear."""
    if parsed.requests_per_second is None or parsed.bad_percent is None:
        raise Unclear("need --requests-per-second and --bad-percent, or --table with a name")
    if parsed.condition is not None and parsed.steps is not None:
        raise Unclear("--condition needs a single weight: give --canary-percent and no --steps")
    fault: Fault = parsed.fault
    condition = None if parsed.condition is None else CONDITIONS[parsed.condition]
    return Scenario(
        per_second=parsed.requests_per_second,
        usual=parsed.bad_percent / 100,
        fault=fault.beginning(parsed.onset * MINUTE, ramp=parsed.ramp * MINUTE),
        rules=rules_of(parsed),
        seconds=parsed.minutes * MINUTE,
        # A single weight is looked at to the end: that is how often, and not whether before a promotion.
        until=Until.HARM if parsed.steps is None else Until.PROMOTION,
        condition=condition,
    )


def rules_of(parsed: argparse.Namespace) -> Rules:
    """The policy: a file's, the defaults, and single options above both."""
    analysis = _analysis(parsed.policy)
    signal, portion = _signal(analysis, parsed.signal)
    if parsed.max_ratio is not None:
        signal = replace(signal, max_ratio=parsed.max_ratio)
    if parsed.max_increase_points is not None:
        signal = replace(signal, max_increase=parsed.max_increase_points / 100)
    promote = analysis.promote
    rate = parsed.max_false_rollback_rate
    warm_up = parsed.warm_up_seconds
    weights = parsed.steps or (parsed.canary_percent,)
    return Rules(
        signal=signal,
        promotion=Promotion(
            max_ratio=float(promote.max_ratio),
            max_increase=float(promote.max_increase_points) / 100,
            confidence=float(promote.confidence),
            min_requests=promote.min_requests,
        ),
        max_false_rollback_rate=portion * (float(analysis.max_false_rollback_rate) if rate is None else rate),
        steps=tuple(Step(weight, parsed.min_seconds) for weight in weights),
        lone_pod=parsed.pods == 1,
        warm_up=float(analysis.warm_up_seconds) if warm_up is None else warm_up,
    )


def _analysis(file: Path | None) -> Analysis:
    if file is None:
        return Analysis()
    try:
        return Analysis.model_validate(yaml.safe_load(file.read_text()) or {})
    except OSError as error:
        raise Unclear(f"{file}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise Unclear(f"{file}: no YAML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Unclear(f"{file}: {place}: {first['msg']}") from error


def _signal(analysis: Analysis, name: str | None) -> tuple[SignalPolicy, float]:
    """The signal to simulate, and its part of the false rollbacks."""
    if not analysis.signals:
        return ERRORS, 1.0
    named = {signal.name: signal for signal in analysis.signals}
    if name is not None and name not in named:
        raise Unclear(f"--signal: need one of {', '.join(named)}, found {name}")
    signal = named[name] if name is not None else analysis.signals[0]
    if signal.max_shift is not None or signal.max_slowdown is not None:
        raise Unclear(
            f"{signal.name} compares whole histograms; simulated are signals that count bad requests"
        )
    ratio = signal.max_ratio or (LATENCY_RATIO if signal.slower_than_milliseconds else ERRORS_RATIO)
    policy = replace(
        ERRORS,
        name=signal.name,
        max_ratio=float(ratio),
        max_increase=float(signal.max_increase_points or INCREASE_POINTS) / 100,
    )
    acting = sum(one.importance for one in analysis.signals if not one.dry_run)
    return policy, 1.0 if signal.dry_run else signal.importance / acting
