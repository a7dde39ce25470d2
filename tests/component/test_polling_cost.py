"""What judging a thousand rollouts costs: queries at Prometheus, time of our processor, and patience."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import fmean, quantiles

import aiohttp

from serin.domain.analysis.counters import Arm
from serin.domain.analysis.judge import Reason
from serin.domain.analysis.policy import Counter, SignalPolicy
from serin.domain.analysis.request import PodTimes, StepWindow, TrialRequest
from serin.domain.analysis.verdict import Assessment
from serin.domain.names import Key
from serin.prom.client import PrometheusClient
from serin.runtime.memory import collect_seldom
from serin.runtime.poller import Poller
from tests.bench.yardstick import Yardstick
from tests.cluster.network import free_port
from tests.cluster.processes import Program, answers
from tests.cluster.waiting import until
from tests.component import many_models
from tests.component.many_models import CANARY, STABLE, name, namespace, phase, pods
from tests.unit.analysis.worlds import errors, policy, request

ROLLOUTS = 1_000
INTERVAL = 15.0
MEASURED = 2
"""Intervals."""
ENOUGH = ROLLOUTS * (MEASURED - 1)
"""Verdicts in that time."""
HOST = "127.0.0.1"
LATENCY = SignalPolicy(
    name="latency",
    requests=Counter(metric="seconds_count"),
    bad=None,
    within=Counter(metric="seconds_bucket"),
    at_most=0.5,
)
TWO = policy(errors(), LATENCY)


def rollout(model: int, started: float) -> TrialRequest:
    canary, *stable = pods(model)
    return replace(
        request(TWO, interval=INTERVAL),
        attempt=f"{name(model, CANARY)}.1",
        namespace=namespace(model),
        stable=name(model, STABLE),
        canary=name(model, CANARY),
        pods=(
            PodTimes(name=canary, arm=Arm.CANARY, ready=started),
            *(PodTimes(name=pod, arm=Arm.STABLE, ready=started - 86_400) for pod in stable),
        ),
        # One pod of four, each with as much: a router at another weight would end the comparison.
        windows=(StepWindow(step=0, weight=25, written=started, settled=started),),
        started=started,
    )


class Ear:
    """Hears of boundaries, and how long after the scrape that decided them."""

    def __init__(self) -> None:
        self.boundaries: dict[Key, float] = {}
        self.waits: list[float] = []
        self.reasons: set[str] = set()

    def hear(self, key: Key, assessment: Assessment) -> None:
        if assessment.boundary is None or assessment.boundary == self.boundaries.get(key):
            return
        self.reasons.add(assessment.reason)
        self.boundaries[key] = assessment.boundary
        model = int(key.name.removeprefix("model-"))
        decided = max(assessment.boundary + phase(pod, INTERVAL) for pod in pods(model))
        self.waits.append(time.time() - decided)


@asynccontextmanager
async def store(folder: Path, begin: float) -> AsyncIterator[str]:
    port = free_port(HOST)
    command = [sys.executable, "-m", many_models.__name__, str(port), str(begin), str(INTERVAL)]
    url = f"http://{HOST}:{port}"
    async with Program("store", command, log=folder / "store.log", ready=answers(f"{url}/stats")):
        yield url


MOST_WORK = 300
"""Times the yardstick's work that a thousand rollouts may take in an interval, on any machine. A tenth of a
core at rest does 180, where 140 to 150 were needed; but what slows both does not slow them quite alike.
"""
QUIET = 1.2
"""How much slower than in its best quarter the yardstick may be where nobody else is said to compute."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one interval.

    Attributes:
        queries: A second.
        core: The share of this core, as it is.
        work: The same as a multiple of the yardstick's work, which others slow alike.
        quiet: Whether nobody else computes, so that the share of the core is our own doing.
    """

    queries: float
    core: float
    work: float
    quiet: bool

    def __str__(self) -> str:
        how = "quiet" if self.quiet else "slowed by others"
        return f"{self.queries:.1f} queries/s, {self.core:.1%} of a core ({how}), {self.work:.0f} yardsticks"


async def one_interval(session: aiohttp.ClientSession, url: str, yardstick: Yardstick) -> Cost:
    asked, done, spent = await queries(session, url), len(yardstick.found), time.process_time()
    await asyncio.sleep(INTERVAL)
    measured = yardstick.found[done:]
    own = time.process_time() - spent - sum(measured) / 1000
    asked = await queries(session, url) - asked
    quiet = yardstick.slowness(done) < QUIET and os.getloadavg()[0] < (os.cpu_count() or 1)
    return Cost(asked / INTERVAL, own / INTERVAL, 1000 * own / fmean(measured), quiet)


async def test_a_thousand_rollouts_cost_a_tenth_of_a_core_and_five_queries_a_second(tmp_path: Path) -> None:
    begin = time.time() - 4 * INTERVAL
    ear = Ear()
    collect_seldom()
    async with store(tmp_path, begin) as url, aiohttp.ClientSession() as session, Yardstick() as yardstick:
        poller = Poller({"main": PrometheusClient(session, url)}, on_assessment=ear.hear, now=time.time)
        for model in range(ROLLOUTS):
            poller.follow(Key(namespace(model), f"model-{model}"), rollout(model, begin), "main")
        await everybody(ear)
        ear.waits.clear()
        costs = [await one_interval(session, url, yardstick) for _ in range(MEASURED)]
        if not all(cost.quiet for cost in costs):
            await until(partial(heard, ear), lambda count: count >= ENOUGH, what="verdicts, late as they are")
        await poller.close()

    percentiles = quantiles(ear.waits, n=20)
    told = f"a verdict {percentiles[9]:.1f} s after its sample, 95 % within {percentiles[18]:.1f} s"
    print(*(f"\n{cost}" for cost in costs), told, sep="; ")
    assert len(ear.waits) >= ENOUGH
    assert Reason.SPLIT_MISMATCH not in ear.reasons  # it would end the comparison, and half of the cost
    assert min(cost.queries for cost in costs) <= 5
    assert min(cost.work for cost in costs) < MOST_WORK
    # On a machine that others slow the share of its core says nothing of us; the work still does.
    assert min((cost.core for cost in costs if cost.quiet), default=0.0) < 0.1


async def heard(ear: Ear) -> int:
    return len(ear.waits)


async def queries(session: aiohttp.ClientSession, url: str) -> int:
    async with session.get(f"{url}/stats") as answer:
        return int((await answer.json())["queries"])


async def everybody(ear: Ear) -> None:
    """Wait until every rollout has been judged."""

    async def look() -> int:
        return len(ear.boundaries)

    await until(look, lambda heard: heard == ROLLOUTS, within=300, what="a verdict on every rollout")
