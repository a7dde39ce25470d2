"""Twenty models at once cost what one costs twenty times, to the request: the bench itself, in small."""

import os

import pytest

from tests.bench.figures import Figures
from tests.bench.phases import Plan, measured
from tests.bench.simulated import kwok
from tests.cluster.binaries import Missing
from tests.cluster.cluster import Cluster

COUNT = 20
PLAN = Plan(count=COUNT, idle_seconds=5, accepted=True, arguments=(), patience=120)


async def test_many_models_at_once_cost_what_one_does_so_many_times(cluster: Cluster) -> None:
    try:
        simulator = kwok()
    except Missing as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))

    found = {one.name: one async for one in measured(cluster.binaries, simulator, PLAN)}

    assert _requests(found["create"]) == (7 * COUNT, 0)
    assert _requests(found["canary"]) == (16 * COUNT, 0)
    assert found["canary"].events <= 5 * COUNT
    assert _requests(found["idle"]) == (0, 0)
    assert found["restart"].writes == found["restart"].events == 0
    assert found["delete"].writes == 0


def _requests(figures: Figures) -> tuple[int, int]:
    """Writes that changed something, and reads."""
    return figures.writes, figures.reads
