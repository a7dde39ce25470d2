"""Transitions reach those who asked for them and nobody else, over real HTTP: in order, until taken."""

import logging
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from serin.api.intent import intent_of
from serin.domain.intent import Intent
from serin.domain.receivers import Transition
from serin.domain.rollout.world import Notice
from serin.prom.connections import connections
from serin.runtime import notifier as notifying
from serin.runtime.channels import Channels
from serin.runtime.notifier import Notifier
from tests.cluster.waiting import until
from tests.seeing.receivers import Receiver, receiving

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
STARTED = Notice("RolloutStarted", "fraud-r2 <!channel> started")
STATUS: dict[str, Any] = {
    "phase": "Stepping",
    "stable": {"revision": "fraud-r1", "version": "11", "weight": 75, "replicas": 4, "readyReplicas": 4},
    "canary": {
        "revision": "fraud-r2", "version": "12", "weight": 25, "step": "quarter",
        "replicas": 1, "readyReplicas": 1,
    },
    "rollout": {
        "attempt": "fraud-r2.1",
        "state": "Stepping",
        "startedAt": "2026-11-22T09:59:00Z",
        "since": "2026-11-22T09:59:10Z",
        "stepStartedAt": "2026-11-22T09:59:30Z",
    },
    "history": [
        {
            "attempt": "fraud-r1.1",
            "revision": "fraud-r1",
            "result": "Promoted",
            "startedAt": "2026-11-22T08:00:00Z",
            "finishedAt": "2026-11-22T08:30:00Z",
        }
    ],
}  # fmt: skip


def model(*asked: dict[str, Any], name: str = "fraud", **status: Any) -> dict[str, Any]:
    return {
        "apiVersion": "serin.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": name, "namespace": "ml", "uid": f"uid-{name}", "generation": 1},
        "spec": {"model": {"format": "sklearn"}, "notifications": list(asked)},
        "status": {**STATUS, **status},
    }


def bus(url: str, *on: str, **more: Any) -> dict[str, Any]:
    return {"name": "bus", "url": url, **({"transitions": list(on)} if on else {}), **more}


def chat(channel: str = "slack") -> dict[str, Any]:
    return {"name": "chat", "channel": channel, "format": "Slack"}


class Sender:
    """A notifier, and what it counted."""

    def __init__(self, *allowed: str, folder: Path | None = None) -> None:
        self.counted: Counter[tuple[str, str]] = Counter()
        self.notifier = Notifier(
            current=lambda key: None,
            allowed=allowed,
            channels=Channels(folder),
            clock=lambda: NOW,
            counted=lambda form, outcome: self.counted.update([(form, outcome)]),
        )

    def tell(self, told: dict[str, Any], notice: Notice = STARTED) -> None:
        self.notifier.record(told, notice)

    def refusal(self, told: dict[str, Any]) -> str:
        intent = intent_of(told)
        assert isinstance(intent, Intent), intent
        found = self.notifier.refusal(intent)
        return found.message if found else ""


@asynccontextmanager
async def sending(*allowed: str, folder: Path | None = None) -> AsyncIterator[Sender]:
    async with connections() as session:
        sender = Sender(*allowed, folder=folder)
        sender.notifier.session = session
        yield sender
        await sender.notifier.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as running:
        yield running


async def test_cloud_event_has_all_that_the_standard_wants(receiver: Receiver) -> None:
    async with sending(receiver.url) as sender:
        sender.tell(model(bus(receiver.url)))
        [letter] = await receiver.until(1)

    event = letter.body
    assert letter.content == "application/cloudevents+json; charset=utf-8"
    assert event["specversion"] == "1.0"
    assert event["id"] == "uid-fraud/fraud-r2.1/RolloutStarted"
    assert event["source"] == "/apis/serin.dev/v1alpha1/namespaces/ml/modeldeployments/fraud"
    assert event["type"] == "dev.serin.RolloutStarted"
    assert event["time"] == "2026-11-22T10:00:00Z"
    assert event["datacontenttype"] == "application/json"
    assert all(re.fullmatch("[a-z0-9]{1,20}", name) for name in event)
    assert all(isinstance(value, str) and value for name, value in event.items() if name != "data")
    assert event["data"]["canary"] == {"revision": "fraud-r2", "version": "12", "weight": 25}


