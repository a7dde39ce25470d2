"""Which scraped process a series belongs to, and whose it is.

Several series of Prometheus may tell of one process: a pod is scraped by two jobs, or by each of an HA
pair. They meet in one `Target`, so that nothing is counted twice.
"""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from math import inf
from typing import Final

from serin.domain.analysis.counters import MISSED, Arm, Cell, Role, Series, Target
from serin.domain.analysis.request import Asked, LabelNames, TrialRequest

ALWAYS_OF_SCRAPING: Final = frozenset({"job", "instance"})
"""With every label that begins with `prometheus`."""
OFTEN_OF_SCRAPING: Final = frozenset({"endpoint", "service", "container", "node", "replica"})
"""Where `up` of the same target has them. Some servers use the same words for what they count, such as
BentoML's `endpoint`: taken for ways of scraping, all but one of those series would be left out.
"""

TargetKey = tuple[bool, str, str, str]
"""Whether it is a proxy; namespace, pod (or instance), port."""


@dataclass(slots=True)
class Source:
    """A target and whose it is: a pod's, or the data plane's, which serves both arms."""

    target: Target
    pod: str | None
    arm: Arm | None


class Sources:
    """The targets of an attempt, as their series are heard of."""

    def __init__(self, *, interval: float) -> None:
        self.interval = interval
        self.heard: set[Cell] = set()
        """Which kinds of series have been seen at all."""
        self._sources: dict[TargetKey, Source] = {}
        self._scraping: dict[TargetKey, set[str]] = {}

    def __iter__(self) -> Iterator[Source]:
        return iter(self._sources.values())

    def alive(self) -> list[Source]:
        """Those that have not missed three scrapes while others were scraped."""
        latest = max((source.target.latest or -inf for source in self), default=-inf)
        return [s for s in self if (s.target.latest or -inf) > latest - MISSED * self.interval]

    def hear(self, request: TrialRequest, order: int, asked: Asked, *, series: Series) -> None:
        """Take in one series of the answer to the query of that number; of a stranger's, nothing."""
        arm = series.arm or _arm(request, asked, series.labels)
        if arm is None:
            return
        key = self._key(series.labels, request.labels, proxy=asked.data_plane is not None)
        if key not in self._sources:
            named = series.labels.get(request.labels.pod) or series.labels.get("instance", "")
            pod, owner = (named, arm) if asked.data_plane is None else (None, None)
            self._sources[key] = Source(Target(interval=self.interval), pod, owner)
            self._scraping[key] = set(ALWAYS_OF_SCRAPING)
        cell = Cell(asked.channel.signal, asked.channel.role, arm)
        if cell.role is Role.SCRAPES:
            self._scraping[key] |= OFTEN_OF_SCRAPING & series.labels.keys()
        else:
            self.heard.add(cell)
        feed, rest = _split(series.labels, request.labels, scraping=self._scraping[key])
        target = self._sources[key].target
        target.hear(feed, order, (*asked.channel, *rest), cell, samples=series.samples)

    def _key(self, labels: Mapping[str, str], names: LabelNames, *, proxy: bool) -> TargetKey:
        """Where a series is from. A duplicate whose instance label has no port counts as the same port."""
        instance = labels.get("instance", "")
        host, colon, tail = instance.rpartition(":")
        port = tail if colon and tail.isdigit() else ""
        place = (proxy, labels.get(names.namespace, ""), labels.get(names.pod) or host or instance)
        alike = [key for key in self._sources if key[:3] == place]
        return next((key for key in alike if key[3] == port or "" in (key[3], port)), (*place, port))


def _arm(request: TrialRequest, asked: Asked, labels: Mapping[str, str]) -> Arm | None:
    if asked.data_plane is None:
        return request.arm_of_pod(labels.get(request.labels.pod, ""))
    return request.arm_of_backend(asked.data_plane, labels.get(asked.data_plane.label, ""))


def _split(
    labels: Mapping[str, str], names: LabelNames, *, scraping: Set[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Labels of the scraping, and those of what was scraped; namespace and pod are neither."""
    feed, rest = [], []
    for label, value in sorted(labels.items()):
        if label in scraping or label.startswith("prometheus"):
            feed.append(f"{label}={value}")
        elif label not in (names.namespace, names.pod):
            rest.append(f"{label}={value}")
    return tuple(feed), tuple(rest)
