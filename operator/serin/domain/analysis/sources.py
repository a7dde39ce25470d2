"""Which scraped process a series belongs to, and whose it is.

Several series of Prometheus may tell of one process: a pod is scraped by two jobs, or by each of an HA
pair. They meet in one `Target`, so that nothing is counted twice.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf
from typing import Final

from serin.domain.analysis.counters import MISSED, Arm, Cell, Role, Series, Target
from serin.domain.analysis.request import Asked, LabelNames, TrialRequest

SCRAPE_LABELS: Final = frozenset({"job", "instance", "endpoint", "service", "container", "node", "replica"})
"""Labels of the scraping, not of what was scraped; those that begin with `prometheus` too."""

TargetKey = tuple[str, str, str]
"""Namespace, pod (or instance), port."""


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

    def __iter__(self) -> Iterator[Source]:
        return iter(self._sources.values())

    def alive(self) -> list[Source]:
        """Those that have not missed three scrapes while others were scraped."""
        latest = max((source.target.latest or -inf for source in self), default=-inf)
        return [s for s in self if (s.target.latest or -inf) > latest - MISSED * self.interval]

    def hear(self, request: TrialRequest, order: int, asked: Asked, *, series: Series) -> None:
        """Take in one series of the answer to the query of that number; of a stranger's, nothing."""
        labels, names = series.labels, request.labels
        pod = labels.get(names.pod, "")
        if asked.data_plane is None:
            arm = request.arm_of_pod(pod)
        else:
            arm = request.arm_of_backend(asked.data_plane, labels.get(asked.data_plane.label, ""))
        if arm is None:
            return
        source = self._source(labels, names, arm if asked.data_plane is None else None)
        cell = Cell(asked.channel.signal, asked.channel.role, arm)
        if cell.role is not Role.SCRAPES:
            self.heard.add(cell)
        feed, rest = _split(labels, names)
        source.target.hear(feed, order, (*asked.channel, *rest), cell, samples=series.samples)

    def _source(self, labels: Mapping[str, str], names: LabelNames, arm: Arm | None) -> Source:
        """By namespace, pod and port; a duplicate whose instance label has no port counts as the same
        port.
        """
        pod, instance = labels.get(names.pod, ""), labels.get("instance", "")
        host, colon, tail = instance.rpartition(":")
        port = tail if colon and tail.isdigit() else ""
        place = (labels.get(names.namespace, ""), pod or host or instance)
        alike = [key for key in self._sources if key[:2] == place]
        key = next((key for key in alike if key[2] == port or "" in (key[2], port)), (*place, port))
        if key not in self._sources:
            self._sources[key] = Source(Target(interval=self.interval), pod if arm else None, arm)
        return self._sources[key]


def _split(labels: Mapping[str, str], names: LabelNames) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Labels of the scraping, and those of what was scraped; namespace and pod are neither."""
    feed, rest = [], []
    for label, value in sorted(labels.items()):
        if label in SCRAPE_LABELS or label.startswith("prometheus"):
            feed.append(f"{label}={value}")
        elif label not in (names.namespace, names.pod):
            rest.append(f"{label}={value}")
    return tuple(feed), tuple(rest)
