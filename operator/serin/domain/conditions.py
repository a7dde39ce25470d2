"""The conditions' truth table of `design.md` 5, and the phase and sentence beside it.

What waiters (kubectl, Helm, Flux, Argo CD) read is decided here and nowhere else. Reconciling and Stalled are
present only while they are True, as kstatus wants it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from serin.domain.names import RevisionHash
from serin.domain.rollout.world import Decision, Reason, World
from serin.domain.status import Condition, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A row of the truth table: what each condition says, with one reason and one message.

    `stalled` and `reconciling` are presence; the others are the condition's status.
    """

    ready: str
    progressing: str
    reconciling: bool
    stalled: bool
    reason: Reason
    message: str
    phase: str


SPEAKING: Final = frozenset(
    {
        Reason.PAUSED,
        Reason.AWAITING_PROMOTION,
        Reason.AWAITING_GATE,
        Reason.UNDECIDED,
        Reason.NO_DATA,
        Reason.INCONCLUSIVE,
    }
)
"""Holds that a waiter should see as the reason; the others belong to the state's normal course."""
BLOCKING: Final = frozenset(
    {Reason.PROGRESS_DEADLINE, Reason.POD_PROBLEM, Reason.ROUTER_UNAVAILABLE, Reason.GATE_NOT_READY}
)
"""Holds that do not end by waiting."""


def refused(reason: Reason, message: str) -> Standing:
    """A spec that cannot be followed; the last good revision keeps serving."""
    return Standing(
        ready="False",
        progressing="False",
        reconciling=False,
        stalled=True,
        reason=reason,
        message=message,
        phase=reason.value,
    )


def standing(decision: Decision, message: str) -> Standing:
    """The row of the truth table for a decision."""
    hold, state = decision.hold, decision.state
    if hold is not None and hold.reason in BLOCKING:
        return refused(hold.reason, message)
    if state is State.IDLE:
        return _idle(decision, message)
    if decision.stable is None:
        return _moving("False", Reason.DEPLOYING, message, "Deploying")
    reason = hold.reason if hold is not None and hold.reason in SPEAKING else Reason(state.value)
    ready = "False" if state is State.BAKING else "Unknown"
    return _moving(ready, reason, message, state.value)


def _moving(ready: str, reason: Reason, message: str, phase: str) -> Standing:
    return Standing(
        ready=ready,
        progressing="True",
        reconciling=True,
        stalled=False,
        reason=reason,
        message=message,
        phase=phase,
    )


def _idle(decision: Decision, message: str) -> Standing:
    if decision.hold is not None:
        return refused(Reason.ROLLED_BACK, message)
    return Standing(
        ready="True",
        progressing="True",
        reconciling=False,
        stalled=False,
        reason=Reason.COMPLETE,
        message=message,
        phase="Ready",
    )


Word = tuple[str, str, str]
"""Status, reason and message of one condition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """When, at which generation and after which conditions a new list is made."""

    now: datetime
    generation: int
    before: Sequence[Condition]

    def known(self, kind: str) -> Condition | None:
        """The condition of that type as it was."""
        return next((entry for entry in self.before if entry.type == kind), None)


def conditions(look: Look, row: Standing, *, available: Word, analysis: Word | None) -> list[Condition]:
    """The conditions list: a transition time moves only when the status does.

    `analysis` is AnalysisAvailable; None leaves it out while nothing is known.
    """
    wanted = {
        "Ready": (row.ready, row.reason.value, row.message),
        "Available": available,
        "Progressing": (row.progressing, row.reason.value, row.message),
    }
    if analysis is not None:
        wanted["AnalysisAvailable"] = analysis
    if row.reconciling:
        wanted["Reconciling"] = ("True", row.reason.value, row.message)
    if row.stalled:
        wanted["Stalled"] = ("True", row.reason.value, row.message)
    return [_condition(look, kind, word) for kind, word in wanted.items()]


def availability(world: World, stable: RevisionHash | None) -> Word:
    """Whether the stable revision answers."""
    if stable is None:
        return "False", Reason.DEPLOYING.value, "no revision has become ready yet"
    if world.ready(stable) or not world.intent.replicas:
        return "True", "EndpointsReady", "the stable revision answers"
    return "False", "NoReadyEndpoints", "the stable revision has no ready endpoint"


def _condition(look: Look, kind: str, word: Word) -> Condition:
    status, reason, message = word
    known = look.known(kind)
    return Condition(
        type=kind,
        status=status,
        observed_generation=look.generation,
        reason=reason,
        message=message[:4096],
        last_transition_time=known.last_transition_time if known and known.status == status else look.now,
    )
