"""Chaos: models under traffic, users who change their minds, and faults by a schedule.

Afterwards every model has to come to what its last spec asks for, no rule may have been broken in any version
of any object, and no request may have failed but for a bad version or at what a fault had hit.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from tests.cluster.tasks import begin
from tests.cluster.waiting import NotInTime, until
from tests.component.excuses import excused
from tests.endurance import evidence
from tests.endurance.causes import Injected, Told, told_apart
from tests.endurance.fleet import Fleet, Member, heard
from tests.endurance.ground import Ground
from tests.endurance.injection import Injector
from tests.endurance.schedule import faults, wishes
from tests.invariants.rules import violations
from tests.invariants.story import story
from tests.stage.operator import USER

REST_SECONDS: Final = 15.0
REST_WITHIN: Final = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run is made from; the seed with the rest gives the same schedule again."""

    seed: int
    minutes: float
    models: int
    per_second: float = 5.0
    settle_minutes: float = 6.0

    @property
    def names(self) -> list[str]:
        return [f"m{number:02}" for number in range(self.models)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run went."""

    plan: Plan
    requests: int
    told: Told
    violations: list[str]
    unlike: dict[str, list[str]]
    """Models that did not come to what their spec asks for, and how."""
    converged_seconds: float
    writes_at_rest: int
    exceptions: list[str]
    """What the operator's log has of errors that nobody expected."""
    faults: Counter[str] = field(default_factory=Counter)
    wishes: Counter[str] = field(default_factory=Counter)
    starts: int = 0
    gaps: int = 0
    versions: int = 0

    @property
    def good(self) -> bool:
        """Whether nothing went wrong that must not."""
        return not (
            self.violations or self.unlike or self.told.lost or self.exceptions or self.writes_at_rest
        )


async def chaos(ground: Ground, plan: Plan) -> Outcome:
    """Run it, from the first deployment to the verdict."""
    injector = Injector(ground)
    async with Fleet(ground, plan.names, per_second=plan.per_second) as fleet, forgetting(ground):
        began = time.time()
        _say(f"{plan.models} models serve; {plan.minutes:g} minutes of faults begin (seed {plan.seed})")
        async with asyncio.TaskGroup() as group:
            group.create_task(_faults(injector, plan))
            for member in fleet.members:
                group.create_task(_wishes(member, plan))
        _say("the faults are over")
        ended = time.time()
        unlike = await _settled(fleet, plan)
        converged = time.time() - ended
        writes = await _writes_at_rest(ground) if not unlike else 0
    await evidence.flushed(ground.access_log, ground.envoy.url)
    told, history = await _told(ground, fleet, injector.injected)
    broken = [
        str(one)
        for member in fleet.members
        for one in violations(ground.watcher.history_of(member.model.name))
        if not excused(one)
    ]
    _keep(ground, plan, injector.injected, told=told, broken=broken, unlike=unlike)
    return Outcome(
        plan=plan,
        requests=sum(len(member.traffic.results.between(since=began)) for member in fleet.members),
        told=told,
        violations=broken,
        unlike=unlike,
        converged_seconds=converged,
        writes_at_rest=writes,
        exceptions=_exceptions(ground),
        faults=Counter(one.what for one in injector.injected),
        wishes=Counter(
            one.what.value for name in plan.names for one in wishes(plan.seed, name, minutes=plan.minutes)
        ),
        starts=sum(kept.starts for kept in ground.replicas),
        gaps=ground.watcher.gaps,
        versions=history,
    )


async def _faults(injector: Injector, plan: Plan) -> None:
    began = asyncio.get_running_loop().time()
    async with asyncio.TaskGroup() as group:
        for planned in faults(plan.seed, minutes=plan.minutes):
            await _until(began + planned.at)
            group.create_task(injector.inject(planned), name=planned.what)


async def _wishes(member: Member, plan: Plan) -> None:
    began = asyncio.get_running_loop().time()
    for wished in wishes(plan.seed, member.model.name, minutes=plan.minutes):
        await _until(began + wished.at)
        await member.wish(wished)


async def _until(when: float) -> None:
    await asyncio.sleep(max(0.0, when - asyncio.get_running_loop().time()))


async def _settled(fleet: Fleet, plan: Plan) -> dict[str, list[str]]:
    """Wait until every model is as its spec asks for; those that are not in time, and how."""
    last: dict[str, list[str]] = {}

    async def look() -> dict[str, list[str]]:
        last.clear()
        for member in fleet.members:
            if found := await heard(member.unlike):
                last[member.model.name] = found
        await asyncio.sleep(1)
        return last

    try:
        await until(look, lambda found: not found, within=60 * plan.settle_minutes)
    except NotInTime:
        return last
    return {}


async def _writes_at_rest(ground: Ground) -> int:
    """What the operator goes on writing for models that are as they should be.

    For a minute it may: figures in a status are written late, so that they are not written often.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + REST_WITHIN
    while True:
        async with ground.cluster.audit.counting() as counted:
            await asyncio.sleep(REST_SECONDS)
        writes = len(counted.requests.by(USER).within(ground.place).writes.work)
        if not writes or loop.time() > deadline:
            return writes


async def _told(ground: Ground, fleet: Fleet, injected: list[Injected]) -> tuple[Told, int]:
    await ground.watcher.settled()
    history = ground.watcher.history
    evidence.drawn_out(injected, history)
    failed = list(evidence.failures(ground.access_log))
    for member in fleet.members:
        failed += evidence.unanswered(member.model.name, member.traffic.results)
    return told_apart(failed, injected, evidence.versions(history)), len(history)


def _exceptions(ground: Ground) -> list[str]:
    lines = [line for kept in ground.replicas for line in kept.operator.log.read_text().splitlines()]
    return [line[:300] for line in lines if '"look failed"' in line or line.startswith("Traceback")]


@asynccontextmanager
async def forgetting(ground: Ground) -> AsyncIterator[None]:
    """What passed the proxy is not kept: it would be the whole run."""

    async def forget() -> None:
        while True:
            await asyncio.sleep(5)
            for kept in ground.replicas:
                kept.proxy.trace.all.clear()

    task = begin(forget(), "forgetting")
    try:
        yield
    finally:
        task.cancel()


def _keep(
    ground: Ground,
    plan: Plan,
    injected: list[Injected],
    *,
    told: Told,
    broken: list[str],
    unlike: dict[str, list[str]],
) -> None:
    """Write down what a person needs who asks why, where anything is wrong."""
    folder = ground.cluster.folder / f"chaos-{plan.seed}"
    folder.mkdir(exist_ok=True)
    (folder / "faults").write_text("\n".join(map(str, injected)))
    (folder / "lost").write_text("\n".join(map(str, told.lost)))
    (folder / "violations").write_text("\n".join(broken))
    for name in plan.names:
        (folder / name).write_text("\n".join(story(ground.watcher.history_of(name))))
    (folder / "unlike").write_text("\n".join(f"{name}: {found}" for name, found in unlike.items()))


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S', time.gmtime())} {line}", flush=True)
