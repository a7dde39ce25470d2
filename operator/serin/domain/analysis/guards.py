"""Absolute limits on what has no counterpart on the stable side: no comparison, no statistics.

A limit that is passed so many times in a row is harm. Nothing to read, or nothing but NaN, neither counts nor
takes back what was counted (I6). Asking is `runtime.guarding`, what follows is `rollout.interruptions`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from math import isnan

from serin.domain.analysis.confined import Place, confined
from serin.domain.analysis.request import LabelNames, pod_pattern
from serin.domain.analysis.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardPolicy:
    """One limit.

    Attributes:
        query: PromQL that yields a number, or one for each series; held to a namespace before it is asked.
        failure_limit: So many failures in a row are harm.
    """

    name: str
    query: str
    maximum: Decimal | None
    minimum: Decimal | None
    failure_limit: int

    @property
    def nearest(self) -> Decimal | None:
        """The limit to show where none is passed."""
        return self.minimum if self.maximum is None else self.maximum

    def breach(self, value: float) -> Decimal | None:
        """The limit that a number passes."""
        if self.maximum is not None and value > float(self.maximum):
            return self.maximum
        if self.minimum is not None and value < float(self.minimum):
            return self.minimum
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardRequest:
    """The guards of an attempt, and whose pods they speak of."""

    attempt: str
    namespace: str
    canary: str
    stable: str
    guards: tuple[GuardPolicy, ...]
    interval: float
    labels: LabelNames

    def query(self, guard: GuardPolicy) -> str:
        """What to ask Prometheus."""
        return confined(guard.query, place(self.namespace, self.labels, self.canary, self.stable))


def place(namespace: str, labels: LabelNames, canary: str, stable: str) -> Place:
    """Where a guard may read, and what the names of the revisions are to it."""
    words = {"canary": pod_pattern(canary), "stable": pod_pattern(stable)}
    return Place(namespace=namespace, label=labels.namespace, words=words)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardReading:
    """What a guard has come to in an attempt.

    Attributes:
        value: The number farthest from what is allowed; None where the latest answer held none.
        limit: The limit it passes; where it passes none, the one there is.
        failures: In a row.
        note: Why there is no number.
    """

    attempt: str
    guard: GuardPolicy
    value: float | None = None
    limit: Decimal | None = None
    failures: int = 0
    note: str = ""

    @property
    def verdict(self) -> Verdict:
        """In the judge's words; undecided while the limit is passed, but not often enough."""
        if self.failures >= self.guard.failure_limit:
            return Verdict.HARM
        if self.value is None:
            return Verdict.NO_DATA
        return Verdict.UNDECIDED if self.failures else Verdict.SAFE

    @property
    def sentence(self) -> str:
        """What was seen, for a person."""
        if self.value is None or self.limit is None:
            return f"guard {self.guard.name}: {self.note}"
        side = "above" if self.value > self.limit else "below"
        often = f", {self.failures} times in a row" if self.failures > 1 else ""
        return f"guard {self.guard.name}: {self.value:.6g} is {side} {self.limit}{often}"

    def after(self, values: Iterable[float]) -> "GuardReading":
        """The reading with one more answer taken in."""
        guard, known = self.guard, [value for value in values if not isnan(value)]
        if not known:
            return self.without("the query yields no number")
        breaching = [value for value in known if guard.breach(value) is not None]
        value = max(breaching or known, key=self._distance)
        return GuardReading(
            attempt=self.attempt,
            guard=guard,
            value=value,
            limit=guard.breach(value) if breaching else guard.nearest,
            failures=self.failures + 1 if breaching else 0,
        )

    def without(self, note: str) -> "GuardReading":
        """The reading after an answer that told nothing; harm stands until there is another number."""
        if self.verdict is Verdict.HARM:
            return self
        return GuardReading(attempt=self.attempt, guard=self.guard, failures=self.failures, note=note)

    def _distance(self, value: float) -> float:
        """How far beyond a limit, or how near to one."""
        sides = []
        if self.guard.maximum is not None:
            sides.append(value - float(self.guard.maximum))
        if self.guard.minimum is not None:
            sides.append(float(self.guard.minimum) - value)
        return max(sides)
