"""A spec that cannot be followed, and an operator that was started after it came: what was under way is kept,
held, and taken back on harm or an abort; the cure needs nothing else.
"""

from typing import Any

import pytest

from serin.domain.analysis.verdict import Verdict
from tests.component.cluster_in_memory import Clock
from tests.component.story import Story, model, phase, served, stepping

OLD, NEW = model(), model("server:2")
DEEP: dict[str, Any] = {"signals": [{"name": "slow", "slowerThanMilliseconds": 123}]}
GUARD: dict[str, Any] = {"guards": [{"name": "memory", "query": "max by (", "max": "1"}]}
BROKEN: dict[str, dict[str, Any]] = {
    "spec.model.format": {"model": {"format": "abacus"}},
    "spec.runtime": {"runtime": "unheard-of"},
    "spec.template": {"runtime": "custom", "template": {}},
    "spec.analysis.signals[0].slowerThanMilliseconds": {"analysis": DEEP},
    "spec.analysis.guards[0].query": {"analysis": GUARD},
    "spec.rollout.canary.steps": {"rollout": {"canary": {"steps": [], "more": 1}}},
    "spec.prometheus.address": {"prometheus": {"address": "http://elsewhere:9090"}},
    "spec.traffic.gatewayAPI": {"traffic": {"router": "GatewayAPI"}},
    "spec.nonsense": {"nonsense": 1, "analysis": 3, "traffic": {"drainSeconds": -1}},
}


@pytest.fixture(params=list(BROKEN))
def broken(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """A field, and a spec in which it cannot be followed."""
    return request.param, {**NEW, **BROKEN[request.param]}


async def restarted_with(broken: dict[str, Any]) -> Story:
    """A canary at its first step whose spec is broken while the operator is away."""
    story = await stepping(OLD, NEW, judged=True)
    story.cluster.submit("fraud", broken)
    story.restart()
    return story


async def test_what_is_under_way_is_held(broken: tuple[str, dict[str, Any]]) -> None:
    field, spec = broken
    story = await restarted_with(spec)
    before = (story.weights(), story.replicas(), story.attempt)
    story.jury.verdict = Verdict.SAFE

    for _ in range(20):
        await story.look()
        story.controllers.settle()
        Clock(story.cluster).move(30)

    assert (story.weights(), story.replicas(), story.attempt) == before
    assert story.condition("Stalled") == ("True", "InvalidSpec")
    assert field.partition("[")[0].rpartition(".")[0] in story.status["message"]


async def test_harm_takes_the_canary_back(broken: tuple[str, dict[str, Any]]) -> None:
    story = await restarted_with(broken[1])
    stable = story.status["stable"]["revision"]

    await story.look()
    story.jury.verdict = Verdict.HARM
    await story.until(lambda story: story.replicas() == {stable: 3})

    assert story.weights() == {stable: 100}
    assert [entry["reason"] for entry in story.status["rejected"]] == ["Harm"]


async def test_an_abort_takes_the_canary_back(broken: tuple[str, dict[str, Any]]) -> None:
    story = await restarted_with(broken[1])
    stable, attempt = story.status["stable"]["revision"], story.attempt

    story.cluster.submit("fraud", broken[1], abort=attempt)
    await story.until(lambda story: story.replicas() == {stable: 3})

    assert story.weights() == {stable: 100}
    assert [entry["reason"] for entry in story.status["rejected"]] == ["Aborted"]


async def test_the_cure_goes_on_where_it_was(broken: tuple[str, dict[str, Any]]) -> None:
    story = await restarted_with(broken[1])
    attempt, canary = story.attempt, story.status["canary"]["revision"]
    await story.look()

    story.cluster.submit("fraud", NEW)
    story.jury.verdict = Verdict.SAFE
    await story.look()
    assert story.attempt == attempt
    await story.until(phase("Ready"))

    assert story.status["stable"]["revision"] == canary
    assert story.status["history"][-1]["result"] == "Promoted"


async def test_a_steady_model_costs_no_write(broken: tuple[str, dict[str, Any]]) -> None:
    story = await served(OLD)
    stable = story.status["stable"]["revision"]
    story.cluster.submit("fraud", broken[1])
    await story.look()
    story.restart()
    story.written()

    for _ in range(5):
        await story.look()

    assert story.written() == []
    assert story.replicas() == {stable: 3}


@pytest.mark.parametrize("kind", ["Deployment", "Service", "HTTPRoute"])
async def test_what_somebody_else_deletes_comes_back(kind: str) -> None:
    story = await served(OLD)
    name = "fraud" if kind == "HTTPRoute" else str(story.status["stable"]["revision"])
    was = story.cluster.objects[kind, name]["spec"]
    story.cluster.submit("fraud", {**OLD, **BROKEN["spec.model.format"]})
    story.restart()

    story.cluster.remove(kind, name)
    await story.look()

    assert story.cluster.objects[kind, name]["spec"] == was


@pytest.mark.parametrize("verdict", [Verdict.HARM, Verdict.SAFE])
async def test_a_router_changed_in_mid_step_is_the_old_one_until_the_end(verdict: Verdict) -> None:
    story = await restarted_with({**NEW, "traffic": {"router": "Replicas"}})
    stable, attempt = story.status["stable"]["revision"], story.attempt

    await story.look()
    assert story.condition("Stalled") == ("True", "InvalidSpec")
    assert story.weights()[stable] == 80
    story.jury.verdict = verdict
    if verdict is Verdict.SAFE:
        story.cluster.submit("fraud", {**NEW, "traffic": {"router": "Replicas"}}, abort=attempt)
    await story.until(lambda story: story.replicas() == {stable: 3} and "rollout" not in story.status)

    assert story.cluster.selected("fraud") == stable.rpartition("-")[2]


async def test_a_first_deployment_that_nobody_understands_makes_nothing() -> None:
    story = Story()
    story.cluster.submit("fraud", {**OLD, "model": {"format": "abacus"}})

    await story.look()

    assert story.condition("Stalled") == ("True", "InvalidSpec")
    assert [kind for kind, _ in story.cluster.objects] == ["ModelDeployment"]
