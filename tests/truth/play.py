"""The play: half a minute in which everything happens to some canary that may happen to a scraped process.

Every canary is judged against the same stable revision, and asked at a steady rate, so that both sides are
counted in every interval. Bad requests begin after the comparison does and end before it does: how many were
counted is then a whole number, whoever scraped and however the boundaries fell.
"""

import asyncio
import random
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from math import ceil
from pathlib import Path
from signal import SIGCONT, SIGSTOP, SIGTERM
from typing import Final

from tests.truth.fleet import SCRAPE_SECONDS
from tests.truth.judge import STABLE
from tests.truth.logs import PodTruth, Scrape, logs_of
from tests.truth.stage import (
    AGAIN,
    BAD,
    CANARIES,
    GOOD,
    KILLS,
    LESS_BAD,
    MOST_LIFE_SECONDS,
    ONCE,
    QUIET_SECONDS,
    SEED,
    Judge,
    Play,
    Played,
)


async def crashes(play: Play) -> None:
    """Two kills and an orderly end, each followed by a new start; the stable revision has one, too."""
    pod = play.of("killed")
    await asyncio.sleep(2)
    await pod.restart()
    await asyncio.sleep(4.3)
    pod.server.program.send(SIGTERM)
    await pod.server.program.wait()
    await pod.server.start()
    await asyncio.sleep(3.6)
    await pod.server.program.kill()
    await asyncio.sleep(2)
    await pod.server.start()
    await next(iter(play.pods[STABLE].values())).restart()


async def replacement(play: Play) -> None:
    """A pod ends, and another takes its place."""
    await asyncio.sleep(4)
    gone = play.of("replaced")
    gone.server.program.send(SIGTERM)
    await gone.server.program.wait()
    new = await play.born("fraud-replaced", 2)
    await asyncio.sleep(2 * SCRAPE_SECONDS)  # a pod counts from the first boundary after it is Ready
    await new.server.behave(**BAD)


async def frost(play: Play) -> None:
    """A process stands still for two scrapes, and later for six; its metrics take long to come."""
    pod = play.of("frozen")
    await pod.server.behave(scrape_seconds=0.7 * SCRAPE_SECONDS)
    for wait, still in ((3.0, 2.0), (4.0, 6.0)):
        await asyncio.sleep(wait)
        pod.server.program.send(SIGSTOP)
        await asyncio.sleep(still)
        pod.server.program.send(SIGCONT)


async def slow_metrics(play: Play) -> None:
    """Metrics that take longer than Prometheus waits, then nearly as long."""
    await asyncio.sleep(3)
    await play.of("slow").server.behave(scrape_seconds=1.5 * SCRAPE_SECONDS)
    await asyncio.sleep(6)
    await play.of("slow").server.behave(scrape_seconds=0.4 * SCRAPE_SECONDS)


async def first_errors(play: Play) -> None:
    """The first errors come in a crowd, and with them the series that counts them."""
    await asyncio.sleep(8)
    pod = play.of("first")
    await pod.server.behave(error_every=1)
    await pod.ask(12)
    await pod.server.behave(error_every=0)


async def overtaking(play: Play) -> None:
    """A process restarts, and all its counters pass their old values before it is scraped again."""
    await asyncio.sleep(2)
    pod = play.of("overtaken", 1)
    await pod.server.behave(error_every=1)
    await pod.ask(3)
    await asyncio.sleep(3)
    await pod.restart()
    await pod.ask(25)
    await pod.server.behave(error_every=0)


async def jobs(play: Play) -> None:
    """A pod is scraped by two jobs, by one, by two, by the other, and by two."""
    await asyncio.sleep(2)
    play.scrape(but="twice")
    await asyncio.sleep(6)
    play.scrape()
    await asyncio.sleep(2)
    play.all.scrape(AGAIN, ())
    await asyncio.sleep(6)
    play.all.scrape(AGAIN, [play.of("twice")])


async def outages(play: Play) -> None:
    """Each of the pair is away for a while."""
    for one in play.pair:
        await asyncio.sleep(2)
        play.outages.append(time.time())
        await one.stop()
        await asyncio.sleep(6)
        await one.start()


ACTS: Final = (
    crashes,
    replacement,
    frost,
    slow_metrics,
    first_errors,
    overtaking,
    jobs,
    outages,
)


async def kills(judge: Judge) -> None:
    """The judge is killed at times that nobody chose, but not before it has spoken, and started again."""
    dice = random.Random(SEED)
    for _ in range(KILLS):
        await judge.until_heard()
        await asyncio.sleep(dice.uniform(0.0, MOST_LIFE_SECONDS))
        await judge.program.kill()
        await judge.start()
    await judge.until_heard()


async def play(folder: Path) -> Played:
    """Half a minute."""
    async with AsyncExitStack() as stack:
        stage = Play(folder, stack)
        await stage.open()
        stage.started = float(ceil(time.time()) + QUIET_SECONDS)
        stage.tell()
        asked = {"undisturbed": stage.all, "killed": stage.all, "pair": stage.both}
        judges = {name: Judge(name, folder, stage.requests, whom.url) for name, whom in asked.items()}
        for judge in judges.values():
            await judge.start()
            stack.push_async_callback(judge.program.kill)
        await asyncio.sleep(stage.started + QUIET_SECONDS - time.time())
        await stage.behave(BAD, LESS_BAD)
        async with asyncio.TaskGroup() as together:
            for act in ACTS:
                together.create_task(act(stage))
            together.create_task(kills(judges["killed"]))
        await stage.behave(GOOD, GOOD)
        scraped = time.time() + QUIET_SECONDS
        for name, judge in judges.items():
            await judge.until_heard(of=["fraud-pair"] if name == "pair" else CANARIES, since=scraped)
        return await _outcome(stage, judges)


async def _outcome(stage: Play, judges: Mapping[str, Judge]) -> Played:
    scrapes: dict[str, list[Scrape]] = {}
    for labels, samples in await stage.all.samples("model_log_lines", at=time.time()):
        if labels["job"] == ONCE:
            told = [Scrape(at, labels["run"], int(lines)) for at, lines in samples]
            scrapes.setdefault(labels["pod"], []).extend(told)
    truth = {
        revision: {
            name: PodTruth(logs_of(stage.folder, name), scrapes[name], ready=stage.ready(revision, name))
            for name in pods
        }
        for revision, pods in stage.pods.items()
    }
    said = {name: judge.said() for name, judge in judges.items()}
    return Played(
        started=stage.started,
        said=said,
        truth=truth,
        lives=judges["killed"].lives,
        outages=stage.outages,
    )
