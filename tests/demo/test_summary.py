"""What the demo concludes: failures are charged to whom the witness names, and every flaw has a sentence."""

from dataclasses import replace

import pytest

from tests.cluster.traffic import Fate, Results, Sent
from tests.demo.story import PROMOTED, READY, ROLLED_BACK, Chapter, Lost
from tests.demo.summary import Summary, charged, problems

GOOD = Summary(sent=9000, failed=3, bad=3, to_route=4.0, to_data_plane=5.0, to_last_request=5.0)


def chapters(**changed: object) -> list[Chapter]:
    """A story as it should go; `changed` is of version 2."""
    second = Chapter("2", outcome=PROMOTED, judged=frozenset("ab"), serving=frozenset("ab"))
    for name, value in changed.items():
        setattr(second, name, value)
    return [Chapter("1", outcome=READY), second, Chapter("3", outcome=ROLLED_BACK)]


def failed(at: float, revision: str | None = None) -> Sent:
    return Sent(at=at, seconds=0.1, fate=Fate.SERVER_ERROR, status=500, revision=revision)


def answered(at: float, version: str) -> Sent:
    return Sent(at=at, seconds=0.1, fate=Fate.OK, status=200, revision=version)


def test_a_story_as_it_should_go_has_no_problem() -> None:
    assert problems(chapters(), GOOD) == []


@pytest.mark.parametrize(
    ("told", "summary", "words"),
    [
        (chapters(outcome=""), GOOD, "version 2: under way, and should end as: promoted"),
        (chapters()[:1], GOOD, "version 2: not begun, and should end as: promoted"),
        (chapters(serving=frozenset("bc")), GOOD, "version 2: 1 of 2 judged pods do not serve"),
        (chapters(judged=frozenset()), GOOD, "version 2: no pod was seen while it was judged"),
        (chapters(), replace(GOOD, failed=5), "2 requests failed that version 3 does not explain"),
        (chapters(), replace(GOOD, failed=0, bad=0), "version 3 gave no bad answer, so nothing was proved"),
    ],
)
def test_a_flaw_is_named(told: list[Chapter], summary: Summary, words: str) -> None:
    assert words in problems(told, summary)


def test_failures_are_charged_to_the_revision_in_the_log() -> None:
    log = [Lost(at=1.0, revision="iris-bad"), Lost(at=2.0, revision="iris-good")]

    assert charged(log, Results(), Chapter("3", revision="iris-bad")) == [1.0]


def test_without_a_log_failures_are_charged_while_version_3_had_traffic() -> None:
    before, during, after = failed(9.0), failed(11.0), failed(20.0)
    seen = Results([before, answered(10.0, "3"), during, answered(12.0, "3"), after])

    assert charged(None, seen, Chapter("3", began=9.5)) == [11.0]
