"""The ways in which a leader goes, and how long it takes until another leads."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from random import Random
from typing import Final

from tests.cluster.resources import LEASES
from tests.cluster.waiting import until
from tests.failover.pair import LEASE, PATIENT, Pair
from tests.failover.replica import Replica

START_AGAIN: Final = 75
"""How a process ends that may no longer act."""


async def ended(pair: Pair, leader: Replica, dice: Random) -> float:
    """SIGTERM: it ends in order and gives the Lease back."""
    began, holder = time.monotonic(), await pair.holder()
    leader.send(signal.SIGTERM)
    return await _taken_over(pair, holder) - began


async def killed(pair: Pair, leader: Replica, dice: Random) -> float:
    """SIGKILL: nobody gives anything back."""
    began, holder = time.monotonic(), await pair.holder()
    leader.send(signal.SIGKILL)
    return await _taken_over(pair, holder) - began


async def paused(pair: Pair, leader: Replica, dice: Random) -> float:
    """SIGSTOP until another leads, then SIGCONT: the old one must end without a write."""
    began, holder, ends = time.monotonic(), await pair.holder(), len(leader.ends)
    leader.send(signal.SIGSTOP)
    seconds = await _taken_over(pair, holder) - began
    await asyncio.sleep(dice.uniform(0, 1))  # a paused leader wakes up at any moment, not at a certain one
    leader.send(signal.SIGCONT)
    await _gave_up(leader, ends)
    return seconds


async def cut_off(pair: Pair, leader: Replica, dice: Random) -> float:
    """The leader alone does not reach the API server, for longer than its Lease lasts."""
    began, holder, ends = time.monotonic(), await pair.holder(), len(leader.ends)
    async with leader.proxy.down():
        seconds = await _taken_over(pair, holder) - began
        await _gave_up(leader, ends)
    return seconds


KINDS: Final[dict[str, Callable[[Pair, Replica, Random], Awaitable[float]]]] = {
    "ended": ended,
    "killed": killed,
    "paused": paused,
    "cut off": cut_off,
}


async def one_round(pair: Pair, kind: str, dice: Random) -> float:
    """One forced failover; seconds until another replica holds the Lease."""
    leader, _ = await pair.settled()
    await asyncio.sleep(dice.uniform(0, 1))  # anywhere in a rollout, not where the round before it left it
    return await KINDS[kind](pair, leader, dice)


async def all_cut_off(pair: Pair, seconds: float) -> None:
    """Nobody reaches the API server for so long."""
    async with AsyncExitStack() as down:
        for replica in pair.replicas:
            await down.enter_async_context(replica.proxy.down())
        await asyncio.sleep(seconds)


async def lease_deleted(pair: Pair) -> None:
    """Somebody deletes the Lease; it is there again."""
    await pair.cluster.api.delete(LEASES, LEASE, pair.place)
    await until(pair.holder, what="the Lease made again")


async def _taken_over(pair: Pair, holder: str) -> float:
    await until(pair.holder, lambda now: now not in ("", holder), within=PATIENT, what="another leader")
    return time.monotonic()


async def _gave_up(leader: Replica, ends: int) -> None:
    async def over() -> list[int]:
        return leader.ends[ends:]

    found = await until(over, within=PATIENT, what="the end of the old leader")
    assert found[0] == START_AGAIN, f"{leader.name} ended with {found[0]}"
