"""The poller on a clock of its own: what comes late is read, and a fault ends no attempt's judgement."""

import asyncio
import re
from collections.abc import Mapping

import pytest

from serin.domain.analysis.counters import Role, Series
from serin.domain.analysis.request import Channel, TrialRequest
from serin.domain.analysis.verdict import Assessment
from serin.domain.names import Key
from serin.prom.samples import Matrix
from serin.runtime.poller import Poller
from tests.unit.analysis.worlds import STARTED, policy, request, traffic

pytestmark = pytest.mark.looptime(start=0)

KEY = Key("ml", "fraud")
UNTIL = 60.0


def now() -> float:
    return STARTED + asyncio.get_running_loop().time()


def asked() -> TrialRequest:
    return request(policy(), interval=5, stables=2)


class Prometheus:
    """Answers range selectors from a world whose samples can be queried some seconds after their scrape."""

    def __init__(self, world: Mapping[Channel, list[Series]], *, late: float) -> None:
        self._by_role = {channel.role: series for channel, series in world.items()}
        self._late = late

    @property
    def longest(self) -> int:
        return 10_000

    async def query(self, expr: str, at: float) -> Matrix:
        reach = re.search(r"\[(\d+)s\]$", expr)
        assert reach is not None
        role = Role.SCRAPES if expr.startswith("up{") else Role.BAD if "code" in expr else Role.REQUESTS
        begin, end = at - int(reach[1]), min(at, now() - self._late)
        return Matrix(
            tuple(
                Series(one.labels, tuple(sample for sample in one.samples if begin < sample[0] <= end))
                for one in self._by_role.get(role, ())
            )
        )


async def heard_of(prometheus: Prometheus, *, seconds: float) -> list[Assessment]:
    heard: list[Assessment] = []
    poller = Poller(
        {"main": prometheus}, on_assessment=lambda _, assessment: heard.append(assessment), now=now
    )
    poller.follow(KEY, asked(), "main")
    await asyncio.sleep(seconds)
    await poller.close()
    return heard


@pytest.mark.parametrize("late", [12.0, 45.0])
async def test_samples_that_come_late_are_all_counted(late: float) -> None:
    world = traffic(
        asked(),
        rps=40,
        share=lambda t: 0.2,
        canary=lambda t: 0.05,
        stable=lambda t: 0.005,
        until=UNTIL,
        history=60,
    )

    on_time = await heard_of(Prometheus(world, late=0.0), seconds=UNTIL)
    tardy = await heard_of(Prometheus(world, late=late), seconds=UNTIL + late + 5)

    by_boundary = {one.boundary: one.signals for one in tardy}
    assert by_boundary[on_time[-1].boundary] == on_time[-1].signals


async def test_a_look_that_ended_by_a_fault_is_taken_up_again() -> None:
    heard: list[Assessment] = []

    def hear(_: Key, assessment: Assessment) -> None:
        heard.append(assessment)
        if len(heard) == 1:
            raise RuntimeError("a fault")

    poller = Poller({"main": Prometheus({}, late=0.0)}, on_assessment=hear, now=now)
    poller.follow(KEY, asked(), "main")
    await asyncio.sleep(60)
    assert len(heard) == 1

    poller.follow(KEY, asked(), "main")
    await asyncio.sleep(60)

    assert len(heard) > 1
    await poller.close()
