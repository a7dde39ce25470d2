"""The order in which a replica that gets the Lease begins to act."""

import asyncio
from collections.abc import Mapping
from typing import Any, cast

import pytest

from serin.app import Given, Operator
from serin.catalogue.loader import builtin
from serin.kube.errors import KubeError, Request, Unavailable
from serin.kube.transport import Transport
from serin.runtime.health import Health
from serin.runtime.lease import Lease
from serin.runtime.prometheuses import Prometheuses
from serin.runtime.settings import LeaseTimes, Settings
from serin.runtime.store import Store
from serin.runtime.telemetry import Telemetry
from tests.component.story import model as spec
from tests.unit.runtime.lease_server import LeaseServer
from tests.unit.runtime.objects import model

pytestmark = pytest.mark.looptime(start=1000)


class Server:
    """Has one model, newer than the watch shows; refuses the first list."""

    unsettled = False

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.refusal: KubeError | None = Unavailable(Request("list", "ModelDeployment", None), "busy")

    async def send(self, request: Request, *_: object, **__: object) -> Mapping[str, Any]:
        self.asked.append(str(request))
        if self.refusal is not None:
            refusal, self.refusal = self.refusal, None
            raise refusal
        if request.verb != "list":
            raise Unavailable(request, "busy")
        return {"metadata": {"resourceVersion": "30"}, "items": [model(version=20)]}


class Watching:
    """Shows the model as it was."""

    def __init__(self, store: Store, queue: Any, **_: object) -> None:
        self.ended = asyncio.Event()
        shown = {**model(version=10), "spec": spec(), "status": {}}
        if key := store.put({"type": "ADDED", "object": shown}):
            queue.add(key)

    async def run(self) -> None:
        await self.ended.wait()

    async def listed(self) -> None:
        pass

    def stop(self) -> None:
        self.ended.set()

    def fault(self) -> str | None:
        return None


async def test_it_knows_what_the_last_one_left_before_it_acts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serin.app.Watches", Watching)
    server, given = Server(), Given(Settings(), builtin(), Prometheuses())
    lease = Lease(LeaseServer().link(), LeaseTimes(), identity="new", clock=asyncio.get_running_loop().time)
    operator = Operator(given, cast(Transport, server), Telemetry(), kinds=(), lease=lease, health=Health())

    async def over() -> None:
        await asyncio.sleep(60)

    await operator.run(over=over())

    lists = ["list ModelDeployment", "list ModelDeployment", "list ModelDeployment ml/fraud"]
    assert server.asked[:3] == lists
