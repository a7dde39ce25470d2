"""`.status` of a ModelDeployment: the whole memory of a rollout, and all that a waiter or a person reads.

These are the wire's own names. The state machine advances on `Rollout`; conditions and sentences are made in
`conditions`. Nothing here is derived by the API server, so losing it must be survivable (`rebuild`).
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer
from pydantic.alias_generators import to_camel


def _seconds(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


Moment = Annotated[datetime, PlainSerializer(_seconds, return_type=str, when_used="json")]
"""An aware time, written to the second as Kubernetes does."""
Name = Annotated[str, Field(max_length=253)]
Words = Annotated[str, Field(max_length=1024)]
Query = Annotated[str, Field(max_length=6144)]
"""Up to six selectors of a user's own, twice the names of both revisions' pods in each."""
Url = Annotated[str, Field(max_length=1536)]
Figure = Annotated[str, Field(max_length=32)]
"""A number as text: the API has no floats."""

_QUERY = (
    "What a person can ask Prometheus to see the numbers by pod; warm-ups and changes of weight, which the "
    "judge leaves out, are in them."
)


class Wire(BaseModel):
    """A frozen value with camelCase names on the wire."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")


class State(StrEnum):
    """The states of `design.md` 5."""

    IDLE = "Idle"
    PREPARING = "Preparing"
    STEPPING = "Stepping"
    PROMOTING = "Promoting"
    BAKING = "Baking"
    ROLLING_BACK = "RollingBack"


class Draining(Wire):
    """A revision that was taken out of the route and may still be answering."""

    revision: Name
    since: Moment


class Previous(Wire):
    """The revision a bake can return to."""

    revision: Name
    until: Moment


class SignalPin(Wire):
    """What a signal's tests rest on, learnt before they began."""

    name: Name
    phi: Figure = Field(description="How much more bad requests vary than independent ones would.")
    usual: Figure = Field(description="The stable revision's share of bad requests before.")


class Shift(Wire):
    """A change of the canary's weight: what happened between the two times is not counted as evidence."""

    step: int = Field(ge=0, le=32)
    weight: int = Field(ge=0, le=100)
    at: Moment
    confirmed_at: Moment | None = None


class GateResult(StrEnum):
    """Where a gate stands."""

    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    SKIPPED = "Skipped"


class GateStatus(Wire):
    """One gate of an attempt."""

    name: Name
    step: Name = Field(description="What it stands before: a step, or promotion.")
    tries: int = Field(ge=0, description="The try under way, or the last one.")
    result: GateResult
    at: Moment = Field(description="When the try began or is to begin, or its result came.")
    message: Words | None = Field(default=None, description="What the last try that ended said.")


class Rollout(Wire):
    """Where an attempt stands. Absent while idle.

    Revisions are hashes here: the canary is `canary`, what it is compared with is `stable`.
    """

    attempt: Name = Field(
        description="Name of this attempt, `<child name>.<n>`; requests by annotation name it."
    )
    state: State
    step: int = Field(default=0, ge=0, le=32, description="Index of the step under way, from 0.")
    since: Moment = Field(description="When the state began.")
    started_at: Moment
    step_started_at: Moment | None = None
    confirmed_at: Moment | None = Field(
        default=None, description="When the router had the weight of this step."
    )
    paused_at: Moment | None = None
    paused_seconds: int = Field(
        default=0, ge=0, description="Time this step was held, not counted in deadlines."
    )
    losses: int = Field(
        default=0, ge=0, description="Times the canary lost its last ready endpoint; 3 is harm."
    )
    router: Name | None = Field(
        default=None, description="The router the attempt began with; it changes only while idle."
    )
    capacity_floor: int = Field(
        default=0, ge=0, description="The stable revision's size when the rollout began."
    )
    stalled: Words | None = Field(default=None, description="Why preparing does not get on.")
    previous: Previous | None = None
    draining: Annotated[list[Draining], Field(max_length=20)] = Field(default_factory=list)
    shifts: Annotated[list[Shift], Field(max_length=64)] = Field(
        default_factory=list, description="Every change of the canary's weight in this attempt."
    )
    policy_hash: Name | None = None
    analysis_start: Moment | None = None
    pins: Annotated[list[SignalPin], Field(max_length=16)] = Field(
        default_factory=list,
        description="What the judge learnt before the comparison, never estimated again.",
    )
    gates: Annotated[list[GateStatus], Field(max_length=32)] = Field(
        default_factory=list, description="What the gates of this attempt have said; none is asked twice."
    )
    reason: Words | None = Field(default=None, description="Why the attempt is being rolled back.")


