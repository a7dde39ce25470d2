"""Tests that need minutes of waiting, but little of the machine: begun together, each awaited by its test.

What a scenario stands on, and what it asks of a canary on trial.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from tests.cluster.cluster import Cluster
from tests.cluster.gateway import Gateway
from tests.cluster.prometheus import Prometheus
from tests.cluster.resources import PODS, Object
from tests.cluster.traffic import Traffic
from tests.cluster.waiting import NotInTime, until
from tests.invariants.story import story
from tests.invariants.watcher import MODEL_DEPLOYMENTS, Watcher
from tests.operator.test_writes import writes_of
from tests.stage.model import Model, condition, spec, state
from tests.stage.operator import Operator
from tests.stage.scenarios import Scenarios

WEIGHT: Final = 50
EASY: Final = {"maxIncreasePoints": "10", "minRequests": 30}
"""What must be shown for a promotion, where the test is about something else: 30 good requests or so."""
AT_ONCE: Final = 12
SETTLED_WITHIN: Final = 600.0
"""Beside so many others; how soon a decision comes is asked by tests of its own."""
HELD_SECONDS: Final = 60.0
"""As long as a healthy canary takes here, with all that is done to Prometheus and the operator meanwhile."""
FEW_WRITES: Final = 12
"""In that time: the status is written anew every ten seconds, and where the verdict turns."""
OUT_OF_SIGHT: Final = frozenset({"ScrapesMissing", "SamplesStale", "PrometheusUnreachable"})
"""What is said while the machine stands still, and taken back when it goes on: two turns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What all scenarios share."""

    cluster: Cluster
    place: str
    gateway: Gateway
    prometheus: Prometheus
    serin: Operator
    watcher: Watcher
    url: str


side_by_side: Final = Scenarios[Ground]()
"""Makes a test of a scenario of its `Ground`."""


class Trial:
    """A model whose second version is on trial, and its users."""

    def __init__(self, ground: Ground, model: Model, asking: Traffic, stable: str) -> None:
        self.ground, self.model, self.asking, self.stable = ground, model, asking, stable

    async def taken_back(self, *, reason: str = "Harm", within: float = SETTLED_WITHIN) -> Object:
        """Wait until the version is rejected; what the status remembers of it."""
        seen = await self.model.until(condition("Stalled", reason="RolledBack"), within=within)
        rejected: Object = seen["status"]["rejected"][0]
        assert rejected["reason"] == reason, rejected
        assert await self.model.weights() == {self.stable: 100}
        return rejected

    async def promoted(self, *, within: float = SETTLED_WITHIN) -> Object:
        """Wait until the version is the stable one, without a step back in between."""
        seen = await self.model.until(
            lambda seen: condition("Ready")(seen) and seen["status"]["stable"]["revision"] != self.stable,
            within=within,
        )
        assert not seen["status"].get("rejected"), seen["status"]["rejected"]
        return seen

    async def under_way(self, *, within: float = SETTLED_WITHIN) -> str:
        """Wait until the canary has its weight; the canary's revision."""
        await self.model.until(state("Stepping"), within=within)
        found = await self.model.until_weights(WEIGHT)
        return next(name for name in found if name != self.stable)

    async def held(self, *, seconds: float = HELD_SECONDS) -> None:
        """See it neither promoted nor taken back for a while, at the cost of a few writes."""
        before = len(self.said())
        async with writes_of(self.ground.cluster, self.model) as writes:
            try:
                seen = await self.model.until(
                    lambda seen: (seen["status"].get("rollout") or {}).get("state") != "Stepping",
                    within=seconds,
                )
            except NotInTime:
                seen = None
        assert seen is None, seen
        missed = sum(reason in OUT_OF_SIGHT for reason in self.said()[before:])
        written = [*writes.work, *writes.late]
        assert len(written) <= FEW_WRITES + 2 * missed, (written, self.said()[before:])

    async def not_promoted(self, *, seconds: float = HELD_SECONDS) -> None:
        """See it not promoted for a while, whatever else becomes of it, in less than a write a second."""
        async with writes_of(self.ground.cluster, self.model) as writes:
            with suppress(NotInTime):
                seen = await self.model.until(
                    lambda seen: seen["status"]["stable"]["revision"] != self.stable, within=seconds
                )
                raise AssertionError(f"promoted: {seen['status']}")
        assert len(writes.work) < seconds, writes.work

    async def until_said(self, *reasons: str, beyond: int = 0, within: float = SETTLED_WITHIN) -> None:
        """Wait until the judge has given one of these reasons, after so many that it had given before."""

        async def look() -> list[str]:
            return self.said()[beyond:]

        what = f"{' or '.join(reasons)} of {self.model.name}"
        await until(look, set(reasons).intersection, within=within, what=what)

    async def until_said_last(self, *reasons: str) -> None:
        """Wait until one of these reasons is the latest that the judge has given."""

        async def look() -> list[str]:
            return self.said()[-1:]

        what = f"{' or '.join(reasons)} of {self.model.name} at last"
        await until(look, set(reasons).intersection, within=SETTLED_WITHIN, what=what)

    def said(self) -> list[str]:
        """The reasons the judge has given so far."""
        key = f"{self.model.namespace}/{self.model.name}"
        return [str(line["reason"]) for line in self.ground.serin.judgements() if line["key"] == key]

    async def behave(self, revision: str, **behaviour: object) -> None:
        """Tell all pods of a revision how to behave from now on."""
        found = await self.model.api.list(
            PODS, self.model.namespace, labels=f"serin.dev/model={self.model.name}"
        )
        chosen = [pod for pod in found if pod["metadata"]["name"].startswith(f"{revision}-")]
        async with aiohttp.ClientSession() as http:
            for pod in chosen:
                url = f"http://{pod['status']['podIP']}:8080/behaviour"
                async with http.put(url, json=behaviour) as answer:
                    answer.raise_for_status()


