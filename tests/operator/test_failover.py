"""Two replicas: one acts, and when it goes the other takes over soon and alone, however it went (I12).

A round of each kind; `make failover` runs hundreds. All mostly wait, so they are begun together, each with a
pair of its own, and each is awaited by its test.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Final

from tests.cluster.waiting import until
from tests.failover.pair import STEADY, STEADY_SECONDS, Pair, lease_of, pair
from tests.failover.rounds import KINDS, all_cut_off, lease_deleted, one_round
from tests.faults.run import Ground
from tests.operator.beside import beside

IN_ORDER_WITHIN: Final = 6.0
"""Far below the Lease's time, so it was given back; two seconds are held by `make failover`."""
RENEWALS: Final = 2


@asynccontextmanager
async def at_work(ground: Ground) -> AsyncIterator[Pair]:
    """A pair whose rollouts go on after what the block does, and break no rule."""
    async with pair(ground, lease=STEADY) as running:
        yield running
        await running.settled()
        await running.go_on()
        assert await running.broken() == []


async def taken_over(ground: Ground, kind: str) -> float:
    """A round of one kind; seconds until another leads."""
    async with at_work(ground) as running:
        return await one_round(running, kind, Random(1))


@beside
async def test_a_leader_that_ends_in_order_gives_its_lease_back(ground: Ground) -> None:
    assert await taken_over(ground, "ended") < IN_ORDER_WITHIN


@beside
async def test_another_takes_over_from_one_that_cannot_soon_and_alone(ground: Ground) -> None:
    kinds = [kind for kind in KINDS if kind != "ended"]

    seconds = await asyncio.gather(*(taken_over(ground, kind) for kind in kinds))

    assert max(seconds) <= STEADY_SECONDS + 2.0, dict(zip(kinds, seconds, strict=True))


@beside
async def test_an_outage_longer_than_the_lease_leaves_one_leader(ground: Ground) -> None:
    async with at_work(ground) as running:
        await running.go_on()

        await all_cut_off(running, STEADY_SECONDS + 1)


@beside
async def test_a_deleted_lease_makes_no_second_leader(ground: Ground) -> None:
    async with at_work(ground) as running:
        leader, _ = await running.settled()
        holder = await running.holder()

        await lease_deleted(running)

        assert await running.holder() == holder
        assert (await running.settled())[0] is leader


@beside
async def test_a_standby_asks_for_nothing_and_a_leader_only_renews(ground: Ground) -> None:
    """These two find no Lease, as after the installation."""
    async with pair(ground, lease=STEADY, rolls=False, first=True) as running:
        await running.settled()
        versions: set[str] = set()

        async def renewed() -> int:
            versions.add((await lease_of(running))["metadata"]["resourceVersion"])
            return len(versions) - 1

        async with running.cluster.audit.counting() as counted:
            await until(renewed, lambda count: count >= RENEWALS, what="some renewals")

        asked = counted.requests.within(running.place).that(lambda one: one.agent.startswith("serin/"))
        renewals = asked.on("leases")
        assert {one.verb for one in renewals} <= {"update", "watch"}
        updates = [one for one in renewals if one.verb == "update"]
        assert len({one.agent for one in updates}) == 1
        assert RENEWALS <= len(updates) <= RENEWALS + 1
        assert len(asked.that(lambda one: one.verb not in ("list", "watch"))) == len(updates)
