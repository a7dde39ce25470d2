"""Versions come and go under requests and streams: promoted, taken back, reverted, superseded, at any weight.

Each turn of the wheel is one of the ways that a rollout can end. The users' requests never stop, and streams
that began on a revision end on it: its pods go when the drain is over.
"""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Final

from tests.cluster.traffic import Results, Sent, Traffic
from tests.endurance.ground import Stage
from tests.endurance.load import Overload, heaviest, overloads
from tests.endurance.streams import LENGTHS, Streamed, Streams
from tests.invariants.rules import shortfalls
from tests.invariants.world import route_weights
from tests.stage.model import Model, attempt, condition, phase, spec, state

SIZE: Final = 3
WEIGHTS: Final = (20, 60, 90)
STAGE_SECONDS: Final = 2.0
"""How long users see each state before it is left."""
SHORT_DRAIN: Final = 11
"""Longer than the gateway takes to obey, on a machine that does much else."""
MARGIN_SECONDS: Final = 9
"""The drain's length beyond the longest stream: one may begin just before the proxy hears of weight 0."""


@dataclass(slots=True, kw_only=True)
class Wheel:
    """One model, and the turns it goes through."""

    stage: Stage
    model: Model
    drain: int
    turns: Counter[str] = field(default_factory=Counter)
    number: int = 0
    stable: dict[str, Any] = field(default_factory=dict)

    async def began(self) -> None:
        """The first version serves."""
        self.stable = self._next()
        await self.model.apply(self.stable)
        seen = await self.model.until(condition("Ready"))
        weights = {seen["status"]["stable"]["revision"]: 100}
        await self.stage.gateway.until_served(self.stage.place, self.model.name, weights)

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
        await self.model.until(phase("Ready"))

    async def reverted(self) -> None:
        """A, B, and A again in mid-rollout."""
        await self._brought_to("Stepping", 1)
        await self.model.apply(self.stable)
        await self.model.until(phase("Ready"))

    async def reverted_in_the_bake(self) -> None:
        """A, B, and A again when B has all traffic: the fast rollback at the highest weight."""
        await self._brought_to("Baking")
        await self.model.apply(self.stable)
        await self.model.until(phase("Ready"))

    async def superseded(self) -> None:
        """A, B and C: B loses its traffic before C gets any."""
        await self._brought_to("Stepping", 0)
        await self.promoted()

    async def aborted(self, step: int) -> None:
        """Taken back at the weight of a step, as harm would."""
        seen = await self._brought_to("Stepping", step)
        await self.model.ask(abort=attempt(seen))
        await self.model.until(condition("Stalled", reason="RolledBack"))

    async def _brought_to(self, where: str, step: int | None = None) -> dict[str, Any]:
        wanted = self._next()
        if step is not None:
            wanted["rollout"]["canary"]["steps"][step]["minSeconds"] = 600
        await self.model.apply(wanted)
        seen = await self.model.until(state(where, step=step))
        if step is not None:
            weights = await self.model.until_weights(WEIGHTS[step])
            await self.stage.gateway.until_served(self.stage.place, self.model.name, weights)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What users ask while versions come and go.

    Attributes:
        requests, streams: At least so many.
        per_second: Requests, which the models share evenly.
        streams_per_second: Of the first model; its drain is longer than they are.
        lengths: Seconds of the streams, one after the other.
        ways: Of ending a rollout, one after the other.
    """

    requests: int = 50_000
    streams: int = 200
    per_second: float = 120
    streams_per_second: float = 0.8
    models: int = 3
    lengths: Sequence[float] = LENGTHS
    ways: Sequence[str] = ()


async def turned(stage: Stage, asked: Asked) -> Turned:
    """Turn, way after way, until users have asked enough."""
    longest = round(max(asked.lengths)) + MARGIN_SECONDS
    wheels = [
        Wheel(
            stage=stage,
            model=Model(stage.cluster.api, stage.place, f"wheel{number}"),
            drain=longest if number == 0 and asked.streams else SHORT_DRAIN,
        )
        for number in range(asked.models)
    ]
    await asyncio.gather(*(wheel.began() for wheel in wheels))
    began = time.time()
    results: list[Results] = []
    async with AsyncExitStack() as stack:
        for wheel in wheels:
            name, host = wheel.model.name, wheel.model.host
            users = Traffic(stage.url(name), per_second=asked.per_second / asked.models, host=host)
            results.append((await stack.enter_async_context(users)).results)
        first = wheels[0].model
        url = stage.url(first.name, "generate_stream")
        streaming = Streams(url, host=first.host, per_second=asked.streams_per_second, lengths=asked.lengths)
        if asked.streams:
            await stack.enter_async_context(streaming)

        def enough() -> bool:
            sent = sum(len(one.sent) for one in results)
            return sent >= asked.requests and len(streaming.ended) >= asked.streams

        await asyncio.gather(*(_turning(wheel, asked.ways or tuple(WAYS), enough) for wheel in wheels))
    return await _seen(stage, wheels, results, streaming, since=began)


async def _turning(wheel: Wheel, ways: Sequence[str], enough: Callable[[], bool]) -> None:
    """A model whose users have to wait longer goes fewer ways."""
    for way in itertools.cycle(ways):
        await wheel.turn(way)
        if enough():
            return


async def _seen(
    stage: Stage, wheels: list[Wheel], results: list[Results], streaming: Streams, *, since: float
) -> Turned:
    histories = [stage.watcher.history_of(wheel.model.name) for wheel in wheels]
    return Turned(
        seconds=time.time() - since,
        requests=sum(len(one.sent) for one in results),
        failed=[one for each in results for one in each.sent if one.status != 200],
        streams=streaming.ended,
        truncated=streaming.truncated,
        turns=sum((wheel.turns for wheel in wheels), Counter()),
        openings=sum(_openings(stage, wheel.model.name) for wheel in wheels),
        overloaded=[found for one in results for found in overloads(one.sent, size=SIZE)],
        heaviest=max(heaviest(one.sent, size=SIZE) for one in results),
        short=[found for history in histories for found in shortfalls(history, since=since)],
        broken=[found for wheel in wheels for found in await stage.watcher.verdict(wheel.model.name)],
    )


def _openings(stage: Stage, model: str) -> int:
    """How often a weight rose from 0 in the route."""
    opened, before = 0, dict[str, int]()
    for seen in stage.watcher.of("HTTPRoute", model):
        weights = route_weights(seen.object)
        opened += sum(weight > 0 and not before.get(name) for name, weight in weights.items())
        before = weights
    return opened
