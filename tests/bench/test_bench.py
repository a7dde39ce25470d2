"""A dozen models at once cost what one costs twelve times, to the request: the bench itself, in small."""

from serin.runtime.reporter import COUNTS_EVERY
from tests.bench.figures import Figures
from tests.bench.phases import Plan, measured
from tests.bench.process import REST_SECONDS
from tests.bench.simulated import kwok
from tests.cluster.cluster import Cluster
from tests.cluster.needed import needed

COUNT = 12
PLAN = Plan(count=COUNT, changed=COUNT, idle_seconds=4, accepted=True, arguments=(), patience=300)


async def test_many_models_at_once_cost_what_one_does_so_many_times(cluster: Cluster) -> None:
    simulator = needed(kwok)

    found = {one.name: one async for one in measured(cluster.binaries, simulator, PLAN)}

    _costs(found["create"], writes=7, statuses=2)
    _costs(found["canary"], writes=16, statuses=6)
    assert found["canary"].events <= 5 * COUNT
    assert (found["idle"].writes, found["idle"].reads) == (0, 0)
    assert found["restart"].writes == found["restart"].events == 0
    assert found["delete"].writes == 0


def _costs(figures: Figures, *, writes: int, statuses: int) -> None:
    """So many writes for each and no reads. In a time in which nothing else is told, a status tells newer
    counts, which a machine that takes its time comes to.
    """
    again = int((figures.arriving_seconds + REST_SECONDS) / COUNTS_EVERY.total_seconds())
    assert figures.writes - figures.statuses == (writes - statuses) * COUNT
    assert statuses * COUNT <= figures.statuses <= (statuses + again) * COUNT
    assert figures.reads == 0
