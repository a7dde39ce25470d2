"""Two replicas in a namespace of their own, models that are rolled out all the time, and who wrote what.

A write counts as done twice over where a replica's write is answered after another, later one has begun to
write: what would be a double action of two leaders. The server's audit log tells whose a write is.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from serin.runtime.leaserecord import GIVEN_BACK
from tests.cluster.audit import Request, Requests
from tests.cluster.cluster import Cluster, documents
from tests.cluster.namespaces import fresh_namespace
from tests.cluster.resources import LEASES, Object
from tests.cluster.tasks import begin
from tests.cluster.waiting import until
from tests.failover.replica import LEADING, STANDBY, Replica
from tests.faults.proxy import FaultProxy
from tests.faults.run import Ground
from tests.faults.workloads import Stage
from tests.invariants.rules import violations
from tests.invariants.watcher import Watcher
from tests.stage.model import Model, condition
from tests.stage.operator import ACCESS, USER

LEASE: Final = "serin"
SHORT: Final = ("--lease-duration=4", "--lease-renew-deadline=2.5", "--lease-retry-period=0.5")
SHORT_SECONDS: Final = 4.0
STEADY: Final = ("--lease-duration=15", "--lease-renew-deadline=10", "--lease-retry-period=2")
"""The defaults: for tests beside many others, where a request may wait for seconds."""
STEADY_SECONDS: Final = 15.0
STEADY_RETRY_SECONDS: Final = 2.0
PATIENT: Final = 400.0
"""For what is no promise, on a machine that does much else."""


@dataclass(slots=True)
class Pair:
    """Two replicas at work."""

    cluster: Cluster
    place: str
    replicas: tuple[Replica, Replica]
    watcher: Watcher
    stage: Stage
    since: int
    rollouts: int = 0
    rolling: "asyncio.Task[None] | None" = None

    async def settled(self) -> tuple[Replica, Replica]:
        """Wait until one leads and the other could; the leader first."""

        def parted(found: list[str]) -> bool:
            return sorted(role[: len(LEADING)] for role in found) == [LEADING, STANDBY[: len(LEADING)]]

        found = await until(self._roles, parted, within=PATIENT, what="one leader and one standby")
        first, second = self.replicas
        return (first, second) if found[0].startswith(LEADING) else (second, first)

    async def _roles(self) -> list[str]:
        return list(await asyncio.gather(*(replica.role() for replica in self.replicas)))

    async def holder(self) -> str:
        """Who the Lease says leads."""
        return str((await self._lease()).get("spec", {}).get("holderIdentity") or "")

    async def _lease(self) -> Object:
        return await self.cluster.api.find(LEASES, LEASE, self.place) or {}

    async def writes(self) -> Requests:
        """All that either has written to models and their children, and was not refused."""
        asked = (await self.cluster.audit.requests(self.since, user=USER)).by(USER).within(self.place)
        return asked.work.writes.that(lambda one: one.code < 300)

    async def doubles(self) -> list[Request]:
        """Writes of a replica after another had taken over."""
        return list(double_actions(await self.writes()))

    async def broken(self) -> list[str]:
        """What must not be: rules broken, actions of two leaders."""
        await self.watcher.settled()
        told = [str(violation) for violation in violations(self.watcher.history)]
        return told + [f"double action: {one}" for one in await self.doubles()]

    async def go_on(self) -> None:
        """Wait until two more rollouts have ended: one of them began after the call."""
        enough = self.rollouts + 2

        async def done() -> int:
            if self.rolling is not None and self.rolling.done():
                self.rolling.result()
            return self.rollouts

        await until(done, lambda count: count >= enough, within=PATIENT, what="two more rollouts")

    async def roll(self) -> None:
        """Roll out one version after the other, for ever."""
        for number in itertools.count(1):
            await self.stage.model.apply(self.stage.version(str(number)))
            await self.stage.model.until(condition("Ready"), within=PATIENT)
            self.rollouts += 1


def double_actions(writes: Requests) -> Iterator[Request]:
    """Writes that were answered after a replica that took over later had begun to write."""
    began: dict[str, datetime] = {}
    for one in sorted(writes, key=lambda one: one.at):
        began.setdefault(one.agent, one.at)
    for one in writes:
        if any(began[one.agent] < first < one.answered for first in began.values()):
            yield one


@asynccontextmanager
async def pair(
    ground: Ground, *, lease: tuple[str, ...] = SHORT, rolls: bool = True, first: bool = False
) -> AsyncIterator[Pair]:
    """Two replicas, one of which leads, and with `rolls` a model that is rolled out again and again.

    They find a Lease that was given back; as the `first` of all they find none, and wait for its whole time.
    """
    cluster = ground.cluster
    async with fresh_namespace(cluster.api) as place, Watcher(cluster.api, place) as watcher:
        for body in _rights(place):
            await cluster.api.apply(body, place)
        if not first:
            await cluster.api.create(_given_back(), place)
        since = await cluster.audit.position()
        model = Model(cluster.api, place, "fraud")
        model.host = f"{place}.example.com"
        stage = Stage(model, ground.pods, "GatewayAPI")
        async with AsyncExitStack() as running:
            made = Pair(cluster, place, await _begun(ground, running, place, lease), watcher, stage, since)
            try:
                await made.settled()
                if rolls:
                    made.rolling = begin(made.roll(), f"rollouts in {place}")
                yield made
            except AssertionError as wrong:
                raise AssertionError(f"{wrong}\n{_said(made.replicas)}") from wrong
            finally:
                if made.rolling is not None:
                    made.rolling.cancel()
                    await asyncio.gather(made.rolling, return_exceptions=True)


async def _begun(
    ground: Ground, running: AsyncExitStack, place: str, lease: tuple[str, ...]
) -> tuple[Replica, Replica]:
    """Both replicas, once they have started."""

    async def one(number: int) -> Replica:
        folder = ground.cluster.folder / "proxies" / f"{place}-{number}"
        proxy = await running.enter_async_context(FaultProxy(ground.account, folder))
        arguments = [*lease, "--sweep-interval=5"]
        replica = Replica(ground.cluster, place, number, proxy=proxy, arguments=arguments)
        return await running.enter_async_context(replica)

    async with ground.starts:
        both = await one(1), await one(2)
        for replica in both:
            await until(replica.role, within=PATIENT, what=f"the start of {replica.name}")
    return both


def _given_back() -> Object:
    return {
        "apiVersion": LEASES.api_version,
        "kind": "Lease",
        "metadata": {"name": LEASE, "annotations": {GIVEN_BACK: "somebody before"}},
        "spec": {"holderIdentity": "", "leaseDurationSeconds": 1},
    }


def _rights(place: str) -> Iterator[Object]:
    """Those to the Lease, as in `manifests/`, in the namespace in which the pair has its own."""
    for path in ACCESS:
        for body in documents(path):
            if body["kind"] in ("Role", "RoleBinding"):
                yield {**body, "metadata": {"name": body["metadata"]["name"], "namespace": place}}


def _said(replicas: Iterable[Replica]) -> str:
    return "\n".join(f"{one.name} {one.ends}:\n{one.log.read_text()[-3000:]}" for one in replicas)
