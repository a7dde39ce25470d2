"""Who is named in a spec is told of its transitions, by a real operator that is killed in between."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio

from tests.cluster.cluster import Cluster
from tests.cluster.gateway import Gateway
from tests.cluster.network import GATEWAY
from tests.cluster.resources import Object
from tests.cluster.waiting import until
from tests.seeing.receivers import Letter, Receiver, receiving
from tests.stage.model import Model, condition, spec, state
from tests.stage.operator import Operator

ALL = ["RolloutStarted", "StepStarted", "Promoted", "RolloutFinished", "Aborted", "FieldsRestored"]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def receiver(cluster: Cluster) -> AsyncIterator[Receiver]:
    async with receiving(GATEWAY) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def serin(
    cluster: Cluster,
    place: str,
    account: Path,
    receiver: Receiver,
    tmp_path_factory: Any,
) -> AsyncIterator[Operator]:
    """An operator that may call what is below the receiver's address, and has a channel."""
    channels: Path = tmp_path_factory.mktemp("channels")
    (channels / "chat").write_text(f"{receiver.url}/chat/secret")
    options = [f"--webhook-allow={receiver.url}/bus", f"--notification-channels={channels}"]
    async with Operator(cluster, place, account, arguments=options) as running:
        yield running


def told_to(url: str, version: str = "1", **more: Any) -> Object:
    receivers = [
        {"name": "bus", "url": url, "transitions": ALL},
        {"name": "chat", "channel": "chat", "format": "Slack"},
    ]
    return {**spec(version, replicas=1, **more), "notifications": receivers}


async def test_transitions_are_told_by_name_though_the_operator_is_killed(
    gateway: Gateway, serin: Operator, receiver: Receiver, fraud: Model
) -> None:
    url = f"{receiver.url}/bus/serin"
    await fraud.apply(told_to(url, steps={50: 5}))
    await fraud.until(condition("Ready"))
    stepping = asyncio.create_task(fraud.until(state("Stepping")))  # which is soon over
    await fraud.apply(told_to(url, "2", steps={50: 5}))
    await stepping
    await serin.restart()
    await fraud.until(condition("Ready"))

    async def ends() -> list[Letter]:
        return [one for one in receiver.letters if one.body.get("type") == "dev.serin.RolloutFinished"]

    await until(ends, lambda found: len({one.body["id"] for one in found}) == 2, what="both ends")
    events = [one.body for one in receiver.letters if one.path == "/a/bus/serin"]
    attempt = events[-1]["subject"]
    second = list(dict.fromkeys(one["type"] for one in events if one["subject"] == attempt))
    assert second == [
        f"dev.serin.{word}" for word in ("RolloutStarted", "StepStarted", "Promoted", "RolloutFinished")
    ]
    ids = {one["id"] for one in events if one["type"] == "dev.serin.RolloutStarted"}
    assert len(ids) == 2, "one for each attempt, however often it was told"
    chats = [one.body["text"] for one in receiver.letters if one.path == "/a/chat/secret"]
    assert f"*{fraud.namespace}/{fraud.name}: RolloutFinished*" in chats
    assert "secret" not in serin.log.read_text()


async def test_address_that_is_not_allowed_is_told_to_its_author_and_never_called(
    serin: Operator, receiver: Receiver, fraud: Model
) -> None:
    await fraud.apply(told_to(f"{receiver.url}/elsewhere"))
    seen = await fraud.until(condition("Stalled", reason="InvalidSpec"))

    assert seen["status"]["message"].startswith("spec.notifications[0].url is ")
    assert "need one that the operator may call (--webhook-allow)" in seen["status"]["message"]
    assert not [one for one in receiver.letters if "elsewhere" in one.path]
