"""C2: a status that somebody has edited. No crash and no hot loop; no weight rises by it, nothing that serves
is taken away, and another spec still leads out.

`WALK=all` tries every leaf with every value (`make fuzz`); without it a few are tried.
"""

import os
from collections.abc import Mapping
from typing import Any, Final

import pytest

from serin.domain.names import KIND
from tests.component.cluster_in_memory import Clock, Object
from tests.component.story import Story, model, phase, served, stepping
from tests.walk.corruption import corruptions

OLD, NEW = model(), model("server:2")
ALL: Final = os.environ.get("WALK") == "all"
SAMPLE: Final = 1 if ALL else 40
FOUND_BEFORE: Final = (
    "rollout.state is 'Idle'",
    "rollout.state is 'Promoting'",
    "rollout.state is 'RollingBack'",
    "rollout.router is 'nonsense'",
    "rollout.attempt is 'nonsense'",
)
"""What was taken at its word once: a crash at each look, weights without evidence, weights of 0 in all."""
LOOKS: Final = 12
FEW_WRITES: Final = 30
"""A canary that is taken back, and begun again, takes as many."""


async def waiting() -> Story:
    """A canary at a fifth of the traffic that waits for a person."""
    steps = [{"name": "to-20", "weight": 20, "minSeconds": 0, "pause": {}}]
    rollout = {"canary": {"steps": steps}, "bakeSeconds": 300}
    return await stepping({**OLD, "rollout": rollout}, {**NEW, "rollout": rollout})


async def baking() -> Story:
    """A new revision in its bake."""
    story = await served(OLD)
    story.cluster.submit("fraud", NEW)
    return await story.until(phase("Baking"))


async def taken_back() -> Story:
    """A canary that is being rolled back."""
    story = await waiting()
    spec = story.cluster.objects[KIND, "fraud"]["spec"]
    story.cluster.submit("fraud", spec, abort=story.attempt)
    return await story.until(phase("RollingBack"))


BEGINNINGS: Final = {"Stepping": waiting, "Baking": baking, "RollingBack": taken_back, "Ready": served}


@pytest.mark.parametrize("state", BEGINNINGS)
async def test_an_edited_status_harms_nobody(state: str) -> None:
    story = await BEGINNINGS[state]()
    every = dict(corruptions(story.status))
    chosen = {*list(every)[::SAMPLE], *FOUND_BEFORE} & every.keys()
    assert len(chosen) > 5

    faults = [fault for name in sorted(chosen) if (fault := await _fault(state, name, every[name]))]

    assert faults == []


async def _fault(state: str, name: str, status: Mapping[str, Any]) -> str | None:
    story = await BEGINNINGS[state]()
    before, serving = story.weights(), story.replicas()
    story.written()
    try:
        _edit(story, status)
        for _ in range(LOOKS):
            await story.look()
            story.controllers.settle()
            Clock(story.cluster).move(1)
            if fault := _harmed(story, before, serving):
                return f"{name}: {fault}"
        writes = story.written()
        if len(writes) > FEW_WRITES:
            return f"{name}: {len(writes)} writes: {writes}"
        await _led_out(story)
    except Exception as error:
        return f"{name}: {type(error).__name__}: {str(error)[:300]}"
    return None


def _edit(story: Story, status: Mapping[str, Any]) -> None:
    def edit(obj: Object) -> None:
        obj["status"] = dict(status)

    story.cluster.edit(KIND, "fraud", edit)


def _harmed(story: Story, before: Mapping[str, int], serving: Mapping[str, int]) -> str | None:
    """What must not come of an edited status by itself."""
    shown = story.weights()
    most = max(before, key=lambda name: before[name])
    if shown.get(most, 0) < before[most]:
        return f"traffic moves from {before} to {shown}"
    pods = story.replicas()
    if pods.get(most, 0) < serving[most]:
        return f"pods of {most} go from {serving} to {pods}"
    return None


async def _led_out(story: Story) -> None:
    """Whatever became of it: a spec of a person's is served in the end."""
    story.cluster.submit("fraud", model("server:3", steps=(50,)))
    await story.until(phase("Ready"))
