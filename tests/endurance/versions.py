"""Versions come and go under requests and streams: promoted, taken back, reverted, superseded, at any weight.

Each turn of the wheel is one of the ways that a rollout can end. The users' requests never stop, and streams
that began on a revision end on it: its pods go when the drain is over.
"""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Final

from tests.cluster.traffic import Results, Sent, Traffic
from tests.endurance.ground import Ground
from tests.endurance.load import Overload, heaviest, overloads
from tests.endurance.streams import LENGTHS, Streamed, Streams
from tests.invariants.rules import shortfalls
from tests.invariants.world import route_weights
from tests.stage.model import Model, attempt, condition, phase, spec, state

SIZE: Final = 3
WEIGHTS: Final = (20, 60, 90)
STAGE_SECONDS: Final = 2.0
"""How long users see each state before it is left."""
MARGIN_SECONDS: Final = 5
"""The drain's length beyond the longest stream: one may begin just before the proxy hears of weight 0."""


@dataclass(slots=True, kw_only=True)
class Wheel:
    """One model, and the turns it goes through."""

    ground: Ground
    model: Model
    drain: int
    turns: Counter[str] = field(default_factory=Counter)
    number: int = 0
    stable: dict[str, Any] = field(default_factory=dict)

    async def began(self) -> None:
        """The first version serves."""
        self.stable = self._next()
        await self.model.apply(self.stable)
        seen = await self.model.until(condition("Ready"), within=180)
        weights = {seen["status"]["stable"]["revision"]: 100}
        await self.ground.gateway.until_served(self.ground.place, self.model.name, weights, within=60)

    async def turn(self, way: str) -> None:
        """One rollout, to its end."""
        await WAYS[way](self)
        self.turns[way] += 1

    def _next(self) -> dict[str, Any]:
        self.number += 1
        return spec(
            f"v{self.number}",
            replicas=SIZE,
            steps=dict.fromkeys(WEIGHTS, 1),
            bake=self.drain,
            drain=self.drain,
        )

    async def promoted(self) -> None:
        """A new version, all the way."""
        self.stable = self._next()
        await self.model.apply(self.stable)
        await self.model.until(phase("Ready"), within=240)

    async def reverted(self) -> None:
        """A, B, and A again in mid-rollout."""
        await self._brought_to("Stepping", 1)
        await self.model.apply(self.stable)
        await self.model.until(phase("Ready"), within=240)

    async def reverted_in_the_bake(self) -> None:
        """A, B, and A again when B has all traffic: the fast rollback at the highest weight."""
        await self._brought_to("Baking")
        await self.model.apply(self.stable)
        await self.model.until(phase("Ready"), within=240)

    async def superseded(self) -> None:
        """A, B and C: B loses its traffic before C gets any."""
        await self._brought_to("Stepping", 0)
        await self.promoted()

    async def aborted(self, step: int) -> None:
        """Taken back at the weight of a step, as harm would."""
        seen = await self._brought_to("Stepping", step)
        await self.model.ask(abort=attempt(seen))
        await self.model.until(condition("Stalled", reason="RolledBack"), within=240)

    async def _brought_to(self, where: str, step: int | None = None) -> dict[str, Any]:
        wanted = self._next()
        if step is not None:
            wanted["rollout"]["canary"]["steps"][step]["minSeconds"] = 600
        await self.model.apply(wanted)
        seen = await self.model.until(state(where, step=step), within=180)
        if step is not None:
            weights = await self.model.until_weights(WEIGHTS[step])
            await self.ground.gateway.until_served(self.ground.place, self.model.name, weights)
        await asyncio.sleep(STAGE_SECONDS)
        return seen


WAYS: Final[Mapping[str, Callable[[Wheel], Awaitable[None]]]] = {
    "promoted": Wheel.promoted,
    "reverted": Wheel.reverted,
    "aborted at 20 %": lambda wheel: wheel.aborted(0),
    "superseded": Wheel.superseded,
    "aborted at 60 %": lambda wheel: wheel.aborted(1),
    "reverted in the bake": Wheel.reverted_in_the_bake,
    "aborted at 90 %": lambda wheel: wheel.aborted(2),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Turned:
    """How it went."""

    seconds: float
    requests: int
    failed: list[Sent]
    streams: list[Streamed]
    truncated: list[Streamed]
    turns: Counter[str]
    openings: int
    """Weights that rose from 0, by the routes' versions."""
    overloaded: list[Overload]
    heaviest: float
    short: list[str]
    """Versions of routes and endpoints in which a revision had fewer ready pods than its weight takes."""
    broken: list[str]

    @property
    def good(self) -> bool:
        return not (self.failed or self.truncated or self.overloaded or self.short or self.broken)


async def turned(
    ground: Ground, *, requests: int, streams: int, per_second: float, streams_per_second: float, models: int
) -> Turned:
    """Turn until there were so many requests and streams; the models share the requests evenly.

    The first model has the streams, and so a drain that is longer than they are.
    """
    longest = round(max(LENGTHS)) + MARGIN_SECONDS
    wheels = [
        Wheel(
            ground=ground,
            model=Model(ground.cluster.api, ground.place, f"wheel{number}"),
            drain=longest if number == 0 and streams else 4,
        )
        for number in range(models)
    ]
    await asyncio.gather(*(wheel.began() for wheel in wheels))
    began = time.time()
    results: list[Results] = []
    async with AsyncExitStack() as stack:
        for wheel in wheels:
            name, host = wheel.model.name, wheel.model.host
            users = Traffic(ground.url(name), per_second=per_second / models, host=host)
            results.append((await stack.enter_async_context(users)).results)
        first = wheels[0].model
        url = ground.url(first.name, "generate_stream")
        streaming = Streams(url, host=first.host, per_second=streams_per_second)
        if streams:
            await stack.enter_async_context(streaming)

        def enough() -> bool:
            asked = sum(len(one.sent) for one in results)
            return asked >= requests and (not streams or len(streaming.ended) >= streams)

        await asyncio.gather(*(_turning(wheel, enough) for wheel in wheels))
    return await _seen(ground, wheels, results, streaming, since=began)


async def _turning(wheel: Wheel, enough: Callable[[], bool]) -> None:
    for way in itertools.cycle(WAYS):
        await wheel.turn(way)
        if enough():
            return


async def _seen(
    ground: Ground, wheels: list[Wheel], results: list[Results], streaming: Streams, *, since: float
) -> Turned:
    histories = [ground.watcher.history_of(wheel.model.name) for wheel in wheels]
    return Turned(
        seconds=time.time() - since,
        requests=sum(len(one.sent) for one in results),
        failed=[one for each in results for one in each.sent if one.status != 200],
        streams=streaming.ended,
        truncated=streaming.truncated,
        turns=sum((wheel.turns for wheel in wheels), Counter()),
        openings=sum(_openings(ground, wheel.model.name) for wheel in wheels),
        overloaded=[found for one in results for found in overloads(one.sent, size=SIZE)],
        heaviest=max(heaviest(one.sent, size=SIZE) for one in results),
        short=[found for history in histories for found in shortfalls(history, since=since)],
        broken=[found for wheel in wheels for found in await ground.watcher.verdict(wheel.model.name)],
    )


def _openings(ground: Ground, model: str) -> int:
    """How often a weight rose from 0 in the route."""
    opened, before = 0, dict[str, int]()
    for seen in ground.watcher.of("HTTPRoute", model):
        weights = route_weights(seen.object)
        opened += sum(weight > 0 and not before.get(name) for name, weight in weights.items())
        before = weights
    return opened
