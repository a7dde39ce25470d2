"""Which replica acts: the one that holds the Lease, and only while it surely does (I12).

After client-go's, with four differences. The clock goes on while the machine sleeps. A renewal counts from
when its request was begun, not from its answer. Who waits watches the Lease in place of asking for it, so
that a handover takes milliseconds. And a Lease that is missing, or whose holder was wiped, may have a leader
all the same: who makes it anew holds it for its whole duration before acting, and by then any other has seen
that it is another's. Only one that its holder gave back is a leave to act at once.
"""

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, Final, Protocol, cast

from serin.kube.errors import Conflict, KubeError, NotFound
from serin.runtime.leaserecord import Object, Sight, given_back, held
from serin.runtime.settings import LeaseTimes

GIVE_BACK_SECONDS: Final = 1.0
WRITES_SHARE: Final = 0.8
"""Of the time between a leader's last write and a follower's first, how much a write may be under way."""

logger = logging.getLogger(__name__)


class LeaseLost(Exception):
    """The replica may act no more. Only a new start helps: what it knew may be old by now."""


class Leases(Protocol):
    """The Lease at the API server. Reads may be repeated; writes name the version they replace."""

    async def get(self) -> Object | None:
        """As it is now; None if there is none."""
        ...

    async def create(self, lease: Object) -> Object:
        """Make it; `Conflict` if there is one."""
        ...

    async def replace(self, lease: Object) -> Object:
        """Put it in the place of the version named in it; `Conflict` if that is not the newest."""
        ...

    def changes(self, since: str) -> AsyncIterator[Object]:
        """Its watch events after a version, as long as the server goes on."""
        ...


