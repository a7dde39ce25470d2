"""Many rollouts at one Prometheus: asked for together, told apart, and none blind because of another."""

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import promql_parser
import pytest

from serin.domain.analysis.counters import Series
from serin.domain.analysis.policy import Counter
from serin.domain.analysis.request import TrialRequest
from serin.domain.analysis.verdict import Assessment, Verdict
from serin.domain.names import Key
from serin.prom.errors import NotLetIn, Refused, TooLarge, Unreachable
from serin.prom.samples import Matrix
from serin.runtime.poller import Poller
from tests.unit.analysis.worlds import STARTED, errors, policy, request, traffic

pytestmark = pytest.mark.looptime(start=0)

INTERVAL = 15.0
UNTIL = 120.0


def now() -> float:
    return STARTED + asyncio.get_running_loop().time()


class Store:
    """Series of any number of models, found as Prometheus finds them: by every matcher of the query.

    Args:
        refuse: Told the query's text and how many series it finds; raises to refuse.
    """

    longest = 12_000

    def __init__(
        self,
        series: Iterable[Series],
        *,
        refuse: Callable[[str, int], None] = lambda *_: None,
        warn: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._series = list(series)
        self._refuse, self._warn = refuse, warn
        self.asked: list[str] = []

    async def query(self, expr: str, at: float) -> Matrix:
        self.asked.append(expr)
        await asyncio.sleep(0.01)
        selector, _, reach = expr.removesuffix("s]").rpartition("[")
        begin, end = at - int(reach), min(at, now())
        found = [one for one in self._series if _matches(selector, one.labels)]
        self._refuse(expr, len(found))
        cut = (one._replace(samples=tuple(s for s in one.samples if begin < s[0] <= end)) for one in found)
        return Matrix(tuple(one for one in cut if one.samples), ("a store is away",) * self._warn(expr))


def _full(value: str, pattern: str) -> bool:
    return re.fullmatch(pattern, value) is not None


TESTS: dict[str, Callable[[str, str], bool]] = {
    "MatchOp.Equal": lambda value, wanted: value == wanted,
    "MatchOp.NotEqual": lambda value, wanted: value != wanted,
    "MatchOp.Re": _full,
    "MatchOp.NotRe": lambda value, pattern: not _full(value, pattern),
}


def _matches(selector: str, labels: Mapping[str, str]) -> bool:
    parsed = promql_parser.parse(selector)
    assert isinstance(parsed, promql_parser.VectorSelector)
    return labels["__name__"] == parsed.name and all(
        TESTS[str(m.op)](labels.get(m.name, ""), m.value) for m in parsed.matchers.matchers
    )


def attempt(number: int, *, own: str | None = None) -> TrialRequest:
    """Two of three have a namesake in another namespace; `own` is a counter nobody else has."""
    model, namespace = f"model-{number // 2}", f"team-{number % 2}-{number // 4}"
    rules = policy(errors() if own is None else errors(bad=Counter(metric=own)))
    asked = request(rules, interval=INTERVAL, stables=2)
    names = {asked.stable: f"{model}-55d1aa00bb", asked.canary: f"{model}-7c9faa00bb"}
    return replace(
        asked,
        attempt=f"{model}-7c9faa00bb.1",
        namespace=namespace,
        stable=names[asked.stable],
        canary=names[asked.canary],
        pods=tuple(replace(pod, name=_renamed(pod.name, names)) for pod in asked.pods),
    )


def _renamed(pod: str, names: Mapping[str, str]) -> str:
    return next(pod.replace(old, new) for old, new in names.items() if pod.startswith(old))


def stored(number: int, asked: TrialRequest) -> list[Series]:
    """What its pods tell; every third model's canary fails."""
    risk = 0.2 if number % 3 == 0 else 0.005
    world = traffic(
        asked,
        rps=40,
        share=lambda t: 0.2,
        canary=lambda t: risk,
        stable=lambda t: 0.005,
        until=UNTIL,
        history=60,
        seed=number,
    )
    names = {"scrapes": "up", "requests": "requests_total"}
    return [
        Series({**one.labels, "__name__": names[channel.role], "namespace": asked.namespace}, one.samples)
        for channel, series in world.items()
        if channel.role in names
        for one in series
    ]


class Fleet:
    """Models by key, and the last that was said of each."""

    def __init__(self, attempts: Iterable[TrialRequest]) -> None:
        self.attempts = {Key(one.namespace, one.canary[:-11]): one for one in attempts}
        self.series = [
            one for number, asked in enumerate(self.attempts.values()) for one in stored(number, asked)
        ]
        self.heard: dict[Key, list[Assessment]] = {key: [] for key in self.attempts}

    async def judged_by(self, store: Store, *, seconds: float = UNTIL, keys: Iterable[Key] = ()) -> None:
        poller = Poller({"main": store}, on_assessment=lambda k, one: self.heard[k].append(one), now=now)
        for key in list(keys) or self.attempts:
            poller.follow(key, self.attempts[key], "main")
        await asyncio.sleep(seconds)
        await poller.close()

    def last(self) -> dict[Key, Assessment]:
        return {key: said[-1] for key, said in self.heard.items()}


async def test_what_is_asked_together_is_judged_as_if_alone() -> None:
    together = Fleet(map(attempt, range(12)))
    store = Store(together.series)
    await together.judged_by(store)

    for key in list(together.attempts)[:4]:
        alone = Fleet(map(attempt, range(12)))
        await alone.judged_by(Store(together.series), keys=[key], seconds=UNTIL)
        boundary = min(together.heard[key][-1].boundary or 0, alone.heard[key][-1].boundary or 0)
        assert at(boundary, together.heard[key]) == at(boundary, alone.heard[key])
    verdicts = [said.verdict for said in together.last().values()]
    assert verdicts.count(Verdict.HARM) == 4
    one_by_one = 12 * 3 * UNTIL / INTERVAL
    assert len(store.asked) < one_by_one / 1.5


@pytest.mark.parametrize(("rollouts", "seconds"), [(1, 0.35), (4, 1.0), (40, 2.0)])
async def test_a_verdict_follows_its_sample_at_once(rollouts: int, seconds: float) -> None:
    fleet = Fleet(map(attempt, range(rollouts)))
    waits: list[float] = []

    def hear(key: Key, said: Assessment) -> None:
        boundary = said.boundary or 0.0
        if boundary > STARTED and (not fleet.heard[key] or fleet.heard[key][-1].boundary != boundary):
            waits.append(now() - decided(fleet, key, boundary))
        fleet.heard[key].append(said)

    poller = Poller({"main": Store(fleet.series)}, on_assessment=hear, now=now)
    for key, asked in fleet.attempts.items():
        poller.follow(key, asked, "main")
    await asyncio.sleep(UNTIL)
    await poller.close()

    assert len(waits) >= 5 * rollouts
    assert max(waits) < seconds


def decided(fleet: Fleet, key: Key, boundary: float) -> float:
    """When the last of a model's pods was scraped at or after a boundary."""
    scrapes = [
        [t for t, _ in one.samples if t >= boundary]
        for one in fleet.series
        if one.labels["__name__"] == "up" and one.labels["namespace"] == key.namespace
        if one.labels["pod"].startswith(f"{key.name}-")
    ]
    return max(times[0] for times in scrapes)


def at(boundary: float, heard: list[Assessment]) -> object:
    return next(one.signals for one in heard if one.boundary == boundary)


async def test_a_query_that_is_refused_blinds_only_those_who_ask_for_it() -> None:
    def refuse(expr: str, _: int) -> None:
        if "poison" in expr:
            raise Refused("no such thing")

    fleet = Fleet([*map(attempt, range(7)), attempt(7, own="poison")])
    await fleet.judged_by(Store(fleet.series, refuse=refuse))

    *others, poisoned = fleet.last().values()
    assert (poisoned.available, poisoned.reason) == (False, "QueryRefused")
    assert all(said.available and said.boundary == STARTED + UNTIL - INTERVAL for said in others)


async def test_one_attempt_that_no_query_may_hold_is_found_and_left_out() -> None:
    def refuse(expr: str, _: int) -> None:
        if "model-2-" in expr and "team-1-1" in expr and expr.startswith("requests"):
            raise Refused("too many samples")

    fleet = Fleet(map(attempt, range(12)))
    await fleet.judged_by(Store(fleet.series, refuse=refuse))

    blind = [key for key, said in fleet.last().items() if not said.available]
    assert blind == [Key("team-1-1", "model-2")]


async def test_an_answer_that_is_too_large_is_asked_for_in_parts() -> None:
    def refuse(_: str, series: int) -> None:
        if series > 20:
            raise TooLarge("more than 20 series")

    fleet = Fleet(map(attempt, range(12)))
    await fleet.judged_by(Store(fleet.series, refuse=refuse))

    assert all(said.available for said in fleet.last().values())


async def test_warnings_are_no_information_for_those_they_are_about() -> None:
    fleet = Fleet(map(attempt, range(8)))
    await fleet.judged_by(Store(fleet.series, warn=lambda expr: "team-0-0" in expr and "model-1-" in expr))

    reasons = {key: said.reason for key, said in fleet.last().items() if not said.available}
    assert reasons == {Key("team-0-0", "model-1"): "PartialAnswer"}


@pytest.mark.parametrize(
    ("error", "reason"),
    [(Unreachable("away"), "PrometheusUnreachable"), (NotLetIn("who are you?"), "QueryRefused")],
)
async def test_where_nobody_can_be_answered_everybody_is_told_and_few_queries_are_made(
    error: Exception, reason: str
) -> None:
    def refuse(*_: object) -> None:
        raise error

    fleet = Fleet(map(attempt, range(12)))
    store = Store(fleet.series, refuse=refuse)
    await fleet.judged_by(store, seconds=60)

    assert {(said.available, said.reason) for said in fleet.last().values()} == {(False, reason)}
    # As many as attempts and pauses: 0, 15 and 45 s.
    assert len(store.asked) <= 3 * 12


async def test_a_server_that_wants_to_be_left_alone_is() -> None:
    def refuse(*_: object) -> None:
        raise Unreachable("busy", retry_after=50)

    fleet = Fleet([attempt(0)])
    store = Store(fleet.series, refuse=refuse)
    await fleet.judged_by(store, seconds=49)

    assert len(store.asked) == 1


async def test_who_could_not_be_read_catches_up() -> None:
    def refuse(*_: object) -> None:
        if 20 < now() - STARTED < 80:
            raise Unreachable("away")

    disturbed, calm = Fleet(map(attempt, range(6))), Fleet(map(attempt, range(6)))
    await disturbed.judged_by(Store(disturbed.series, refuse=refuse), seconds=UNTIL)
    await calm.judged_by(Store(calm.series), seconds=UNTIL)

    for key, said in disturbed.last().items():
        assert said.signals == at(said.boundary or 0, calm.heard[key])


async def test_what_is_forgotten_while_it_is_asked_for_is_not_heard_of() -> None:
    fleet = Fleet(map(attempt, range(4)))
    heard: list[Key] = []

    def hear(key: Key, _: Assessment) -> None:
        heard.append(key)
        for other in fleet.attempts:
            if other != key:
                poller.forget(other)

    poller = Poller({"main": Store(fleet.series)}, on_assessment=hear, now=now)
    for key, asked in fleet.attempts.items():
        poller.follow(key, asked, "main")
    await asyncio.sleep(60)
    await poller.close()

    assert len(set(heard)) == 1
    assert len(heard) > 1
