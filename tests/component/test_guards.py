"""Guards: absolute limits act from the first step until the bake ends, at once, and only where they may."""

from typing import Any

import pytest

from serin.domain.analysis.verdict import Verdict
from tests.component.cluster_in_memory import Clock
from tests.component.story import Story, model, phase, served

MEMORY = {"name": "memory", "query": 'max(used_bytes{pod=~"$canary"})', "max": "70"}
OLD = model()


def guarded(image: str = "server:2", *, guard: dict[str, Any] = MEMORY, **analysis: Any) -> dict[str, Any]:
    return model(image, analysis={"guards": [guard], **analysis})


async def brought_to(state: str, spec: dict[str, Any]) -> Story:
    """A model whose canary is in a state; the judge finds everything safe."""
    story = await served(OLD, judged=True)
    story.jury.verdict = Verdict.SAFE
    story.cluster.submit("fraud", spec)
    return await story.until(phase(state))


@pytest.mark.parametrize("state", ["Stepping", "Promoting", "Baking"])
async def test_a_limit_that_is_passed_takes_the_canary_back(state: str) -> None:
    story = await brought_to(state, guarded())
    stable = (story.status["rollout"].get("previous") or story.status["stable"])["revision"]

    story.sentries.seen["memory"] = 71.5
    await story.until(phase("RolledBack"))

    assert story.weights() == {stable: 100}
    (rejection,) = story.status["rejected"]
    numbers = {field: rejection[field] for field in ("reason", "guard", "value", "limit")}
    assert numbers == {"reason": "Guard", "guard": "memory", "value": "71.5", "limit": "70"}
    assert rejection["message"].endswith(": guard memory: 71.5 is above 70, 3 times in a row")
    assert "Guard" in story.scribe.told


async def test_fewer_failures_than_the_limit_are_shown_and_do_nothing() -> None:
    story = await brought_to("Stepping", guarded(guard={**MEMORY, "failureLimit": 100}))
    story.sentries.seen["memory"] = 71.5
    for _ in range(3):
        await story.look()
        Clock(story.cluster).move(61)
        story.controllers.settle()

    (shown,) = story.status["analysis"]["guards"]
    assert shown["verdict"] == "Undecided"
    assert shown["failures"] > 0
    await story.until(phase("Ready"))


async def test_nothing_to_read_holds_nobody_up() -> None:
    story = await brought_to("Stepping", guarded())

    await story.until(phase("Ready"))

    (shown,) = story.status["analysis"]["guards"]
    assert (shown["verdict"], shown["note"]) == ("NoData", "the query yields no number")


async def test_observing_shows_only() -> None:
    story = await brought_to("Stepping", guarded(mode="Observe"))

    story.sentries.seen["memory"] = 71.5
    await story.until(phase("Ready"))

    assert story.status["analysis"]["guards"][0]["verdict"] == "Harm"
    assert story.status["rejected"] == []


async def test_switched_off_nobody_looks() -> None:
    story = await brought_to("Stepping", guarded(mode="Off"))

    assert story.sentries.followed is None


async def test_a_raised_limit_acts_at_once_and_costs_no_evidence() -> None:
    story = await brought_to("Stepping", guarded(guard={**MEMORY, "failureLimit": 100}))
    policy = story.status["rollout"]["policyHash"]
    story.sentries.seen["memory"] = 71.5
    await story.look()

    story.cluster.submit("fraud", guarded(guard={**MEMORY, "max": "80", "failureLimit": 1}))
    await story.look()

    assert story.status["rollout"]["policyHash"] == policy
    assert "AnalysisChanged" not in story.scribe.told
    await story.until(phase("Ready"))


async def test_a_lowered_limit_acts_at_once() -> None:
    story = await brought_to("Stepping", guarded())
    story.sentries.seen["memory"] = 60.0
    await story.look()

    story.cluster.submit("fraud", guarded(guard={**MEMORY, "max": "50", "failureLimit": 1}))
    await story.until(phase("RolledBack"))

    assert story.status["rejected"][0]["reason"] == "Guard"


async def test_the_words_mean_the_same_revisions_in_the_bake() -> None:
    story = await brought_to("Stepping", guarded())
    stepping = story.sentries.followed

    await story.until(phase("Baking"))
    baking = story.sentries.followed

    assert stepping is not None
    assert baking is not None
    assert (stepping.canary, stepping.stable) == (baking.canary, baking.stable)


async def test_a_bake_with_nothing_warm_to_return_to_goes_on() -> None:
    story = await brought_to("Baking", guarded())
    before = story.status["rollout"]["previous"]["revision"]
    story.controllers.ready[before] = 0
    story.controllers.settle()

    story.sentries.seen["memory"] = 71.5
    await story.until(phase("Ready"))

    assert story.status["stable"]["revision"] != before


async def test_a_query_that_cannot_be_confined_is_refused_by_its_field() -> None:
    story = await served(OLD, judged=True)
    story.cluster.submit("fraud", guarded(guard={**MEMORY, "query": 'x{namespace="billing"}'}))
    await story.look()

    assert story.condition("Stalled") == ("True", "InvalidSpec")
    assert story.status["message"].startswith("spec.analysis.guards[0].query is ")
    assert "may read 'ml' only" in story.status["message"]
