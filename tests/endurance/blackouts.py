"""Prometheus is killed at each turn of rollouts that it judges, and started again: they end the same (I6).

A model for each moment whose next version is good, and one whose is bad. All share the Prometheus, so each
bears the others' blackouts too. What is decided in the dark would be decided on samples that were not there.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

from tests.cluster.prometheus import Prometheus
from tests.cluster.resources import Object
from tests.cluster.waiting import NotInTime, until
from tests.endurance.fleet import Fleet, Member
from tests.endurance.ground import Ground
from tests.endurance.schedule import Wish, Wished
from tests.invariants.world import Seen, route_weights
from tests.stage.model import Holds, condition, state

DARK_SECONDS: Final = (2.0, 30.0)
DECIDED_SECONDS: Final = 3.0
"""After the kill: what had been read is still judged, and the judgement written."""
WITHIN: Final = 420.0


def judged(seen: Object) -> object:
    """A step's first figures are there."""
    return state("Stepping")(seen) and condition("AnalysisAvailable")(seen)


MOMENTS: Final[Mapping[str, tuple[Holds, tuple[Wish, ...]]]] = {
    "preparing": (state("Preparing"), (Wish.GOOD, Wish.BAD)),
    "first-step": (state("Stepping", step=0), (Wish.GOOD, Wish.BAD)),
    "judged": (judged, (Wish.GOOD,)),
    "second-step": (state("Stepping", step=1), (Wish.GOOD,)),
    "promoting": (state("Promoting"), (Wish.GOOD,)),
    "baking": (state("Baking"), (Wish.GOOD,)),
    "rolling-back": (state("RollingBack"), (Wish.BAD,)),
}
"""When Prometheus is killed, and which versions come to that: a bad one's first figures may condemn it."""
PATHS: Final = {Wish.GOOD: [20, 60, 100], Wish.BAD: [20, 0]}
"""The weights of the next version, one after the other."""


@dataclass(frozen=True, slots=True)
class Dark:
    """A time without Prometheus, in Unix seconds."""

    since: float
    until: float


class Switch:
    """Prometheus' power; `dark` are the times without it."""

    def __init__(self, prometheus: Prometheus) -> None:
        self._prometheus, self._alone = prometheus, asyncio.Lock()
        self.dark: list[Dark] = []

    async def off(self, seconds: float) -> None:
        """Kill it for so long; one after the other."""
        async with self._alone:
            await self._prometheus.kill()
            since = time.time()
            await asyncio.sleep(seconds)
            self.dark.append(Dark(since, time.time()))
            await self._prometheus.start()


@dataclass(frozen=True, slots=True, kw_only=True)
class Blackouts:
    """How the rollouts went."""

    dark: list[Dark]
    ended: int
    wrong: list[str]
    requests: int

    @property
    def good(self) -> bool:
        """Whether all ended as without any."""
        return not self.wrong


async def blackouts(ground: Ground, *, per_second: float, seed: int) -> Blackouts:
    """One rollout of each kind for each moment, side by side."""
    kinds = {f"{moment}-{wish}": (moment, wish) for moment, (_, of) in MOMENTS.items() for wish in of}
    switch = Switch(ground.prometheus)
    async with Fleet(ground, kinds, per_second=per_second) as fleet:
        outcomes = await asyncio.gather(
            *(
                _through(switch, member, *kinds[member.model.name], dice=Random(f"{seed} {number}"))
                for number, member in enumerate(fleet.members)
            )
        )
    await ground.watcher.settled()
    wrong = [line for told in outcomes for line in told]
    for member in fleet.members:
        name, history = member.model.name, ground.watcher.history_of(member.model.name)
        wrong += [f"{name}: {line}" for line in _amiss(history, kinds[name][1], switch.dark)]
        wrong += await ground.watcher.verdict(name)
    return Blackouts(
        dark=switch.dark,
        ended=sum(not told for told in outcomes),
        wrong=wrong,
        requests=sum(len(member.traffic.results.sent) for member in fleet.members),
    )


async def _through(switch: Switch, member: Member, moment: str, wish: Wish, *, dice: Random) -> list[str]:
    """One rollout, in which Prometheus is killed; in which ways it does not end as its spec asks for."""
    await member.wish(Wished(0, wish, 0))
    holds, _ = MOMENTS[moment]
    try:
        await member.model.until(holds, within=WITHIN)
        await switch.off(dice.uniform(*DARK_SECONDS))
        await member.model.until(lambda seen: not seen["status"].get("rollout"), within=WITHIN)
        await until(member.unlike, lambda found: not found, what=f"what {member.model.name} asks for")
    except NotInTime as late:
        return [f"{member.model.name}: {late}"]
    if wish is Wish.GOOD and (lost := member.traffic.results.lost()):
        return [f"{member.model.name}: {len(lost)} requests lost, first {lost[0]}"]
    return []


def _amiss(history: list[Seen], wish: Wish, dark: list[Dark]) -> Iterator[str]:
    """Where the way was another one, and what was decided in the dark."""
    if (path := _path(history)) != PATHS[wish]:
        yield f"weights {path}, and without blackouts {PATHS[wish]}"
    for seen, decided in _decisions(history):
        for one in dark:
            if one.since + DECIDED_SECONDS < seen.at < one.until:
                yield f"{decided}, {seen.at - one.since:.1f} s after Prometheus was killed"


def _path(history: list[Seen]) -> list[int]:
    """The weights that the newer revision had, one after the other."""
    stable, path = "", list[int]()
    for seen in history:
        if seen.object["kind"] != "HTTPRoute" or seen.deleted:
            continue
        weights = route_weights(seen.object)
        stable = stable or next(name for name, weight in weights.items() if weight == 100)
        newer = 100 - weights.get(stable, 0)
        if newer != (path[-1] if path else 0):
            path.append(newer)
    return path


def _decisions(history: list[Seen]) -> Iterator[tuple[Seen, str]]:
    """Versions of the model in which a step had been decided, either way."""
    before: tuple[str, int] | None = None
    for seen in history:
        if seen.object["kind"] != "ModelDeployment" or seen.deleted:
            continue
        attempt = seen.object.get("status", {}).get("rollout") or {}
        now = (str(attempt.get("state")), int(attempt.get("step", 0)))
        if before and before[0] == "Stepping" and now != before:
            yield seen, f"from {before} to {now}"
        before = now
