"""Who is told of a model's transitions, and what there is to tell: the words are those of the Events."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Transition(StrEnum):
    """The Events of a ModelDeployment. Added to, never renamed."""

    ROLLOUT_STARTED = "RolloutStarted"
    STEP_STARTED = "StepStarted"
    AWAITING_PROMOTION = "AwaitingPromotion"
    COARSE_WEIGHT = "CoarseWeight"
    PROMOTED = "Promoted"
    ROLLOUT_FINISHED = "RolloutFinished"
    HARM = "Harm"
    GUARD = "Guard"
    GATE = "Gate"
    LOST_ENDPOINTS = "LostEndpoints"
    CRASH_LOOP = "CrashLoop"
    ABORTED = "Aborted"
    INCONCLUSIVE = "Inconclusive"
    SUPERSEDED = "Superseded"
    REVERTED = "Reverted"
    CANARY_LOST = "CanaryLost"
    HARM_OBSERVED = "HarmObserved"
    ANALYSIS_AVAILABLE = "AnalysisAvailable"
    ANALYSIS_UNAVAILABLE = "AnalysisUnavailable"
    ANALYSIS_CHANGED = "AnalysisChanged"
    SPLIT_MISMATCH = "SplitMismatch"
    SHARED_INCIDENT = "SharedIncident"
    GATE_SUCCEEDED = "GateSucceeded"
    GATE_TRIED_AGAIN = "GateTriedAgain"
    GATE_FAILED = "GateFailed"
    GATE_NOT_READY = "GateNotReady"
    PODS_NOT_READY = "PodsNotReady"
    PROGRESS_DEADLINE = "ProgressDeadlineExceeded"
    ROUTER_UNAVAILABLE = "RouterUnavailable"
    INVALID_SPEC = "InvalidSpec"
    NAME_CONFLICT = "NameConflict"
    HASH_COLLISION = "HashCollision"
    WRITE_REFUSED = "WriteRefused"
    FIELDS_RESTORED = "FieldsRestored"
    STATUS_REBUILT = "StatusRebuilt"


USUAL: Final = (
    Transition.ROLLOUT_STARTED,
    Transition.AWAITING_PROMOTION,
    Transition.PROMOTED,
    Transition.ROLLOUT_FINISHED,
    Transition.HARM,
    Transition.GUARD,
    Transition.GATE,
    Transition.LOST_ENDPOINTS,
    Transition.CRASH_LOOP,
    Transition.ABORTED,
    Transition.INCONCLUSIVE,
)
"""What is told where nothing else is asked for: how a rollout begins and ends, what took it back, and
that it waits for a person."""


class Format(StrEnum):
    """How a receiver wants it."""

    CLOUD_EVENTS = "CloudEvents"
    SLACK = "Slack"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationPolicy:
    """One receiver.

    Attributes:
        url: Its address; None where it is one of the operator's channels.
        channel: The channel's name; None where the address is given.
    """

    name: str
    url: str | None
    channel: str | None
    format: Format
    on: frozenset[Transition]
