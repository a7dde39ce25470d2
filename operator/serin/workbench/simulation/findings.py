"""What is told of many rollouts: probabilities and times with their bounds, for people and for programs."""

from dataclasses import dataclass
from math import inf, isfinite
from typing import Any

import numpy as np

from serin.workbench.simulation.estimates import Estimate, Floats, quantile, share
from serin.workbench.simulation.faults import Fault
from serin.workbench.simulation.rollouts import Outcomes

NEVER = "–"  # noqa: RUF001
"""A time that was not reached in the simulated hour."""


@dataclass(frozen=True, slots=True)
class Times:
    """How long something took, over all rollouts: in those where it did not happen, for ever."""

    happened: Estimate
    median: Estimate
    late: Estimate
    """Time by which it had happened in 95 % of them."""

    @classmethod
    def of(cls, times: Floats) -> "Times":
        """From seconds, infinite for never."""
        return cls(
            share(int(np.isfinite(times).sum()), len(times)), quantile(times, 0.5), quantile(times, 0.95)
        )


@dataclass(frozen=True, slots=True)
class Findings:
    """What became of rollouts whose fault, if any, began at a moment.

    Attributes:
        in_vain: Taken back though nothing was wrong yet.
        detected: Seconds from the onset to the boundary at which harm was found.
        safe: Seconds from the canary's first request to the first step shown safe.
        promoted: The same to the last step.
        served: Bad requests of the canary from the onset on.
    """

    runs: int
    in_vain: Estimate
    detected: Times
    safe: Times
    promoted: Times
    fewest: float
    served: Estimate

    @classmethod
    def of(cls, outcomes: Outcomes, fault: Fault) -> "Findings":
        """From the times of each."""
        onset = inf if fault.is_none else fault.onset
        early = np.isfinite(outcomes.harmed) & (outcomes.harmed <= onset)
        return cls(
            runs=len(early),
            in_vain=share(int(early.sum()), len(early)),
            detected=Times.of(np.where(early, inf, outcomes.harmed) - fault.onset),
            safe=Times.of(outcomes.first_safe),
            promoted=Times.of(outcomes.promoted),
            fewest=float(outcomes.fewest.min()),
            served=quantile(outcomes.served, 0.5),
        )


def at_most(found: Estimate) -> str:
    """A probability that should be small, and the largest that would still give what was seen."""
    return f"{percent(found.value)} (≤ {percent(found.upper)})"


def bounded(found: Estimate) -> str:
    """A probability with its bounds; one that was never, or always, seen has but one."""
    if found.value in (0.0, 1.0):
        end = f"≥ {percent(found.lower)}" if found.value else f"≤ {percent(found.upper)}"
    else:
        end = f"{percent(found.lower)} to {percent(found.upper)}"
    return f"{percent(found.value)} ({end})"


def times(found: Times) -> str:
    """Median and 95 % time, with the share where that is not all."""
    if not found.happened.value:
        return NEVER
    text = f"{duration(found.median.value)} / {duration(found.late.value)}"
    return text if found.happened.value == 1 else f"{text} ({percent(found.happened.value)})"


def duration(seconds: float) -> str:
    """So many seconds or minutes."""
    if not isfinite(seconds):
        return NEVER
    return f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 60:.0f} min"


def percent(part: float) -> str:
    """A share: below one percent with two digits after the point."""
    value = 100 * part
    return f"{value:.0f} %" if value in (0, 100) else f"{value:.2f} %" if value < 1 else f"{value:.1f} %"


def as_json(found: Any) -> Any:
    """Names as programs have them; what was never reached is null."""
    if isinstance(found, float):
        return found if isfinite(found) else None
    if hasattr(found, "__dataclass_fields__"):
        return {_camel(name): as_json(getattr(found, name)) for name in found.__dataclass_fields__}
    return found


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)
