"""Ends the process when its event loop stands still, even if nobody probes it.

A loop that is blocked can neither work nor say so. One thread looks whether the loop still turns, and tells
where it stands; should that thread be kept from running too, by code that never lets go of the interpreter, a
timer outside of it ends the process a little later. That timer also ends one that was paused for a minute,
which can be of no use any more: its lease is gone and its connections are dead.
"""

import asyncio
import faulthandler
import json
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

TURN_SECONDS: Final = 5.0
BLOCKED_SECONDS: Final = 45.0
LAST_RESORT_SECONDS: Final = 60.0
EXIT_CODE: Final = 70
"""A fault of our own: EX_SOFTWARE."""


@contextmanager
def watched_loop(*, turn: float = TURN_SECONDS, blocked: float = BLOCKED_SECONDS) -> Iterator[None]:
    """End the process if the running loop does not turn for so many seconds while the block runs."""
    loop, ended = asyncio.get_running_loop(), threading.Event()
    turns = 0
    planned: asyncio.Handle

    def turned() -> None:
        nonlocal turns, planned
        turns += 1
        faulthandler.dump_traceback_later(LAST_RESORT_SECONDS, exit=True)
        planned = loop.call_later(turn, turned)

    thread = threading.Thread(
        target=_watch,
        args=(lambda: turns, ended, turn, blocked, threading.get_ident()),
        name="watchdog",
        daemon=True,
    )
    planned = loop.call_soon(turned)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        planned.cancel()
        faulthandler.cancel_dump_traceback_later()


def _watch(turns: Callable[[], int], ended: threading.Event, turn: float, blocked: float, main: int) -> None:
    seen, still = -1, 0
    while not ended.wait(turn):
        now = turns()
        still = still + 1 if now == seen else 0
        seen = now
        if still * turn >= blocked:
            stack = "".join(traceback.format_stack(sys._current_frames().get(main)))
            reason = f"the event loop has not turned for {still * turn:.0f} s"
            line = {"level": "critical", "event": "event loop blocked", "reason": reason, "trace": stack}
            # Not by way of logging: the thread that is stuck may hold its lock.
            os.write(2, (json.dumps(line) + "\n").encode())
            os._exit(EXIT_CODE)
