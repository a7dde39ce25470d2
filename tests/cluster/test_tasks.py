"""What keeps a task from its end can be told."""

import asyncio

from tests.cluster.tasks import begin, waiting


async def outer(opened: asyncio.Event) -> None:
    await inner(opened)


async def inner(opened: asyncio.Event) -> None:
    await opened.wait()


async def test_a_task_that_waits_tells_for_what_and_from_where() -> None:
    opened = asyncio.Event()
    task = begin(outer(opened), "a task")
    await asyncio.sleep(0)

    [told] = [line for line in waiting() if line.startswith("a task: ")]

    assert [part.split()[0] for part in told.removeprefix("a task: ").split(" > ")][:3] == [
        "outer",
        "inner",
        "Event.wait",
    ]
    opened.set()
    await task
