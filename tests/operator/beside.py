"""Tests that mostly wait, each with operators of its own: begun together, and each awaited by its test.

A scenario is a test written as a function of the ground it stands on; `acts` (in `conftest`) begins those
whose tests were chosen.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

from tests.cluster.cluster import Cluster
from tests.faults.run import Ground

Scenario: TypeAlias = Callable[[Ground], Awaitable[None]]
Acts: TypeAlias = "Mapping[str, asyncio.Task[None]]"
SCENARIOS: Final[dict[str, Scenario]] = {}


def beside(scenario: Scenario) -> Callable[[Cluster, Acts], Awaitable[None]]:
    """A test that was begun with all others of its kind, and whose end is awaited here."""
    name = scenario.__name__
    SCENARIOS[name] = scenario

    async def test(cluster: Cluster, acts: Acts) -> None:
        await acts[name]

    test.__name__, test.__doc__ = name, scenario.__doc__
    return test
