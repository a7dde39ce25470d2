"""How long a difference between two statuses may wait to be written (`design.md` 3, status chatter).

A write costs the API server and wakes every watcher of the object, so that only transitions are told at once.
"""

from enum import IntEnum

from serin.domain.status import Rollout, Status


class Urgency(IntEnum):
    """How long a difference between two statuses may wait to be written."""

    NONE = 0
    WORDS = 1
    """Evidence and messages, and numbers of pods while a rollout moves them: once a minute, in a crowd more
    rarely.
    """
    COUNTS = 2
    """Numbers of requests, or of pods: every ten seconds."""
    TRANSITION = 3
    """At once."""


def urgency(before: Status, after: Status) -> Urgency:
    """How urgent the most urgent difference is."""
    if before == after:
        return Urgency.NONE
    if _essence(before) != _essence(after):
        return Urgency.TRANSITION
    if _numbers(before) != _numbers(after):
        return Urgency.COUNTS
    if _without_confirmation(before) != _without_confirmation(after):
        return Urgency.WORDS
    return Urgency.NONE


def course_changed(before: Status, after: Status) -> bool:
    """Whether what the state machine remembers differs: that must be written before anything it leads to."""
    return _remembered(before) != _remembered(after)


def _essence(status: Status) -> object:
    """What a waiter acts on."""
    return (
        _remembered(status),
        status.observed_generation,
        status.phase,
        status.url,
        status.selector,
        status.resolved,
        status.stable and (status.stable.revision, status.stable.weight),
        status.canary and (status.canary.revision, status.canary.weight),
        [(entry.type, entry.status, entry.reason, entry.observed_generation) for entry in status.conditions],
    )


def _remembered(status: Status) -> object:
    return (
        _course(status.rollout),
        status.stable and status.stable.revision,
        [(entry.hash, entry.attempt) for entry in status.rejected],
        [entry.attempt for entry in status.history],
    )


def _numbers(status: Status) -> object:
    judged = status.analysis and [(signal.canary, signal.stable) for signal in status.analysis.signals]
    if status.rollout is not None:
        # Pods come and go, and the next transition tells of them: a slow cluster must not cost more writes.
        return judged
    return status.replicas, status.ready_replicas, status.stable, status.canary, judged


def _without_confirmation(status: Status) -> Status:
    """The time of confirmation, what the judge learnt and the time of its numbers are carried by other
    writes: losing them in a restart only costs time.
    """
    if status.analysis is not None:
        undated: dict[str, object] = {"window": None, "query": None}
        signals = [signal.model_copy(update=undated) for signal in status.analysis.signals]
        analysis = status.analysis.model_copy(update={"signals": signals, "late_samples": None})
        status = status.model_copy(update={"analysis": analysis})
    if status.rollout is None:
        return status
    return status.model_copy(update={"rollout": _course(status.rollout)})


def _course(rollout: Rollout | None) -> Rollout | None:
    carried: dict[str, object] = {"confirmed_at": None, "pins": []}
    return rollout and rollout.model_copy(update=carried)
