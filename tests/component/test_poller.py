"""The poller against a real Prometheus, whose history is written before it starts."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from serin.domain.analysis.counters import Role, Series
from serin.domain.analysis.request import Channel, StepWindow, TrialRequest
from serin.domain.analysis.trial import Trial
from serin.domain.analysis.verdict import Assessment, Verdict
from serin.domain.names import Key
from serin.prom.client import PrometheusClient
from serin.runtime.poller import Poller
from serin.runtime.reader import Outcome, Reader
from serin.runtime.watch import Watch
from tests.cluster.needed import needed
from tests.cluster.network import free_port
from tests.cluster.prometheus import find_prometheus, over
from tests.cluster.waiting import until
from tests.unit.analysis.worlds import STARTED, policy, request, traffic

KEY = Key("ml", "fraud")
HOST = "127.0.0.1"
END = 120.0
"""Where the history ends, in seconds since the rollout began."""


class History:
    """A Prometheus over given series; it can be stopped and started."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._listen = f"{HOST}:{free_port(HOST)}"
        self.url = f"http://{self._listen}"

    async def write(self, world: Mapping[Channel, list[Series]]) -> None:
        """Lay down the series of one model."""
        names = {Role.SCRAPES: "up", Role.REQUESTS: "requests_total"}
        await self.lay_down(
            {names[channel.role]: series for channel, series in world.items() if channel.role in names}
        )

    async def lay_down(self, metrics: Mapping[str, Iterable[Series]]) -> None:
        """Write series by metric as blocks of its database."""
        text = self._folder / "history.om"
        lines = [
            f"{metric}{{{labels}}} {v} {t:.3f}"
            for metric, series in metrics.items()
            for one in series
            for labels in [",".join(f'{k}="{v}"' for k, v in one.labels.items())]
            for t, v in one.samples
        ]
        text.write_text("\n".join([*lines, "# EOF", ""]))
        promtool = find_prometheus().with_name("promtool")
        command: list[str | Path] = [
            promtool,
            "tsdb",
            "create-blocks-from",
            "openmetrics",
            text,
            self._folder / "data",
        ]
        done = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        await done.communicate()
        assert done.returncode == 0

    async def start(self) -> None:
        (self._folder / "prometheus.yml").write_text("{}")
        self._program = over(self._folder, self._listen, "--storage.tsdb.retention.time=100y")
        await self._program.__aenter__()

    async def stop(self) -> None:
        await self._program.stop()


@pytest.fixture(scope="module", autouse=True)
def program() -> None:
    """The binary, fetched if need be; where it cannot be had, these tests have nothing to run."""
    needed(find_prometheus)


@pytest_asyncio.fixture
async def history(tmp_path: Path) -> AsyncIterator[History]:
    """A model scraped every second for ten minutes; its canary, since the rollout began, fails at one
    in twenty.
    """
    world = traffic(
        asked(),
        rps=40,
        share=lambda t: 0.2 if t >= 0 else 0,
        canary=lambda t: 0.05,
        stable=lambda t: 0.005,
        until=END,
        history=480,
    )
    prometheus = History(tmp_path)
    await prometheus.write(world)
    await prometheus.start()
    yield prometheus
    await prometheus.stop()


def asked() -> TrialRequest:
    return request(policy(), interval=1, stables=2)


class Ear:
    """Hears assessments, on a clock that leaps from look to look."""

    def __init__(self, *, at: float, leap: float = 0.0) -> None:
        self.heard: list[Assessment] = []
        self.moment, self._leap = STARTED + at, leap

    async def until(self, holds: Callable[[list[Assessment]], object]) -> None:
        """Wait until what was heard, in its order, is as described."""

        async def look() -> list[Assessment]:
            return self.heard

        await until(look, lambda heard: heard and holds(heard), what="an assessment")

    def now(self) -> float:
        return self.moment

    def hear(self, key: Key, assessment: Assessment) -> None:
        assert key == KEY
        self.heard.append(assessment)
        self.moment = min(self.moment + self._leap, STARTED + END)


@asynccontextmanager
async def poller(history: History, ear: Ear) -> AsyncIterator[Poller]:
    async with aiohttp.ClientSession() as session:
        prometheus = PrometheusClient(session, history.url)
        polling = Poller({"main": prometheus}, on_assessment=ear.hear, now=ear.now)
        yield polling
        await polling.close()


