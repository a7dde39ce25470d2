"""One run of a workload: its own namespace, its own operator behind its own proxy, and what came of it.

Many runs share a cluster, its gateway and the simulated node, and go on side by side. A run with a fault is
held against the ending of the runs without.
"""

import asyncio
import math
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from tests.cluster.api import Api
from tests.cluster.cluster import Cluster
from tests.cluster.kubeconfig import Access
from tests.cluster.namespaces import fresh_namespace
from tests.cluster.waiting import NotInTime, until
from tests.faults.ending import GENERATED, Ending, differences, ending_of, going
from tests.faults.kept import Kept
from tests.faults.patient import PatientApi
from tests.faults.pods import Pods
from tests.faults.proxy import FaultProxy
from tests.faults.trace import Trace
from tests.faults.workloads import Stage, Workload
from tests.invariants.rules import violations
from tests.invariants.story import story
from tests.invariants.watcher import Watcher
from tests.stage.model import Model
from tests.stage.stillness import until_still

NAME: Final = "fraud"
STARTS: Final = 2
QUIET_SECONDS: Final = 1.5
"""Without any new version: a run without faults has ended."""
SETTLED_WITHIN: Final = 240.0
"""After the last thing a person does; a fault may cost a back-off, a start, or the minute in which a watch
that has stalled is believed."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What all runs share."""

    cluster: Cluster
    api: PatientApi
    account: Access
    pods: Pods
    alone: asyncio.Lock
    """Held by who takes the server away."""
    kills: list[float] = field(default_factory=list)
    """When the server itself was killed, in Unix seconds."""
    starts: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(STARTS))
    """Held by who starts a pair of operators: a dozen at once would start none in time."""


@dataclass(slots=True)
class Scene:
    """What a fault may act upon.

    Attributes:
        dice: For what a fault leaves to chance: the same in every run of it.
        tasks: What it does beside the run, which does not end before.
        misled: From when to when it shows the operator the past, from which nobody can tell that a write is
            not needed; in Unix seconds.
    """

    ground: Ground
    stage: Stage
    proxy: FaultProxy
    kept: Kept
    dice: Random
    tasks: list["asyncio.Task[None]"] = field(default_factory=list)
    misled: tuple[float, float] = (math.inf, -math.inf)


Fault = Callable[[Scene], None]
"""Lays its rules; called before the operator starts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What came of a run; `wrong` is empty where nothing differed and no rule was broken, and so is
    `story`.
    """

    ending: Ending
    trace: Trace
    wrong: list[str]
    seconds: float
    restarts: int
    story: list[str]


def broken(error: Exception) -> Ran:
    """What is told of a run that the harness could not bring to an end."""
    return Ran(
        ending=Ending({}, {}, {}, {}),
        trace=Trace(),
        wrong=[f"the run itself broke: {error!r}", *traceback.format_exception(error)],
        seconds=0.0,
        restarts=0,
        story=[],
    )


async def run(
    ground: Ground,
    workload: Workload,
    router: str,
    *,
    fault: Fault | None = None,
    wanted: Ending | None = None,
    seed: int = 0,
) -> Ran:
    """Run a workload to its end; with a fault, until it ends as is wanted or is late."""
    began, since = time.monotonic(), time.time()
    cluster, api = ground.cluster, ground.api
    async with fresh_namespace(api) as place, Watcher(api, place, patient=True) as watcher:
        proxy = FaultProxy(
            ground.account, cluster.folder / "proxies" / place, looks_by=cluster.server.tokens["admin"]
        )
        model = Model(api, place, NAME)
        model.host = f"{place}.example.com"
        stage = Stage(model, ground.pods, router)
        async with proxy:
            kept = Kept(cluster, place, proxy)
            scene = Scene(ground, stage, proxy, kept, Random(seed))
            if fault is not None:
                fault(scene)
            async with kept:
                wrong = await _played(scene, workload, watcher, wanted, since=since)
                # One may have begun with the last write.
                await asyncio.gather(*scene.tasks)
                wrong += _words(scene, watcher)
            if wrong:
                wrong.append(f"the log ends with:\n{kept.said()}")
    return Ran(
        ending=ending_of(watcher.history, place),
        trace=proxy.trace,
        wrong=wrong,
        seconds=time.monotonic() - began,
        restarts=kept.kills + len(kept.ends),
        story=sorted([*story(watcher.history), *proxy.trace.told()]) if wrong else [],
    )


async def _played(
    scene: Scene, workload: Workload, watcher: Watcher, wanted: Ending | None, *, since: float
) -> list[str]:
    place = scene.stage.model.namespace
    try:
        await workload(scene.stage)
    except NotInTime as late:
        return [f"it does not come to its end: {late}"]
    finally:
        await asyncio.gather(*scene.tasks)
        scene.proxy.lift()
        scene.proxy.thaw()

    async def apart() -> list[str]:
        assert wanted is not None
        # Controllers whose server was killed make a pod too many, until they see what they made.
        killed = any(at >= since for at in scene.ground.kills)
        return differences(ending_of(watcher.history, place), wanted, but=GENERATED if killed else ())

    if wanted is not None:
        try:
            await until(apart, lambda found: not found, within=SETTLED_WITHIN)
        except NotInTime:
            return await apart()
    await _quiet(watcher, scene.ground.api)
    await watcher.settled()
    return [] if wanted is None else await apart()


async def _quiet(watcher: Watcher, api: Api) -> None:
    """Wait until nothing has happened for a while, and no pod is on its way out."""

    async def happened() -> int:
        return 0 if going(watcher.history) else len(watcher.history)

    await until_still(happened, api, seconds=QUIET_SECONDS, what="the end of all writes")


def _words(scene: Scene, watcher: Watcher) -> list[str]:
    told = [
        str(one)
        for one in violations(watcher.history)
        # What the watcher could not see is no leap: its watch has a gap where the server was killed.
        if not (watcher.gaps and scene.proxy.trace.between(one.step.was, one.step.now))
    ]
    since, until_ = scene.misled
    idle = [one for one in scene.proxy.trace.idle() if not since <= one.at <= until_]
    return told + [f"it changes nothing: {one}" for one in idle]
