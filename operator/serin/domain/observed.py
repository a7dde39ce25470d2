"""What the cluster shows of one ModelDeployment's children: projections, made once at the watch.

Observed and desired never share a type: these come from the store, what ought to be comes from `plan`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from serin.domain.gates import GateAnswer
from serin.domain.intent import GatewayIntent
from serin.domain.names import REVISION_LABEL, RevisionHash


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What every write to an existing object is fenced with, and what tells whether a write is needed.

    Attributes:
        owner_uid: uid of the controlling owner reference; None when there is none.
        content: The `serin.dev/content` annotation.
        foreign: Another manager owns a field that Serin applies, seen in managedFields.
        terminating: It is being deleted, and a finalizer holds it up.
    """

    name: str
    uid: str
    resource_version: str
    owner_uid: str | None
    content: str | None
    foreign: bool = False
    terminating: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionView:
    """A ControllerRevision: the frozen rendering of a revision.

    Attributes:
        contents: What `plan` has worked out from it, which stays true as long as it does.
    """

    identity: Identity
    hash: RevisionHash
    full_hash: str
    number: int
    data: Mapping[str, Any]
    contents: dict[object, str] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadView:
    """A revision's Deployment.

    `ready` and `replicas` are those of the status; `desired` is spec.replicas. `settled` means that the
    controller has seen the current generation. `failure` is why no pod can be made, in the server's words.
    """

    identity: Identity
    revision: RevisionHash
    desired: int
    replicas: int
    ready: int
    settled: bool
    rejected: str | None = None
    epoch: str | None = None
    failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceView:
    """A Service: a revision's own, or the root one, whose `revision` is None."""

    identity: Identity
    revision: RevisionHash | None
    selector: Mapping[str, str]
    ports: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteView:
    """An HTTPRoute that Serin owns: weights by Service name, and what its controller reports of it.

    Attributes:
        reported: Some controller has written a parent status: of any generation that it names, or a refusal.
        accepted: Every parentRef is Accepted and ResolvedRefs at the current generation.
        refusal: What the controller says where it refuses the route.
        written_at: When Serin's latest apply of it was, from managedFields; None if unknown.
        gateway: Where it hangs, as the spec would say it.
    """

    identity: Identity
    weights: Mapping[str, int]
    reported: bool
    accepted: bool
    refusal: str | None = None
    written_at: datetime | None = None
    gateway: GatewayIntent | None = None


class PodProblem(StrEnum):
    """Why a pod does not get ready."""

    UNSCHEDULABLE = "Unschedulable"
    IMAGE_PULL = "ImagePull"
    CONFIG = "ConfigError"
    CRASH_LOOP = "CrashLoop"


@dataclass(frozen=True, slots=True, kw_only=True)
class PodView:
    """One pod of a revision. `ready_since` is the Ready condition's transition time."""

    name: str
    uid: str
    revision: RevisionHash
    ready_since: datetime | None
    restarts: int
    problem: PodProblem | None
    detail: str = ""
    terminating: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """A Job that tries a gate; `answer` is None until it has ended."""

    identity: Identity
    answer: GateAnswer | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """Everything seen of one ModelDeployment's children."""

    revisions: Mapping[RevisionHash, RevisionView] = field(default_factory=dict)
    workloads: Mapping[RevisionHash, WorkloadView] = field(default_factory=dict)
    services: Mapping[RevisionHash, ServiceView] = field(default_factory=dict)
    root: ServiceView | None = None
    route: RouteView | None = None
    ready_endpoints: Mapping[RevisionHash, int] = field(default_factory=dict)
    pods: tuple[PodView, ...] = ()
    jobs: Mapping[str, JobView] = field(default_factory=dict)

    @property
    def selected(self) -> RevisionHash | None:
        """The one revision that the root Service selects; None where there is none, or it selects all."""
        selected = self.root.selector.get(REVISION_LABEL) if self.root else None
        return RevisionHash(selected) if selected else None
