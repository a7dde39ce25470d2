"""The work queue under a virtual clock: `looptime` is the loop's time, which passes only by waiting."""

import asyncio
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serin.runtime.queue import WorkQueue

pytestmark = pytest.mark.looptime(start=0)


@pytest.fixture
def queue() -> WorkQueue[str]:
    return WorkQueue(random=Random(1))


async def test_a_key_added_many_times_is_handed_out_once(queue: WorkQueue[str]) -> None:
    for _ in range(5):
        queue.add("a")

    assert await queue.get() == "a"
    assert len(queue) == 0


async def test_keys_come_in_the_order_they_were_added(queue: WorkQueue[str]) -> None:
    for key in "abc":
        queue.add(key)

    assert [await queue.get() for _ in range(3)] == ["a", "b", "c"]


async def test_lanes_have_their_turns_and_keys_of_one_their_order() -> None:
    queue: WorkQueue[str] = WorkQueue(random=Random(1), lane=lambda key: key[0])
    for key in ("a1", "a2", "a3", "b1", "b2", "c1"):
        queue.add(key)

    assert [await queue.get() for _ in range(6)] == ["a1", "b1", "c1", "a2", "b2", "a3"]


async def test_a_key_in_work_is_not_handed_out_again_before_done(queue: WorkQueue[str]) -> None:
    queue.add("a")
    await queue.get()
    queue.add("a")

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(queue.get(), 3600)

    queue.done("a")
    assert await queue.get() == "a"


async def test_a_key_done_without_a_new_add_does_not_come_again(queue: WorkQueue[str]) -> None:
    queue.add("a")
    queue.done(await queue.get() or "")

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(queue.get(), 3600)


async def test_the_earliest_of_several_delays_wins(queue: WorkQueue[str], looptime: float) -> None:
    queue.add_after("a", 30)
    queue.add_after("a", 10)
    queue.add_after("a", 20)

    await queue.get()

    assert looptime == 10
    queue.done("a")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(queue.get(), 3600)


async def test_a_look_supersedes_the_one_planned_before_it(queue: WorkQueue[str]) -> None:
    queue.add_after("a", 60)
    queue.add("a")
    queue.done(await queue.get() or "")

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(queue.get(), 3600)


async def test_a_look_planned_during_work_is_kept(queue: WorkQueue[str], looptime: float) -> None:
    queue.add("a")
    key = await queue.get()
    queue.add_after("a", 60)
    queue.done(key or "")

    assert await queue.get() == "a"
    assert looptime == 60


async def test_a_delay_that_ends_during_work_waits_for_done(queue: WorkQueue[str], looptime: float) -> None:
    queue.add("a")
    await queue.get()
    queue.add_after("a", 5)
    await asyncio.sleep(20)
    queue.done("a")

    assert await queue.get() == "a"
    assert looptime == 20


async def test_backoff_doubles_up_to_five_minutes_and_starts_anew(queue: WorkQueue[str]) -> None:
    pauses = [queue.add_rate_limited("a") for _ in range(30)]

    for failures, pause in enumerate(pauses):
        longest = min(300.0, 2.0**failures)
        assert longest / 2 <= pause <= longest
    queue.forget("a")
    assert queue.add_rate_limited("a") <= 1.0


async def test_conflicts_do_not_make_another_failure_wait_longer(queue: WorkQueue[str]) -> None:
    for _ in range(10):
        queue.add_rate_limited("a", first=0.1)

    assert queue.add_rate_limited("a") <= 1.0

    queue.forget("a")
    assert queue.add_rate_limited("a", first=0.1) <= 0.1


async def test_backoffs_of_keys_that_failed_together_differ(queue: WorkQueue[str]) -> None:
    assert len({queue.add_rate_limited(f"key-{n}") for n in range(20)}) == 20


async def test_shutting_down_frees_every_waiting_worker(queue: WorkQueue[str], looptime: float) -> None:
    workers = [asyncio.create_task(queue.get()) for _ in range(8)]
    await asyncio.sleep(1)

    queue.shut_down()

    assert await asyncio.gather(*workers) == [None] * 8
    assert looptime == 1


async def test_after_shutdown_nothing_queued_or_planned_is_handed_out(queue: WorkQueue[str]) -> None:
    queue.add("a")
    queue.add_after("b", 1)
    queue.shut_down()
    queue.add("c")

    assert [await queue.get() for _ in range(3)] == [None, None, None]


async def test_a_cancelled_worker_loses_no_key(queue: WorkQueue[str]) -> None:
    worker = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)

    queue.add("a")

    assert await queue.get() == "a"


@given(
    adds=st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 20)), min_size=1, max_size=30),
    work=st.integers(0, 7),
)
@pytest.mark.looptime(start=0)
def test_every_add_is_followed_by_a_look_and_no_two_looks_overlap(
    adds: list[tuple[str, int]], work: int
) -> None:
    looks, overlapped = _simulated(adds, work=work)

    assert not overlapped
    for key, at in adds:
        assert any(look_at >= at for look_key, look_at in looks if look_key == key)


def _simulated(adds: list[tuple[str, int]], *, work: int) -> tuple[list[tuple[str, float]], bool]:
    """When three workers that take `work` seconds a key looked at each, and whether two had the same one."""
    looks: list[tuple[str, float]] = []
    held: set[str] = set()
    overlapped = False

    async def worker(queue: WorkQueue[str]) -> None:
        nonlocal overlapped
        while key := await queue.get():
            overlapped |= key in held
            held.add(key)
            looks.append((key, asyncio.get_running_loop().time()))
            await asyncio.sleep(work)
            held.discard(key)
            queue.done(key)

    async def simulation() -> None:
        queue: WorkQueue[str] = WorkQueue(random=Random(0))
        workers = [asyncio.create_task(worker(queue)) for _ in range(3)]
        for key, at in sorted(adds, key=lambda add: add[1]):
            await asyncio.sleep(at - asyncio.get_running_loop().time())
            queue.add(key)
        await asyncio.sleep(100)
        queue.shut_down()
        await asyncio.gather(*workers)

    import looptime

    loop = looptime.new_event_loop(start=0)
    try:
        loop.run_until_complete(simulation())
    finally:
        loop.close()
    return looks, overlapped
