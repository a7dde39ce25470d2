"""What is told of a model's transitions to those who want to know: CloudEvents, or text for a chat.

A transition has the word that its Event has. Its id is made of the object, the attempt and the transition,
and of the step or the moment where one attempt may have several: told again, after a restart for example, it
has the same. What the status alone shows of an attempt can be told anew (`recalled`); nothing else is
remembered.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from serin.domain.names import API_VERSION, Key
from serin.domain.plain import plain
from serin.domain.receivers import USUAL, Transition
from serin.domain.rollout.world import REJECTING, Notice
from serin.domain.status import State, Status

ONCE: Final = frozenset({*USUAL, Transition.SUPERSEDED, Transition.REVERTED})
"""At most once in an attempt, or in one of its steps."""
OF_A_STEP: Final = frozenset({Transition.STEP_STARTED, Transition.AWAITING_PROMOTION})


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A transition of a model, as it is told.

    Attributes:
        uid: Of the ModelDeployment.
        attempt: The attempt it is about; empty where there is none.
        step: The name of the step under way, where there is one.
        at: When it was.
    """

    key: Key
    uid: str
    transition: Transition
    message: str
    warning: bool
    attempt: str
    step: str
    at: datetime
    status: Mapping[str, Any]

    @property
    def id(self) -> str:
        """The same whenever the same is told again, and different for all else."""
        parts = [self.uid, self.attempt, self.transition.value]
        if self.transition in OF_A_STEP:
            parts.append(self.step)
        elif self.transition not in ONCE:
            parts.append(self.at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ"))
        return "/".join(filter(None, parts))


def told(model: Mapping[str, Any], notice: Notice, now: datetime) -> Told | None:
    """What a notice is about, by the status it was written with; None where it is no transition."""
    if notice.reason not in set(Transition):
        return None
    status, metadata = model.get("status") or {}, model["metadata"]
    transition = Transition(notice.reason)
    return Told(
        key=Key(metadata["namespace"], metadata["name"]),
        uid=metadata["uid"],
        transition=transition,
        message=notice.message,
        warning=notice.warning,
        attempt=_attempt(status, transition),
        step=(status.get("canary") or {}).get("step") or "",
        at=now,
        status=status,
    )


def _attempt(status: Mapping[str, Any], transition: Transition) -> str:
    """A rejection and an end are about an attempt that may be over, and another under way."""
    if transition is Transition.ROLLOUT_FINISHED and status.get("history"):
        return str(status["history"][-1]["attempt"])
    if transition.value in set(map(str, REJECTING)) and status.get("rejected"):
        return str(status["rejected"][-1]["attempt"])
    return str((status.get("rollout") or {}).get("attempt") or "")


def recalled(model: Mapping[str, Any], status: Status, *, since: datetime) -> Iterator[Told]:
    """What has happened of late, as far as the status shows it: perhaps nobody was told."""
    metadata = model["metadata"]
    key = Key(metadata["namespace"], metadata["name"])
    rollout, raw = status.rollout, model["status"]

    def one(what: str, message: str, attempt: str, at: datetime, *, warning: bool = False) -> Told:
        return Told(
            key=key,
            uid=metadata["uid"],
            transition=Transition(what),
            message=message,
            warning=warning,
            attempt=attempt,
            step=(status.canary.step if status.canary else None) or "",
            at=at,
            status=raw,
        )

    found: list[Told] = []
    for entry in status.history:
        bad = entry.result == "RolledBack"
        words = f"{entry.revision}: {entry.result}"
        found.append(one(Transition.ROLLOUT_FINISHED, words, entry.attempt, entry.finished_at, warning=bad))
    for lost in status.rejected:
        if lost.reason in set(Transition):
            found.append(one(lost.reason, lost.message or lost.reason, lost.attempt, lost.at, warning=True))
    if rollout is not None:
        name = rollout.attempt.rpartition(".")[0]
        found.append(one(Transition.ROLLOUT_STARTED, f"{name} started", rollout.attempt, rollout.started_at))
        if rollout.state is State.STEPPING and rollout.step_started_at and status.canary:
            words = f"{name} at {status.canary.weight} % (step {status.canary.step})"
            found.append(one(Transition.STEP_STARTED, words, rollout.attempt, rollout.step_started_at))
        if rollout.state is State.BAKING:
            found.append(one(Transition.PROMOTED, f"{name} is stable", rollout.attempt, rollout.since))
    yield from sorted((entry for entry in found if entry.at >= since), key=lambda entry: entry.at)


def cloud_event(told: Told) -> dict[str, Any]:
    """As structured JSON of CloudEvents 1.0."""
    key, status = told.key, told.status
    data = {
        "namespace": key.namespace,
        "name": key.name,
        "uid": told.uid,
        "transition": told.transition.value,
        "severity": "Warning" if told.warning else "Normal",
        "message": plain(told.message),
        "attempt": told.attempt or None,
        "step": told.step or None,
        "phase": status.get("phase"),
        "stable": _side(status.get("stable")),
        "canary": _side(status.get("canary")),
    }
    return {
        "specversion": "1.0",
        "id": told.id,
        "source": f"/apis/{API_VERSION}/namespaces/{key.namespace}/modeldeployments/{key.name}",
        "type": f"dev.serin.{told.transition.value}",
        "subject": told.attempt or key.name,
        "time": told.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "datacontenttype": "application/json",
        "data": {name: value for name, value in data.items() if value is not None},
    }


def _side(revision: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not revision:
        return None
    return {name: revision[name] for name in ("revision", "version", "weight") if name in revision}


COLOURS: Final = {True: "danger", False: "good"}


def slack(told: Told) -> dict[str, Any]:
    """As Slack, and what understands its webhooks, show it."""
    title = f"{told.key.namespace}/{told.key.name}: {told.transition.value}"
    words = _escaped(plain(told.message))
    attachment = {"color": COLOURS[told.warning], "text": words, "fallback": words, "footer": told.attempt}
    return {"text": f"*{title}*", "attachments": [attachment]}


def _escaped(text: str) -> str:
    """What the text says, and never a mention or a link that somebody has put into it."""
    for char, shown in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(char, shown)
    return text