def uptime() -> float:
    """Seconds of a clock that nobody sets, and that a machine's sleep does not stop where that can be had."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Lease:
    """One replica's side of the Lease: won, kept and given back, in this order.

    Args:
        identity: Of this very start of the process, so that a restart never takes itself for the holder.
        clock: Seconds that only rise, while the process is paused too.
    """

    def __init__(
        self, leases: Leases, times: LeaseTimes, *, identity: str, clock: Callable[[], float] = uptime
    ) -> None:
        self._leases, self._times = leases, times
        self._clock = clock
        self.identity = identity
        self.trouble: str | None = None
        self._sight: Sight | None = None
        self._renewed = -math.inf
        self._acts_from = -math.inf

    @property
    def leading(self) -> bool:
        """Whether this replica may act at this moment."""
        return self._acts_from <= self._clock() and self._holds

    @property
    def _holds(self) -> bool:
        return self._clock() < self._renewed + self._times.renew_deadline

    @property
    def holder(self) -> str:
        """Who held it when it was last seen; empty for nobody."""
        return self._sight.holder if self._sight else ""

    def seconds(self) -> float:
        """How long a write that leaves now may be under way, so that it ends before another may lead."""
        left = self._renewed + self._times.renew_deadline - self._clock()
        spare = self._times.duration - self._times.renew_deadline
        return left + WRITES_SHARE * spare if self.leading and left > 0 else 0.0

    async def won(self) -> None:
        """Wait until this replica holds it and may act."""
        while True:
            try:
                if self._sight is None:
                    await self._look()
                elif (left := self._left(self._sight)) > 0:
                    await self._follow(self._sight, left)
                elif await self._take(self._sight):
                    while not self.leading:
                        await self._renewed_again()
                    logger.info("leading", extra={"identity": self.identity})
                    return
            except LeaseLost:
                self._sight, self._renewed = None, -math.inf
            except (KubeError, TimeoutError) as error:
                self._worry(str(error) or "no answer in time")
                # What was seen stays: who cannot be reached does not age slower for it.
                await asyncio.sleep(self._times.retry_period)

    async def kept(self) -> None:
        """Renew it for ever.

        Raises:
            LeaseLost: Somebody else holds it, or it could not be renewed in time.
        """
        while True:
            await self._renewed_again()

    async def given_back(self) -> None:
        """Let another take it at once. To be called only when none of our writes is under way any more."""
        if not self.leading:
            return
        self._renewed = -math.inf
        try:
            async with asyncio.timeout(GIVE_BACK_SECONDS):
                await self._give_back()
        except (KubeError, TimeoutError, LeaseLost) as error:
            logger.warning("lease not given back", extra={"error": str(error)})
        else:
            logger.info("lease given back", extra={"identity": self.identity})

    async def _renewed_again(self) -> None:
        """Wait for the time of the next renewal, and renew it."""
        await asyncio.sleep(self._renewed + self._times.retry_period - self._clock())
        if not self._holds:
            raise LeaseLost(f"paused for longer than {self._times.renew_deadline:g} s")
        deadline = self._renewed + self._times.renew_deadline
        try:
            async with asyncio.timeout(deadline - self._clock()):
                await self._renew()
        except TimeoutError:
            why = self.trouble or "no answer in time"
            raise LeaseLost(
                f"not renewed for {self._times.renew_deadline:g} s, so another replica may act: {why}"
            ) from None

    async def _give_back(self) -> None:
        while True:
            known = self._sight.lease if self._sight else None
            try:
                self._see(await self._leases.replace(given_back(known, by=self.identity, now=_now())))
            except Conflict:
                await self._still_ours()  # a renewal was cut off, and done all the same
            else:
                return

    def _left(self, sight: Sight) -> float:
        """Seconds until it may be taken."""
        if sight.given_back or sight.holder == self.identity:  # ours, by a write whose answer was lost
            return 0.0
        if not sight.holder:
            # Time for its leader, if there is one, to make it again and stay what it is.
            return sight.since + 2 * self._times.retry_period - self._clock()
        return sight.since + max(self._times.duration, sight.seconds) - self._clock()

    async def _look(self) -> None:
        async with asyncio.timeout(self._times.renew_deadline):
            self._see(await self._leases.get())

    async def _follow(self, sight: Sight, left: float) -> None:
        """Take in what becomes of the Lease, until it is free or its watch ends."""
        if sight.lease is None:
            await asyncio.sleep(min(left, self._times.retry_period))
            await self._look()
            return
        events = self._leases.changes(sight.lease["metadata"]["resourceVersion"])
        async with aclosing(cast("Any", events)):
            try:
                while self._sight and (left := self._left(self._sight)) > 0:
                    async with asyncio.timeout(left):
                        event = await anext(events)
                    if event["type"] not in ("ADDED", "MODIFIED", "DELETED"):
                        break
                    self._see(None if event["type"] == "DELETED" else event["object"])
                    if event["type"] == "DELETED":
                        return
                else:
                    return
            except TimeoutError:
                return  # nothing for so long that it is free
            except StopAsyncIteration:
                pass
        await self._look()

    async def _take(self, sight: Sight) -> bool:
        began = self._clock()
        if not sight.holder and not sight.given_back:
            # There may be a leader all the same: what is seen by looks now and then proves nothing.
            self._acts_from = began + self._times.duration
        elif sight.holder != self.identity:
            self._acts_from = -math.inf
        try:
            async with asyncio.timeout(self._times.renew_deadline):
                await self._write(sight)
        except (Conflict, NotFound):
            self._sight = None  # somebody was faster, or what was seen is old
            return False
        self._renewed = began
        return self._holds

    async def _renew(self) -> None:
        while True:
            began = self._clock()
            try:
                async with asyncio.timeout(max(self._times.retry_period, self._times.renew_deadline / 2)):
                    await self._write(self._sight)
            except Conflict:
                await self._still_ours()
            except NotFound:
                self._see(None)
            except (KubeError, TimeoutError) as error:
                self._worry(str(error) or "no answer in time")
                await asyncio.sleep(self._times.retry_period)
            else:
                self._renewed = began
                return

    async def _still_ours(self) -> None:
        """Learn the version that is there now.

        Raises:
            LeaseLost: It is another's.
        """
        self._see(await self._leases.get())
        if self._sight and self._sight.lease is not None and self._sight.holder != self.identity:
            raise LeaseLost(f"taken by {self._sight.holder or 'nobody: its holder was wiped'}")

    async def _write(self, sight: Sight | None) -> None:
        known = sight.lease if sight else None
        if known is None and not self.leading:
            # It was away, and perhaps another's: the wait begins anew. Who leads makes it again and goes on:
            # nobody else acts before our time is over.
            self._acts_from = self._clock() + self._times.duration
        body = held(known, by=self.identity, seconds=self._times.duration, now=_now())
        self._see(await (self._leases.replace(body) if known else self._leases.create(body)))

    def _see(self, lease: Object | None) -> None:
        seen = Sight(lease=lease, since=self._clock())
        self.trouble = None
        if self._sight is not None and self._sight.version == seen.version:
            return
        if self._sight is None or self._sight.holder != seen.holder:
            logger.info("lease seen", extra={"held_by": seen.holder or None})
        self._sight = seen

    def _worry(self, trouble: str) -> None:
        if self.trouble is None:
            logger.warning("lease out of reach", extra={"error": trouble})
        self.trouble = trouble


def _now() -> datetime:
    """For people who read the Lease; nothing is decided by it."""
    return datetime.now(UTC)
