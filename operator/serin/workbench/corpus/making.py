"""From a line of the corpus to a recording: requests are drawn second by second, counted by processes that
may restart, and read at each pod's own phase, or not at all.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from serin.domain.analysis.counters import Arm
from serin.workbench.corpus.described import Described
from serin.workbench.corpus.shapes import BOUNDS, LIMIT_MILLISECONDS, SHAPES, Shares
from serin.workbench.recorded import Kind

START: Final = 1_767_225_600
"""When the rollouts of the corpus begin, in Unix seconds."""
BEYOND: Final = 2
"""Scrapes after the last boundary, so that it can be decided."""
JITTER: Final = 0.05
"""Seconds by which a scrape is early or late."""
READY_AFTER: Final = 5
"""Seconds from a process's start until its pod is Ready."""

_COUNTERS: Final = {
    Kind.ERRORS: ("requests_total", "code", ("200", "500")),
    Kind.COUNTERS: ("predictions_total", "outcome", ("model", "fallback")),
}
"""Metric, and the label that tells the good from the bad."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pod:
    """A pod: what it counted by the end of each second, in bins, and when it was scraped and restarted."""

    name: str
    arm: Arm
    born: int
    counted: Floats
    scrapes: Floats
    restarts: Floats

    def samples(self, first: float) -> Iterator[tuple[float, Floats]]:
        """Time of each scrape, and the counters' values since the process began."""
        for t in self.scrapes:
            yield t, self.counted[int(t - first)] - self.counted[int(self.began(t) - first)]

    def began(self, t: float) -> float:
        """When the process began that runs at a moment."""
        restarts = self.restarts[self.restarts <= t]
        return float(restarts[-1]) if len(restarts) else float(self.born)


@dataclass(frozen=True, slots=True)
class _World:
    """What the dice of one rollout have in common for all its pods."""

    told: Described
    dice: np.random.Generator
    seconds: Floats
    """The start of each second, from the start of the history on; 0 is the rollout's start."""
    incident: NDArray[np.bool_]
    idle: NDArray[np.bool_]
    outage: tuple[float, float]
    by_chance: bool


def document_of(told: Described, *, by_chance: bool = True) -> dict[str, Any]:
    """The recording, as `serin replay` reads it.

    Args:
        told: What it is made from.
        by_chance: Requests are drawn, pods differ, scrapes fail. Else each counter counts what is expected,
            which shows how soon the fault can be found without luck of either kind.
    """
    world = _world(told, by_chance=by_chance)
    pods = [_pod(world, arm, number) for arm, number in _members(told)]
    signal: dict[str, Any] = {"kind": str(told.kind)}
    if told.kind is Kind.LATENCY:
        signal["slowerThanMilliseconds"] = LIMIT_MILLISECONDS
    return {
        "name": told.name,
        "truth": str(told.truth),
        "signal": signal,
        "scrapeIntervalSeconds": told.interval,
        "rolloutStart": START,
        "weights": [[START + t, percent] for t, percent in told.weights],
        "pods": {pod.name: {"ready": START + pod.born + READY_AFTER} for pod in pods if pod.born == 0},
        **{str(arm): _matrices(told, [pod for pod in pods if pod.arm is arm]) for arm in reversed(Arm)},
    }


def _world(told: Described, *, by_chance: bool) -> _World:
    dice = np.random.default_rng([told.number, 2026])
    seconds = np.arange(-told.history, told.seconds + BEYOND * told.interval + 1, dtype=np.float64)
    condition = told.condition

    def stretch(length: float) -> tuple[float, float]:
        begins = dice.uniform(120, told.seconds - length - 120)
        return begins, begins + length

    def during(length: float) -> NDArray[np.bool_]:
        begins, ends = stretch(length)
        found: NDArray[np.bool_] = (seconds >= begins) & (seconds < ends)
        return found

    return _World(
        told,
        dice,
        seconds,
        incident=during(condition.incident.seconds if condition.incident else 0),
        idle=during(condition.idle),
        outage=stretch(condition.outage),
        by_chance=by_chance,
    )


def _members(told: Described) -> Iterator[tuple[Arm, int]]:
    for number in range(told.stables):
        yield Arm.STABLE, number
    for number in range(told.canaries):
        yield Arm.CANARY, number


def _pod(world: _World, arm: Arm, number: int) -> _Pod:
    told = world.told
    born = 0 if arm is Arm.CANARY else -told.history
    expected = _rate(world, arm)[:, None] * _bins(world, arm)
    size = 1 if told.is_histogram else told.condition.cluster
    drawn = world.dice.poisson(expected / size) * size if world.by_chance else expected
    counted: Floats = np.zeros((len(drawn) + 1, drawn.shape[1]))
    np.cumsum(drawn, axis=0, out=counted[1:])
    return _Pod(
        name=f"{arm}-{number}",
        arm=arm,
        born=born,
        counted=counted,
        scrapes=_scrapes(world, born),
        restarts=_restarts(world, born),
    )


def _rate(world: _World, arm: Arm) -> Floats:
    """Requests to one pod of an arm, in each second."""
    told = world.told
    share = np.zeros_like(world.seconds)
    for t, percent in told.weights:
        share[world.seconds >= t] = percent / 100
    of_arm = share / told.canaries if arm is Arm.CANARY else (1 - share) / told.stables
    rate: Floats = told.per_second * of_arm * ~world.idle
    return rate