async def test_chat_gets_words_and_no_mention_that_somebody_hid_in_them(
    receiver: Receiver, tmp_path: Path
) -> None:
    (tmp_path / "slack").write_text(f"{receiver.url}\n")
    async with sending(folder=tmp_path) as sender:
        sender.tell(model(chat()))
        [letter] = await receiver.until(1)

    assert letter.body["text"] == "*ml/fraud: RolloutStarted*"
    assert letter.body["attachments"][0]["text"] == "fraud-r2 &lt;!channel&gt; started"


async def test_only_what_was_asked_for_is_told(receiver: Receiver) -> None:
    told = model(bus(receiver.url, "StepStarted", "Harm"))
    async with sending(receiver.url) as sender:
        sender.tell(told)
        sender.tell(told, Notice("StepStarted", "at 25 %"))
        sender.tell(told, Notice("SomethingElse", ""))
        sender.tell(told, Notice("Harm", "too many errors", warning=True))
        letters = await receiver.until(2)

    assert [letter.body["type"] for letter in letters] == ["dev.serin.StepStarted", "dev.serin.Harm"]
    assert letters[1].body["data"]["severity"] == "Warning"


async def test_same_transition_has_the_same_id_and_every_other_another(receiver: Receiver) -> None:
    steps = [{**STATUS["canary"], "step": step} for step in ("quarter", "half")]
    tellings = [
        (STATUS["canary"], STARTED),
        (STATUS["canary"], STARTED),
        *((canary, Notice("StepStarted", "")) for canary in steps),
    ]
    async with sending(receiver.url) as sender:
        for canary, notice in tellings:
            sender.tell(model(bus(receiver.url, "RolloutStarted", "StepStarted"), canary=canary), notice)
        letters = await receiver.until(4)

    ids = [letter.body["id"] for letter in letters]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


async def test_receiver_that_ails_is_asked_again_and_order_is_kept(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifying, "FIRST_PAUSE", 0.05)
    receiver.answering += [(503, {}), (429, {"Retry-After": "1"}), (200, {})]
    told = model(bus(receiver.url, "RolloutStarted", "Promoted"))
    async with sending(receiver.url) as sender:
        sender.tell(told)
        sender.tell(told, Notice("Promoted", ""))
        letters = await receiver.until(4)

    kinds = [letter.body["type"].rpartition(".")[2] for letter in letters]
    assert kinds == ["RolloutStarted"] * 3 + ["Promoted"]
    assert len({letter.body["id"] for letter in letters[:3]}) == 1, "the receiver can tell that it is one"
    assert sender.counted[("CloudEvents", "Delivered")] >= 1


async def test_receiver_that_is_gone_is_given_up_and_the_next_letter_gets_its_turn(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifying, "FIRST_PAUSE", 0.01)
    receiver.answering += [(500, {})] * notifying.TRIES
    told = model(bus(receiver.url, "RolloutStarted", "Promoted"))
    async with sending(receiver.url) as sender:
        sender.tell(told)
        sender.tell(told, Notice("Promoted", ""))
        letters = await receiver.until(notifying.TRIES + 1)

    assert letters[-1].body["type"] == "dev.serin.Promoted"
    assert sender.counted[("CloudEvents", "GivenUp")] == 1


@pytest.mark.parametrize("status", [400, 404, 410, 302])
async def test_what_a_receiver_does_not_want_is_not_sent_again(receiver: Receiver, status: int) -> None:
    receiver.answering.append((status, {"Location": receiver.url + "/elsewhere"}))
    told = model(bus(receiver.url, "RolloutStarted", "Promoted"))
    async with sending(receiver.url) as sender:
        sender.tell(told)
        sender.tell(told, Notice("Promoted", ""))
        letters = await receiver.until(2)

    assert [letter.body["type"] for letter in letters] == ["dev.serin.RolloutStarted", "dev.serin.Promoted"]
    assert {letter.path for letter in letters} == {"/a"}, "no redirect is followed"
    assert sender.counted[("CloudEvents", "Refused")] == 1


