"""Background work whose faults are not lost, and where it waits when it does not come to its end."""

import asyncio
import logging
from collections.abc import Coroutine, Iterator
from typing import Any

logger = logging.getLogger(__name__)


def begin(work: Coroutine[object, object, None], name: str) -> "asyncio.Task[None]":
    """Start a task; if a fault ends it, the log says so, at once and with its name."""
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_report)
    return task


def waiting() -> list[str]:
    """A line for each task of this loop: what it awaits, and from where, the outermost first."""
    return sorted(
        f"{task.get_name()}: {' > '.join(_awaits(task.get_coro()))}" for task in asyncio.all_tasks()
    )


def _awaits(work: Any) -> Iterator[str]:
    """A task's own list of frames ends with its outermost coroutine."""
    while work is not None:
        frame = getattr(work, "cr_frame", None) or getattr(work, "ag_frame", None)
        if frame is None:
            yield repr(work)
            return
        yield f"{frame.f_code.co_qualname} {frame.f_lineno}"
        work = getattr(work, "cr_await", None) or getattr(work, "ag_await", None)


def _report(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (fault := task.exception()) is not None:
        logger.error("task %s ended by a fault", task.get_name(), exc_info=fault)
