"""A pod's status in a kubelet's words, from what its containers do. Pure.

Source: kubelet's `getPhase` and `pkg/kubelet/status/generate.go`, for the kinds of containers this node runs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from tests.cluster.resources import Object

KUBELET_CONDITIONS: Final = (
    "PodReadyToStartContainers",
    "Initialized",
    "Ready",
    "ContainersReady",
    "PodScheduled",
)


def timestamp(now: datetime | None = None) -> str:
    """A moment as Kubernetes writes it; default: now."""
    return (now or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(slots=True)
class Record:
    """What one container did; kept by whoever runs it."""

    name: str
    image: str
    state: Object = field(default_factory=lambda: {"waiting": {"reason": "PodInitializing"}})
    last_state: Object = field(default_factory=dict)
    ready: bool = False
    started: bool = False
    restarts: int = 0
    container_id: str = ""

    @property
    def exit_code(self) -> int | None:
        """Of its last run, if it has ended."""
        code: int | None = self.state.get("terminated", {}).get("exitCode")
        return code

    def wait(self, reason: str, message: str = "") -> None:
        """It is not running, and this is why."""
        self._to({"waiting": {"reason": reason, **({"message": message} if message else {})}})

    def run(self, container_id: str) -> None:
        """It has been started; whether it is ready is for its probes to say."""
        self._to({"running": {"startedAt": timestamp()}})
        self.container_id = container_id

    def end(self, code: int, reason: str, message: str = "") -> None:
        """Its process is gone."""
        running = self.state.get("running", {})
        ended = {
            "exitCode": code,
            "reason": reason,
            "startedAt": running.get("startedAt", timestamp()),
            "finishedAt": timestamp(),
            "containerID": self.container_id,
        }
        self._to({"terminated": {**ended, **({"message": message} if message else {})}})

    def _to(self, state: Object) -> None:
        if "terminated" in self.state:
            self.last_state = self.state
        self.state, self.ready, self.started = state, False, False

    def as_status(self) -> Object:
        return {
            "name": self.name,
            "image": self.image,
            "imageID": f"serin.test/images@{self.image}" if self.container_id else "",
            "containerID": self.container_id,
            "state": self.state,
            "lastState": self.last_state,
            "ready": self.ready,
            "started": self.started,
            "restartCount": self.restarts,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Everything a status is made of."""

    pod: Object
    init: Sequence[Record]
    main: Sequence[Record]
    address: str | None
    host: str
    since: str
    """When the node first saw the pod."""


def pod_status(seen: Seen, *, now: datetime | None = None) -> Object:
    """The whole status; conditions that did not change keep their time, and foreign ones are left alone."""
    phase_ = phase(seen)
    status: Object = {
        "phase": phase_,
        "conditions": _conditions(seen, phase_, timestamp(now)),
        "containerStatuses": [record.as_status() for record in seen.main],
        "hostIP": seen.host,
        "hostIPs": [{"ip": seen.host}],
        "startTime": seen.since,
        "observedGeneration": seen.pod["metadata"].get("generation", 1),
        "qosClass": (seen.pod.get("status") or {}).get("qosClass", "BestEffort"),
    }
    if seen.init:
        # A finished init container is ready: that is how a kubelet says that it is done.
        status["initContainerStatuses"] = [
            {**record.as_status(), "ready": record.exit_code == 0} for record in seen.init
        ]
    if seen.address:
        status |= {"podIP": seen.address, "podIPs": [{"ip": seen.address}]}
    return status


def phase(seen: Seen) -> str:
    """Pending, Running, Succeeded or Failed."""
    policy = seen.pod["spec"].get("restartPolicy", "Always")
    if any(record.exit_code not in (None, 0) for record in seen.init) and policy == "Never":
        return "Failed"
    if not initialized(seen):
        return "Pending"
    if any("waiting" in record.state and not record.last_state for record in seen.main):
        return "Pending"
    if any("running" in record.state for record in seen.main) or policy == "Always":
        return "Running"
    codes = [_last_code(record) for record in seen.main]
    if all(code == 0 for code in codes):
        return "Succeeded"
    return "Failed" if policy == "Never" else "Running"


def initialized(seen: Seen) -> bool:
    """Whether all init containers are done."""
    return all(record.exit_code == 0 for record in seen.init)


def _last_code(record: Record) -> int | None:
    ended: dict[str, Any] = record.state.get("terminated") or record.last_state.get("terminated") or {}
    return ended.get("exitCode")


def _conditions(seen: Seen, phase_: str, now: str) -> list[Object]:
    before = {entry["type"]: entry for entry in (seen.pod.get("status") or {}).get("conditions") or []}
    unready = [record.name for record in seen.main if not record.ready]
    waiting = [record.name for record in seen.init if record.exit_code != 0]
    if phase_ == "Succeeded":
        containers: tuple[str, str] | None = ("PodCompleted", "")
    elif phase_ == "Failed":
        containers = ("PodFailed", "")
    else:
        text = f"containers with unready status: [{' '.join(unready)}]"
        containers = ("ContainersNotReady", text) if unready else None
    gates = [gate["conditionType"] for gate in seen.pod["spec"].get("readinessGates") or []]
    closed = [gate for gate in gates if before.get(gate, {}).get("status") != "True"]
    ready = containers or (
        ("ReadinessGatesNotReady", f"readiness gates not True: [{' '.join(closed)}]") if closed else None
    )
    text = f"containers with incomplete status: [{' '.join(waiting)}]"
    wrong: dict[str, tuple[str, str] | None] = {
        "PodReadyToStartContainers": None if seen.address else ("", ""),
        "Initialized": ("ContainersNotInitialized", text) if waiting else None,
        "Ready": ready,
        "ContainersReady": containers,
        "PodScheduled": None,
    }
    return [_condition(kind, wrong[kind], before.get(kind), now) for kind in KUBELET_CONDITIONS]


def _condition(kind: str, wrong: tuple[str, str] | None, before: Object | None, now: str) -> Object:
    status = "False" if wrong else "True"
    # An empty reason or message has to be sent as null, or a strategic merge would keep the old one.
    reason, message = (part or None for part in wrong or ("", ""))
    unchanged = before is not None and before["status"] == status
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastProbeTime": None,
        "lastTransitionTime": before["lastTransitionTime"] if before and unchanged else now,
    }
