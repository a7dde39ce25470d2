"""A dozen models at once cost what one costs twelve times, to the request: the bench itself, in small."""

from tests.bench.figures import Figures
from tests.bench.phases import Plan, measured
from tests.bench.simulated import kwok
from tests.cluster.cluster import Cluster
from tests.cluster.needed import needed

COUNT = 12
PLAN = Plan(count=COUNT, changed=COUNT, idle_seconds=4, accepted=True, arguments=(), patience=300)


async def test_many_models_at_once_cost_what_one_does_so_many_times(cluster: Cluster) -> None:
    simulator = needed(kwok)

    found = {one.name: one async for one in measured(cluster.binaries, simulator, PLAN)}

    _costs(found["create"], 7 * COUNT)
    _costs(found["canary"], 16 * COUNT)
    assert found["canary"].events <= 5 * COUNT
    assert (found["idle"].writes, found["idle"].reads) == (0, 0)
    assert found["restart"].writes == found["restart"].events == 0
    assert found["delete"].writes == 0


def _costs(figures: Figures, writes: int) -> None:
    """So many writes and no reads; on a machine that takes minutes, each may cost one more of the status."""
    slow = int(figures.arriving_seconds // 60)
    assert writes <= figures.writes <= writes + slow * COUNT
    assert figures.reads == 0
