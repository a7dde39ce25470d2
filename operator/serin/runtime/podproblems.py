"""Why a pod does not get ready, as its status tells it, and whether that speaks against the model.

Only a crash loop does: the image was there and a node had taken the pod, and the server still would not
stay up. The other problems are the cluster's, and a rollout waits for them to pass.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from serin.domain.observed import PodProblem

Status = Mapping[str, Any]

WAITING: Final[Mapping[str, PodProblem]] = {
    "CrashLoopBackOff": PodProblem.CRASH_LOOP,
    "ErrImagePull": PodProblem.IMAGE_PULL,
    "ImagePullBackOff": PodProblem.IMAGE_PULL,
    "ErrImageNeverPull": PodProblem.IMAGE_PULL,
    "InvalidImageName": PodProblem.IMAGE_PULL,
    "RegistryUnavailable": PodProblem.IMAGE_PULL,
    "ImageInspectError": PodProblem.IMAGE_PULL,
    "CreateContainerConfigError": PodProblem.CONFIG,
    "CreateContainerError": PodProblem.CONFIG,
}
"""The kubelet's reasons for a waiting container."""

CRASHES: Final = 3
"""Restarts without getting ready that are a crash loop even in the moments in which the container runs."""

LONGEST_DETAIL: Final = 300


def problem_of(status: Status) -> tuple[PodProblem | None, str]:
    """The problem of a pod and a sentence for people; (None, "") where it has none."""
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable":
            return PodProblem.UNSCHEDULABLE, clipped(condition.get("message", ""))
    for container in _containers(status):
        problem = _problem_of_container(container)
        if problem:
            return problem, clipped(_detail(problem, container))
    return None, ""


def _containers(status: Status) -> Iterator[Status]:
    yield from status.get("initContainerStatuses") or ()
    yield from status.get("containerStatuses") or ()


def _problem_of_container(container: Status) -> PodProblem | None:
    state = container.get("state") or {}
    waiting = (state.get("waiting") or {}).get("reason", "")
    if problem := WAITING.get(waiting):
        return problem
    crashed = "terminated" in (container.get("lastState") or {})
    if crashed and container["restartCount"] >= CRASHES and not container["ready"]:
        return PodProblem.CRASH_LOOP
    return None


def _detail(problem: PodProblem, container: Status) -> str:
    ended = (container.get("lastState") or {}).get("terminated")
    if problem is PodProblem.CRASH_LOOP and ended:
        reason = ended.get("reason", "Error")
        return (
            f"container {container['name']} ended with exit code {ended['exitCode']} ({reason}), "
            f"{container['restartCount']} restarts"
        )
    waiting = container["state"]["waiting"]
    return f"container {container['name']}: {waiting.get('message') or waiting['reason']}"


def clipped(text: str) -> str:
    """No longer than a status should hold of somebody else's words."""
    return text if len(text) <= LONGEST_DETAIL else f"{text[: LONGEST_DETAIL - 1]}…"
