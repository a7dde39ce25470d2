"""What the status remembers, brought to few values: times as ages of whole ticks, numbers and words left out.

Two statuses that no decision can tell apart are one object, so that they compare by identity. What is left
out is only ever shown: sentences, figures, and times that nothing is decided on.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from serin.domain.names import RevisionHash
from serin.domain.status import (
    Draining,
    Finished,
    Previous,
    Rejection,
    RevisionStatus,
    Rollout,
    Shift,
    State,
    Status,
)
from tests.search.scope import NOW, REVISIONS, STEP_DEADLINE, TICK

LONG_AGO: Final = NOW - 100 * TICK
OLDEST_STATE: Final = 4
OLDEST_DRAIN: Final = 2
OLDEST_BAKE: Final = 2
LONGEST_PAUSE: Final = 2
OLDEST_CONFIRMATION: Final = STEP_DEADLINE + LONGEST_PAUSE
"""Ages, in ticks, from which on nothing changes any more."""


class Memory:
    """One remembered course; made by `Memories` only, so that equal ones are the same."""

    __slots__ = ("history", "rejected", "rollout", "stable", "status")

    def __init__(
        self,
        stable: RevisionHash | None,
        rollout: Rollout | None,
        rejected: Sequence[Rejection],
        history: Sequence[Finished],
    ) -> None:
        self.stable, self.rollout = stable, rollout
        self.rejected, self.history = tuple(rejected), tuple(history)
        self.status = status_of(stable, rollout, rejected, history)

    @property
    def attempt(self) -> str | None:
        return self.rollout.attempt if self.rollout else None

    @property
    def canary(self) -> RevisionHash | None:
        return revision_in(self.rollout.attempt) if self.rollout else None

    @property
    def state(self) -> State:
        return self.rollout.state if self.rollout else State.IDLE


def revision_in(attempt: str) -> RevisionHash:
    """The revision that an attempt's name tells of."""
    return RevisionHash(attempt.rpartition(".")[0].removeprefix("m-"))


def status_of(
    stable: RevisionHash | None,
    rollout: Rollout | None,
    rejected: Sequence[Rejection],
    history: Sequence[Finished],
) -> Status:
    """A status that remembers this."""
    known = {"rollout": rollout, "rejected": list(rejected), "history": list(history)}
    return NOTHING.model_copy(update=known | {"stable": stable and STABLE[stable]})


NOTHING: Final = Status()
STABLE: Final = {
    revision: RevisionStatus(revision=f"m-{revision}", weight=100, replicas=0, ready_replicas=0)
    for revision in REVISIONS
}


class Memories:
    """All of them, once each."""

    def __init__(self) -> None:
        self._known: dict[object, Memory] = {}
        self._later: dict[Memory, Memory] = {}
        self._carried: dict[tuple[Memory, datetime], Memory] = {}
        self.nothing = self.of(None, None, (), ())

    def of(
        self,
        stable: RevisionHash | None,
        rollout: Rollout | None,
        rejected: Sequence[Rejection],
        history: Sequence[Finished],
        *,
        confirmed: datetime | None = None,
    ) -> Memory:
        """The one object for it. The time of confirmation is the process's; the status only carries it."""
        made = _plain(rollout, confirmed) if rollout else None
        ended = _latest(history)
        key = (
            stable,
            made and _key(made),
            tuple((entry.hash, entry.attempt, entry.reason) for entry in rejected),
            ended,
        )
        known = self._known.get(key)
        if known is None:
            plain = {"message": None, "at": LONG_AGO, "signal": None, "guard": None}
            known = self._known[key] = Memory(
                stable,
                made,
                [entry.model_copy(update=plain) for entry in rejected],
                [_finished(attempt) for attempt in ended],
            )
        return known

    def later(self, memory: Memory) -> Memory:
        """The same a tick later."""
        if memory.rollout is None:
            return memory
        known = self._later.get(memory)
        if known is None:
            rollout = memory.rollout
            made = rollout.model_copy(update=_a_tick_older(rollout))
            confirmed = rollout.confirmed_at
            if confirmed is not None and not (still(rollout) and rollout.state is State.STEPPING):
                confirmed -= TICK
            known = self.of(memory.stable, made, memory.rejected, memory.history, confirmed=confirmed)
            self._later[memory] = known
        return known

    def carried(self, memory: Memory, confirmed: datetime | None) -> Memory:
        """The same with the time of confirmation in the status, as another write may have carried it."""
        if memory.rollout is None:
            return memory
        if confirmed is None and memory.rollout.confirmed_at is None:
            return memory
        key = (memory, confirmed or LONG_AGO)
        if key not in self._carried:
            self._carried[key] = self.of(
                memory.stable, memory.rollout, memory.rejected, memory.history, confirmed=confirmed
            )
        return self._carried[key]


