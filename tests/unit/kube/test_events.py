"""Events: in order, bounded, and no trouble for whoever tells them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from serin.domain.rollout.world import Notice
from serin.kube.errors import Request, Unavailable
from serin.kube.events import LONGEST_MESSAGE, MOST_WAITING, EventRecorder

MODEL = {"metadata": {"name": "fraud", "namespace": "ml", "uid": "m-1"}}
NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


class Board:
    """Where Events are put up; refuses the reasons it is told to."""

    def __init__(self, *, refused: str = "") -> None:
        self.posted: list[Mapping[str, Any]] = []
        self._refused = refused

    async def post(self, event: Mapping[str, Any]) -> None:
        if event["reason"] == self._refused:
            raise Unavailable(Request("create", "Event", "ml"), "gone")
        self.posted.append(event)


def recorder(board: Board) -> EventRecorder:
    return EventRecorder(board.post, clock=lambda: NOW, instance="serin-0")


async def test_events_are_posted_in_order_under_names_of_their_own() -> None:
    board = Board()
    events = recorder(board)
    for reason in ("StepStarted", "StepAdvanced"):
        events.record(MODEL, Notice(reason, "words"))
    events.finish()

    await events.run()

    assert [event["reason"] for event in board.posted] == ["StepStarted", "StepAdvanced"]
    assert len({event["metadata"]["name"] for event in board.posted}) == 2


async def test_an_event_is_about_its_model_and_tells_when() -> None:
    board = Board()
    events = recorder(board)
    events.record(MODEL, Notice("RolledBack", "words", warning=True))
    events.finish()

    await events.run()

    (event,) = board.posted
    assert event["involvedObject"]["uid"] == "m-1"
    assert event["type"] == "Warning"
    assert event["firstTimestamp"] == event["lastTimestamp"] == "2026-01-02T03:04:05Z"
    assert event["eventTime"] == "2026-01-02T03:04:05.678901Z"


async def test_an_event_that_cannot_be_posted_holds_up_no_other() -> None:
    board = Board(refused="StepStarted")
    events = recorder(board)
    for reason in ("StepStarted", "StepAdvanced"):
        events.record(MODEL, Notice(reason, "words"))
    events.finish()

    await events.run()

    assert [event["reason"] for event in board.posted] == ["StepAdvanced"]


async def test_a_long_message_is_clipped_to_what_the_server_takes() -> None:
    board = Board()
    events = recorder(board)
    events.record(MODEL, Notice("RolledBack", "x" * 2000))
    events.finish()

    await events.run()

    message = board.posted[0]["message"]
    assert len(message) == LONGEST_MESSAGE
    assert message.endswith("…")


async def test_a_flood_is_dropped_and_not_kept() -> None:
    board = Board()
    events = recorder(board)
    for number in range(MOST_WAITING + 50):
        metadata = {"name": "fraud", "namespace": f"ml-{number}", "uid": f"m-{number}"}
        events.record({"metadata": metadata}, Notice("StepStarted", "words"))
    events.finish()

    await events.run()

    assert len(board.posted) == MOST_WAITING
