"""Safety under whatever happens, and a way out of it: seeded walks through disturbances of every kind.

The invariants are checked at every write, by the cluster. Here: a look never fails but by the API server's
word, and once disturbances stop, the model comes to rest where its spec says, or taken back, and stays there
unwritten.
"""

from random import Random

import pytest

from serin.domain.names import KIND
from tests.component.cluster_in_memory import Clock
from tests.component.disturbances import Disturbances
from tests.component.story import Story

ACTS = 60


def at_rest(story: Story) -> bool:
    status, generation = story.status, story.cluster.objects[KIND, "fraud"]["metadata"]["generation"]
    return (
        status.get("phase") in ("Ready", "RolledBack")
        and status["observedGeneration"] == generation
        and not status.get("rollout")
    )


async def walk(seed: int, router: str) -> None:
    dice = Random(seed)
    story = Story(judged=dice.random() < 0.8)
    world = Disturbances(story, dice, router=router)
    try:
        for _ in range(ACTS):
            world.disturb()
            for _ in range(dice.choice((0, 1, 1, 2))):
                await story.look()
                if dice.random() < 0.7:
                    story.controllers.settle()
        world.end()
        await story.until(at_rest)
        await quiet(story)
    except Exception as error:
        error.add_note(f"seed {seed}, {router}: " + ", ".join(world.happened[-25:]))
        raise


async def quiet(story: Story) -> None:
    """Nothing is written any more, and everything wanted is there."""
    for _ in range(3):
        Clock(story.cluster).move(130)
        await story.look()
        story.controllers.settle()
    story.written()
    for _ in range(3):
        Clock(story.cluster).move(130)
        await story.look()
        story.controllers.settle()
    assert story.written() == []
    stable = story.status.get("stable")
    serving = {name: size for name, size in story.replicas().items() if size}
    size = story.cluster.objects[KIND, "fraud"]["spec"]["replicas"]
    assert serving == ({stable["revision"]: size} if stable and size else {})


@pytest.mark.parametrize("router", ["GatewayAPI", "Replicas"])
@pytest.mark.parametrize("seed", range(25))
async def test_whatever_happens_no_invariant_breaks_and_it_comes_to_rest(seed: int, router: str) -> None:
    await walk(seed, router)
