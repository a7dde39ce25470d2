"""Why a model is in its state and what would get it out: `cures` applied to what the status says."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

from serin.domain.findings import READABLE, UNASKED
from serin.domain.rollout.world import Reason
from serin.plugin.cures import ANALYSIS, READY, REJECTED, Row
from serin.plugin.models import Health, Model
from serin.plugin.terminal import Line, Span, Tone, line
from serin.plugin.words import marked

UNSEEN: Final = Row(
    "The operator has not looked at the latest change.",
    (
        "wait a moment",
        "is it running, and does it look at this namespace? kubectl get pods -n serin-system",
    ),
)
UNAVAILABLE: Final = Row(
    "The stable revision does not answer: nobody is served.",
    ("kubectl serin get {name}{flags}    its pods", "kubectl get events{flags}    why they are missing"),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is so: its reason, what it means, what the operator says of it, what cures it."""

    reason: str
    meaning: str
    message: str
    cures: tuple[str, ...]


def findings(model: Model) -> list[Finding]:
    """All there is to say, the gravest first."""
    return list(_findings(model))


def explanation(model: Model) -> list[Line]:
    """In words."""
    told = [line(marked(model.health, f"{model.key.name} is {model.status.phase or model.health.value}"))]
    for one in findings(model):
        told += [line(), line(Span(one.reason, Tone.STRONG), f": {one.meaning}")]
        told += [line("  ", Span(one.message, Tone.FAINT))] if one.message else []
        told += [line("  * ", cure) for cure in one.cures]
    return told


def explanation_document(model: Model) -> dict[str, Any]:
    """The same for programs."""
    return {
        "namespace": model.key.namespace,
        "name": model.key.name,
        "health": model.health.value,
        "phase": model.status.phase,
        "findings": [asdict(one) for one in findings(model)],
    }


def _findings(model: Model) -> Iterator[Finding]:
    available = model.condition("Available")
    if available is not None and available.status == "False" and model.reason != Reason.DEPLOYING:
        yield _found(model, available.reason, UNAVAILABLE, available.message)
    if not model.seen:
        yield _found(model, "NotSeen", UNSEEN, model.message)
    elif model.reason in set(Reason):
        row = READY.get(Reason(model.reason), Row("", ()))
        yield _found(model, model.reason, row, model.message)
    yield from _of_rejection(model)
    yield from _of_analysis(model)


def _of_rejection(model: Model) -> Iterator[Finding]:
    """Why the revision was taken back that the spec asks for."""
    wanted = model.status.resolved.revision if model.status.resolved else None
    entry = next((one for one in model.status.rejected if one.revision == wanted), None)
    if model.reason != Reason.ROLLED_BACK or entry is None:
        return
    meaning = REJECTED.get(Reason(entry.reason), "") if entry.reason in set(Reason) else ""
    yield Finding(entry.reason, f"{meaning} ({entry.attempt}, {entry.at:%Y-%m-%d %H:%M} UTC)", "", ())


def _of_analysis(model: Model) -> Iterator[Finding]:
    condition = model.condition("AnalysisAvailable")
    if condition is None or condition.reason == READABLE or model.health is Health.HEALTHY:
        return
    if condition.reason in UNASKED and model.status.rollout is None:
        return
    row = ANALYSIS.get(condition.reason, Row(condition.reason))
    message = "" if condition.reason in UNASKED else condition.message
    yield _found(model, condition.reason, row, message)


def _found(model: Model, reason: str, row: Row, message: str) -> Finding:
    rollout = model.status.rollout
    filled = {
        "name": model.key.name,
        "attempt": rollout.attempt if rollout else "",
        "step": model.step.name if model.step else "?",
        "flags": f" -n {model.key.namespace}",
    }
    cures = tuple(cure.format_map(filled) for cure in row.cures)
    return Finding(reason, row.meaning.format_map(filled), message, cures)
