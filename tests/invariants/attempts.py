"""Rules about attempts: what a ModelDeployment's status may say after what it said before.

The status is written with the resourceVersion of the object it was decided on, so a rule may hold a status
against the spec and the annotations of the version before, exactly.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tests.invariants.world import KIND, Object, Step, annotations, rollout

ARROWS: Final[dict[str | None, set[str | None]]] = {
    None: {None, "Preparing"},
    "Preparing": {"Preparing", "Stepping", "Promoting", "RollingBack", None},
    "Stepping": {"Stepping", "Promoting", "RollingBack", "Preparing"},
    "Promoting": {"Promoting", "Baking", "RollingBack", "Preparing"},
    "Baking": {"Baking", "RollingBack", None},
    "RollingBack": {"RollingBack", None},
}
"""The state machine within one attempt; None is Idle."""
UNPROVED: Final = frozenset({"StableUnavailable", "Requested"})
"""Reasons to go on that need no evidence (I5)."""


def weights_rise_on_evidence(step: Step) -> Iterator[str]:
    """I5. The status says why a step was taken, in the write that takes it."""
    if not _moved_forward(step) or _unjudged(step):
        return
    assert step.now is not None
    attempt = rollout(step.now)
    asked = annotations(step.now).get("serin.dev/promote", "").rpartition(":")[0]
    verdict = (step.now["status"].get("analysis") or {}).get("verdict")
    if attempt.get("reason") in UNPROVED or asked == attempt["attempt"] or verdict == "Safe":
        return
    if (step.now["spec"].get("rollout") or {}).get("onInconclusive") != "Advance" or verdict == "NoData":
        yield f"{_place(attempt)} begins on the verdict {verdict}"


def gates_come_first(step: Step) -> Iterator[str]:
    """I5. What stands before a step has agreed, or was gone around, in the write that takes it."""
    if not (_moved_forward(step) or _first_weight(step)) or step.was is None:
        return
    attempt, spec = rollout(step.now), step.was["spec"]
    analysis = spec.get("analysis") or {}
    if analysis.get("mode", "Enforce") != "Enforce" or _status(step.now).get("phase") == "InvalidSpec":
        return
    steps = ((spec.get("rollout") or {}).get("canary") or {}).get("steps") or []
    index = attempt.get("step", 0)
    promoting = attempt["state"] == "Promoting" or index >= len(steps)
    entered = "promotion" if promoting else steps[index]["name"]
    results = {(one["name"], one["step"]): one["result"] for one in attempt.get("gates") or []}
    for gate in analysis.get("gates") or []:
        result = results.get((gate["name"], gate["beforeStep"]))
        if gate["beforeStep"] == entered and result not in ("Succeeded", "Skipped"):
            yield f"{_place(attempt)} begins while gate {gate['name']} is {result}"


def missing_data_holds(step: Step) -> Iterator[str]:
    if not _told(step):
        return
    assert step.now is not None
    known = {entry["hash"] for entry in _status(step.was).get("rejected") or []}
    analysis = step.now["status"].get("analysis") or {}
    for entry in step.now["status"].get("rejected") or []:
        if entry["hash"] not in known and entry["reason"] == "Harm" and analysis.get("verdict") != "Harm":
            yield f"{entry['revision']} is condemned on the verdict {analysis.get('verdict')}"


def an_attempt_keeps_its_path(step: Step) -> Iterator[str]:
    if not _told(step):
        return
    before, after = rollout(step.was), rollout(step.now)
    if after and before.get("attempt") != after["attempt"]:
        if after["state"] != "Preparing" and not _rebuilt(step):
            yield f"{after['attempt']} begins with {after['state']}"
        return
    if after.get("state") not in ARROWS.get(before.get("state"), ()):
        yield f"from {before.get('state')} to {after.get('state')}"
    if after and after.get("step", 0) < before.get("step", 0):
        yield f"{after['attempt']} goes back from step {before['step']} to {after.get('step', 0)}"
    if after.get("state") == "Stepping" and after["step"] > before.get("step", 0) + 1 and _routed(step):
        yield f"{after['attempt']} skips from step {before['step']} to {after['step']}"


def what_is_rejected_is_tried_once(step: Step) -> Iterator[str]:
    if not _told(step):
        return
    assert step.now is not None
    before, after = rollout(step.was), rollout(step.now)
    if not after or before.get("attempt") == after["attempt"]:
        return
    retry = annotations(step.now).get("serin.dev/retry")
    for entry in _status(step.was).get("rejected") or []:
        if entry["revision"] == _revision(after) and retry != entry["attempt"]:
            yield f"{entry['revision']} was rejected ({entry['reason']}) and is tried again"


def an_abort_is_obeyed(step: Step) -> Iterator[str]:
    if not _told(step):
        return
    before, after = rollout(step.was), rollout(step.now)
    aborted = annotations(step.was or {"metadata": {}}).get("serin.dev/abort")
    moved = (before.get("state"), before.get("step")) != (after.get("state"), after.get("step"))
    if moved and after and after["attempt"] == aborted and after["state"] != "RollingBack":
        yield f"{aborted} is to be aborted and goes on to {_place(after)}"


def a_persons_word_stands(step: Step) -> Iterator[str]:
    if not _moved_forward(step) or step.was is None:
        return
    paused = annotations(step.was).get("serin.dev/pause") == rollout(step.was).get("attempt")
    if paused or step.was["spec"].get("paused"):
        yield f"{_place(rollout(step.now))} begins while the attempt is paused"


def _status(body: Object | None) -> Mapping[str, Any]:
    return (body or {}).get("status") or {}


def _told(step: Step) -> bool:
    """Whether this is a ModelDeployment whose status was written, and not taken away."""
    if step.kind != KIND or not (step.was and step.now):
        return False
    return bool(_status(step.now).get("conditions")) and _status(step.was) != _status(step.now)


def _rebuilt(step: Step) -> bool:
    return not _status(step.was).get("stable")


def _moved_forward(step: Step) -> bool:
    """Whether this status begins a step, or the promotion."""
    if not _told(step):
        return False
    before, after = rollout(step.was), rollout(step.now)
    if not _status(step.was).get("stable") or before.get("attempt") != after.get("attempt"):
        return False
    promoting = after.get("state") == "Promoting" and before.get("state") != "Promoting"
    return promoting or (after.get("state") == "Stepping" and after.get("step", 0) > before.get("step", 0))


def _first_weight(step: Step) -> bool:
    """Whether this status gives a canary that was preparing its weight."""
    if not _told(step) or not _status(step.was).get("stable"):
        return False
    before, after = rollout(step.was), rollout(step.now)
    return (before.get("state"), after.get("state")) == ("Preparing", "Stepping")


def _unjudged(step: Step) -> bool:
    """Whether the user switched enforcement off or wants no steps, or there is no Prometheus."""
    assert step.now is not None
    canary = (step.now["spec"].get("rollout") or {}).get("canary") or {}
    if canary.get("steps") == []:
        return True
    mode = (step.now["spec"].get("analysis") or {}).get("mode", "Enforce")
    found = {entry["type"]: entry["reason"] for entry in step.now["status"]["conditions"]}
    return mode != "Enforce" or found.get("AnalysisAvailable") == "NotConfigured"


def _routed(step: Step) -> bool:
    """Whether weights are exact, so that no two steps come to the same."""
    return step.world.get("HTTPRoute", step.model) is not None


def _place(attempt: Mapping[str, Any]) -> str:
    return f"{attempt['state']} at step {attempt.get('step', 0)}"


def _revision(attempt: Mapping[str, Any]) -> str:
    return str(attempt["attempt"]).rpartition(".")[0]
