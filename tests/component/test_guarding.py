"""Guards against a real Prometheus: what a confined query reads, and what its answers come to."""

import asyncio
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from math import nan
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from serin.domain.analysis.confined import NotConfinable, Place, confined
from serin.domain.analysis.guards import GuardPolicy, GuardReading, GuardRequest
from serin.domain.analysis.request import LabelNames
from serin.domain.analysis.verdict import Verdict
from serin.domain.names import Key
from serin.prom.client import PrometheusClient, Refused
from serin.runtime.guarding import Guarding
from tests.cluster.needed import needed
from tests.cluster.network import free_port
from tests.cluster.prometheus import find_prometheus, over
from tests.cluster.waiting import until
from tests.unit.analysis.test_confined import ATTACKS

HOST, KEY = "127.0.0.1", Key("ml", "fraud")
STARTED = 1_795_400_000.0
CANARY, STABLE = "fraud-7c9f1a2b3c", "fraud-55d1a2b3c4"
PLACE = Place(namespace="ml", words={"canary": f"{CANARY}-.*", "stable": f"{STABLE}-.*"})
SECONDS = 120
SECRET = 31337.0


def used(second: int) -> float:
    """What the canary uses: within 70 for a minute, then above it, and in between not a number."""
    if 80 <= second < 90:
        return nan
    return 60.0 if second < 60 else 80.0


def history() -> list[str]:
    """Series of two namespaces, a sample each second; the other one has a secret."""
    lines = []
    for revision, value in ((CANARY, used), (STABLE, lambda second: 50.0)):
        for pod in ("aaaaa", "bbbbb"):
            labels = f'namespace="ml",pod="{revision}-5d8-{pod}"'
            lines += [f"used{{{labels}}} {value(s)} {STARTED + s}" for s in range(SECONDS)]
            lines += [f"served_total{{{labels}}} {7 * s} {STARTED + s}" for s in range(SECONDS)]
    others = 'secret{namespace="billing",pod="vault"}'
    lines += [f"{others} {SECRET} {STARTED + s}" for s in range(SECONDS)]
    return sorted(lines, key=lambda line: line.split("{")[0])


@pytest.fixture(scope="module")
def program() -> Path:
    """The binary, fetched if need be; where it cannot be had, these tests have nothing to run."""
    return needed(find_prometheus)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def prometheus(
    program: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[PrometheusClient]:
    """A Prometheus over that history, and a client of it."""
    folder, listen = tmp_path_factory.mktemp("prometheus"), f"{HOST}:{free_port(HOST)}"
    (folder / "prometheus.yml").write_text("{}")
    text = folder / "history.om"
    text.write_text("\n".join([*history(), "# EOF", ""]))
    command = ("tsdb", "create-blocks-from", "openmetrics", text, folder / "data")
    promtool, quiet = program.with_name("promtool"), asyncio.subprocess.DEVNULL
    done = await asyncio.create_subprocess_exec(promtool, *command, stdout=quiet)
    assert await done.wait() == 0
    async with over(folder, listen, "--storage.tsdb.retention.time=100y"), aiohttp.ClientSession() as session:
        yield PrometheusClient(session, f"http://{listen}")


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "query",
    [
        "used",
        'max(used{pod=~"fraud-7.*"}) by (namespace)',
        "-used ^ 2 + 3 * -2",
        "sum without (pod) (rate(served_total[30s] offset 20s))",
        "used / on (pod) group_left () served_total",
        "topk(1, used) or bottomk(1, served_total)",
        "max_over_time((used + 1)[20s:5s])",
        "quantile(0.5, used) > bool 55",
        "sum(increase(served_total[1m])) / scalar(count(used)) % 1e3",
        'label_replace(used, "short", "$1", "pod", ".*-(.*)")',
        "used unless ignoring (pod) served_total",
        "predict_linear(used[40s], 60) == used",
        "time() - 1",
        "clamp(used, 0x10, 55)",
        'count_values("v", used)',
    ],
)
async def test_a_query_of_the_own_namespace_yields_what_it_did(
    prometheus: PrometheusClient, query: str
) -> None:
    at = STARTED + 50

    meant = await prometheus.values(query, at)
    written = await prometheus.values(confined(query, PLACE), at)

    assert sorted(written.numbers) == sorted(meant.numbers)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("attack", ATTACKS)
