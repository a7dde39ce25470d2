"""One model as a tree: what it is doing, how each signal stands, and its revisions down to the pods.

Laid out like `kubectl argo rollouts get rollout`, so that who knows the one reads the other.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from serin.domain.status import GateResult, GateStatus, Rollout, State
from serin.plugin.evidence import verdict
from serin.plugin.family import Family, Pod, Workload
from serin.plugin.models import Health, Model
from serin.plugin.terminal import Line, Span, Tone, line, table
from serin.plugin.words import age, marked, standing

LABEL_WIDTH: Final = 17
HEADER: Final = ("NAME", "KIND", "STATUS", "AGE", "INFO")


def tree(family: Family, now: datetime) -> list[Line]:
    """The whole view."""
    return [*_head(family), line(), *_nodes(family, now)]


def _head(family: Family) -> Iterator[Line]:
    model, rollout = family.model, family.model.status.rollout
    yield _fact("Name:", model.key.name)
    yield _fact("Namespace:", model.key.namespace)
    yield _fact("Status:", *standing(model))
    if model.message:
        yield _fact("Message:", model.message)
    if rollout is not None:
        yield _fact("Attempt:", rollout.attempt)
        if model.step is not None and model.status.stable is not None and rollout.state is not State.BAKING:
            yield _fact("Step:", _step(model, rollout))
    yield from _revisions(model)
    yield _fact("Replicas:", _replicas(family))
    if rollout is not None and model.status.stable is not None:
        yield from _under("Signals:", table(_signals(model)))
        yield from _under("Gates:", table(_gate(one) for one in rollout.gates))


def _fact(label: str, *parts: str | Span) -> Line:
    return line(f"{label:<{LABEL_WIDTH}}", *parts)


def _under(label: str, rows: list[Line]) -> Iterator[Line]:
    """A table whose label stands before its first row."""
    for index, row in enumerate(rows):
        yield line(f"{label if index == 0 else '':<{LABEL_WIDTH}}", *row)


def _step(model: Model, rollout: Rollout) -> str:
    number = min(rollout.step, len(model.steps) - 1)
    step = model.steps[number]
    before = "before " if rollout.state is State.PREPARING else ""
    return f"{before}{number + 1}/{len(model.steps)} {step.name} ({step.weight} %)"


def _revisions(model: Model) -> Iterator[Line]:
    for label, one in (("Stable:", model.status.stable), ("Canary:", model.status.canary)):
        if one is not None:
            version = f" (version {one.version})" if one.version else ""
            yield _fact(label, f"{one.revision}{version}, {one.weight} % of the traffic")


def _replicas(family: Family) -> str:
    views = [one.view for one in family.workloads]
    wanted, ready = sum(one.desired for one in views), sum(one.ready for one in views)
    asked = family.model.spec.get("replicas", 1)
    more = f"{wanted} with the rollout's, " if wanted != asked else ""
    return f"{asked} desired, {more}{ready} ready"


def _signals(model: Model) -> Iterator[tuple[Span | str, ...]]:
    analysis = model.status.analysis
    for one in analysis.signals if analysis else ():
        counts = f"{one.canary.bad:,} bad of {one.canary.events:,}"
        stable = f"stable {one.stable.bad:,} of {one.stable.events:,}"
        yield one.name, verdict(one.verdict, dry_run=bool(one.dry_run)), counts, stable
    for guard in analysis.guards if analysis else ():
        yield guard.name, verdict(guard.verdict), f"{guard.value or '?'} (limit {guard.limit})", "guard"


_GATES: Final = {
    GateResult.RUNNING: Tone.BUSY,
    GateResult.SUCCEEDED: Tone.GOOD,
    GateResult.FAILED: Tone.BAD,
    GateResult.SKIPPED: Tone.HELD,
}


def _gate(one: GateStatus) -> tuple[Span | str, ...]:
    return one.name, Span(one.result.value, _GATES[one.result]), f"before {one.step}", f"try {one.tries}"


# The tree itself


def _nodes(family: Family, now: datetime) -> list[Line]:
    model = family.model
    rows: list[tuple[Span | str | Line, ...]] = [tuple(Span(word, Tone.FAINT) for word in HEADER)]
    root = marked(model.health, model.key.name)
    phase = marked(model.health, model.status.phase or model.health.value)
    rows.append((root, "ModelDeployment", phase, age(model.created, now), ""))
    last = len(family.workloads) - 1
    for index, workload in enumerate(family.workloads):
        rows += _workload(model, workload, now, last=index == last)
    return table(rows)


def _workload(
    model: Model, workload: Workload, now: datetime, *, last: bool
) -> Iterator[tuple[Span | str | Line, ...]]:
    branch, below = ("└──", "   ") if last else ("├──", "│  ")
    yield line(f"{branch}# revision:{workload.number or '?'}"), "", "", "", ""
    view = workload.view
    name = view.identity.name
    health, word = _fares(workload)
    shown = line(f"{below}└──⧉ {name}")
    yield shown, "Deployment", marked(health, word), age(workload.created, now), _role(model, workload)
    for index, pod in enumerate(workload.pods):
        twig = "└──" if index + 1 == len(workload.pods) else "├──"
        health, word = _pod_fares(pod)
        label = line(f"{below}   {twig}□ {pod.view.name}")
        yield label, "Pod", marked(health, word), age(pod.created, now), _pod_info(pod)


def _fares(workload: Workload) -> tuple[Health, str]:
    view = workload.view
    if view.failure:
        return Health.DEGRADED, "Degraded"
    if not view.desired:
        return (Health.PROGRESSING, "ScalingDown") if workload.pods else (Health.PAUSED, "ScaledDown")
    if any(pod.view.problem for pod in workload.pods):
        return Health.DEGRADED, "Degraded"
    if view.settled and view.ready >= view.desired and view.replicas <= view.desired:
        return Health.HEALTHY, "Healthy"
    return Health.PROGRESSING, "Progressing"


def _role(model: Model, workload: Workload) -> str:
    """What the revision is to the model, its traffic and its pods."""
    name, status = workload.view.identity.name, model.status
    told: list[str] = []
    for role, one in (("stable", status.stable), ("canary", status.canary)):
        if one is not None and one.revision == name:
            told += [role, f"{one.weight} %"]
    previous = status.rollout.previous if status.rollout else None
    if previous is not None and previous.revision == name:
        told.append("kept warm")
    rejected = next((one for one in status.rejected if one.revision == name), None)
    if rejected is not None:
        told.append(f"rejected: {rejected.reason}")
    if workload.view.desired:
        told.append(f"ready {workload.view.ready}/{workload.view.desired}")
    return ", ".join(told)


def _pod_fares(pod: Pod) -> tuple[Health, str]:
    if pod.view.terminating:
        return Health.PROGRESSING, "Terminating"
    if pod.view.problem is not None:
        return Health.DEGRADED, pod.view.problem.value
    if pod.view.ready_since is not None:
        return Health.HEALTHY, "Running"
    return Health.PROGRESSING, pod.phase if pod.phase != "Running" else "NotReady"


def _pod_info(pod: Pod) -> str:
    restarts = f"restarts {pod.view.restarts}" if pod.view.restarts else ""
    return ", ".join(part for part in (restarts, pod.view.detail) if part)
