"""Programs of the cluster say why they do not start, and nothing of them outlives us."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.cluster.processes import CannotStart, Ended, Program
from tests.cluster.waiting import until

STARTER = """
import asyncio, sys
from pathlib import Path
from tests.cluster.processes import Program, warden

async def main(folder):
    command = ["/bin/sh", "-c", "setsid sleep 1000 & echo $! > hidden; exec sleep 1000"]
    async with warden(folder), Program("tree", command, log=folder / "log", folder=folder) as tree:
        while not (folder / "hidden").exists():
            await asyncio.sleep(0.01)
        print(tree.pid, (folder / "hidden").read_text(), flush=True)
        await asyncio.Event().wait()

asyncio.run(main(Path(sys.argv[1])))
"""


async def never() -> bool:
    return False


def alive(pid: int) -> bool:
    """Whether it runs; one that nobody has waited for yet does not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


async def test_program_that_ends_early_is_reported_with_its_last_words(tmp_path: Path) -> None:
    command = ["/bin/sh", "-c", "echo no disk >&2; exit 3"]

    with pytest.raises(Ended, match="teller ended with 3 before it was ready:\nno disk"):
        async with Program("teller", command, log=tmp_path / "log", ready=never):
            pass


async def test_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="cannot start '/no/such/program'"):
        async with Program("ghost", ["/no/such/program"], log=tmp_path / "log"):
            pass


async def test_nothing_outlives_a_process_that_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "cluster"
    folder.mkdir()
    starter = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", STARTER, str(folder)),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    assert starter.stdout is not None
    pids = [int(word) for word in (await starter.stdout.readline()).split()]

    starter.kill()
    await starter.communicate()

    async def left() -> list[object]:
        return [*filter(alive, pids), *filter(Path.exists, [folder])]

    await until(left, lambda found: not found, what="the end of everything")
    assert len(pids) == 2
