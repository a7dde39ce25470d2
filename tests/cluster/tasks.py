"""Background work whose faults are not lost."""

import asyncio
import logging
from collections.abc import Coroutine

logger = logging.getLogger(__name__)


def begin(work: Coroutine[object, object, None], name: str) -> "asyncio.Task[None]":
    """Start a task; if a fault ends it, the log says so, at once and with its name."""
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_report)
    return task


def _report(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (fault := task.exception()) is not None:
        logger.error("task %s ended by a fault", task.get_name(), exc_info=fault)
