"""What runs beside each other for as long as the process does: watches, workers, sweeper, Events.

None may end by itself. Should one do so, with an error or without, all stop and the process ends; its restart
costs no write (I8). That is safer than a part that is missing unnoticed.
"""

import asyncio
from collections.abc import Collection, Coroutine


class Parts:
    """Tasks with names, of which none is expected to end before `stopped` is set."""

    def __init__(self) -> None:
        self.stopped = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def spawn(self, part: Coroutine[None, None, None], name: str) -> None:
        """Start a part."""
        task = asyncio.create_task(part, name=name)
        task.add_done_callback(lambda _: self.stopped.set())
        self._tasks.append(task)

    def fault(self) -> str | None:
        """The parts that have ended, in words; None while all run."""
        ended = [task.get_name() for task in self._tasks if task.done()]
        return f"ended: {', '.join(ended)}" if ended else None

    async def ended(self, names: Collection[str], *, within: float | None) -> None:
        """Let these end by themselves, for so many seconds or for ever."""
        ending = [task for task in self._tasks if task.get_name() in names]
        if ending:
            await asyncio.wait(ending, timeout=within)

    async def cancelled(self, *, but: Collection[str] = ()) -> None:
        """End all but these, and wait until they have ended."""
        ending = [task for task in self._tasks if task.get_name() not in but]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    def result(self) -> None:
        """Raise what a part has ended with, the oldest part's first."""
        for task in self._tasks:
            if task.done() and not task.cancelled():
                task.result()
