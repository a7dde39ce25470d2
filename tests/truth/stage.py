"""The stage of the play: who scrapes, the pods, and the processes that judge.

Every canary is judged against the same stable revision, and asked at a steady rate, so that both sides are
counted in every interval.
"""

import asyncio
import json
import sys
import time
from collections.abc import Collection, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.cluster.local_server import PLACE
from tests.cluster.processes import Program
from tests.cluster.waiting import until
from tests.truth.fleet import Pod, Scraper
from tests.truth.judge import STABLE
from tests.truth.logs import PodTruth

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
CANARIES: Final = tuple(name for name in FIRST if name != STABLE)
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

    async def until_heard(self, *, of: Collection[str] = CANARIES, since: float = 0.0) -> None:
        """Wait until this life of it has said of these canaries that it has judged beyond a moment."""

        async def heard() -> set[str]:
            return {
                one["canary"]
                for one in self.said()
                if one["at"] > self.lives[-1] and (one["boundary"] or 0.0) > since
            }

        await until(heard, lambda found: found >= set(of), what=f"the judge's word on {of}")

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
