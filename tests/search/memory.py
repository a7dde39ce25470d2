"""What the status remembers: two that no decision can tell apart are one object, and compare by identity.

What is left out is only ever shown: sentences, figures, and (`plain`) times that nothing is decided on.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from serin.domain.names import RevisionHash
from serin.domain.status import Finished, Rejection, RevisionStatus, Rollout, State, Status
from tests.search.plain import LONG_AGO, a_tick_older, plain, remembered, still
from tests.search.scope import REVISIONS, TICK


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
        made = plain(rollout, confirmed) if rollout else None
        ended = _latest(history)
        key = (
            stable,
            made and tuple(made.values()),
            tuple((entry.hash, entry.attempt, entry.reason) for entry in rejected),
            ended,
        )
        known = self._known.get(key)
        if known is None:
            unsaid = {"message": None, "at": LONG_AGO, "signal": None, "guard": None}
            known = self._known[key] = Memory(
                stable,
                remembered(rollout, made) if rollout and made else None,
                [entry.model_copy(update=unsaid) for entry in rejected],
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
            made = rollout.model_copy(update=a_tick_older(rollout))
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