class RevisionStatus(Wire):
    """One of the two revisions that may have traffic."""

    revision: Name = Field(description="Name of the revision's Deployment and Service.")
    version: Name | None = None
    weight: int = Field(ge=0, le=100)
    step: Name | None = None
    replicas: int = Field(ge=0)
    ready_replicas: int = Field(ge=0)


class CountsStatus(Wire):
    """Events of one side since counting began."""

    events: int = Field(ge=0)
    bad: int = Field(ge=0)


class SignalStatus(Wire):
    """What one signal says."""

    name: Name
    verdict: Name
    canary: CountsStatus
    stable: CountsStatus
    ratio: Figure | None = Field(
        default=None,
        description="Canary's share of bad requests over the stable's; of a shift, the part that moved.",
    )
    ratio_lower: Figure | None = Field(
        default=None, description="The true ratio is surely not below this, nor above ratioUpper."
    )
    ratio_upper: Figure | None = None
    since: Moment | None = Field(
        default=None, description="The bounds speak of the time since; the ratio has changed."
    )
    evidence: Figure = Field(description="How strongly the data speak for harm; 1 says nothing.")
    dry_run: bool | None = Field(default=None, description="Shown only, never acted on.")
    note: Words | None = Field(default=None, description="What that means, and what is to be expected.")
    window: Words | None = Field(default=None, description="The time the numbers are from.")
    query: Query | None = Field(default=None, description=_QUERY)


class GuardStatus(Wire):
    """What one guard says."""

    name: Name
    value: Figure | None = Field(default=None, description="Absent while nothing can be read.")
    limit: Figure
    failures: int = Field(ge=0, description="In a row.")
    verdict: Name
    note: Words | None = None


class AnalysisStatus(Wire):
    """The judge's latest word, and the guards'."""

    verdict: Name
    late_samples: int | None = Field(
        default=None,
        ge=0,
        description="Samples that came too late to be used; evidence computed anew may differ by them.",
    )
    signals: Annotated[list[SignalStatus], Field(max_length=16)] = Field(default_factory=list)
    guards: Annotated[list[GuardStatus], Field(max_length=16)] = Field(default_factory=list)


class Rejection(Wire):
    """A revision that is not tried again by itself."""

    hash: Name
    revision: Name
    attempt: Name
    reason: Name
    message: Words | None = None
    signal: Name | None = None
    guard: Name | None = None
    value: Figure | None = Field(default=None, description="What the guard saw, beyond its limit.")
    limit: Figure | None = None
    at: Moment
    ratio: Figure | None = None
    ratio_lower: Figure | None = None
    ratio_upper: Figure | None = None
    canary: CountsStatus | None = None
    stable: CountsStatus | None = None
    since: Moment | None = Field(default=None, description="As that of a signal.")
    evidence: Figure | None = Field(default=None, description="As that of a signal.")
    window: Words | None = Field(default=None, description="The time the numbers are from.")
    query: Query | None = Field(default=None, description=_QUERY)


class Finished(Wire):
    """One attempt that has ended."""

    attempt: Name
    revision: Name
    version: Name | None = None
    result: Name
    started_at: Moment
    finished_at: Moment
    reason: Name | None = None


class Condition(Wire):
    """A condition as in metav1."""

    type: Name
    status: Annotated[str, Field(pattern="^(True|False|Unknown)$")]
    observed_generation: int
    reason: Annotated[str, Field(max_length=64)]
    message: Annotated[str, Field(max_length=4096)]
    last_transition_time: Moment


class Resolved(Wire):
    """What the names in the spec meant when its revision was made."""

    runtime: Name
    revision: Name


class Status(Wire):
    """The status subresource."""

    observed_generation: int = -1
    phase: Name | None = None
    message: Words | None = None
    url: Url | None = None
    replicas: int | None = Field(default=None, ge=0)
    ready_replicas: int | None = Field(default=None, ge=0)
    selector: Words | None = None
    resolved: Resolved | None = None
    stable: RevisionStatus | None = None
    canary: RevisionStatus | None = None
    rollout: Rollout | None = None
    analysis: AnalysisStatus | None = None
    rejected: Annotated[list[Rejection], Field(max_length=20)] = Field(default_factory=list)
    history: Annotated[list[Finished], Field(max_length=10)] = Field(default_factory=list)
    conditions: Annotated[list[Condition], Field(max_length=16)] = Field(default_factory=list)

    def dump(self) -> dict[str, Any]:
        """The JSON object the API server stores: absent fields left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)