async def test_silent_receiver_keeps_no_other_waiting(receiver: Receiver) -> None:
    receiver.silent.set()
    async with receiving() as other, sending(receiver.url, other.url) as sender:
        sender.tell(model(bus(receiver.url), {"name": "other", "url": other.url}))
        sender.tell(model({"name": "other", "url": other.url}, name="iris"))
        await other.until(2)


async def test_address_outside_of_the_list_is_refused_and_never_called(receiver: Receiver) -> None:
    allowed = receiver.url + "/below"
    escapes = [
        receiver.url,
        receiver.url.replace("http://", "http://user@"),
        allowed + "/../secret",
        allowed + "/%2e%2e/secret",
        allowed + "-not",
        "http://169.254.169.254/latest/meta-data",
    ]
    async with sending(allowed) as sender:
        for number, url in enumerate(escapes):
            told = model(bus(url), name=f"m{number}")
            sender.tell(told)
            if isinstance(intent_of(told), Intent):
                assert "need one that the operator may call (--webhook-allow)" in sender.refusal(told)
        sender.tell(model(bus(allowed), name="good"))
        letters = await receiver.until(1)

    assert {letter.path for letter in letters} == {"/a/below"}


async def test_channel_of_another_namespace_is_none(receiver: Receiver, tmp_path: Path) -> None:
    (tmp_path / "team-a.slack").write_text(receiver.url)
    async with sending(folder=tmp_path) as sender:
        refusal = sender.refusal(model(chat()))

    assert "spec.notifications[0].channel" in refusal
    assert "the operator has no such channel for this namespace" in refusal


async def test_namespaces_own_channel_counts_before_the_common_one(
    receiver: Receiver, tmp_path: Path
) -> None:
    (tmp_path / "slack").write_text(receiver.url + "/common")
    (tmp_path / "ml.slack").write_text(receiver.url + "/own")
    async with sending(folder=tmp_path) as sender:
        assert sender.refusal(model(chat())) == ""
        sender.tell(model(chat()))
        [letter] = await receiver.until(1)

    assert letter.path == "/a/own"


async def test_secret_address_is_never_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifying, "FIRST_PAUSE", 0.001)
    caplog.set_level(logging.DEBUG)
    (tmp_path / "slack").write_text("http://127.0.0.1:1/services/T0/B0/secret")
    async with sending(folder=tmp_path) as sender:
        sender.tell(model(chat()))

        async def given_up() -> int:
            return sender.counted[("Slack", "GivenUp")]

        await until(given_up, what="the last try")

    said = [vars(record) for record in caplog.records]
    assert "cannot be reached: ClientConnectorError" in str(said)
    assert "secret" not in str(said)


async def test_what_happened_of_late_is_told_after_a_start(receiver: Receiver) -> None:
    told = model(bus(receiver.url, "RolloutStarted", "StepStarted", "RolloutFinished"))
    async with sending(receiver.url) as sender:
        sender.tell(told)
        before = await receiver.until(1)
        sender.notifier.recall([told, model(), {**told, "status": {}}])
        letters = await receiver.until(3)

    after = [letter.body["id"] for letter in letters[1:]]
    assert after == ["uid-fraud/fraud-r2.1/RolloutStarted", "uid-fraud/fraud-r2.1/StepStarted/quarter"]
    assert after[0] == before[0].body["id"], "whoever has it knows it again"


async def test_flood_of_one_model_is_bounded_and_newest_words_win(receiver: Receiver) -> None:
    receiver.silent.set()
    told = model(bus(receiver.url, "FieldsRestored"))
    async with sending(receiver.url) as sender:
        for number in range(200):
            sender.tell(told, Notice("FieldsRestored", str(number)))
        await receiver.until(1)

    assert sender.counted[("CloudEvents", "Dropped")] == 200 - notifying.MOST_WAITING


def test_every_event_of_the_code_can_be_asked_for() -> None:
    source = Path(notifying.__file__).parents[1]
    text = "".join(path.read_text(encoding="utf-8") for path in source.rglob("*.py"))
    said = set(re.findall(r'Notice\(\s*"(\w+)"', text))

    assert said <= set(Transition)
