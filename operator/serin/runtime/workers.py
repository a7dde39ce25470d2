"""The workers: take a key, have it looked at, and decide from the outcome when it comes again.

The one place where any exception is caught: whatever goes wrong with one model is logged, counted and tried
again later, and the others never notice. No key is ever lost.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Protocol

from serin.domain.names import KIND, Key
from serin.kube.errors import Conflict, KubeError, NotFound, Throttled
from serin.runtime.logs import looked_at
from serin.runtime.queue import WorkQueue
from serin.runtime.telemetry import Telemetry

CONFLICT_BACKOFF_SECONDS: Final = 0.1
"""A conflict says that somebody wrote just now; the watch will have shown it by then."""
STUCK_SECONDS: Final = 50.0
"""A look that for so long has neither ended nor got an answer hangs: a request takes at most 30 s."""


logger = logging.getLogger(__name__)


class Reconciler(Protocol):
    """Looks at one key at a time."""

    async def reconcile(self, key: Key) -> float | None:
        """Do what is due. Seconds until it wants to look again; None if only an event can make it."""
        ...


class Workers:
    """So many looks at once, each at another key.

    Args:
        gone: Called with a key whose ModelDeployment the server no longer has, though no watch has said so.
    """

    def __init__(
        self,
        queue: WorkQueue[Key],
        reconciler: Reconciler,
        telemetry: Telemetry,
        *,
        count: int,
        gone: Callable[[Key], None],
    ) -> None:
        self._queue = queue
        self._reconciler = reconciler
        self._telemetry = telemetry
        self._count = count
        self._gone = gone
        self._moved_at: dict[Key, float] = {}

    async def run(self) -> None:
        """Work until the queue is shut down."""
        async with asyncio.TaskGroup() as group:
            for number in range(self._count):
                group.create_task(self._work(), name=f"worker {number}")

    def moved(self, *_: object) -> None:
        """To be told of each answer of the API server: the look that waited for it goes on."""
        if (key := looked_at.get()) in self._moved_at:
            self._moved_at[key] = asyncio.get_running_loop().time()

    def stuck(self) -> str | None:
        """The key whose look does not go on, in words; None while all is well."""
        now = asyncio.get_running_loop().time()
        for key, since in self._moved_at.items():
            if now - since > STUCK_SECONDS:
                return f"the look at {key} has not gone on for {now - since:.0f} s"
        return None

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while (key := await self._queue.get()) is not None:
            self._moved_at[key] = loop.time()
            looked_at.set(key)
            try:
                await self._look(key)
            finally:
                del self._moved_at[key]
                self._queue.done(key)

    async def _look(self, key: Key) -> None:
        try:
            with self._telemetry.look():
                again = await self._reconciler.reconcile(key)
        except Throttled as error:
            self._queue.add_after(key, error.retry_after)
        except Conflict as error:
            pause = self._queue.add_rate_limited(key, first=CONFLICT_BACKOFF_SECONDS)
            logger.info("conflict", extra=_fields(key, error, pause))
        except NotFound as error:
            if error.request.kind == KIND:
                self._gone(key)
            logger.info("object gone", extra=_fields(key, error, self._queue.add_rate_limited(key)))
        except KubeError as error:
            logger.warning("write refused", extra=_fields(key, error, self._queue.add_rate_limited(key)))
        except Exception:
            pause = self._queue.add_rate_limited(key)
            logger.exception("look failed", extra={"key": str(key), "again_in": round(pause, 2)})
        else:
            self._queue.forget(key)
            if again is not None:
                self._queue.add_after(key, again)


def _fields(key: Key, error: KubeError, pause: float) -> dict[str, object]:
    return {"key": str(key), "error": str(error), "again_in": round(pause, 2)}
