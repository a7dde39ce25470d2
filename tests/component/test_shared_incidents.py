"""What befalls both revisions at once says nothing against the canary: neither rejected nor promoted."""

import pytest

from serin.domain.analysis.verdict import Verdict
from tests.component.cluster_in_memory import Clock
from tests.component.story import Story, model, phase, stepping

OLD, NEW = model(), model("server:2")


async def befallen(story: Story) -> tuple[str, str]:
    """Both revisions crash, and the operator sees that for a while."""
    stable, canary = (str(story.status[whose]["revision"]) for whose in ("stable", "canary"))
    story.controllers.crashing |= {stable, canary}
    for _ in range(10):
        story.controllers.settle()
        await story.look()
        Clock(story.cluster).move(20)
    return stable, canary


@pytest.mark.parametrize("router", ["GatewayAPI", "Replicas"])
async def test_crash_loops_of_both_revisions_are_not_charged_to_the_canary(router: str) -> None:
    story = await stepping(model(router=router), model("server:2", router=router), judged=True)
    story.jury.verdict = Verdict.SAFE

    stable, canary = await befallen(story)

    assert story.status["stable"]["revision"] == stable
    assert not story.status["rejected"]
    assert story.status["canary"]["revision"] == canary
    story.controllers.crashing.clear()
    await story.until(phase("Ready"))
    assert story.status["stable"]["revision"] == canary


async def test_a_canary_that_goes_on_crashing_alone_is_rejected() -> None:
    story = await stepping(OLD, NEW)
    stable, canary = await befallen(story)

    story.controllers.crashing = {canary}
    await story.until(lambda story: story.replicas() == {stable: 3})

    assert [entry["reason"] for entry in story.status["rejected"]] == ["CrashLoop"]


async def test_one_bad_pod_of_the_stable_revision_does_not_excuse_the_canary() -> None:
    story = await stepping(OLD, NEW)
    stable, canary = (str(story.status[whose]["revision"]) for whose in ("stable", "canary"))
    story.controllers.crashing = {canary}
    story.controllers.settle()
    pod = next(name for kind, name in story.cluster.objects if kind == "Pod" and name.startswith(stable))
    crashed = next(name for kind, name in story.cluster.objects if kind == "Pod" and name.startswith(canary))
    bad = story.cluster.objects["Pod", crashed]["status"]
    story.cluster.show("Pod", pod, {**story.cluster.objects["Pod", pod], "status": bad})

    await story.look()

    assert [entry["reason"] for entry in story.status["rejected"]] == ["CrashLoop"]
