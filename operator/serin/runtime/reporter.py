"""Writes `.status` and Events: what people and waiters read, and what the state machine remembers by.

What a waiter acts on is written at once; numbers and sentences alone wait (`domain.urgency`). The
resourceVersion of the object that was decided on goes along, so that a status is never written over a newer
spec (I12).
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from serin.domain.conditions import Standing
from serin.domain.names import KIND, Key
from serin.domain.report import refused_status
from serin.domain.rollout.world import Notice
from serin.domain.status import Status
from serin.domain.transitions import ended, turns
from serin.domain.urgency import Urgency, urgency
from serin.runtime.statuses import status_of_model

logger = logging.getLogger(__name__)

COUNTS_EVERY: Final = timedelta(seconds=10)
"""How often numbers alone are worth a write of the status."""
WORDS_EVERY: Final = timedelta(seconds=60)
"""How long a difference in sentences, or in what a rollout moves, may last before it is worth one."""
WORDS_APART: Final = timedelta(seconds=0.2)
"""For each that waits to say such a thing. What moves in a crowd would else be said by one write a minute for
each, while the same API server is what they all wait for.
"""


class Kube(Protocol):
    """The API server's status subresource. Raises `KubeError`."""

    async def patch_status(
        self, key: Key, status: Mapping[str, Any], *, previous: Mapping[str, Any], resource_version: str
    ) -> dict[str, Any]:
        """Replace a ModelDeployment's status if nobody has written the object since."""
        ...


class Store(Protocol):
    """What the watches have shown. Never waits."""

    def remember(self, kind: str, obj: Mapping[str, Any]) -> None:
        """Take in the answer to our own write."""
        ...


class Recorder(Protocol):
    """Events. Never raises, never waits."""

    def record(self, model: Mapping[str, Any], notice: Notice) -> None:
        """Tell a transition once."""
        ...


class Tellers:
    """Several who tell, one after the other."""

    def __init__(self, recorders: tuple[Recorder, ...]) -> None:
        self._recorders = recorders

    def record(self, model: Mapping[str, Any], notice: Notice) -> None:
        """See `Recorder`."""
        for recorder in self._recorders:
            recorder.record(model, notice)


class Reporter:
    """The statuses and Events of all keys."""

    def __init__(
        self, kube: Kube, store: Store, *, recorder: Recorder, clock: Callable[[], datetime]
    ) -> None:
        self._kube = kube
        self._store = store
        self._recorder = recorder
        self._clock = clock
        self._written_at: dict[Key, datetime] = {}
        self._differs_since: dict[Key, datetime] = {}
        self.ended: Counter[tuple[str, str]] = Counter()
        """Attempts that ended since the start, by result and reason."""

    async def write(self, key: Key, model: Mapping[str, Any], before: Status, after: Status) -> None:
        """Write a status.

        Raises:
            KubeError: It was not written, or nobody knows.
        """
        answer = await self._kube.patch_status(
            key,
            after.dump(),
            previous=model.get("status") or {},
            resource_version=model["metadata"]["resourceVersion"],
        )
        self._store.remember(KIND, answer)
        self._written_at[key] = self._clock()
        self._differs_since.pop(key, None)
        if before.phase != after.phase:
            logger.info(
                "phase changed", extra={"key": str(key), "phase": after.phase, "reason": after.message}
            )
        for entry in ended(before, after):
            self.ended[entry.result, entry.reason or ""] += 1
        for notice in turns(before, after):
            self.tell(model, notice)

    def wait(self, key: Key, before: Status, after: Status) -> timedelta | None:
        """How long the difference between two statuses may still wait; None where there is none."""
        needed = urgency(before, after)
        if needed is Urgency.NONE:
            self._differs_since.pop(key, None)
            return None
        if needed is Urgency.TRANSITION:
            return timedelta(0)
        if needed is Urgency.WORDS:
            # Most are soon carried by a transition, however long ago the last one was.
            seen = self._differs_since.setdefault(key, self._clock())
            patience = max(WORDS_EVERY, len(self._differs_since) * WORDS_APART)
            return max(seen + patience - self._clock(), timedelta(0))
        # After a start nobody knows when the last write was: many keys start at once, so all of them wait
        # (I8).
        since = self._written_at.setdefault(key, self._clock())
        return max(since + COUNTS_EVERY - self._clock(), timedelta(0))

    async def refuse(self, key: Key, model: Mapping[str, Any], row: Standing) -> None:
        """Say of a spec that it cannot be followed, where no decision could be made or carried out."""
        before, generation = status_of_model(model), model["metadata"]["generation"]
        now = self._clock().replace(microsecond=0)
        after = refused_status(before, row, generation=generation, now=now)
        # Who has cured one fault waits to be told of the next, though it may have the same reason.
        if urgency(before, after) is Urgency.TRANSITION or before.message != after.message:
            await self.write(key, model, before, after)
            self.tell(model, Notice(row.reason.value, row.message, warning=True))

    def tell(self, model: Mapping[str, Any], notice: Notice) -> None:
        """Tell a transition, once."""
        self._recorder.record(model, notice)
        logger.info("told", extra={"reason": notice.reason, "message_text": notice.message})

    def forget(self, key: Key) -> None:
        """The ModelDeployment is gone."""
        self._written_at.pop(key, None)
        self._differs_since.pop(key, None)
