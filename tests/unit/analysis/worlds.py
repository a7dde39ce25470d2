"""A model under traffic, as Prometheus would store it: seeded counts, scraped at each pod's own phase."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from serin.domain.analysis.counters import Arm, Role, Series
from serin.domain.analysis.policy import Counter, Mode, Policy, Promotion, SignalPolicy
from serin.domain.analysis.request import Channel, PodTimes, StepWindow, TrialRequest
from serin.domain.analysis.trial import Trial
from serin.domain.analysis.verdict import Assessment

STARTED = 1_000_000.0 * 60
"""When rollouts begin: on every grid."""
STABLE, CANARY = "fraud-55d1aa00bb", "fraud-7c9faa00bb"

Risk = Callable[[float], float]
"""The bad share at a moment, in seconds since the rollout began."""
World = Mapping[Channel, list[Series]]
"""All that Prometheus has stored."""


def stable_pod(number: int) -> str:
    return f"{STABLE}-6d5f-{number:05d}"


def canary_pod(number: int) -> str:
    return f"{CANARY}-7b8c-{number:05d}"


def errors(**changes: object) -> SignalPolicy:
    given: dict[str, object] = {
        "name": "errors",
        "requests": Counter(metric="requests_total"),
        "bad": Counter(metric="requests_total", matchers=(("code", "=~", "5.."),)),
    }
    return SignalPolicy(**(given | changes))  # type: ignore[arg-type]


def policy(*signals: SignalPolicy, warm_up: float = 0.0, min_requests: int = 200) -> Policy:
    return Policy(
        mode=Mode.ENFORCE,
        max_false_rollback_rate=0.01,
        warm_up=timedelta(seconds=warm_up),
        promotion=Promotion(min_requests=min_requests),
        signals=signals or (errors(),),
    )


def request(
    rules: Policy,
    *,
    interval: float = 15.0,
    canaries: Mapping[str, float] | None = None,
    stables: int = 4,
    windows: tuple[StepWindow, ...] | None = None,
    step: int = 0,
    weight: float | None = None,
) -> TrialRequest:
    """Canaries by name with the time they became Ready, in seconds since the rollout began. Requests are not
    held to a weight unless one is given.
    """
    ours = {canary_pod(0): 0.0} if canaries is None else canaries
    opened = StepWindow(step=0, weight=weight, written=STARTED, settled=STARTED)
    return TrialRequest(
        attempt=f"{CANARY}.1",
        step=step,
        policy=rules,
        namespace="ml",
        stable=STABLE,
        canary=CANARY,
        pods=(
            *(PodTimes(name=stable_pod(k), arm=Arm.STABLE, ready=STARTED - 86_400) for k in range(stables)),
            *(PodTimes(name=name, arm=Arm.CANARY, ready=STARTED + ready) for name, ready in ours.items()),
        ),
        windows=(opened,) if windows is None else windows,
        started=STARTED,
        interval=interval,
    )


@dataclass
class Pod:
    """A process with two counters; the second appears with its first event, as client libraries have it."""

    name: str
    arm: Arm
    phase: float
    born: float
    served: int = 0
    failed: int = 0
    stored: list[tuple[float, int, int]] = field(default_factory=list)


def traffic(
    asked: TrialRequest,
    *,
    rps: float,
    share: Callable[[float], float],
    canary: Risk,
    stable: Risk,
    until: float,
    history: float = 3600.0,
    seed: int = 1,
) -> World:
    """Everything that Prometheus stores, from `history` seconds before the rollout to `until` after it."""
    dice = random.Random(seed)
    pods = [
        Pod(
            p.name,
            p.arm,
            phase=dice.random() * asked.interval,
            born=-history if p.arm is Arm.STABLE else (p.ready or STARTED) - STARTED,
        )
        for p in asked.pods
    ]
    steps = 5  # a scrape interval in so many slices, so that phases matter
    slice_ = asked.interval / steps
    t = -history
    while t < until:
        alive = {arm: [p for p in pods if p.arm is arm and p.born <= t] for arm in Arm}
        to_canary = share(t) if alive[Arm.CANARY] else 0.0
        for arm, portion, risk in ((Arm.CANARY, to_canary, canary), (Arm.STABLE, 1 - to_canary, stable)):
            for pod in alive[arm]:
                n = poisson(dice, rps * portion * slice_ / len(alive[arm]))
                pod.served += n
                pod.failed += binomial(dice, n, risk(t))
        for pod in alive[Arm.CANARY] + alive[Arm.STABLE]:
            if (t - pod.phase) // asked.interval != (t + slice_ - pod.phase) // asked.interval:
                pod.stored.append((STARTED + t + slice_, pod.served, pod.failed))
        t += slice_
    return stored(pods)


def stored(pods: list[Pod]) -> World:
    channels: dict[Channel, list[Series]] = {
        Channel("", Role.SCRAPES): [],
        Channel("errors", Role.REQUESTS): [],
        Channel("errors", Role.BAD): [],
    }
    for pod in pods:
        labels = {"namespace": "ml", "pod": pod.name, "instance": f"{pod.name}:8082", "job": "models"}
        up = Series(labels, tuple((t, 1.0) for t, _, _ in pod.stored))
        good = Series(labels | {"code": "200"}, tuple((t, float(n - e)) for t, n, e in pod.stored))
        bad = Series(labels | {"code": "500"}, tuple((t, float(e)) for t, _, e in pod.stored if e))
        channels[Channel("", Role.SCRAPES)].append(up)
        channels[Channel("errors", Role.REQUESTS)] += [good, bad]
        channels[Channel("errors", Role.BAD)].append(bad)
    return channels


def cut(world: World, after: float, to: float) -> World:
    """What a query at `to` answers that reaches back to `after`; both in seconds since the rollout began."""
    return {
        channel: [
            one._replace(samples=found)
            for one in series
            if (found := tuple(s for s in one.samples if after <= s[0] - STARTED <= to))
        ]
        for channel, series in world.items()
    }


def poisson(dice: random.Random, mean: float) -> int:
    if mean > 50:
        return max(0, round(dice.gauss(mean, mean**0.5)))
    left, count = 2.718281828459045**-mean, 0
    product = dice.random()
    while product > left:
        product *= dice.random()
        count += 1
    return count


def binomial(dice: random.Random, n: int, p: float) -> int:
    if p <= 0:
        return 0
    if n * p > 50 and n * (1 - p) > 50:
        return min(n, max(0, round(dice.gauss(n * p, (n * p * (1 - p)) ** 0.5))))
    return sum(dice.random() < p for _ in range(n))


def always(risk: float) -> Risk:
    return lambda _: risk


def since(onset: float, risk: float) -> Risk:
    return lambda t: risk if t >= onset else 0.0


def served(asked: TrialRequest, **changes: object) -> World:
    """The stored samples of a healthy model at 100 requests a second, 5 % on the canary, unless said
    otherwise.
    """
    given: dict[str, object] = {
        "rps": 100.0,
        "share": since(0, 0.05),
        "canary": always(0.01),
        "stable": always(0.01),
        "until": 600.0,
        "history": 900.0,
    }
    return traffic(asked, **(given | changes))  # type: ignore[arg-type]


def judged(asked: TrialRequest, world: World, *, at: float = 600.0) -> Assessment:
    trial = Trial(asked)
    trial.add(cut(world, -1e9, at))
    return trial.assess(STARTED + at)


def window(step: int, weight: int, written: float, settled: float | None) -> StepWindow:
    moment = None if settled is None else STARTED + settled
    return StepWindow(step=step, weight=weight, written=STARTED + written, settled=moment)


def exact(
    *, canary: tuple[float, float], stable: tuple[float, float], intervals: int, canaries: int = 1
) -> World:
    """So many requests and bad ones in each interval of both arms, scraped right on the boundaries."""
    channels: dict[Channel, list[Series]] = {}
    times = [STARTED + 15 * k for k in range(1, intervals + 1)]
    shares = [(canary_pod(k), canary, canaries) for k in range(canaries)] + [(stable_pod(0), stable, 1)]
    for pod, counts, parts in shares:
        labels = {"namespace": "ml", "pod": pod, "instance": f"{pod}:8082", "job": "models"}
        for role, growth in zip((Role.REQUESTS, Role.BAD), counts, strict=True):
            samples = tuple((t, k * growth / parts) for k, t in enumerate(times))
            channels.setdefault(Channel("errors", role), []).append(Series(labels, samples))
    return channels


def behind_proxy(series: Series) -> Series:
    backend = series.labels["pod"][: -len("-7b8c-00000")]
    labels = {"namespace": "gateways", "pod": "envoy-0", "instance": "10.0.0.9:9901", "job": "envoy"}
    which = {"of": series.labels["pod"], "code": series.labels["code"]}
    # One proxy is scraped at one moment: the pods' own phases are rounded away.
    samples = tuple((float(round(t / 15) * 15), v) for t, v in series.samples)
    return Series(labels | which | {"envoy_cluster_name": f"route/ml/{backend}"}, samples)
