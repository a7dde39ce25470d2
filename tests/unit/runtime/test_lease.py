"""The Lease under a virtual clock: never two that act, and no longer without one than promised (I12)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from random import Random

import pytest

from serin.runtime.lease import Lease, LeaseLost
from serin.runtime.settings import LeaseTimes
from tests.unit.runtime.lease_server import LeaseServer, Link, VirtualLoop

pytestmark = pytest.mark.looptime(start=1000)

TIMES = LeaseTimes()


def replica(link: Link, name: str, times: LeaseTimes = TIMES) -> Lease:
    return Lease(link, times, identity=name, clock=asyncio.get_running_loop().time)


async def leads(lease: Lease) -> None:
    """What the operator does with a Lease."""
    await lease.won()
    await lease.kept()


@asynccontextmanager
async def running(*leases: Lease) -> AsyncIterator[list["asyncio.Task[None]"]]:
    tasks = [asyncio.create_task(leads(lease)) for lease in leases]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def now() -> float:
    return asyncio.get_running_loop().time()


async def until_leading(lease: Lease) -> float:
    began = now()
    while not lease.leading:  # noqa: ASYNC110 - the Lease's own clock is what is asked
        await asyncio.sleep(0.01)
    return now() - began


async def led(server: LeaseServer, name: str = "old") -> tuple[Link, Lease]:
    """A replica that has given the Lease back once, and so a Lease that anybody may take."""
    link = server.link()
    lease = replica(link, name)
    async with running(lease):
        await until_leading(lease)
    await lease.given_back()
    return link, lease


async def test_a_lease_that_was_given_back_is_taken_at_once() -> None:
    server = LeaseServer()
    await led(server)

    new = replica(server.link(), "new")

    async with running(new):
        assert await until_leading(new) < 0.1
    assert server.holder == "new"


async def test_a_standby_takes_over_within_a_moment_of_the_giving_back() -> None:
    server = LeaseServer()
    await led(server)
    old, new = replica(server.link(), "first"), replica(server.link(), "second")
    async with running(old) as tasks:
        await until_leading(old)
        async with running(new):
            await asyncio.sleep(60)
            assert not new.leading
            tasks[0].cancel()
            await old.given_back()
            assert await until_leading(new) < 0.1
    assert not old.leading


async def test_a_leader_that_is_gone_is_replaced_when_its_time_is_over() -> None:
    server = LeaseServer()
    await led(server)
    old, new = replica(server.link(), "first"), replica(server.link(), "second")
    async with running(old):
        await until_leading(old)
        waiting = asyncio.create_task(leads(new))
        await asyncio.sleep(60)
    assert TIMES.duration - TIMES.retry_period <= await until_leading(new) <= TIMES.duration + 0.1
    waiting.cancel()


@pytest.mark.parametrize("how", ["missing", "wiped"])
async def test_a_lease_without_a_holder_may_have_a_leader_all_the_same(how: str) -> None:
    server = LeaseServer()
    if how == "wiped":
        await led(server)
        server.put({"metadata": {}, "spec": {"holderIdentity": "somebody", "leaseDurationSeconds": 15}})
        server.wipe()

    new = replica(server.link(), "new")

    async with running(new):
        wait = TIMES.duration + 2 * TIMES.retry_period
        assert wait <= await until_leading(new) < wait + TIMES.retry_period + 0.1


async def test_a_lease_that_came_and_went_between_two_looks_makes_no_second_leader() -> None:
    server = LeaseServer()
    first, second = replica(server.link(), "first"), replica(server.link(), "second")
    async with running(first):
        await asyncio.sleep(1)
        async with running(second):
            for _ in range(600):
                if server.holder:
                    server.delete()
                await asyncio.sleep(0.1)
                assert not (first.seconds() and second.seconds())
            await asyncio.sleep(2 * TIMES.duration)
            assert [first.leading, second.leading].count(True) == 1


async def test_who_was_told_a_longer_time_by_the_holder_waits_as_long() -> None:
    server = LeaseServer()
    server.put({"metadata": {}, "spec": {"holderIdentity": "patient", "leaseDurationSeconds": 60}})
    new = replica(server.link(), "new")

    async with running(new):
        assert 60 <= await until_leading(new) < 60.1


async def test_a_deleted_lease_is_made_again_by_its_leader() -> None:
    server = LeaseServer()
    await led(server)
    old, new = replica(server.link(), "first"), replica(server.link(), "second")
    async with running(old):
        await until_leading(old)
        async with running(new):
            await asyncio.sleep(5)
            server.delete()
            for _ in range(600):
                await asyncio.sleep(0.1)
                assert old.leading
                assert not new.leading
    assert server.holder == "first"


async def test_a_wiped_holder_ends_the_leader_before_another_takes_over() -> None:
    server = LeaseServer()
    await led(server)
    old, new = replica(server.link(), "first"), replica(server.link(), "second")
    async with running(old) as tasks, running(new):
        await until_leading(old)
        server.wipe()
        with pytest.raises(LeaseLost, match="its holder was wiped"):
            await tasks[0]
        wiped = now()
        await asyncio.sleep(TIMES.renew_deadline)
        assert not old.leading
        assert not new.leading
        await until_leading(new)
        assert now() - wiped < 2 * TIMES.duration


async def test_a_leader_that_reaches_nobody_stops_before_another_may_begin() -> None:
    server = LeaseServer()
    await led(server)
    link = server.link()
    old, new = replica(link, "first"), replica(server.link(), "second")
    async with running(old) as tasks:
        await until_leading(old)
        async with running(new):
            await asyncio.sleep(5)
            link.cut = True
            cut = now()
            with pytest.raises(
                LeaseLost, match=r"not renewed for 10 s, so another replica may act: .*refused"
            ):
                await tasks[0]
            assert now() - cut <= TIMES.renew_deadline
            assert old.seconds() == 0
            await until_leading(new)
            assert now() - cut <= TIMES.duration + 0.1


async def test_a_write_has_ended_before_another_may_begin() -> None:
    server = LeaseServer()
    await led(server)
    link = server.link()
    old, new = replica(link, "first"), replica(server.link(), "second")
    async with running(old):
        await until_leading(old)
        async with running(new):
            link.cut = True
            latest = 0.0
            while not new.leading:
                if seconds := old.seconds():
                    latest = max(latest, now() + seconds)
                await asyncio.sleep(0.05)
            assert latest < now()


async def test_a_watch_that_shows_nothing_makes_nobody_a_second_leader() -> None:
    server = LeaseServer()
    await led(server)
    link = server.link()
    old, new = replica(server.link(), "first"), replica(link, "second")
    async with running(old) as tasks:
        await until_leading(old)
        async with running(new):
            await asyncio.sleep(1)
            link.flowing.clear()
            for _ in range(1000):
                await asyncio.sleep(0.1)
                assert not new.leading
            tasks[0].cancel()
            assert await until_leading(new) <= 2 * TIMES.duration


async def test_waiting_costs_one_watch_and_leading_one_write_a_period() -> None:
    server = LeaseServer()
    await led(server)
    first, second = server.link(), server.link()
    old, new = replica(first, "first"), replica(second, "second")
    async with running(old):
        await until_leading(old)
        async with running(new):
            await asyncio.sleep(1)
            before = first.requests, second.requests, second.watches
            await asyncio.sleep(60)
    after = first.requests, second.requests, second.watches
    assert [b - a for a, b in zip(before, after, strict=True)] == [30, 0, 0]


@pytest.mark.parametrize("seed", range(12))
def test_whatever_happens_never_do_two_act(seed: int) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(two_never_act(seed))


async def two_never_act(seed: int) -> None:
    server, random = LeaseServer(), Random(seed)
    links = [server.link(random) for _ in range(3)]
    acting: dict[str, Lease] = {}

    async def replicas(place: int) -> None:
        """One after the other at a place, as Kubernetes starts them."""
        for number in range(1000):
            lease = replica(links[place], f"{place}.{number}")
            acting[f"{place}"] = lease
            task = asyncio.create_task(leads(lease))
            with suppress(LeaseLost, TimeoutError):
                async with asyncio.timeout(random.uniform(5, 200)):
                    await task
            if random.random() < 0.5:
                await lease.given_back()
            del acting[f"{place}"]  # a process that has ended acts no more
            await asyncio.sleep(random.uniform(0, 5))

    tasks = [asyncio.create_task(replicas(place)) for place in range(3)]
    led_for = 0
    for _ in range(5000):
        await asyncio.sleep(0.2)
        trouble = random.random()
        if trouble < 0.001:
            server.delete()
        elif trouble < 0.002:
            server.wipe()
        elif trouble < 0.006:
            link = random.choice(links)
            link.cut = not link.cut
        elif trouble < 0.008:
            link = random.choice(links)
            if link.flowing.is_set():
                link.flowing.clear()
            else:
                link.flowing.set()
        leaders = [lease.identity for lease in acting.values() if lease.seconds() > 0]
        assert len(leaders) <= 1
        led_for += len(leaders)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert led_for > 1000