def _bins(world: _World, arm: Arm) -> Floats:
    """The share of each kind of request in each second: seconds x bins."""
    told = world.told
    if told.is_histogram:
        return _of_shapes(world, arm)
    bad = np.full_like(world.seconds, told.usual)
    if arm is Arm.CANARY:
        bad = told.change.mean_share(told.usual, world.seconds, world.seconds + 1)
        bad = np.where(world.seconds < told.condition.cold, told.condition.cold_share, bad)
    bad = bad * _noise(world)
    if told.condition.incident is not None:
        bad = np.where(world.incident, np.maximum(bad, told.condition.incident.share), bad)
    bad = np.clip(bad, 0.0, 1.0)
    return np.stack((1 - bad, bad), axis=1)


def _of_shapes(world: _World, arm: Arm) -> Floats:
    told, shapes = world.told, SHAPES[world.told.kind]
    shares = np.tile(shapes["none"], (len(world.seconds), 1))
    if arm is Arm.CANARY and told.fault != "none":
        grown = told.change.mean_share(0.0, world.seconds, world.seconds + 1)
        faulty = np.asarray(grown, dtype=np.float64)
        shares = _mixed(shares, shapes[told.fault], faulty)
    if told.condition.incident is not None:
        shared = np.where(world.incident, told.condition.incident.share, 0.0)
        shares = _mixed(shares, shapes["incident"], shared)
    return shares


def _mixed(shares: Floats, other: Shares, part: Floats) -> Floats:
    found: Floats = (1 - part[:, None]) * shares + part[:, None] * np.asarray(other)
    return found


def _noise(world: _World) -> Floats:
    """By how much a pod's bad share is another than its arm's, in each second; 1 on average."""
    condition, dice = world.told.condition, world.dice
    if not world.by_chance:
        return np.ones_like(world.seconds)
    minutes = np.repeat(dice.normal(size=len(world.seconds) // 60 + 1), 60)[: len(world.seconds)]
    spread = condition.minute_spread * minutes - condition.minute_spread**2 / 2
    found: Floats = np.exp(spread + condition.pod_spread * dice.normal() - condition.pod_spread**2 / 2)
    return found


def _scrapes(world: _World, born: int) -> Floats:
    told, dice = world.told, world.dice
    first = born + 1 + dice.uniform() * told.interval
    times = np.arange(first, world.seconds[-1] - 1, told.interval, dtype=np.float64)
    times = times + dice.uniform(-JITTER, JITTER, size=len(times))
    heard = dice.uniform(size=len(times)) >= told.condition.missing * world.by_chance
    begins, ends = world.outage
    return np.round(times[heard & ~((times >= begins) & (times < ends))], 3)


def _restarts(world: _World, born: int) -> Floats:
    every = world.told.condition.restarts_every
    if every is None or not world.by_chance:
        return np.empty(0)
    return np.arange(born + world.dice.uniform(0.2, 1) * every, world.seconds[-1], every)


def _matrices(told: Described, pods: list[_Pod]) -> Mapping[str, Any]:
    """An arm's matrices: pairs of counters or a histogram's buckets, and where processes restart, since when
    they have run.
    """
    told_by = {"start": _matrix(_began(pod) for pod in pods)} if told.condition.restarts_every else {}
    if told.is_histogram:
        return told_by | {"buckets": _matrix(series for pod in pods for series in _buckets(told, pod))}
    good, bad = ([_counter(told, pod, place) for pod in pods] for place in (0, 1))
    bad = [series for series in bad if series["values"]]
    return told_by | {"requests": _matrix(good + bad), "bad": _matrix(bad)}


def _matrix(series: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    return {"resultType": "matrix", "result": list(series)}


def _began(pod: _Pod) -> Mapping[str, Any]:
    return {
        "metric": {"__name__": "process_start_time_seconds", **_labels(pod)},
        "values": [[START + round(t, 3), f"{START + pod.began(t):.2f}"] for t in pod.scrapes],
    }


def _counter(told: Described, pod: _Pod, place: int) -> Mapping[str, Any]:
    """A counter; that of bad requests appears with the first of them, as client libraries have it."""
    name, label, values = _COUNTERS[told.kind]
    samples = [
        [START + round(t, 3), f"{counts[place]:.12g}"]
        for t, counts in pod.samples(-told.history)
        if place == 0 or counts[place]
    ]
    return {"metric": {"__name__": name, label: values[place], **_labels(pod)}, "values": samples}


def _buckets(told: Described, pod: _Pod) -> Iterator[dict[str, Any]]:
    name = "request_duration_seconds_bucket" if told.kind is Kind.LATENCY else "prediction_score_bucket"
    samples = [(t, np.cumsum(counts)) for t, counts in pod.samples(-told.history)]
    for place, bound in enumerate(BOUNDS[told.kind]):
        yield {
            "metric": {"__name__": name, "le": "+Inf" if bound == inf else f"{bound:g}", **_labels(pod)},
            "values": [[START + round(t, 3), f"{counts[place]:.12g}"] for t, counts in samples],
        }


def _labels(pod: _Pod) -> Mapping[str, str]:
    return {"namespace": "ml", "pod": pod.name, "job": "models", "instance": f"{pod.name}:8080"}
