"""Which scraped process a series belongs to, and whose it is.

Several series of Prometheus may tell of one process: a pod is scraped by two jobs, or by each of an HA
pair. They meet in one `Target`, so that nothing is counted twice. Where a series goes is worked out when it
is first heard, and remembered by its labels.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from math import inf
from typing import Final

from serin.domain.analysis.counters import Arm, Cell, Role, Series
from serin.domain.analysis.feeds import Feed, Stream
from serin.domain.analysis.request import Asked, Channel, LabelNames, TrialRequest
from serin.domain.analysis.targets import MISSED, Target

ALWAYS_OF_SCRAPING: Final = frozenset({"job", "instance"})
"""With every label that begins with `prometheus`."""
OFTEN_OF_SCRAPING: Final = frozenset({"endpoint", "service", "container", "node", "replica"})
"""Where `up` of the same target has them. Some servers use the same words for what they count, such as
BentoML's `endpoint`: taken for ways of scraping, all but one of those series would be left out.
"""
MOST_SERIES: Final = 10_000
"""Of one kind in an attempt. With a label for each request there is no end of them, and everyone's judgement
would wait for it; a large model has a hundredth of this.
"""

TargetKey = tuple[Arm | None, str, str, str]
"""Whose it is, None for a proxy; namespace, pod (or instance), port."""


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A target and whose it is: a pod's, or the data plane's, which serves both arms."""

    target: Target
    pod: str | None
    arm: Arm | None


@dataclass(frozen=True, slots=True)
class Ear:
    """Where the samples of one series go."""

    target: Target
    feed: Feed
    stream: Stream


class Sources:
    """The targets of an attempt, as their series are heard of."""

    def __init__(self, *, interval: float) -> None:
        self.interval = interval
        self.heard: set[Cell] = set()
        """Which kinds of series have been seen at all."""
        self.crowded: set[str] = set()
        """Signals that have more series than are read."""
        self._sources: dict[TargetKey, Source] = {}
        self._scraping: dict[TargetKey, set[str]] = {}
        self._ears: dict[Channel, dict[tuple[str | None, ...], Ear | None]] = {}
        self._kinds: Counter[Channel] = Counter()

    def __iter__(self) -> Iterator[Source]:
        return iter(self._sources.values())

    @property
    def late(self) -> int:
        """Samples that came too late to be where their time says."""
        return sum(source.target.late for source in self)

    def alive(self) -> list[Source]:
        """Those that have not missed three scrapes while others were scraped."""
        latest = max((source.target.latest or -inf for source in self), default=-inf)
        return [s for s in self if (s.target.latest or -inf) > latest - MISSED * self.interval]

    def hear(self, request: TrialRequest, order: int, asked: Asked, *, answer: Iterable[Series]) -> None:
        """Take in the answer to the query of that number; of strangers' series, nothing."""
        channel = asked.channel
        ears = self._ears.setdefault(channel, {})
        for series in answer:
            # In the order in which they are told, which is always the same: sorting costs more than all else.
            key = (series.arm, *series.labels, *series.labels.values())
            try:
                ear = ears[key]
            except KeyError:
                if self._kinds[channel] >= MOST_SERIES:
                    self.crowded.add(channel.signal)
                    return
                self._kinds[channel] += 1
                ear = ears[key] = self._ear(request, asked, series)
            if ear is not None:
                ear.target.hear(ear.feed, order, ear.stream, samples=series.samples)

    def _ear(self, request: TrialRequest, asked: Asked, series: Series) -> Ear | None:
        arm = series.arm or _arm(request, asked, series.labels)
        role = asked.channel.role
        if series.native and role is Role.WITHIN:
            role = Role.NATIVE
        if arm is None or series.native != (role is Role.NATIVE):
            return None
        bound = _bound(series.labels) if asked.bounded or series.native else None
        if asked.bounded and bound is None:
            return None
        key = self._key(series.labels, request.labels, owner=None if asked.data_plane else arm)
        if key not in self._sources:
            named = series.labels.get(request.labels.pod) or series.labels.get("instance", "")
            pod, owner = (named, arm) if asked.data_plane is None else (None, None)
            self._sources[key] = Source(Target(interval=self.interval), pod, owner)
            self._scraping[key] = set(ALWAYS_OF_SCRAPING)
        if role is Role.SCRAPES:
            self._learn_scraping(key, series.labels)
        cell = Cell(asked.channel.signal, role, arm, bound)
        if role not in (Role.SCRAPES, Role.START):
            self.heard.add(cell)
        feed_key, rest = _split(series.labels, request.labels, scraping=self._scraping[key])
        target = self._sources[key].target
        feed = target.feed(feed_key)
        return Ear(target, feed, feed.stream(repr((*asked.channel, *rest)), cell))

    def _learn_scraping(self, key: TargetKey, labels: Mapping[str, str]) -> None:
        """Labels of `up` are of the scraping; series heard before may have been told apart by them."""
        found = OFTEN_OF_SCRAPING & labels.keys()
        if not found <= self._scraping[key]:
            self._scraping[key] |= found
            for ears in self._ears.values():
                ears.clear()

    def _key(self, labels: Mapping[str, str], names: LabelNames, *, owner: Arm | None) -> TargetKey:
        """Where a series is from. A duplicate whose instance label has no port counts as the same port."""
        instance = labels.get("instance", "")
        host, colon, tail = instance.rpartition(":")
        port = tail if colon and tail.isdigit() else ""
        place = (owner, labels.get(names.namespace, ""), labels.get(names.pod) or host or instance)
        alike = [key for key in self._sources if key[:3] == place]
        return next((key for key in alike if key[3] == port or "" in (key[3], port)), (*place, port))


def _arm(request: TrialRequest, asked: Asked, labels: Mapping[str, str]) -> Arm | None:
    if asked.data_plane is None:
        return request.arm_of_pod(labels.get(request.labels.pod, ""))
    return request.arm_of_backend(asked.data_plane, labels.get(asked.data_plane.label, ""))


def _bound(labels: Mapping[str, str]) -> float | None:
    """The upper bound of a bucket, which clients and versions of Prometheus spell as 1 or 1.0."""
    try:
        return float(labels["le"])
    except (KeyError, ValueError):
        return None


def _split(
    labels: Mapping[str, str], names: LabelNames, *, scraping: Set[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Labels of the scraping, and those of what was scraped; namespace and pod are neither."""
    feed, rest = [], []
    for label, value in sorted(labels.items()):
        if label in scraping or label.startswith("prometheus"):
            feed.append(f"{label}={value}")
        elif label == "le":
            bound = _bound(labels)
            rest.append(f"{label}={value if bound is None else bound!r}")
        elif label not in (names.namespace, names.pod):
            rest.append(f"{label}={value}")
    return tuple(feed), tuple(rest)
