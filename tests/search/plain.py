"""What the status remembers of an attempt, brought to few values: what no decision reads is left out.

Times become ages in whole ticks, up to the age from which on nothing changes any more; that is another one
in each state, and pauses put it off. A rule that begins to read a time in a state where none did wants its
age here.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from serin.domain.intent import RouterKind
from serin.domain.status import Draining, GateStatus, Previous, Rollout, Shift, State
from tests.search.scope import BAKE, DRAIN, NOW, PROGRESS_DEADLINE, STEP_DEADLINE, TICK

LONG_AGO: Final = NOW - 100 * TICK
LONGEST_PAUSE: Final = 2
"""Ticks of a pause that are told apart."""
OLDEST_STATE: Final = {
    State.PREPARING: PROGRESS_DEADLINE,
    State.STEPPING: STEP_DEADLINE + PROGRESS_DEADLINE,
    State.PROMOTING: PROGRESS_DEADLINE,
    State.BAKING: max(BAKE, DRAIN + 1),
    State.ROLLING_BACK: PROGRESS_DEADLINE,
}
DECIDED: Final = frozenset({State.BAKING, State.ROLLING_BACK})
"""States from which no way leads back to a step: which one it was, and what led there, is only told."""


def plain(rollout: Rollout, confirmed: datetime | None) -> dict[str, Any]:
    """Everything of it that is told apart, in a form that can be looked up."""
    state, held = rollout.state, _held(rollout)
    update: dict[str, Any] = {
        "since": _from(rollout.since, oldest_state(rollout)),
        "started_at": LONG_AGO,
        "step_started_at": None,
        "confirmed_at": confirmed and _from(confirmed, oldest_confirmation(rollout)),
        "paused_at": rollout.paused_at and _from(rollout.paused_at, LONGEST_PAUSE),
        "paused_seconds": min(rollout.paused_seconds, LONGEST_PAUSE * int(TICK.total_seconds())),
        "previous": rollout.previous and (rollout.previous.revision, _from(rollout.previous.until, held)),
        "draining": tuple((entry.revision, _from(entry.since, DRAIN)) for entry in rollout.draining),
        "shifts": _shifts(rollout.shifts),
        "analysis_start": None,
        "pins": (),
        "gates": tuple(
            (entry.name, entry.step, entry.tries, entry.result, _from(entry.at, PROGRESS_DEADLINE + held))
            for entry in rollout.gates
        ),
    }
    if state in DECIDED:
        update |= {"step": 0, "losses": 0, "shifts": update["shifts"] and ((0, 100),)}
    if state is State.ROLLING_BACK:
        previous = rollout.previous and (rollout.previous.revision, NOW)
        update |= {"paused_at": rollout.paused_at and NOW, "paused_seconds": 0, "previous": previous}
    else:
        update["reason"] = None
    return vars(rollout) | update


def remembered(rollout: Rollout, known: dict[str, Any]) -> Rollout:
    """The attempt with no more than that."""
    lists: dict[str, Any] = {
        "previous": known["previous"] and Previous(revision=known["previous"][0], until=known["previous"][1]),
        "draining": [Draining(revision=revision, since=since) for revision, since in known["draining"]],
        "shifts": [Shift(step=step, weight=weight, at=LONG_AGO) for step, weight in known["shifts"]],
        "pins": [],
        "gates": [
            GateStatus(name=name, step=step, tries=tries, result=result, at=at)
            for name, step, tries, result, at in known["gates"]
        ],
    }
    return rollout.model_copy(update=known | lists)


def a_tick_older(rollout: Rollout) -> dict[str, Any]:
    """What becomes of its times. With a pause that has lasted the longest, what it holds stands still."""
    update: dict[str, Any] = {
        "draining": [entry.model_copy(update={"since": entry.since - TICK}) for entry in rollout.draining],
        "gates": [entry.model_copy(update={"at": entry.at - TICK}) for entry in rollout.gates],
    }
    if not still(rollout):
        update["since"] = rollout.since - TICK
        if rollout.paused_at is not None:
            update["paused_at"] = rollout.paused_at - TICK
        if rollout.previous is not None:
            until = rollout.previous.until - TICK
            update["previous"] = rollout.previous.model_copy(update={"until": until})
    return update


def still(rollout: Rollout | None) -> bool:
    """Whether a pause has lasted so long that more of it makes no difference."""
    return rollout is not None and rollout.paused_at == NOW - LONGEST_PAUSE * TICK


def oldest_state(rollout: Rollout) -> int:
    """The age, in ticks, from which on it makes no difference how long the state has lasted."""
    if rollout.state is State.STEPPING and rollout.router == RouterKind.REPLICAS:
        return 0  # the step comes before its pods: no patience with them begins with it
    return OLDEST_STATE[rollout.state] + _held(rollout)


def oldest_confirmation(rollout: Rollout | None) -> int:
    """The same of how long the router has had the weights."""
    if rollout is None:
        return 0
    return STEP_DEADLINE + _held(rollout) if rollout.state is State.STEPPING else DRAIN


def _held(rollout: Rollout) -> int:
    return (age(rollout.paused_at) or 0) + rollout.paused_seconds // int(TICK.total_seconds())


def _from(moment: datetime, oldest: int) -> datetime:
    return max(moment, NOW - oldest * TICK)


def _shifts(shifts: Sequence[Shift]) -> tuple[tuple[int, int], ...]:
    """The highest weight and the latest: what is asked of them."""
    if not shifts:
        return ()
    highest = max(shifts, key=lambda shift: shift.weight)
    kept = shifts[-1:] if highest.weight == shifts[-1].weight else (highest, shifts[-1])
    return tuple((shift.step, shift.weight) for shift in kept)


def age(moment: datetime | None) -> int | None:
    """Whole ticks since then."""
    return None if moment is None else max(0, (NOW - moment) // TICK)


def moment(ticks: int | None) -> datetime | None:
    """So many ticks ago."""
    return None if ticks is None else NOW - ticks * TICK


def ticks_until(pause: timedelta) -> int:
    """The ticks after which a pause is over."""
    return -(-pause // TICK)