def still(rollout: Rollout | None) -> bool:
    """Whether a pause has lasted so long that more of it makes no difference."""
    return rollout is not None and rollout.paused_at == NOW - LONGEST_PAUSE * TICK


def _a_tick_older(rollout: Rollout) -> dict[str, Any]:
    update: dict[str, Any] = {
        "since": rollout.since - TICK,
        "draining": [entry.model_copy(update={"since": entry.since - TICK}) for entry in rollout.draining],
        "gates": [entry.model_copy(update={"at": entry.at - TICK}) for entry in rollout.gates],
    }
    if not still(rollout):
        if rollout.paused_at is not None:
            update["paused_at"] = rollout.paused_at - TICK
        if rollout.previous is not None:
            until = rollout.previous.until - TICK
            update["previous"] = rollout.previous.model_copy(update={"until": until})
    return update


def _plain(rollout: Rollout, confirmed: datetime | None) -> Rollout:
    previous = rollout.previous
    if previous is not None:
        previous = previous.model_copy(update={"until": _from(previous.until, OLDEST_BAKE)})
    longest = LONGEST_PAUSE * int(TICK.total_seconds())
    return rollout.model_copy(
        update={
            "since": _from(rollout.since, OLDEST_STATE),
            "started_at": LONG_AGO,
            "step_started_at": rollout.step_started_at and LONG_AGO,
            "analysis_start": rollout.analysis_start and LONG_AGO,
            "confirmed_at": confirmed and _from(confirmed, OLDEST_CONFIRMATION),
            "paused_at": rollout.paused_at and _from(rollout.paused_at, LONGEST_PAUSE),
            "paused_seconds": min(rollout.paused_seconds, longest),
            "previous": previous,
            "draining": [
                Draining(revision=entry.revision, since=_from(entry.since, OLDEST_DRAIN))
                for entry in rollout.draining
            ],
            "shifts": _shifts(rollout.shifts),
            "pins": [],
            "gates": [
                entry.model_copy(update={"at": _from(entry.at, OLDEST_STATE), "message": None})
                for entry in rollout.gates
            ],
        }
    )


def _key(rollout: Rollout) -> tuple[object, ...]:
    """All of it, in a form that can be looked up."""
    return tuple(
        tuple(tuple(vars(one).values()) for one in value)
        if isinstance(value, list)
        else tuple(vars(value).values())
        if isinstance(value, Previous)
        else value
        for value in vars(rollout).values()
    )


def _from(moment: datetime, oldest: int) -> datetime:
    return max(moment, NOW - oldest * TICK)


def _shifts(shifts: Sequence[Shift]) -> list[Shift]:
    """The highest weight and the latest: what is asked of them."""
    if not shifts:
        return []
    highest = max(shifts, key=lambda shift: shift.weight)
    kept = [shifts[-1]] if highest.weight == shifts[-1].weight else [highest, shifts[-1]]
    return [Shift(step=shift.step, weight=shift.weight, at=LONG_AGO) for shift in kept]


def _latest(history: Sequence[Finished]) -> tuple[str, ...]:
    """The last attempt at each revision: what the names of later ones follow from."""
    latest: dict[str, int] = {}
    for entry in history:
        number = int(entry.attempt.rpartition(".")[2])
        latest[entry.revision] = max(number, latest.get(entry.revision, 0))
    return tuple(f"{revision}.{number}" for revision, number in sorted(latest.items()))


def _finished(attempt: str) -> Finished:
    return Finished(
        attempt=attempt,
        revision=attempt.rpartition(".")[0],
        result="Ended",
        started_at=LONG_AGO,
        finished_at=LONG_AGO,
    )


def age(moment: datetime | None) -> int | None:
    """Whole ticks since then."""
    return None if moment is None else max(0, (NOW - moment) // TICK)


def moment(ticks: int | None) -> datetime | None:
    """So many ticks ago."""
    return None if ticks is None else NOW - ticks * TICK


def ticks_until(pause: timedelta) -> int:
    """The ticks after which a pause is over."""
    return -(-pause // TICK)
