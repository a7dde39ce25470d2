"""Two replicas: one acts, and when it goes the other takes over soon and alone, however it went (I12).

A round of each kind; `make failover` runs hundreds. All mostly wait, so they are begun together, each with a
pair of its own, and each is awaited by its test. What was written to the Lease, by whom and in which order,
has to be right in every round. How soon is read from the stamps of those who wrote it, and held by one round
of three: a machine that stands still now and then is no fault of a replica.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Final

from tests.cluster.waiting import rounds_until, until
from tests.failover.pair import PATIENT, STEADY, STEADY_RETRY_SECONDS, STEADY_SECONDS, Pair, pair
from tests.failover.rounds import (
    KINDS,
    Takeover,
    all_cut_off,
    held_by,
    lease_deleted,
    one_round,
    stamp,
    versions,
)
from tests.faults.run import Ground
from tests.operator.beside import beside

WIPED_SECONDS: Final = 2 * STEADY_RETRY_SECONDS
"""How long a Lease without a holder is left alone that was not given back: no other reason is as soon."""
SPARE_SECONDS: Final = 2.0
SLEWED_SECONDS: Final = 0.05
"""By which clocks that are being set may differ in the time of a Lease."""
RENEWALS: Final = 4


@asynccontextmanager
async def at_work(ground: Ground) -> AsyncIterator[Pair]:
    """A pair whose rollouts go on after what the block does, and break no rule."""
    async with pair(ground, lease=STEADY) as running:
        yield running
        await running.settled()
        await running.go_on()
        assert await running.broken() == []


async def taken_over(ground: Ground, kind: str, soon: Callable[[Takeover], bool]) -> list[Takeover]:
    """Rounds of one kind until one was soon, or as many as there may be."""
    async with at_work(ground) as running:
        return await rounds_until(lambda _: one_round(running, kind, Random(1)), soon)


def run_out(seen: Takeover) -> bool:
    """It was taken only when its time was over, reckoned from the last renewal."""
    return seen.given_back is None and seen.silent >= STEADY_SECONDS - SLEWED_SECONDS


@beside
async def test_a_leader_that_ends_in_order_gives_its_lease_back(ground: Ground) -> None:
    """And the next one takes it for just that reason. A leader that has no time for it says so."""

    def handed_over(seen: Takeover) -> bool:
        return seen.given_back is not None and seen.given_back < WIPED_SECONDS

    rounds = await taken_over(ground, "ended", handed_over)

    assert all(seen.given_back is not None or run_out(seen) for seen in rounds), rounds
    assert any(map(handed_over, rounds)), rounds


@beside
async def test_another_takes_over_from_one_that_cannot_soon_and_alone(ground: Ground) -> None:
    def soon(seen: Takeover) -> bool:
        return seen.seconds <= STEADY_SECONDS + SPARE_SECONDS

    kinds = [kind for kind in KINDS if kind != "ended"]

    found = await asyncio.gather(*(taken_over(ground, kind, soon) for kind in kinds))

    for kind, rounds in zip(kinds, found, strict=True):
        assert all(map(run_out, rounds)), (kind, rounds)
        assert any(map(soon, rounds)), (kind, rounds)


@beside
async def test_an_outage_longer_than_the_lease_leaves_one_leader(ground: Ground) -> None:
    async with at_work(ground) as running:
        await running.go_on()

        await all_cut_off(running, STEADY_SECONDS + 1)


@beside
async def test_a_deleted_lease_makes_no_second_leader(ground: Ground) -> None:
    """Its leader makes it again and stays; the other one would only where that is silent for long."""

    async def stays(_: int) -> bool:
        leader = (await running.settled())[0]
        began, holder = time.time(), await running.holder()
        made = await lease_deleted(running)
        if held_by(made) != holder:
            assert stamp(made, "acquireTime") - began >= WIPED_SECONDS - SLEWED_SECONDS, made
            return False
        return await running.holder() == holder and (await running.settled())[0] is leader

    async with at_work(ground) as running:
        assert any(await rounds_until(stays))


@beside
async def test_a_standby_asks_for_nothing_and_a_leader_only_renews(ground: Ground) -> None:
    """These two find no Lease, as after the installation."""
    async with pair(ground, lease=STEADY, rolls=False, first=True) as running:
        asked = await rounds_until(lambda _: beside_renewals(running), lambda others: not others)

    assert not asked[-1], asked


async def beside_renewals(running: Pair) -> list[str]:
    """What the two ask beside the renewals of one of them, each in its time, and the watches of both."""
    await running.settled()
    async with running.cluster.audit.counting() as counted, versions(running) as seen:

        async def renewals() -> int:
            return len(seen) - 1

        await until(renewals, lambda count: count >= RENEWALS, within=PATIENT, what="some renewals")
    asked = counted.requests.within(running.place).that(lambda one: one.agent.startswith("serin/"))
    updates = asked.on("leases").that(lambda one: one.verb == "update")
    others = asked.that(
        lambda one: one.verb not in (("watch", "update") if one.resource == "leases" else ("watch", "list"))
    )
    first, *_, last = updates
    renewed_in = (last.at - first.at).total_seconds()
    too_often = len(updates) - 1 > renewed_in / STEADY_RETRY_SECONDS + 1
    by = {one.agent for one in updates}
    return [*map(str, others), *map(str, updates if too_often else ()), *(by if len(by) > 1 else ())]
