"""How fast the machine is while something is measured: CPU time of a piece of work that is always the same.

On shared cores the same instructions take longer when neighbours press on caches and memory. A figure of
another day or machine may be compared by the ratio of its yardstick to ours.
"""

import asyncio
import json
from statistics import fmean, median, quantiles
from time import process_time
from types import TracebackType
from typing import Final, Self

EVERY_SECONDS: Final = 1.0
OBJECT: Final = {f"field-{number}": {"values": [1, 2, 3], "text": "x" * 20} for number in range(60)}
ROUNDS: Final = 100


class Yardstick:
    """Measures once a second while entered; nothing else of this process may run in between.

    Attributes:
        found: Milliseconds of each time so far.
    """

    def __init__(self) -> None:
        self.found = [_milliseconds()]

    @property
    def milliseconds(self) -> float:
        """The median so far."""
        return median(self.found)

    def slowness(self, since: int) -> float:
        """How many times as long as at the best of times the work took, after so many times."""
        return fmean(self.found[since:]) / quantiles(self.found, n=4)[0]

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._measure())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _measure(self) -> None:
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            self.found.append(_milliseconds())


def _milliseconds() -> float:
    began = process_time()
    for _ in range(ROUNDS):
        json.loads(json.dumps(OBJECT, sort_keys=True))
    return 1000 * (process_time() - began)
