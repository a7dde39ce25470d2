"""A backend's weight from 0 to something, again and again, on a busy Envoy (T1).

Each round is what a canary's start and its rollback are to the data plane: the backend is named at weight 0,
opens, takes all, goes back to 0 and is dropped, cluster and all. Proxies lose requests where a route precedes
its cluster.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.cluster.envoy import Envoy
from tests.cluster.local_server import INFER, LocalServer, split
from tests.cluster.traffic import Results, Traffic

ROUND: Final = (0, 20, 100, 0, None)
"""The canary's weights of one round; None is a route without it."""
LEAST_REQUESTS: Final = 20
"""Sent at each of the weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """How it went."""

    openings: int
    seconds: float
    results: Results


async def opened(envoy: Envoy, folder: Path, *, openings: int, per_second: float) -> Opened:
    """Open a canary so many times under so many requests a second."""
    async with LocalServer("stable", folder) as stable, LocalServer("canary", folder) as canary:
        await envoy.apply(split({stable: 100}))
        began = time.monotonic()
        async with Traffic(envoy.url + INFER, per_second=per_second) as users:
            for _ in range(openings):
                for weight in ROUND:
                    beside = {} if weight is None else {canary: weight}
                    await envoy.apply(split({stable: 100 - (weight or 0), **beside}))
                    await users.more(LEAST_REQUESTS)
        return Opened(openings=openings, seconds=time.monotonic() - began, results=users.results)
