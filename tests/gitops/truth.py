"""The truth table of the conditions, and what it means to each tool that waits.

`STATES` has every state of a rollout by the name of its recorded object: the row it stands in, the reason,
and what Argo CD makes of it, which knows more words than the others. All else follows from the row.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: the status of each condition, None where it is absent; `seen` is whether the operator has seen
    the newest spec.
    """

    ready: str | None
    available: str | None = "True"
    progressing: str | None
    reconciling: bool = False
    stalled: bool = False
    seen: bool = True
    deleting: bool = False

    @property
    def kstatus(self) -> str:
        """What kstatus, and so Flux and Helm 4, is to conclude."""
        if self.deleting:
            return "Terminating"
        if not self.seen or self.reconciling:
            return "InProgress"
        return "Failed" if self.stalled else "Current"

    @property
    def ends_kubectl_wait(self) -> bool:
        """Whether `kubectl wait --for=condition=Ready` is content."""
        return self.seen and self.ready == "True"


@dataclass(frozen=True, slots=True)
class State:
    """A state: its row, the reason of Ready, and Argo CD's word."""

    row: Row
    reason: str | None
    argo: str


UNSEEN: Final = Row(ready=None, available=None, progressing=None, seen=False)
FIRST: Final = Row(ready="False", available="False", progressing="True", reconciling=True)
STEADY: Final = Row(ready="True", progressing="True")
UNOBSERVED: Final = Row(ready="True", progressing="True", seen=False)
DOWN: Final = Row(ready="True", available="False", progressing="True")
DELETING: Final = Row(ready="True", progressing="True", seen=False, deleting=True)
"""The server counts the deletion as a generation of its own."""
MOVING: Final = Row(ready="Unknown", progressing="True", reconciling=True)
BAKING: Final = Row(ready="False", progressing="True", reconciling=True)
STOPPED: Final = Row(ready="False", progressing="False", stalled=True)
STOPPED_AT_FIRST: Final = Row(ready="False", available="False", progressing="False", stalled=True)

STATES: Final = {
    "unseen": State(UNSEEN, None, "Progressing"),
    "deploying": State(FIRST, "Deploying", "Progressing"),
    "ready": State(STEADY, "Complete", "Healthy"),
    "unobserved": State(UNOBSERVED, "Complete", "Progressing"),
    "stable-down": State(DOWN, "Complete", "Degraded"),
    "deleting": State(DELETING, "Complete", "Progressing"),
    "preparing": State(MOVING, "Preparing", "Progressing"),
    "stepping": State(MOVING, "Stepping", "Progressing"),
    "promoting": State(MOVING, "Promoting", "Progressing"),
    "rolling-back": State(MOVING, "RollingBack", "Progressing"),
    "paused": State(MOVING, "Paused", "Suspended"),
    "paused-in-git": State(MOVING, "Paused", "Suspended"),
    "awaiting-promotion": State(MOVING, "AwaitingPromotion", "Suspended"),
    "awaiting-gate": State(MOVING, "AwaitingGate", "Progressing"),
    "undecided": State(MOVING, "Undecided", "Progressing"),
    "no-data": State(MOVING, "NoData", "Progressing"),
    "inconclusive": State(MOVING, "Inconclusive", "Suspended"),
    "baking": State(BAKING, "Baking", "Progressing"),
    "baking-paused": State(BAKING, "Paused", "Suspended"),
    "aborted": State(STOPPED, "RolledBack", "Degraded"),
    "harmed": State(STOPPED, "RolledBack", "Degraded"),
    "crashed": State(STOPPED, "RolledBack", "Degraded"),
    "reverted": State(STEADY, "Complete", "Healthy"),
    "invalid-spec": State(STOPPED, "InvalidSpec", "Degraded"),
    "pods-not-ready": State(STOPPED, "PodsNotReady", "Degraded"),
    "progress-deadline": State(STOPPED, "ProgressDeadlineExceeded", "Degraded"),
    "gate-not-ready": State(STOPPED, "GateNotReady", "Degraded"),
    "aborted-at-first": State(STOPPED_AT_FIRST, "RolledBack", "Degraded"),
    "invalid-at-first": State(STOPPED_AT_FIRST, "InvalidSpec", "Degraded"),
    "name-conflict": State(STOPPED_AT_FIRST, "NameConflict", "Degraded"),
    "router-unavailable": State(STOPPED_AT_FIRST, "RouterUnavailable", "Degraded"),
}
