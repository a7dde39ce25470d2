"""What is told of the analysis: each turn once, however often it is looked at and whoever looks."""

from serin.domain.analysis.verdict import Verdict
from tests.component.cluster_in_memory import Clock
from tests.component.story import Story, model, stepping

OLD, NEW = model(), model("server:2")
OF_THE_DATA = {"AnalysisUnavailable", "AnalysisAvailable"}


def told(story: Story) -> list[str]:
    return [reason for reason in story.scribe.told if reason in OF_THE_DATA]


async def look(story: Story, times: int = 3) -> None:
    for _ in range(times):
        await story.look()
        story.controllers.settle()
        Clock(story.cluster).move(15)


async def test_data_lost_and_found_are_each_told_once() -> None:
    story = await stepping(OLD, NEW, judged=True)

    for verdict in (Verdict.UNDECIDED, Verdict.NO_DATA, Verdict.NO_DATA, Verdict.UNDECIDED):
        story.jury.verdict = verdict
        await look(story)

    assert told(story) == ["AnalysisUnavailable", "AnalysisAvailable"]


async def test_a_restart_tells_nothing_again() -> None:
    story = await stepping(OLD, NEW, judged=True)
    story.jury.verdict = Verdict.NO_DATA
    await look(story)

    story.restart()
    await look(story)

    assert told(story) == ["AnalysisUnavailable"]
    assert story.condition("AnalysisAvailable") == ("False", "NoData")


async def test_rollouts_that_end_are_counted_by_result_and_reason() -> None:
    story = await stepping(OLD, NEW, judged=True)
    story.jury.verdict = Verdict.HARM

    await story.until(lambda seen: seen.phase == "RolledBack")

    assert story.reconciler.ended == {("Promoted", ""): 1, ("RolledBack", "Harm"): 1}


async def test_a_wait_for_a_person_is_told_once_at_each_step() -> None:
    steps = [{"name": "a", "weight": 20, "pause": {}}, {"name": "b", "weight": 60, "pause": {}}]
    new = {**NEW, "rollout": {**NEW.get("rollout", {}), "canary": {"steps": steps}}}
    story = await stepping(OLD, new)

    await look(story, 8)
    story.restart()
    await look(story, 8)
    story.cluster.submit("fraud", new, promote=f"{story.attempt}:a")
    await look(story, 16)

    assert [reason for reason in story.scribe.told if reason == "AwaitingPromotion"] == [
        "AwaitingPromotion"
    ] * 2
