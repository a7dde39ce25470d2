"""Two replicas: one acts, and when it goes the other takes over soon and alone, however it went (I12).

A round of each kind, side by side; `make failover` runs hundreds.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import pytest_asyncio

from tests.cluster.cluster import Cluster
from tests.cluster.gateway import Gateway
from tests.failover.pair import STEADY, STEADY_SECONDS, Pair, pair
from tests.failover.rounds import KINDS, all_cut_off, lease_deleted, one_round
from tests.faults.ground import prepared
from tests.faults.run import Ground


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ground(cluster: Cluster, gateway: Gateway) -> Ground:
    return await prepared(cluster)


@asynccontextmanager
async def at_work(ground: Ground) -> AsyncIterator[Pair]:
    """A pair whose rollouts go on after what the block does, and break no rule."""
    async with pair(ground, lease=STEADY) as running:
        yield running
        await running.settled()
        await running.go_on()
        assert await running.broken() == []


async def test_another_takes_over_soon_and_alone_and_rollouts_go_on(ground: Ground) -> None:
    async def one(kind: str) -> float:
        async with at_work(ground) as running:
            return await one_round(running, kind, Random(1))

    seconds = dict(zip(KINDS, await asyncio.gather(*map(one, KINDS)), strict=True))

    # Far below the Lease's time, so it was given back; two seconds are held by `make failover`.
    assert seconds.pop("ended") < 6.0
    assert max(seconds.values()) <= STEADY_SECONDS + 2.0, seconds


async def test_an_outage_longer_than_the_lease_leaves_one_leader(ground: Ground) -> None:
    async with at_work(ground) as running:
        await running.go_on()

        await all_cut_off(running, STEADY_SECONDS + 1)


async def test_a_deleted_lease_makes_no_second_leader(ground: Ground) -> None:
    async with at_work(ground) as running:
        leader, _ = await running.settled()
        holder = await running.holder()

        await lease_deleted(running)

        assert await running.holder() == holder
        assert (await running.settled())[0] is leader


async def test_a_standby_asks_for_nothing_and_a_leader_only_renews(ground: Ground) -> None:
    async with pair(ground, lease=STEADY, rolls=False) as running:
        await running.settled()
        async with running.cluster.audit.counting() as counted:
            await asyncio.sleep(5)  # the time that is measured

        asked = counted.requests.within(running.place).that(lambda one: one.agent.startswith("serin/"))
        renewals = asked.on("leases")
        assert {one.verb for one in renewals} <= {"update", "watch"}
        assert len({one.agent for one in renewals if one.verb == "update"}) == 1
        assert 1 <= len(renewals) <= 4
        assert len(asked.that(lambda one: one.verb not in ("list", "watch"))) == len(renewals)
