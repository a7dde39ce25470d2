"""One rollout of the corpus in a line: all that its recording is made from, and what is true of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from serin.api.signals import ERRORS_RATIO
from serin.workbench.corpus.shapes import LATENCY_BOUNDS, LIMIT_MILLISECONDS, SHAPES
from serin.workbench.recorded import Kind
from serin.workbench.recording import INCREASE
from serin.workbench.simulation.conditions import CONDITIONS, Condition
from serin.workbench.simulation.faults import Fault


class Truth(StrEnum):
    """What is true of a canary. Only the faulty are to be taken back."""

    HEALTHY = "healthy"
    TOLERABLE = "tolerable"
    """It differs, by no more than the policy allows."""
    FAULTY = "faulty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A rollout.

    Attributes:
        number: Tells it from the others, and is all that its dice depend on.
        per_second: Requests to both arms together.
        usual: The bad share of the stable, and of a healthy canary; of latency and scores the shape tells.
        weights: The canary's share in percent from so many seconds after the start on.
        seconds, history: How long samples go on after the start, and from how long before it they are.
        stables, canaries: How many pods each arm has.
        disturbance: What disturbs both arms, by its name in `CONDITIONS`.
        fault: What is wrong with the canary, as `Fault.parse` reads it; of latency and scores, a shape.
        onset, ramp: When the fault begins, and how long it takes to grow to its size, in seconds.
    """

    number: int
    kind: Kind
    per_second: float
    usual: float = 0.0
    weights: tuple[tuple[int, int], ...] = ((0, 5),)
    interval: int = 15
    seconds: int = 2400
    history: int = 1800
    stables: int = 4
    canaries: int = 1
    disturbance: str = "calm"
    fault: str = "none"
    onset: int = 0
    ramp: int = 0

    @property
    def condition(self) -> Condition:
        """What disturbs it."""
        return CONDITIONS[self.disturbance]

    @property
    def is_histogram(self) -> bool:
        """Whether it is told by the buckets of a histogram."""
        return self.kind in SHAPES

    @property
    def usual_share(self) -> float:
        """The bad share of the stable; of latency, of those above the limit."""
        if self.kind is not Kind.LATENCY:
            return self.usual
        fast = sum(bound <= LIMIT_MILLISECONDS / 1000 for bound in LATENCY_BOUNDS)
        return 1 - sum(SHAPES[Kind.LATENCY]["none"][:fast])

    @property
    def change(self) -> Fault:
        """The fault, as a change of the share of bad requests, or of the part that has another shape."""
        known = Fault(times=0, points=1) if self.is_histogram and self.fault != "none" else None
        return (known or Fault.parse(self.fault)).beginning(self.onset, ramp=self.ramp)

    @property
    def truth(self) -> Truth:
        """Whether the canary is worse, and by more than the policy allows."""
        if self.fault == "none":
            return Truth.HEALTHY
        if self.is_histogram:
            return Truth.TOLERABLE if self.fault in TOLERABLE_SHAPES else Truth.FAULTY
        worst = float(self.change.mean_share(self.usual, self.seconds - 1, self.seconds))
        allowed = max(ERRORS_RATIO * self.usual, self.usual + INCREASE)
        return Truth.FAULTY if worst > allowed + 1e-9 else Truth.TOLERABLE

    @property
    def name(self) -> str:
        """A name that tells people what to expect, for files."""
        fault = "" if self.fault == "none" else f"-{self.fault.replace('%', 'pc').replace('+', 'plus')}"
        grown = f"-at-{self.onset}" * (self.onset > 0) + f"-over-{self.ramp}" * (self.ramp > 0)
        calm = "" if self.disturbance == "calm" else f"-{self.disturbance}"
        return f"{self.number:04d}-{self.kind}-{self.per_second:g}rps{calm}{fault}{grown}"

    @property
    def family(self) -> str:
        """What it has in common with others, for the table."""
        if self.truth is not Truth.FAULTY:
            return f"{self.truth}, {self.kind}, {self.disturbance}"
        return f"{self.kind}, {'ramp' if self.ramp else self.fault}"

    def line(self) -> Mapping[str, Any]:
        """What is not the default, for the index."""
        fields = {name: getattr(self, name) for name in Described.__slots__}
        return {k: v for k, v in fields.items() if k not in _DEFAULTS or v != _DEFAULTS[k]}


_DEFAULTS: Final[Mapping[str, Any]] = {
    name: getattr(Described(number=0, kind=Kind.ERRORS, per_second=1), name)
    for name in Described.__slots__
    if name not in ("number", "kind", "per_second")
}

TOLERABLE_SHAPES: Final = frozenset({"slower-by-a-tenth", "shifted-a-little"})
