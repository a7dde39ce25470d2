"""What a verdict rests on: the state of a trial at a boundary, as `judge` looks at it."""

from collections.abc import Mapping
from dataclasses import dataclass

from serin.domain.analysis.counters import Arm, Cell
from serin.domain.analysis.distribution import Account
from serin.domain.analysis.policy import SignalPolicy
from serin.domain.analysis.request import StepWindow, TrialRequest
from serin.domain.analysis.split import Split
from serin.domain.analysis.warming import Warming


@dataclass(frozen=True, slots=True)
class Harmed:
    """When harm was found, by which signal, on which numbers. It is never taken back."""

    boundary: float
    signal: str
    found: Account | Warming


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """All that a verdict rests on.

    Attributes:
        served: When each arm was last seen to serve, by signal: an interval's start.
        heard: Which series have been seen at all, by signal, role and arm.
        crowded: Signals with more series than are read.
        lacking: Signals whose histograms have no bounds to compare.
        boundary: The last boundary that was decided.
        counted: The last one at which something was compared.
        tried: Dry runs that found harm.
        live, missing, spoilt: By arm: whether some target is being scraped, whether more than half of its
            scrapes are missing, whether more than a fifth of its samples are no counter's values.
        warm_at: When the first canary pod that is scraped counts, in Unix seconds.
        canaries: How many canary pods are Ready.
        split: What the confirmed weight has shown; None where there is no weight to hold requests to.
        window: The weight that was settled last.
        incidents: Signals in which both arms fail.
        lost: Whether the history is not what an earlier process has read.
        late: Samples that came too late to be used.
    """

    request: TrialRequest
    policy_hash: str
    ledgers: Mapping[str, Account]
    served: Mapping[str, Mapping[Arm, float]]
    heard: frozenset[Cell]
    crowded: frozenset[str]
    lacking: frozenset[str]
    boundary: float | None
    counted: float | None
    harmed: Harmed | None
    tried: Mapping[str, Harmed]
    live: Mapping[Arm, bool]
    missing: Mapping[Arm, bool]
    spoilt: Mapping[Arm, bool]
    warm_at: float | None
    canaries: int
    split: Split | None
    window: StepWindow | None
    incidents: frozenset[str]
    lost: bool
    late: int

    @property
    def judged(self) -> tuple[SignalPolicy, ...]:
        """Signals that take part in the verdict."""
        return tuple(s for s in self.request.policy.signals if not s.dry_run and not self.left_out(s))

    def left_out(self, signal: SignalPolicy) -> bool:
        """A default signal that neither side has: its absence says nothing about the canary."""
        return not signal.required and not any(cell.signal == signal.name for cell in self.heard)