async def test_no_attack_reads_the_secret(prometheus: PrometheusClient, attack: str) -> None:
    try:
        answer = await prometheus.values(confined(attack, PLACE), STARTED + 50)
    except (NotConfinable, Refused):
        return

    assert SECRET not in answer.numbers


@pytest.mark.asyncio(loop_scope="module")
async def test_the_secret_is_there_to_be_read(prometheus: PrometheusClient) -> None:
    assert (await prometheus.values("secret", STARTED + 50)).numbers == (SECRET,)


class Watcher:
    """Follows one guard on a clock that leaps a second with every question."""

    def __init__(self, prometheus: PrometheusClient, query: str, *, at: float, limit: int = 3) -> None:
        self.moment, self.nudges = STARTED + at, list[float]()
        self.guard = GuardPolicy(
            name="memory", query=query, maximum=Decimal(70), minimum=None, failure_limit=limit
        )
        self.guarding = Guarding(changed=lambda key, after: self.nudges.append(after), now=self._now)
        self.guarding.prometheuses = {"main": prometheus}

    def _now(self) -> float:
        self.moment += 1.0
        return self.moment

    def follow(self, guard: GuardPolicy | None = None) -> None:
        request = GuardRequest(
            attempt=f"{CANARY}.1",
            namespace="ml",
            canary=CANARY,
            stable=STABLE,
            guards=(guard or self.guard,),
            interval=0.01,
            labels=LabelNames(),
        )
        self.guarding.follow(KEY, request, "main")

    async def until(self, holds: Callable[[GuardReading], object]) -> GuardReading:
        async def look() -> tuple[GuardReading, ...]:
            return self.guarding.readings(KEY)

        (reading,) = await until(look, lambda found: found and holds(found[0]), what="a reading")
        return reading


MEMORY = 'max by (pod) (used{pod=~"$canary"})'


@pytest.mark.asyncio(loop_scope="module")
async def test_a_limit_that_is_passed_is_harm_and_asks_for_a_look(prometheus: PrometheusClient) -> None:
    watcher = Watcher(prometheus, MEMORY, at=50)
    watcher.follow()

    assert (await watcher.until(lambda one: one.value is not None)).verdict is Verdict.SAFE
    harm = await watcher.until(lambda one: one.verdict is Verdict.HARM)
    await watcher.guarding.close()

    assert (harm.value, harm.failures >= 3) == (80.0, True)
    assert watcher.nudges.count(0.0) == 1


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("query", "at"),
    [
        pytest.param(MEMORY, 79.5, id="not a number"),
        pytest.param('used{pod=~"$canary",gone="yes"}', 50, id="no series"),
        pytest.param("used * on (namespace) used", 50, id="refused by Prometheus"),
    ],
)
async def test_nothing_to_read_is_no_failure(prometheus: PrometheusClient, query: str, at: float) -> None:
    watcher = Watcher(prometheus, query, at=at)
    watcher.follow()

    reading = await watcher.until(lambda one: one.note)
    await watcher.guarding.close()

    assert (reading.verdict, reading.failures) == (Verdict.NO_DATA, 0)


@pytest.mark.asyncio(loop_scope="module")
async def test_prometheus_out_of_reach_is_no_failure(prometheus: PrometheusClient) -> None:
    async with aiohttp.ClientSession() as session:
        gone = PrometheusClient(session, f"http://{HOST}:{free_port(HOST)}")
        watcher = Watcher(gone, MEMORY, at=100)
        watcher.follow()

        reading = await watcher.until(lambda one: one.note)
        await watcher.guarding.close()

    assert (reading.verdict, reading.failures) == (Verdict.NO_DATA, 0)
    assert "cannot be reached" in reading.note


@pytest.mark.asyncio(loop_scope="module")
async def test_a_changed_guard_counts_anew_and_a_removed_one_is_gone(prometheus: PrometheusClient) -> None:
    watcher = Watcher(prometheus, MEMORY, at=100, limit=1000)
    watcher.follow()
    await watcher.until(lambda one: one.failures > 3)

    other = GuardPolicy(name="memory", query=MEMORY, maximum=Decimal(90), minimum=None, failure_limit=1000)
    watcher.follow(other)
    changed = await watcher.until(lambda one: one.guard == other)
    watcher.guarding.forget(KEY)

    assert changed.failures == 0
    assert watcher.guarding.readings(KEY) == ()
    await watcher.guarding.close()
