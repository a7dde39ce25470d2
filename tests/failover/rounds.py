"""The ways in which a leader goes, and how another comes to lead.

Read from every version of the Lease and the stamps of those who wrote it: on a machine that stands still now
and then, what was seen late may have been done in time.
"""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Final

from serin.runtime.leaserecord import GIVEN_BACK
from tests.cluster.following import followed
from tests.cluster.resources import LEASES, Object
from tests.cluster.waiting import until
from tests.failover.pair import LEASE, PATIENT, Pair
from tests.failover.replica import Replica

START_AGAIN: Final = 75
"""How a process ends that may no longer act."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Takeover:
    """What became of the Lease of a leader that went.

    Attributes:
        seconds: From its going until another took the Lease.
        silent: From the last renewal that its leader wrote until then.
        given_back: From when its leader wrote that it gives the Lease back until another took just that
            version; None where it was not given back.
    """

    seconds: float
    silent: float
    given_back: float | None


async def ended(pair: Pair, leader: Replica, dice: Random) -> Takeover:
    """SIGTERM: it ends in order and gives the Lease back, or says why it could not."""
    ends, said = len(leader.ends), len(leader.log.read_bytes())
    async with going(pair) as gone:
        leader.send(signal.SIGTERM)
        found = await gone()
    if found.given_back is None:
        end = await _ended(leader, ends)
        words = leader.log.read_bytes()[said:]
        assert end == START_AGAIN or b"lease not given back" in words, words.decode()
    return found


async def killed(pair: Pair, leader: Replica, dice: Random) -> Takeover:
    """SIGKILL: nobody gives anything back."""
    async with going(pair) as gone:
        leader.send(signal.SIGKILL)
        return await gone()


async def paused(pair: Pair, leader: Replica, dice: Random) -> Takeover:
    """SIGSTOP until another leads, then SIGCONT: the old one must end without a write."""
    ends = len(leader.ends)
    async with going(pair) as gone:
        leader.send(signal.SIGSTOP)
        found = await gone()
    await asyncio.sleep(dice.uniform(0, 1))  # a paused leader wakes up at any moment, not at a certain one
    leader.send(signal.SIGCONT)
    await _gave_up(leader, ends)
    return found


async def cut_off(pair: Pair, leader: Replica, dice: Random) -> Takeover:
    """The leader alone does not reach the API server, for longer than its Lease lasts."""
    ends = len(leader.ends)
    async with going(pair) as gone, leader.proxy.down():
        found = await gone()
        await _gave_up(leader, ends)
    return found


KINDS: Final[dict[str, Callable[[Pair, Replica, Random], Awaitable[Takeover]]]] = {
    "ended": ended,
    "killed": killed,
    "paused": paused,
    "cut off": cut_off,
}


async def one_round(pair: Pair, kind: str, dice: Random) -> Takeover:
    """One forced failover."""
    leader, _ = await pair.settled()
    await asyncio.sleep(dice.uniform(0, 1))  # anywhere in a rollout, not where the round before it left it
    return await KINDS[kind](pair, leader, dice)


async def all_cut_off(pair: Pair, seconds: float) -> None:
    """Nobody reaches the API server for so long."""
    async with AsyncExitStack() as down:
        for replica in pair.replicas:
            await down.enter_async_context(replica.proxy.down())
        await asyncio.sleep(seconds)


async def lease_deleted(pair: Pair) -> Object:
    """Somebody deletes the Lease; the one that was made in its place."""
    async with versions(pair) as seen:
        await pair.cluster.api.delete(LEASES, LEASE, pair.place)
        old = seen[0]["metadata"]["uid"]

        async def made() -> list[Object]:
            return [one for one in seen if one["metadata"]["uid"] != old]

        return (await until(made, within=PATIENT, what="the Lease made again"))[0]


def versions(pair: Pair) -> AbstractAsyncContextManager[Sequence[Object]]:
    """Every version of the Lease from the one there is, in their order, as they come to be."""
    return followed(pair.cluster.api, LEASES, LEASE, pair.place)


@asynccontextmanager
async def going(pair: Pair) -> AsyncIterator[Callable[[], Awaitable[Takeover]]]:
    """The leader goes as soon as this is entered; what is given waits until another leads."""
    async with versions(pair) as seen:
        began, holder = time.time(), held_by(seen[-1])

        async def taken() -> Object | None:
            return next((one for one in seen if held_by(one) not in ("", holder)), None)

        async def gone() -> Takeover:
            next_one = await until(taken, within=PATIENT, what="another leader")
            assert next_one is not None
            return _takeover(seen[: seen.index(next_one)], next_one, began=began, by=holder)

        yield gone


def held_by(lease: Object) -> str:
    """Who may act, by a version of the Lease; empty for nobody."""
    return str(lease["spec"].get("holderIdentity") or "")


def _takeover(before: Sequence[Object], taken: Object, *, began: float, by: str) -> Takeover:
    at, last = stamp(taken, "acquireTime"), before[-1]
    renewed = [one for one in before if held_by(one) == by]
    back = (last["metadata"].get("annotations") or {}).get(GIVEN_BACK) == by and not held_by(last)
    return Takeover(
        seconds=at - began,
        silent=at - stamp(renewed[-1], "renewTime"),
        given_back=at - stamp(last, "renewTime") if back else None,
    )


def stamp(lease: Object, field: str) -> float:
    """When its writer wrote it, in Unix seconds."""
    return datetime.fromisoformat(lease["spec"][field]).timestamp()


async def _gave_up(leader: Replica, ends: int) -> None:
    end = await _ended(leader, ends)
    assert end == START_AGAIN, f"{leader.name} ended with {end}"


async def _ended(leader: Replica, ends: int) -> int:
    """The exit code of the process that was there after so many others."""

    async def over() -> list[int]:
        return leader.ends[ends:]

    return (await until(over, within=PATIENT, what="the end of the old leader"))[0]