@asynccontextmanager
async def on_trial(
    ground: Ground,
    name: str,
    *signals: Object,
    per_second: float = 10.0,
    stable: Mapping[str, Any] | None = None,
    canary: Mapping[str, Any] | None = None,
    promote: Mapping[str, Any] = EASY,
    annotations: Mapping[str, str] | None = None,
    analysis: Mapping[str, Any] | None = None,
    lies: Sequence[Callable[[str, str], None]] = (),
    **shape: Any,
) -> AsyncIterator[Trial]:
    """A model with users, whose second version has just been applied; at the end no rule may be broken.

    Without signals it is judged by the runtime's errors; `stable` and `canary` are the versions' behaviour,
    `annotations` those of the pods, `analysis` more of the analysis, `shape` more for `spec`. The gateway's
    `lies` about the model's route begin before the second version.
    """
    model = Model(ground.cluster.api, ground.place, name)
    given: dict[str, Any] = {"replicas": 1, "steps": {WEIGHT: 1}, "warm_up": 2, **shape}

    def version(number: str, behaviour: Mapping[str, Any] | None) -> Object:
        wanted = spec(number, **given, **(behaviour or {}))
        wanted["analysis"] |= {"promote": dict(promote), **({"signals": list(signals)} if signals else {})}
        wanted["analysis"] |= dict(analysis or {})
        wanted["template"]["metadata"] = {"annotations": dict(annotations or {})}
        return wanted

    await model.apply(version("1", stable))
    seen = await model.until(condition("Ready"), within=SETTLED_WITHIN)
    first: str = seen["status"]["stable"]["revision"]
    await ground.gateway.until_served(ground.place, name, {first: 100})
    url = f"{ground.url}/v2/models/{name}/infer"
    asking = Traffic(url, per_second=per_second, host=model.host, connections=5)
    await asking.__aenter__()
    try:
        await asking.more(min(20, round(5 * per_second)))
        for lie in lies:
            lie(ground.place, name)
        await model.apply(version("2", canary))
        yield Trial(ground, model, asking, first)
        assert await ground.watcher.verdict(name) == []
    finally:
        # Captured, and so shown where the test fails.
        print("\n".join(story(ground.watcher.history_of(name))))
        await asking.stop()
        await model.api.delete(MODEL_DEPLOYMENTS, name, ground.place)
