"""The play: half a minute in which everything happens to some canary that may happen to a scraped process.

Every canary is judged against the same stable revision, and asked at a steady rate, so that both sides are
counted in every interval. Bad requests begin after the comparison does and end before it does: how many were
counted is then a whole number, whoever scraped and however the boundaries fell.
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from signal import SIGCONT, SIGSTOP, SIGTERM
from typing import Any, Final

from tests.cluster.local_server import PLACE
from tests.cluster.processes import Program
from tests.cluster.waiting import until
from tests.truth.fleet import SCRAPE_SECONDS, Pod, Scraper
from tests.truth.judge import STABLE
from tests.truth.logs import PodTruth, Scrape, logs_of

ONCE, AGAIN = "once", "again"
BAD: Final = {"error_every": 5, "fallback_every": 3, "slow_every": 4}
LESS_BAD: Final = {"error_every": 30, "fallback_every": 20, "slow_every": 25}
"""The stable revision's: harm is there to be found, and evidence is a number."""
GOOD: Final = dict.fromkeys(BAD, 0)
FIRST: Final = {
    STABLE: 2,
    "fraud-calm": 1,
    "fraud-killed": 2,
    "fraud-replaced": 2,
    "fraud-frozen": 2,
    "fraud-slow": 2,
    "fraud-first": 1,
    "fraud-overtaken": 2,
    "fraud-twice": 1,
    "fraud-pair": 1,
}
"""How many pods each revision begins with."""
OVERTAKEN: Final = ("fraud-overtaken", 1)
"""The pod that is asked so seldom that a restart lets it overtake itself."""
SELDOM, USUAL, OFTEN = 0.5, 8.0, 15.0
"""Requests a second."""
QUIET_SECONDS: Final = 3
KILLS: Final = 3
MOST_LIFE_SECONDS: Final = 2.0
"""After it has first spoken."""
SEED: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What came of it.

    Attributes:
        started: When the comparison began, in Unix seconds.
        said: What each judge said, in its order: `undisturbed`, `killed`, and `pair`, who asks the Prometheus
            that a pair of others write to.
        truth: By canary (or the stable revision), then pod.
        lives: When the killed judge was started.
        outages: When one of the pair went away.
    """

    started: float
    said: Mapping[str, list[dict[str, Any]]]
    truth: Mapping[str, Mapping[str, PodTruth]]
    lives: list[float]
    outages: list[float]

    def last(self, canary: str, judge: str = "undisturbed") -> dict[str, Any]:
        """A judge's last words on a canary."""
        return [one for one in self.said[judge] if one["canary"] == canary][-1]


class Judge:
    """The process that judges; what it says outlives it."""

    def __init__(self, name: str, folder: Path, requests: Path, url: str) -> None:
        self.lives: list[float] = []
        self._log = folder / f"judge-{name}.log"
        command = [sys.executable, "-m", "tests.truth.judge", str(requests), url]
        self.program = Program(f"judge {name}", command, log=self._log, environment=PLACE)

    async def start(self) -> None:
        self.lives.append(time.time())
        await self.program.__aenter__()

    async def until_heard(self) -> None:
        """Wait until this life of it has said of every canary how far it has judged."""

        async def heard() -> set[str]:
            return {
                one["canary"]
                for one in self.said()
                if one["at"] > self.lives[-1] and one["boundary"] is not None
            }

        canaries = len(FIRST) - 1
        await until(heard, lambda found: len(found) == canaries, what="a word of the judge on each canary")

    def said(self) -> list[dict[str, Any]]:
        """Its words; a line that a kill has torn is none."""
        lines = self._log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]


class Play:
    """The stage: who scrapes, pods, and the judges' list of attempts."""

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self.folder, self._stack = folder, stack
        self.requests = folder / "requests.json"
        self.pods: dict[str, dict[str, Pod]] = {}
        self._ready: dict[str, dict[str, float | None]] = {}
        self.started = 0.0
        self.outages: list[float] = []
        self.all = Scraper(folder / "all", ONCE, AGAIN)
        self.both = Scraper(folder / "both")
        self.pair = [
            Scraper(folder / name, ONCE, replica=name, remote=self.both.url) for name in ("left", "right")
        ]

    async def open(self) -> None:
        """Have everything up that the play begins with, and scraped since it began."""
        for revision, count in FIRST.items():
            for number in range(count):
                self.expect(revision, number)
        self.expect("fraud-replaced", FIRST["fraud-replaced"])
        for scraper in (self.all, self.both, *self.pair):
            await self._stack.enter_async_context(scraper)
        self.scrape()
        self.all.scrape(AGAIN, [self.of("twice")])
        for scraper in self.pair:
            scraper.scrape(ONCE, [*self.pods[STABLE].values(), self.of("pair")])
        await self.all.until_scraped(sum(FIRST.values()) + 2)
        for scraper in self.pair:
            await scraper.until_scraped(FIRST[STABLE] + 1)
        for revision, count in FIRST.items():
            await asyncio.gather(*(self.born(revision, number) for number in range(count)))

    def expect(self, revision: str, number: int) -> Pod:
        """One more pod, to be born later."""
        name = f"{revision}-6d5f-{number:05d}"
        usual = OFTEN if revision == STABLE else USUAL
        rate = SELDOM if (revision, number) == OVERTAKEN else usual
        return self.pods.setdefault(revision, {}).setdefault(name, Pod(name, self.folder, per_second=rate))

    async def born(self, revision: str, number: int) -> Pod:
        """A pod begins, and is asked at once."""
        pod = self.expect(revision, number)
        await self._stack.enter_async_context(pod)
        self._ready.setdefault(revision, {})[pod.name] = time.time()
        self.tell()
        return pod

    def tell(self) -> None:
        """Tell the judges what is known, as the operator's watches do."""
        beside = self.requests.with_suffix(".new")
        beside.write_text(json.dumps({"started": self.started, "pods": self._ready}))
        beside.rename(self.requests)

    def scrape(self, *, but: str = "") -> None:
        """Have the one job scrape all pods, also those that are gone or to come, but not those of one canary.

        Prometheus takes a new list in after up to five seconds.
        """
        chosen = [pods for revision, pods in self.pods.items() if revision != f"fraud-{but}"]
        self.all.scrape(ONCE, [pod for pods in chosen for pod in pods.values()])

    def ready(self, revision: str, pod: str) -> float:
        """When a pod became Ready."""
        return self._ready[revision][pod] or 0.0

    def of(self, canary: str, number: int = 0) -> Pod:
        return list(self.pods[f"fraud-{canary}"].values())[number]

    async def behave(self, behaviour: Mapping[str, int], stable: Mapping[str, int]) -> None:
        """Tell all pods but those whose errors are a story of their own."""
        own = {*self.pods["fraud-first"], *self.pods["fraud-overtaken"]}
        told = [
            pod.server.behave(**(stable if revision == STABLE else behaviour))
            for revision, pods in self.pods.items()
            for name, pod in pods.items()
            if name not in own and pod.alive
        ]
        await asyncio.gather(*told)


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
    """A process stands still for two scrapes, and later for six."""
    pod = play.of("frozen")
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
        # Until the last of it has been scraped and judged.
        await asyncio.sleep(2 * QUIET_SECONDS)
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
