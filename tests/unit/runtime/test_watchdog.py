"""A process whose event loop stands still is ended, with a line that says where it stood."""

import json
import subprocess
import sys

from serin.runtime.watchdog import EXIT_CODE

BLOCKED = """
import asyncio, time
from serin.runtime.watchdog import watched_loop

async def main():
    with watched_loop(turn=0.1, blocked=0.5):
        await asyncio.sleep({turning})
        time.sleep({blocking})

asyncio.run(main())
"""


def run(*, turning: float, blocking: float) -> subprocess.CompletedProcess[str]:
    code = BLOCKED.format(turning=turning, blocking=blocking)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)


def test_a_blocked_loop_ends_the_process() -> None:
    done = run(turning=0.3, blocking=60)

    assert done.returncode == EXIT_CODE
    line = json.loads(done.stderr.splitlines()[0])
    assert line["event"] == "event loop blocked"
    assert "time.sleep" in line["trace"] or "main" in line["trace"]


def test_a_loop_that_turns_goes_on() -> None:
    assert run(turning=2, blocking=0).returncode == 0
