"""The judge's words as a look sees them: a turn wakes at once, figures alone later."""

from dataclasses import replace

import pytest

from serin.domain.analysis.request import TrialRequest
from serin.domain.analysis.verdict import Assessment, Verdict
from serin.domain.names import Key
from serin.runtime.judging import DISPLAY_SECONDS, Judging

FRAUD = Key("ml", "fraud")
UNDECIDED = Assessment(
    attempt="fraud-r2.1",
    step=0,
    policy_hash="p",
    verdict=Verdict.UNDECIDED,
    signals=(),
    boundary=15.0,
    reason="Undecided",
    message="0 bad of 10",
    available=True,
)


@pytest.fixture
def woken() -> list[tuple[Key, float]]:
    return []


@pytest.fixture
def judging(woken: list[tuple[Key, float]]) -> Judging:
    return Judging(changed=lambda key, seconds: woken.append((key, seconds)))


def test_the_latest_word_is_there_until_it_is_forgotten(judging: Judging) -> None:
    judging.take(FRAUD, UNDECIDED)
    assert judging.word(FRAUD) == UNDECIDED

    judging.forget(FRAUD)
    assert judging.word(FRAUD) is None


@pytest.mark.parametrize(
    "turned",
    [
        replace(UNDECIDED, verdict=Verdict.HARM),
        replace(UNDECIDED, step=1),
        replace(UNDECIDED, attempt="fraud-r2.2"),
        replace(UNDECIDED, available=False, reason="PrometheusUnreachable"),
    ],
)
def test_a_turn_is_looked_at_at_once(
    judging: Judging, woken: list[tuple[Key, float]], turned: Assessment
) -> None:
    judging.take(FRAUD, UNDECIDED)
    judging.take(FRAUD, turned)

    assert woken == [(FRAUD, 0.0), (FRAUD, 0.0)]


def test_figures_alone_are_looked_at_later(judging: Judging, woken: list[tuple[Key, float]]) -> None:
    judging.take(FRAUD, UNDECIDED)
    judging.take(FRAUD, replace(UNDECIDED, boundary=30.0, message="0 bad of 20"))

    assert woken[1:] == [(FRAUD, DISPLAY_SECONDS)]
    word = judging.word(FRAUD)
    assert word is not None
    assert word.boundary == 30.0


def test_what_is_followed_is_handed_on(judging: Judging) -> None:
    class Follower:
        def __init__(self) -> None:
            self.forgotten: list[Key] = []

        def follow(self, key: Key, request: TrialRequest, source: str) -> None:
            raise AssertionError("nobody asked to follow")

        def forget(self, key: Key) -> None:
            self.forgotten.append(key)

    judging.follower = follower = Follower()

    judging.forget(FRAUD)

    assert follower.forgotten == [FRAUD]