async def test_a_restart_finds_the_evidence_that_was_there(history: History) -> None:
    following, restarted = Ear(at=-5, leap=6.5), Ear(at=END)

    async with poller(history, following) as first:
        first.follow(KEY, asked(), "main")
        await following.until(lambda heard: following.moment == STARTED + END and heard[-1] == heard[-2])
    async with poller(history, restarted) as second:
        second.follow(KEY, asked(), "main")
        await restarted.until(bool)

    assert restarted.heard[0] == following.heard[-1]
    assert restarted.heard[0].verdict is Verdict.HARM
    assert following.heard[0].verdict is Verdict.NO_DATA


async def test_without_prometheus_nothing_is_concluded_and_then_it_goes_on(history: History) -> None:
    ear = Ear(at=10)
    async with poller(history, ear) as polling:
        await history.stop()
        polling.follow(KEY, asked(), "main")
        await ear.until(bool)
        away = ear.heard[-1]
        await history.start()
        await ear.until(lambda heard: heard[-1].available)

    assert (away.verdict, away.available, away.reason) == (Verdict.NO_DATA, False, "PrometheusUnreachable")
    assert "cannot be reached" in away.message
    assert ear.heard[-1].verdict is not Verdict.NO_DATA


async def test_a_new_step_keeps_the_evidence_and_a_new_attempt_does_not(history: History) -> None:
    ear = Ear(at=END)
    later = StepWindow(step=1, weight=50, written=STARTED + END - 2, settled=None)
    async with poller(history, ear) as polling:
        polling.follow(KEY, asked(), "main")
        await ear.until(bool)
        polling.follow(KEY, replace(asked(), step=1, windows=(*asked().windows, later)), "main")
        await ear.until(lambda heard: heard[-1].step == 1)
        polling.follow(KEY, replace(asked(), attempt="another", windows=(later,)), "main")
        await ear.until(lambda heard: heard[-1].attempt == "another")
    first, last = ear.heard[0], ear.heard[-1]
    second = next(one for one in ear.heard if one.step == 1)

    assert (second.boundary, second.signals[0].log_evidence) == (
        first.boundary,
        first.signals[0].log_evidence,
    )
    assert (last.verdict, last.reason) == (Verdict.NO_DATA, "WeightUnconfirmed")


async def test_what_is_forgotten_is_not_heard_of_again(history: History) -> None:
    ear = Ear(at=END)
    async with poller(history, ear) as polling:
        polling.follow(KEY, asked(), "main")
        await ear.until(bool)
        polling.forget(KEY)
        count = len(ear.heard)
        await asyncio.sleep(0)
        polling.forget(KEY)

    assert len(ear.heard) == count


MODELS = 300
"""More than one query can hold."""


def model(number: int) -> TrialRequest:
    """Every name is in two namespaces."""
    stable, canary = f"model-{number // 2}-55d1aa00bb", f"model-{number // 2}-7c9faa00bb"
    return replace(asked(), namespace=f"team-{number % 2}-{number % 7}", stable=stable, canary=canary)


def scraped(number: int) -> list[Series]:
    """Three scrapes of one pod of each side; values tell whose they are."""
    one = model(number)
    places = [
        {"namespace": one.namespace, "pod": f"{revision}-6d5f8b9c7d-x7k2p", "instance": "10.0.0.1:80"}
        for revision in (one.stable, one.canary)
    ]
    return [
        Series(place, tuple((STARTED + t, number * 10.0 + side) for t in (1, 2, 3)))
        for side, place in enumerate(places)
    ]


async def read(reader: Reader, *numbers: int) -> dict[int, Outcome]:
    """What a round reads of some models."""
    loop = asyncio.get_running_loop()
    watches = {Watch(KEY, "main", Trial(model(n)), next_look=loop.time()): n for n in numbers}
    found: dict[int, Outcome] = {}

    async def take(watch: Watch, outcome: Outcome) -> None:
        found[watches[watch]] = outcome

    for watch in watches:
        watch.read_to = STARTED
    await reader.read(watches, STARTED + 4, take)
    return found


async def test_prometheus_tells_many_together_what_it_tells_each_alone(tmp_path: Path) -> None:
    history = History(tmp_path)
    series = [one for number in range(MODELS) for one in scraped(number)]
    await history.lay_down({"up": series, "requests_total": series})
    await history.start()
    async with aiohttp.ClientSession() as session:
        reader = Reader(PrometheusClient(session, history.url))
        together = await read(reader, *range(MODELS))
        alone = {number: (await read(reader, number))[number] for number in range(0, MODELS, 37)}
    await history.stop()

    assert {number: together[number] for number in alone} == alone
    for number, answers in together.items():
        assert isinstance(answers, Mapping)
        requests = answers[Channel("errors", Role.REQUESTS)]
        values = sorted({v for one in requests for _, v in one.samples})
        assert values == [number * 10.0, number * 10.0 + 1]
