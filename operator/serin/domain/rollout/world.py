"""What the state machine sees and what it answers.

A `World` is everything known at one look; a `Decision` is what ought to be true now. A decision is derived
anew at each look, so a crash between two writes repeats nothing and skips nothing (I7).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from serin.domain.analysis.guards import GuardReading
from serin.domain.analysis.policy import Mode
from serin.domain.analysis.verdict import Assessment
from serin.domain.gates import GateAnswer, GateRun
from serin.domain.intent import Intent, Step
from serin.domain.names import RevisionHash, child_name
from serin.domain.observed import Observed
from serin.domain.routers.router import Router, Weights
from serin.domain.status import Finished, Rejection, Rollout, State, Status


class Reason(StrEnum):
    """Reasons in conditions, Events, history and rejections. They are API: added to, never renamed."""

    COMPLETE = "Complete"
    DEPLOYING = "Deploying"
    PREPARING = "Preparing"
    STEPPING = "Stepping"
    PROMOTING = "Promoting"
    BAKING = "Baking"
    ROLLING_BACK = "RollingBack"
    ROLLED_BACK = "RolledBack"
    PAUSED = "Paused"
    AWAITING_PROMOTION = "AwaitingPromotion"
    AWAITING_ROUTER = "AwaitingRouter"
    AWAITING_GATE = "AwaitingGate"
    GATE_NOT_READY = "GateNotReady"
    MINIMUM_TIME = "MinimumTime"
    UNDECIDED = "Undecided"
    NO_DATA = "NoData"
    INCONCLUSIVE = "Inconclusive"
    HARM = "Harm"
    GUARD = "Guard"
    GATE = "Gate"
    LOST_ENDPOINTS = "LostEndpoints"
    CRASH_LOOP = "CrashLoop"
    ABORTED = "Aborted"
    SUPERSEDED = "Superseded"
    REVERTED = "Reverted"
    PROMOTED = "Promoted"
    STEPS_PASSED = "StepsPassed"
    REQUESTED = "Requested"
    STABLE_UNAVAILABLE = "StableUnavailable"
    PROGRESS_DEADLINE = "ProgressDeadlineExceeded"
    POD_PROBLEM = "PodsNotReady"
    INVALID_SPEC = "InvalidSpec"
    NAME_CONFLICT = "NameConflict"
    ROUTER_UNAVAILABLE = "RouterUnavailable"
    HASH_COLLISION = "HashCollision"
    WRITE_REFUSED = "WriteRefused"


HARMFUL = frozenset(
    {
        Reason.HARM,
        Reason.GUARD,
        Reason.GATE,
        Reason.LOST_ENDPOINTS,
        Reason.CRASH_LOOP,
        Reason.ABORTED,
    }
)
"""Away from these, traffic moves before capacity is complete (I4)."""
REJECTING = HARMFUL | {Reason.INCONCLUSIVE}
"""These are not tried again by themselves (I9)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memo:
    """What may be forgotten: a restart loses it and only waits a little longer for it.

    Attributes:
        known: Whether this process has looked before, so that the other fields mean something.
        confirmed_since: Since when the router has the weights it should have.
        stable_down_since: Since when the stable revision has no ready endpoint.
    """

    known: bool = False
    confirmed_since: datetime | None = None
    stable_down_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything a decision may rest on.

    Attributes:
        guards: What the guards of the attempt under way have come to.
        answers: What tries of gates came to that are no Jobs, by their identity.
        prometheus: Whether there is a Prometheus to ask.
        runtime_pin: Name and catalogue version of the wanted revision's runtime.
        freshness: How old an assessment's last boundary may be and still raise a weight (I5).
    """

    intent: Intent
    status: Status
    observed: Observed
    assessment: Assessment | None
    memo: Memo
    router: Router
    now: datetime
    prometheus: bool
    runtime_pin: str
    freshness: timedelta = timedelta(minutes=2)
    guards: tuple[GuardReading, ...] = ()
    answers: Mapping[str, GateAnswer] = field(default_factory=dict)

    @property
    def judged(self) -> bool:
        """Whether verdicts act: analysis is enforced and there is a Prometheus to ask."""
        return self.prometheus and self.intent.analysis.mode is Mode.ENFORCE

    @property
    def stable(self) -> RevisionHash | None:
        """The revision the stable pointer names."""
        if self.status.stable is None:
            return None
        return hash_of(self.intent, self.status.stable.revision)

    @property
    def wanted(self) -> RevisionHash:
        """The revision the spec asks for."""
        return self.intent.revision.hash

    @property
    def selected(self) -> RevisionHash | None:
        """See `Observed`."""
        return self.observed.selected

    @property
    def shown(self) -> Weights:
        """The router's weights of today; empty where it has none."""
        return self.router.observed(self.observed, self.intent) or {}

    def ready(self, revision: RevisionHash | None) -> int:
        """Ready endpoints of a revision; none of one that was scaled to none: those still shown are going."""
        workload = self.observed.workloads.get(revision) if revision else None
        if revision is None or (workload is not None and not workload.desired):
            return 0
        return self.observed.ready_endpoints.get(revision, 0)

    def desired(self, revision: RevisionHash | None) -> int:
        """Pods a revision's Deployment asks for today."""
        workload = self.observed.workloads.get(revision) if revision else None
        return workload.desired if workload else 0

    def step(self, index: int) -> Step:
        """The step of that index; the last one where the plan has become shorter."""
        steps = self.intent.rollout.steps
        return steps[min(index, len(steps) - 1)]


def hash_of(intent: Intent, revision: str) -> RevisionHash:
    """The hash in a child's name."""
    return RevisionHash(revision.removeprefix(f"{intent.key.name}-"))


def canary_of(intent: Intent, rollout: Rollout) -> RevisionHash:
    """The revision an attempt is about."""
    return hash_of(intent, rollout.attempt.rpartition(".")[0])


def revision_name(intent: Intent, revision: RevisionHash) -> str:
    """The name of a revision's children."""
    return child_name(intent.key.name, revision)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person should read in the Events of the object; told once, at the transition."""

    reason: str
    message: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """What is in the way of the next step, and when to look again where no event will tell."""

    reason: Reason
    message: str
    look_again: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What ought to be true now.

    Attributes:
        stable: The revision the stable pointer names.
        rollout: The attempt's state; None while idle.
        sizes: Pods for each revision that should have any; every other revision has none.
        weights: Traffic by revision, summing to 100 (I2); None leaves the route as it is.
        root: The revision the Service `<name>` selects; None selects all pods of the model.
        hold: What the rollout waits for.
        due: The try of a gate that is to be under way.
        look_again: When to look again if nothing happens.
    """

    stable: RevisionHash | None
    rollout: Rollout | None
    sizes: Mapping[RevisionHash, int]
    weights: Mapping[RevisionHash, int] | None
    root: RevisionHash | None
    rejected: tuple[Rejection, ...]
    history: tuple[Finished, ...]
    memo: Memo
    hold: Hold | None = None
    due: GateRun | None = None
    notices: tuple[Notice, ...] = ()
    look_again: timedelta | None = None
    renewed: RevisionHash | None = None
    """A revision that was due for scale-down and is returned to: its Deployment gets a new epoch first
    (I12).
    """

    @property
    def state(self) -> State:
        """The state of `design.md` 5."""
        return self.rollout.state if self.rollout else State.IDLE
