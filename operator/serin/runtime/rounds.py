"""When the attempts at one Prometheus are looked at, and which of them together.

Who is due at the same time is asked for together. Rounds are made as often as someone is due, up to a number
of queries a second; with more attempts than that allows one by one, each round takes more of them. Two kinds
never keep the rest waiting: those that failed last time, and those that have hours to read, a few at a time.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from typing import Any, Final

from serin.prom.client import Prometheus
from serin.runtime.reader import Outcome, Reader
from serin.runtime.watch import STRETCH_INTERVALS, Watch

QUERIES_PER_SECOND: Final = 4.5
"""Of all rounds at one Prometheus. More would press a store that others use too; with fewer a verdict waits
longer for its round, by a second and a half at a thousand attempts of one kind."""
BURST: Final = 12
"""Queries that may be made at once after a quiet time: a small fleet never waits."""
TICK: Final = 0.001
"""Of the clock: what is due within it is due now, however a timer rounds."""
FEWEST_ROUNDS: Final = 3
"""In a scrape interval, however many different questions that takes: evidence would come too late."""
OVERLAP_SECONDS: Final = 1.0
"""A round that takes longer, because of one slow query perhaps, does not keep the next one from beginning."""
MOST_ROUNDS: Final = 6
"""Under way at once."""
CATCH_UP_INTERVALS: Final = 2_000
"""Intervals of all attempts together that are caught up with in one go: a few seconds' work."""

Take = Callable[[Watch, Outcome | Exception, float], Awaitable[None]]
"""Hears what was read for an attempt, or of a fault; up to which moment."""


class Pace:
    """How many queries may be made, on the event loop's clock."""

    def __init__(self) -> None:
        self._paid = -inf

    def spend(self, queries: int, now: float, *, interval: float) -> None:
        """Note that a round has made queries."""
        longest = BURST / QUERIES_PER_SECOND + interval / FEWEST_ROUNDS
        self._paid = min(max(self._paid, now) + queries / QUERIES_PER_SECOND, now + longest)

    @property
    def ready_at(self) -> float:
        """When the next round may begin."""
        return self._paid - BURST / QUERIES_PER_SECOND


@dataclass(slots=True)
class Due:
    """Who wants to be looked at now, by how they are looked at."""

    steady: list[Watch] = field(default_factory=list)
    failing: list[Watch] = field(default_factory=list)
    behind: list[Watch] = field(default_factory=list)


class Rounds:
    """The attempts whose samples are at one Prometheus.

    Args:
        take: Hears every outcome; must not raise.
        now: Unix seconds.
    """

    def __init__(self, prometheus: Prometheus, *, take: Take, now: Callable[[], float]) -> None:
        self._reader = Reader(prometheus)
        self._take = take
        self._now = now
        self._watches: set[Watch] = set()
        self._pace = Pace()
        self._changed = asyncio.Event()
        self._steady: dict[asyncio.Task[Any], float] = {}
        self._failing: asyncio.Task[Any] | None = None
        self._behind: asyncio.Task[Any] | None = None
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.create_task(self._run(), name="poller rounds")

    def add(self, watch: Watch) -> None:
        """Look at an attempt from now on."""
        self._watches.add(watch)
        self._changed.set()

    def remove(self, watch: Watch) -> None:
        """Look at it no more; what is under way is not taken."""
        watch.dropped = True
        self._watches.discard(watch)

    async def close(self) -> None:
        """End, and wait until nothing is under way."""
        lanes = [lane for lane in (self._failing, self._behind) if lane is not None]
        tasks = [self._task, *self._steady, *lanes]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            wait = self._begin(self._due())
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, wait) if wait < inf else None):
                    await self._changed.wait()

    def _due(self) -> Due:
        clock, now = self._loop.time() + TICK, self._now()
        due = Due()
        for watch in self._watches:
            if watch.reading or watch.ended or watch.next_look > clock:
                continue
            if watch.behind(now):
                due.behind.append(watch)
            elif watch.failures:
                due.failing.append(watch)
            else:
                due.steady.append(watch)
        return due

    def _begin(self, due: Due) -> float:
        """Begin what may begin; seconds until something else may."""
        clock = self._loop.time()
        if due.behind and self._behind is None:
            now = self._now()
            at, together = catching_up(due.behind, now)
            self._behind = self._spawn(self._round(together, at), together)
        if due.failing and self._failing is None:
            self._failing = self._spawn(self._round(due.failing, self._now()), due.failing)
        if due.steady:
            ready = self._steady_at(clock)
            if ready > clock + TICK:
                return ready - clock
            self._steady[self._spawn(self._steady_round(due.steady), due.steady)] = clock
        idle = (one.next_look for one in self._watches if not one.reading and not one.ended)
        wait = min((moment for moment in idle if moment > clock + TICK), default=inf) - clock
        # Who is through with a round that one slow query holds up may be due again before it ends.
        under_way = self._steady or self._failing or self._behind
        return min(wait, OVERLAP_SECONDS) if under_way else wait

    def _steady_at(self, clock: float) -> float:
        """When a round of those that only need what is new may begin."""
        if len(self._steady) >= MOST_ROUNDS:
            return clock + OVERLAP_SECONDS
        return max([self._pace.ready_at, *(begun + OVERLAP_SECONDS for begun in self._steady.values())])

    def _spawn(self, round_: Coroutine[None, None, Any], watches: Sequence[Watch]) -> asyncio.Task[Any]:
        now = self._now()
        for watch in watches:
            watch.reading, watch.begun = True, now
        task = asyncio.create_task(round_)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._steady.pop(task, None)
        if task is self._failing:
            self._failing = None
        if task is self._behind:
            self._behind = None
        self._changed.set()

    async def _steady_round(self, watches: Sequence[Watch]) -> None:
        queries = await self._round(watches, self._now())
        self._pace.spend(queries, self._loop.time(), interval=watches[0].interval)

    async def _round(self, watches: Sequence[Watch], at: float) -> int:
        async def take(watch: Watch, outcome: Outcome | Exception) -> None:
            await self._take(watch, outcome, at)
            watch.reading = False

        try:
            return await self._reader.read(watches, at, take)
        except Exception as error:  # whatever it is, it must not be met again at once
            for watch in watches:
                if watch.reading:
                    await take(watch, error)
            return 0


def catching_up(behind: Sequence[Watch], now: float) -> tuple[float, list[Watch]]:
    """Up to when to read next for whom, of those that are behind: the nearest first, and those beside it.

    Together they span little more than the longest stretch, and not more work than `CATCH_UP_INTERVALS`.
    """
    nearest, *others = sorted(behind, key=lambda watch: -watch.read_to)
    together, work = [nearest], _work(nearest, now)
    beside = nearest.read_to - STRETCH_INTERVALS / 4 * nearest.interval
    for watch in others if nearest.stretch == STRETCH_INTERVALS else ():
        work += _work(watch, now)
        if work > CATCH_UP_INTERVALS or watch.read_to < beside or watch.stretch < STRETCH_INTERVALS:
            break
        together.append(watch)
    at = min(watch.read_to + watch.stretch * watch.interval for watch in together)
    return min(now, at), together


def _work(watch: Watch, now: float) -> float:
    return min(watch.stretch, (now - watch.read_to) / watch.interval)
