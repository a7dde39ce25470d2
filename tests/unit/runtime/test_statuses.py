"""Statuses that are read once as long as they are the same, and not all of them held."""

from typing import Any

from serin.domain.names import Key
from serin.domain.status import Status
from serin.runtime.statuses import Statuses
from tests.unit.runtime.objects import model

FRAUD, CHURN = Key("ml", "fraud"), Key("ml", "churn")
UNDER_WAY: dict[str, Any] = {
    "phase": "Progressing",
    "rollout": {
        "attempt": "fraud-r1.1",
        "state": "Preparing",
        "since": "2026-01-01T00:00:00Z",
        "startedAt": "2026-01-01T00:00:00Z",
    },
}


def test_a_status_is_read_once_as_long_as_it_is_the_same() -> None:
    statuses, fraud = Statuses(), model(status=UNDER_WAY)

    assert statuses.of(FRAUD, fraud) is statuses.of(FRAUD, fraud)


def test_one_written_anew_is_read_anew() -> None:
    statuses = Statuses()
    statuses.of(FRAUD, model(status=UNDER_WAY))

    assert statuses.of(FRAUD, model(status={**UNDER_WAY, "message": "other"})).message == "other"


def test_of_many_under_way_those_looked_at_last_are_held() -> None:
    statuses, fraud, churn = Statuses(at_hand=1), model(status=UNDER_WAY), model(status=UNDER_WAY)
    before = statuses.of(FRAUD, fraud)
    held = statuses.of(CHURN, churn)

    assert statuses.of(CHURN, churn) is held
    after = statuses.of(FRAUD, fraud)
    assert after == before
    assert after is not before


def test_an_idle_one_is_not_held() -> None:
    statuses, fraud = Statuses(), model()

    assert statuses.of(FRAUD, fraud) is not statuses.of(FRAUD, fraud)


def test_one_that_is_gone_is_not_held() -> None:
    statuses, fraud = Statuses(), model(status=UNDER_WAY)
    before = statuses.of(FRAUD, fraud)

    statuses.forget(FRAUD)

    assert statuses.of(FRAUD, fraud) is not before


def test_one_that_cannot_be_read_is_as_good_as_none() -> None:
    assert Statuses().of(FRAUD, model(status={"stable": "nonsense"})) == Status()
