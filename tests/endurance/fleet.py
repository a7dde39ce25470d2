"""Models under traffic whose users change their minds: the wishes of a schedule, made true.

A member knows what it last asked for, and so what there has to be in the end. Whatever the API server answers
while faults are about, a wish is repeated until it was heard.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from random import Random
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import aiohttp

from tests.cluster.api import ApiError
from tests.cluster.resources import DEPLOYMENTS, ENDPOINT_SLICES, Object
from tests.cluster.traffic import Traffic
from tests.cluster.waiting import PROBE_TIMEOUT
from tests.endurance.ground import Ground
from tests.endurance.schedule import Wish, Wished
from tests.stage.model import Model, condition, spec

T = TypeVar("T")
REPLICAS: Final = 2
PROBES_SECONDS: Final = 2
EASY: Final = {"maxIncreasePoints": "10", "minRequests": 30}
"""What must be shown for a promotion: 30 good requests or so, that few users get to in half a minute."""
BEHAVIOURS: Final[dict[Wish, dict[str, Any]]] = {
    Wish.GOOD: {},
    Wish.BAD: {"error_rate": 0.5},
    Wish.CRASHING: {"crash_after_seconds": 4},
}
PAUSED_SECONDS: Final = (5.0, 40.0)
RETRY_SECONDS: Final = 0.5
REJECTED_FOR: Final[dict[str, frozenset[str]]] = {
    "good": frozenset({"LostEndpoints", "CrashLoop"}),
    "bad": frozenset({"Harm", "Guard", "LostEndpoints", "CrashLoop"}),
    "crashing": frozenset({"CrashLoop", "LostEndpoints", "Harm"}),
}
"""Why a version may be rejected; a good one, where its pods were killed once too often."""


class Member:
    """One model, its traffic, and what its user wants of it."""

    def __init__(self, ground: Ground, name: str, *, per_second: float) -> None:
        self.model = Model(ground.cluster.api, ground.place, name)
        self._ground = ground
        self._numbers = 0
        self.specs: dict[str, Object] = {}
        self.wanted = ""
        """The version that its spec asks for."""
        self.aborted: set[str] = set()
        """Versions of which an attempt was aborted."""
        self.traffic = Traffic(
            ground.url(name),
            per_second=per_second,
            host=self.model.host,
            connections=4,
        )

    async def born(self) -> None:
        """Its first version serves, and users begin to ask."""
        await self._apply(Wish.GOOD)
        seen = await self.model.until(condition("Ready"))
        revision: str = seen["status"]["stable"]["revision"]
        await self._ground.gateway.until_served(
            self._ground.place, self.model.name, {revision: 100}, within=60
        )

    async def wish(self, wished: Wished) -> None:
        """Do what its user wants, however often the server has to be asked."""
        match wished.what:
            case Wish.REVERT:
                await heard(self._revert)
            case Wish.ABORT:
                await heard(self._abort)
            case Wish.PAUSE:
                seconds = Random(wished.dice).uniform(*PAUSED_SECONDS)
                if await heard(self._pause):
                    await asyncio.sleep(seconds)
                    await heard(lambda: self.model.ask(pause=None))
            case _:
                await self._apply(wished.what)

    async def unlike(self) -> list[str]:
        """In which ways the model is not yet as its last spec asks for; empty once all is well."""
        seen = await self.model.get()
        status = seen["status"]
        stable = (status.get("stable") or {}).get("revision", "")
        found = []
        if status.get("observedGeneration") != seen["metadata"]["generation"]:
            found.append(f"generation {status.get('observedGeneration')} of {seen['metadata']['generation']}")
        if attempt := status.get("rollout"):
            found.append(f"{attempt['attempt']} is {attempt['state']} ({attempt.get('stalled')})")
        version = (status.get("stable") or {}).get("version")
        if version != self.wanted and not await self._rejected(status):
            found.append(f"{version} serves, {self.wanted} is wanted")
        if not version or not version.startswith("good"):
            found.append(f"{version} serves")
        if (weights := await self.model.weights()) != {stable: 100}:
            found.append(f"weights {weights}, stable {stable}")
        if (sizes := await self.model.sizes()) != {stable: REPLICAS}:
            found.append(f"sizes {sizes}, stable {stable}")
        if (ready := await self._ready(stable)) != REPLICAS:
            found.append(f"{ready} ready endpoints of {stable}")
        return found

    async def _rejected(self, status: Object) -> bool:
        """Whether the wanted version was tried and taken back for what may be."""
        kind = self.wanted.partition("-")[0]
        for entry in status.get("rejected") or []:
            found = await self.model.api.find(DEPLOYMENTS, entry["revision"], self.model.namespace)
            if found is not None and version_of(found) == self.wanted:
                aborted = entry["reason"] == "Aborted" and self.wanted in self.aborted
                return aborted or entry["reason"] in REJECTED_FOR[kind]
        return False

    async def _ready(self, revision: str) -> int:
        labels = f"kubernetes.io/service-name={revision}"
        slices = await self.model.api.list(ENDPOINT_SLICES, self.model.namespace, labels=labels)
        return sum(bool(one["conditions"].get("ready")) for body in slices for one in body["endpoints"] or [])

    async def _apply(self, wish: Wish) -> None:
        self._numbers += 1
        version = f"{wish.value}-{self._numbers}"
        self.specs[version] = wanted = version_spec(version, **BEHAVIOURS[wish])
        self.wanted = version
        await heard(lambda: self.model.apply(wanted))

    async def _revert(self) -> None:
        stable = (await self.model.status()).get("stable") or {}
        if (version := stable.get("version")) in self.specs:
            self.wanted = version
            await self.model.apply(self.specs[version])

    async def _abort(self) -> None:
        attempt = (await self.model.status()).get("rollout") or {}
        if attempt.get("state") in ("Preparing", "Stepping", "Promoting", "Baking"):
            self.aborted.add(self.wanted)
            await self.model.ask(abort=attempt["attempt"])

    async def _pause(self) -> bool:
        attempt = (await self.model.status()).get("rollout")
        if attempt:
            await self.model.ask(pause=attempt["attempt"])
        return bool(attempt)


class Fleet:
    """All members, asked by their users while entered: `async with Fleet(ground, names, per_second=5)`."""

    def __init__(self, ground: Ground, names: Iterable[str], *, per_second: float) -> None:
        self.members = [Member(ground, name, per_second=per_second) for name in names]
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        # Not all at once: the machine that runs them all is a small one.
        for number in range(0, len(self.members), 4):
            await asyncio.gather(*(member.born() for member in self.members[number : number + 4]))
        for member in self.members:
            await self._stack.enter_async_context(member.traffic)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()


def version_spec(version: str, **behaviour: Any) -> Object:
    """A version's spec, for rollouts of about a minute with few users."""
    wanted = spec(version, replicas=REPLICAS, steps={20: 1, 60: 1}, bake=6, drain=6, warm_up=2, **behaviour)
    wanted["analysis"] |= {"promote": dict(EASY)}
    (container,) = wanted["template"]["spec"]["containers"]
    patient = {"timeoutSeconds": PROBE_TIMEOUT, "failureThreshold": 3}
    container["startupProbe"] = {"periodSeconds": 1, "timeoutSeconds": PROBE_TIMEOUT}
    container["readinessProbe"] = {"periodSeconds": PROBES_SECONDS, **patient}
    return wanted


def version_of(deployment: Object) -> str:
    """What a revision's pods call themselves."""
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    variables = {one["name"]: one.get("value", "") for one in container.get("env") or []}
    return str(variables.get("REVISION", ""))


async def heard(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask until the server has an answer; what it refuses for good is raised."""
    while True:
        try:
            return await ask()
        except ApiError as error:
            if error.code not in (404, 409, 429) and error.code < 500:
                raise
        except (aiohttp.ClientError, OSError, TimeoutError):
            pass
        await asyncio.sleep(RETRY_SECONDS)
