"""Statuses that no course leads to, because somebody has edited them or set a clock.

What contradicts itself is read again from the children (`rebuild`). Times that have not come are taken for
now: whatever waits for them would wait as long.
"""

from datetime import datetime, timedelta
from typing import Final

from serin.domain.gates import LONGEST_PAUSE
from serin.domain.intent import Intent
from serin.domain.observed import Observed
from serin.domain.rollout.record import NUMBERED
from serin.domain.status import Rollout, State, Status

HASH_LENGTH: Final = 10
HEXADECIMAL: Final = frozenset("0123456789abcdef")
LEAP: Final = timedelta(minutes=1)
"""How far a time may lie ahead: two replicas' clocks differ by less."""
MOMENTS: Final = ("since", "started_at", "step_started_at", "confirmed_at", "paused_at", "analysis_start")


def contradicts_itself(intent: Intent, status: Status, seen: Observed) -> bool:
    """Whether somebody has edited the status into one that no course leads to.

    An attempt is at a revision of this model's. One that has, or had, traffic is known, and stable from the
    bake on and not before.
    """
    rollout, stable = status.rollout, status.stable.revision if status.stable else None
    if stable is not None and not _is_ours(intent, stable):
        return True
    if rollout is None:
        return False
    attempt = NUMBERED.fullmatch(rollout.attempt)
    if attempt is None or not _is_ours(intent, attempt["of"]) or rollout.state is State.IDLE:
        return True
    known = {view.identity.name for view in seen.revisions.values()}
    before = rollout.previous.revision if rollout.previous else None
    if before == attempt["of"] or (before is not None and not _is_ours(intent, before)):
        return True
    if rollout.state is State.BAKING:
        return stable != attempt["of"]
    if rollout.state in (State.STEPPING, State.PROMOTING):
        # Of a revision without pods nothing has to be there, and none may be made while rights are missing.
        born = attempt["of"] in known or not max(intent.replicas, rollout.capacity_floor)
        return stable == attempt["of"] or not born or not _given(rollout)
    return stable == attempt["of"]


def _is_ours(intent: Intent, revision: str) -> bool:
    """Whether it is what a revision of this model is called."""
    tail = revision.removeprefix(f"{intent.key.name}-")
    return tail != revision and len(tail) == HASH_LENGTH and HEXADECIMAL.issuperset(tail)


def _given(rollout: Rollout) -> bool:
    """Whether the weight that the state means was given: it is written with the state."""
    latest = rollout.shifts[-1] if rollout.shifts else None
    if latest is None or latest.step != rollout.step:
        return False
    return latest.weight == 100 if rollout.state is State.PROMOTING else 0 < latest.weight < 100


def not_ahead_of(now: datetime, intent: Intent, status: Status) -> Status:
    """The status without times that have not come: the clock was set back, or somebody has edited them. What
    waits for them would wait for as long.
    """
    rollout = status.rollout
    if rollout is None:
        return status
    past = {name: _at_most(getattr(rollout, name), now) for name in MOMENTS}
    update: dict[str, object] = {name: at for name, at in past.items() if at != getattr(rollout, name)}
    if any(entry.since > now + LEAP for entry in rollout.draining):
        entries = [
            entry.model_copy(update={"since": _at_most(entry.since, now)}) for entry in rollout.draining
        ]
        update["draining"] = entries
    if any(gate.at > now + LEAP + LONGEST_PAUSE for gate in rollout.gates):
        update["gates"] = [gate.model_copy(update={"at": _at_most(gate.at, now)}) for gate in rollout.gates]
    warm = max(intent.rollout.bake, intent.traffic.drain)
    if rollout.previous is not None and rollout.previous.until > now + warm + LEAP:
        update["previous"] = rollout.previous.model_copy(update={"until": now + warm})
    if not update:
        return status
    return status.model_copy(update={"rollout": rollout.model_copy(update=update)})


def _at_most(at: datetime | None, now: datetime) -> datetime | None:
    return now if at is not None and at > now + LEAP else at
