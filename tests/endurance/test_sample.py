"""A small sample of the long runs, by the same code: `make traffic` asks for hundreds of times as much."""

import asyncio
from pathlib import Path

from tests.cluster.envoy import Envoy
from tests.cluster.waiting import ROUNDS
from tests.endurance import report
from tests.endurance.endpoints import BAR_SECONDS, WAYS, Loss, losses
from tests.endurance.ground import Stage
from tests.endurance.openings import opened
from tests.endurance.versions import Asked, turned

GATEWAY_SECONDS = 3.0
"""The longest delay of the gateway of these tests."""
ASKED = Asked(
    requests=1000,
    streams=20,
    per_second=60,
    streams_per_second=2,
    models=2,
    lengths=(1.0, 4.0, 2.0, 6.0),
    ways=("reverted in the bake", "aborted at 90 %"),
)


async def test_a_weight_opens_from_nothing_without_a_lost_request(tmp_path: Path) -> None:
    async with Envoy(tmp_path / "envoy") as envoy:
        seen = await opened(envoy, tmp_path, openings=5, per_second=200)

    assert [one for one in seen.results.sent if one.status != 200] == [], seen.results.story()
    assert seen.results.by_revision()["canary"] > 100


async def test_nothing_is_lost_or_cut_short_and_a_dead_canary_gets_nothing(stage: Stage) -> None:
    """Two tests that mostly wait, and so wait together. The second one is held by the route, in one round of
    three: what a machine is late by that stands still now and then is nobody's fault. That Envoy gives a dead
    canary nothing is waited for; how soon is mostly the tests' own gateway.
    """
    versions, dead = await asyncio.gather(turned(stage, ASKED), losses(stage, rounds=ROUNDS, enough=in_time))

    told = [*report.of_versions(versions), *report.of_losses(dead, delay=GATEWAY_SECONDS)]
    print("\n".join(told))
    assert versions.good, told
    assert {one.way for one in dead if in_time(one)} == WAYS.keys(), told


def in_time(one: Loss) -> bool:
    return one.written <= BAR_SECONDS
