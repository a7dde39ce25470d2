"""The truth table of `design.md` 5, and the sentences beside it, word for word."""

import pytest

from serin.domain.analysis.verdict import Verdict
from tests.component.cluster_in_memory import Clock
from tests.component.story import Story, model, phase, served, stepping

OLD, NEW = model(), model("server:2")
NAMES = ("Ready", "Available", "Progressing", "Reconciling", "Stalled")


def row(story: Story) -> tuple[str | None, ...]:
    """What the five conditions say; a reason only where it is not the one of the first."""
    found = [story.condition(name) for name in NAMES]
    return tuple(f"{entry[0]}/{entry[1]}" if entry else None for entry in found)


def moving(reason: str, ready: str = "Unknown") -> tuple[str | None, ...]:
    return (f"{ready}/{reason}", "True/EndpointsReady", f"True/{reason}", f"True/{reason}", None)


def stalled(reason: str) -> tuple[str | None, ...]:
    return (f"False/{reason}", "True/EndpointsReady", f"False/{reason}", None, f"True/{reason}")


STEADY = ("True/Complete", "True/EndpointsReady", "True/Complete", None, None)


def short(story: Story, text: str) -> str:
    """A sentence with the revisions called old and new."""
    seen = story.status
    names = {
        (seen.get("stable") or {}).get("revision"): "old",
        (seen.get("canary") or {}).get("revision"): "new",
    }
    for name, word in names.items():
        if name:
            text = text.replace(name, word)
    return text


async def test_a_first_deployment_is_false_and_not_available() -> None:
    story = Story()
    story.cluster.submit("fraud", OLD)
    await story.look()

    assert row(story) == ("False/Deploying", "False/Deploying", "True/Deploying", "True/Deploying", None)


async def test_a_steady_model_is_ready() -> None:
    story = await served(OLD)

    assert row(story) == STEADY
    assert short(story, story.status["message"]) == "old serves all traffic"


@pytest.mark.parametrize("state", ["Preparing", "Stepping", "Promoting"])
async def test_a_rollout_under_way_is_unknown(state: str) -> None:
    story = await served(OLD)
    story.cluster.submit("fraud", NEW)
    await story.until(phase(state))

    assert row(story) == moving(state)


async def test_a_bake_is_not_ready_yet() -> None:
    story = await served(OLD)
    story.cluster.submit("fraud", NEW)
    await story.until(phase("Baking"))

    assert row(story) == moving("Baking", ready="False")


@pytest.mark.parametrize(
    ("verdict", "paused", "reason"),
    [
        (Verdict.SAFE, True, "Paused"),
        (Verdict.UNDECIDED, False, "Undecided"),
        (Verdict.NO_DATA, False, "NoData"),
    ],
)
async def test_what_holds_a_step_is_its_reason(verdict: Verdict, paused: bool, reason: str) -> None:
    story = await stepping(OLD, NEW, judged=True)
    story.jury.verdict = verdict
    Clock(story.cluster).move(61)
    story.cluster.submit("fraud", {**NEW, "paused": paused})
    await story.look()

    assert row(story) == moving(reason)
    said = "paused on request" if paused else f"the jury says {verdict.value}"
    assert short(story, story.status["message"]) == f"canary new at 20 %: {said}"


async def test_a_rollback_is_stalled_until_the_spec_is_the_stable_one_again() -> None:
    story = await stepping(OLD, NEW)
    story.cluster.submit("fraud", NEW, abort=story.attempt)
    await story.until(phase("RolledBack"))

    assert row(story) == stalled("RolledBack")
    assert short(story, story.status["message"]).endswith(
        "aborted on request; all traffic is on old; this revision is not tried again by itself"
    )
    story.cluster.submit("fraud", OLD)
    await story.until(phase("Ready"))
    assert row(story) == STEADY


async def test_pods_that_find_no_node_stall_and_reject_nothing() -> None:
    story = await served(OLD)
    story.cluster.submit("fraud", NEW)
    await story.look()
    story.controllers.unschedulable.add(story.status["canary"]["revision"])
    story.controllers.settle()
    await story.look()

    assert row(story) == stalled("PodsNotReady")
    assert "1 Insufficient gpu" in story.status["message"]
    assert story.status["rejected"] == []


async def test_a_deadline_stalls_and_a_late_pod_goes_on() -> None:
    story = await served(OLD)
    story.cluster.submit("fraud", NEW)
    await story.look()
    canary = story.status["canary"]["revision"]
    story.controllers.ready[canary] = 0
    story.controllers.settle()
    Clock(story.cluster).move(1801)
    await story.look()
    assert row(story) == stalled("ProgressDeadlineExceeded")

    story.controllers.ready.clear()
    await story.until(phase("Ready"))


async def test_a_crash_loop_is_rejected() -> None:
    story = await served(OLD)
    story.cluster.submit("fraud", NEW)
    await story.look()
    story.controllers.crashing.add(story.status["canary"]["revision"])

    await story.until(phase("RolledBack"))

    assert story.status["rejected"][0]["reason"] == "CrashLoop"
    assert row(story) == stalled("RolledBack")


async def test_a_stable_revision_without_endpoints_is_not_available() -> None:
    story = await served(OLD)
    story.controllers.ready[story.status["stable"]["revision"]] = 0
    story.controllers.settle()
    await story.look()

    assert row(story) == ("True/Complete", "False/NoReadyEndpoints", "True/Complete", None, None)


async def test_a_transition_time_moves_only_with_the_status() -> None:
    story = await served(OLD)
    before = story.status["conditions"]

    Clock(story.cluster).move(100)
    story.cluster.submit("fraud", {**OLD, "paused": True})
    await story.look()

    times = [
        [entry["lastTransitionTime"] for entry in entries] for entries in (before, story.status["conditions"])
    ]
    assert times[0] == times[1]
    assert {entry["observedGeneration"] for entry in story.status["conditions"]} == {2}
