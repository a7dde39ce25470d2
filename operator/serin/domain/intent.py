"""What a person asked for, in the domain's own types: units resolved, defaults present, already valid.

The API's models are translated into these (`api.intent`), so that no decision depends on how YAML spells it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from serin.domain.analysis.guards import GuardPolicy
from serin.domain.analysis.policy import Policy
from serin.domain.analysis.request import LabelNames
from serin.domain.gates import GatePolicy
from serin.domain.names import Key, RevisionHash
from serin.domain.receivers import NotificationPolicy


class RouterKind(StrEnum):
    """How traffic is divided between revisions."""

    REPLICAS = "Replicas"
    GATEWAY_API = "GatewayAPI"


class OnInconclusive(StrEnum):
    """What happens to a step whose deadline passes without evidence for or against it."""

    PAUSE = "Pause"
    ADVANCE = "Advance"
    ROLLBACK = "Rollback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One stage of the canary: a share of traffic, a minimum time, and a person's word where it `waits`."""

    name: str
    weight: int
    minimum: timedelta
    waits: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutIntent:
    """How a new revision takes over."""

    steps: tuple[Step, ...]
    bake: timedelta
    progress_deadline: timedelta
    step_deadline: timedelta
    on_inconclusive: OnInconclusive


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayIntent:
    """Where the HTTPRoute is attached and what it matches."""

    parent_refs: tuple[Mapping[str, Any], ...]
    hostnames: tuple[str, ...]
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficIntent:
    """Who divides the traffic, and how long a revision that got none any more keeps running."""

    router: RouterKind
    gateway: GatewayIntent | None
    drain: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionIntent:
    """The hashed part of a spec: what a change of which is a new revision."""

    hash: RevisionHash
    full_hash: str
    format: str
    model_name: str
    runtime: str
    resources: Mapping[str, Any]
    template: Mapping[str, Any]
    uri: str | None = None
    """`pvc://<claim>/<path>`; None where the model is in the image or the template mounts it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """What a person asked by annotation; each names its attempt, so that a late one does nothing (I18)."""

    promote: str | None = None
    abort: str | None = None
    retry: str | None = None
    pause: str | None = None
    adopt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplesIntent:
    """Where the samples are that the judge reads.

    Attributes:
        address: Which of the operator's Prometheuses; None for the one it has for the namespace.
    """

    address: str | None = None
    labels: LabelNames = field(default_factory=LabelNames)


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A valid ModelDeployment."""

    key: Key
    uid: str
    generation: int
    revision: RevisionIntent
    version: str
    replicas: int
    service_port: int
    grpc_port: int | None
    traffic: TrafficIntent
    rollout: RolloutIntent
    analysis: Policy
    samples: SamplesIntent
    paused: bool
    history_limit: int
    requests: Requests = field(default_factory=Requests)
    guards: tuple[GuardPolicy, ...] = ()
    """Not part of the policy: a changed limit acts at once, and no evidence is lost for it."""
    gates: tuple[GatePolicy, ...] = ()
    notifications: tuple[NotificationPolicy, ...] = ()
