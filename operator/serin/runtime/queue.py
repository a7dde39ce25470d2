"""The work queue: which ModelDeployment is to be looked at, and when.

After client-go's: keys, not events, so a thousand events are one look; a key is never with two workers at
once, and what is added while a worker has it comes again afterwards. Nothing is stored with a key, so a
look always sees the newest state. Two differences: a look supersedes those planned before it; it plans the
next one itself. And keys wait in lanes that have their turns one after the other, so that who has a thousand
keys keeps nobody waiting for more than one of them.
"""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Hashable
from random import Random
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)

FIRST_BACKOFF_SECONDS: Final = 1.0
LONGEST_BACKOFF_SECONDS: Final = 300.0


def one_lane(key: Hashable) -> Hashable:
    """All keys wait in one line."""
    return None


class WorkQueue(Generic[K]):
    """Deduplicated keys with delays and back-off, for one event loop. Only `get` waits.

    Args:
        lane: Whose key it is: those of one lane come in their order, and lanes by turns.
    """

    def __init__(self, *, random: Random, lane: Callable[[K], Hashable] = one_lane) -> None:
        self._random = random
        self._lane = lane
        self._lanes: OrderedDict[Hashable, deque[K]] = OrderedDict()
        # As many as there are keys in lanes; False ends.
        self._ready: asyncio.Queue[bool] = asyncio.Queue()
        self._wanted: set[K] = set()
        self._held: set[K] = set()
        self._planned: dict[K, asyncio.TimerHandle] = {}
        self._failures: dict[K, Counter[float]] = {}
        self._closed = False

    def __len__(self) -> int:
        """Keys that wait for a worker now; neither the planned ones nor those in work."""
        return len(self._wanted - self._held)

    def add(self, key: K) -> None:
        """Look at the key as soon as a worker is free."""
        if self._closed or key in self._wanted:
            return
        self._wanted.add(key)
        if key not in self._held:
            self._line_up(key)

    def add_after(self, key: K, seconds: float) -> None:
        """Look at the key in so many seconds, unless a look is planned for sooner."""
        if seconds <= 0:
            self.add(key)
            return
        loop = asyncio.get_running_loop()
        planned = self._planned.get(key)
        if self._closed or (planned and planned.when() <= loop.time() + seconds):
            return
        if planned:
            planned.cancel()
        self._planned[key] = loop.call_later(seconds, self._due, key)

    def add_rate_limited(self, key: K, *, first: float = FIRST_BACKOFF_SECONDS) -> float:
        """Look again after a back-off that doubles with each failure since `forget`; return its seconds.

        `first` is the longest it can be at the first failure: shorter where waiting hardly helps. Failures
        with another `first` are another kind and counted apart: after some conflicts, which come and go
        while all is well, one lost answer must not cost minutes.
        """
        counted = self._failures.setdefault(key, Counter())
        failures = counted[first]
        counted[first] += 1
        longest: float = min(LONGEST_BACKOFF_SECONDS, first * 2 ** min(failures, 16))
        # Half of it is chance, so that keys that failed together do not come back together.
        pause: float = longest * (0.5 + 0.5 * self._random.random())
        self.add_after(key, pause)
        return pause

    def forget(self, key: K) -> None:
        """The key is well: its next failure counts as the first."""
        self._failures.pop(key, None)

    async def get(self) -> K | None:
        """The next key, to be given back with `done`; None once the queue is shut down."""
        if not await self._ready.get() or self._closed:
            self._ready.put_nowait(False)  # for the next worker
            return None
        key = self._first()
        self._wanted.discard(key)
        self._held.add(key)
        if planned := self._planned.pop(key, None):
            planned.cancel()
        return key

    def done(self, key: K) -> None:
        """The worker is through with the key. If it was added meanwhile, it is ready again."""
        self._held.discard(key)
        if key in self._wanted:
            self._line_up(key)

    def shut_down(self) -> None:
        """Hand out nothing more. What was queued is dropped: the next start looks at everything anyway."""
        self._closed = True
        for planned in self._planned.values():
            planned.cancel()
        self._planned.clear()
        self._ready.put_nowait(False)

    def _line_up(self, key: K) -> None:
        self._lanes.setdefault(self._lane(key), deque()).append(key)
        self._ready.put_nowait(True)

    def _first(self) -> K:
        """The first key of the lane whose turn it is."""
        lane, keys = self._lanes.popitem(last=False)
        key = keys.popleft()
        if keys:
            self._lanes[lane] = keys
        return key

    def _due(self, key: K) -> None:
        del self._planned[key]
        self.add(key)
