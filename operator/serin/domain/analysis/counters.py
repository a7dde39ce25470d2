"""From raw counter samples of one scraped process to how much its counters grew between two moments.

Prometheus' own `increase` loses a series' first value and guesses at window edges, which hides a canary's
first errors; so differences are taken here, series by series, on stored samples alone. What a sample means
depends on what else its target said, hence a `Target` owns all counters of one (namespace, pod, port), by
whichever job or replica of Prometheus they come, and reads one of those feeds at a time: two would square
the evidence. Growth is a function of sample timestamps only, so reading again after a restart gives the same
(I7).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf, isfinite
from typing import Final, NamedTuple

MISSED: Final = 3.5
"""Scrape intervals of silence after which a target has missed three scrapes, with half a one for jitter."""
MEMORY_SECONDS: Final = 300.0
"""How far back the quality of an arm's samples is looked at."""


class Arm(StrEnum):
    """The two sides of a comparison."""

    CANARY = "canary"
    STABLE = "stable"


class Role(StrEnum):
    """What a series is to a signal. `SCRAPES` is `up`, which tells when a target was asked at all."""

    SCRAPES = "scrapes"
    REQUESTS = "requests"
    BAD = "bad"
    WITHIN = "within"


class Cell(NamedTuple):
    """Where growth is added up."""

    signal: str
    role: Role
    arm: Arm


Sample = tuple[float, float]
"""Unix seconds and value."""
SeriesKey = tuple[str, ...]
FeedKey = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Series:
    """One series of a matrix answer, samples in the order of time.

    Attributes:
        arm: Whose it is, where whoever brings it knows; None where its labels have to tell.
    """

    labels: Mapping[str, str]
    samples: tuple[Sample, ...]
    arm: Arm | None = None


@dataclass(frozen=True, slots=True)
class Growth:
    """How much each cell grew between two boundaries; `since` is earlier than asked after missed scrapes."""

    cells: Mapping[Cell, float]
    since: float


@dataclass(slots=True)
class Feed:
    """One way the target is scraped: a job, an instance, a replica of Prometheus.

    Attributes:
        times: When the target answered, by the query that told; the lowest number is asked first and is the
            clock, because every later query then knows at least as much.
    """

    times: dict[int, list[float]] = field(default_factory=dict)
    waiting: dict[SeriesKey, list[Sample]] = field(default_factory=dict)
    cells: dict[SeriesKey, Cell] = field(default_factory=dict)
    heard: dict[SeriesKey, float] = field(default_factory=dict)

    def next_after(self, moment: float) -> float | None:
        """The first scrape after a moment."""
        times = self.times[min(self.times)] if self.times else []
        place = bisect_right(times, moment)
        return times[place] if place < len(times) else None

    def forget(self, before: float, *, including: bool) -> None:
        """Drop what was read up to a moment, here or in a duplicate."""
        for times in self.times.values():
            del times[: bisect_left(times, before)]
        edge = (before, inf if including else -inf)
        for samples in self.waiting.values():
            del samples[: bisect_left(samples, edge)]


class Target:
    """One process that is scraped, and the growth of its counters as a line through its scrapes."""

    def __init__(self, *, interval: float) -> None:
        self.interval = interval
        self.ready: float | None = None
        self.cells: set[Cell] = set()
        self.first: float | None = None
        self.scrapes: list[float] = []
        self.spoilt: list[float] = []
        self._feeds: dict[FeedKey, Feed] = {}
        self._active: FeedKey | None = None
        self._last: dict[SeriesKey, Sample] = {}
        self._totals: dict[Cell, float] = {}
        self._points: list[tuple[float, dict[Cell, float]]] = []

    @property
    def latest(self) -> float | None:
        """When it was last scraped."""
        return self._points[-1][0] if self._points else None

    def hear(
        self, feed: FeedKey, order: int, series: SeriesKey, cell: Cell, *, samples: Iterable[Sample]
    ) -> None:
        """Take in samples of one series; those heard before are ignored, so overlapping answers do no harm.

        Args:
            feed: The scrape labels.
            order: The number of the query, in the order they were asked.
            series: The labels that tell it from the target's other series.
            cell: Where it counts.
            samples: In the order of time. A value that is no counter's is dropped, and remembered as spoilt.
        """
        known = self._feeds.setdefault(feed, Feed())
        after = known.heard.get(series, -inf)
        fresh = [(t, v) for t, v in samples if t > after]
        if not fresh:
            return
        known.heard[series] = fresh[-1][0]
        if cell.role is Role.SCRAPES:
            _merge(known.times.setdefault(order, []), [t for t, v in fresh if v == 1])
            return
        _merge(known.times.setdefault(order, []), [t for t, _ in fresh])
        self.spoilt += [t for t, v in fresh if not _countable(v)]
        known.cells[series] = cell
        self.cells.add(cell)
        known.waiting.setdefault(series, []).extend(fresh)

    def settle(self) -> None:
        """Draw the line through every scrape that is known by now."""
        while (following := self._next_scrape()) is not None:
            at, self._active = following
            self._read(self._feeds[self._active], at)

    def between(self, start: float, end: float) -> Growth:
        """Growth from one boundary to the next.

        What happened in a silence of three missed scrapes or more lands where the target is seen again.
        """
        if not self._points:
            return Growth({}, start)
        before, since = self._at(start)
        after, _ = self._at(end)
        jumped = after is not before and since < start
        cells = {cell: value - before.get(cell, 0.0) for cell, value in after.items()}
        return Growth(cells, since if jumped else start)

    def scraped_between(self, start: float, end: float) -> int:
        """How many scrapes are in (start, end]."""
        return bisect_right(self.scrapes, end) - bisect_right(self.scrapes, start)

    def forget(self, before: float) -> None:
        """Drop what no later boundary needs."""
        place = bisect_right(self._points, before, key=lambda point: point[0])
        del self._points[: max(0, place - 1)]
        for times in (self.scrapes, self.spoilt):
            del times[: bisect_left(times, before - MEMORY_SECONDS)]

    def _next_scrape(self) -> tuple[float, FeedKey] | None:
        last = self.latest
        feeds = {key: feed for key, feed in self._feeds.items() if feed.cells} or self._feeds
        if last is None or self._active not in feeds:
            return min(_following(feeds, last or 0.0), default=None)
        ahead = self._feeds[self._active].next_after(last)
        silent = last + MISSED * self.interval
        if ahead is not None and ahead < silent:
            return ahead, self._active
        others = {key: feed for key, feed in feeds.items() if key != self._active}
        return min(
            [*_following({self._active: feeds[self._active]}, last), *_following(others, silent)],
            default=None,
        )

    def _read(self, feed: Feed, at: float) -> None:
        """One scrape: if any counter fell, the process began anew and all of them did (a requests counter may
        overtake its old value while the errors counter falls).
        """
        if self.first is None:
            self.first = at
            if self._young(at):
                self._points.append((at - self.interval, {}))
        news = {key: samples[: bisect_right(samples, (at, inf))] for key, samples in feed.waiting.items()}
        restarted = any(
            value < self._last[key][1]
            for key, found in news.items()
            if key in self._last
            for _, value in found[:1]
            if _countable(value)
        )
        for key, found in news.items():
            for place, (t, value) in enumerate(found):
                self._take(feed.cells[key], key, t, value, restarted=restarted and place == 0)
        self.scrapes.append(at)
        self._points.append((at, dict(self._totals)))
        for one in self._feeds.values():
            one.forget(at, including=one is feed)

    def _take(self, cell: Cell, key: SeriesKey, t: float, value: float, *, restarted: bool) -> None:
        before, old = self._last.get(key, (t, None))
        if not _countable(value):
            if old is not None:
                self._last[key] = (t, old)  # heard, though not understood: not the absence that means zero
            return
        if old is None:
            growth = value if self._born_at(t) else 0.0
        elif t <= before:
            return
        else:
            growth = value if restarted or value < old or self._absent(before, t) else value - old
        self._totals[cell] = self._totals.get(cell, 0.0) + growth
        self._last[key] = (t, value)

    def _born_at(self, t: float) -> bool:
        """Whether a series first heard now began at zero: its process is young, or answered without it."""
        if not self.scrapes:
            return self._young(t)
        return self.scrapes[0] < t - self.interval / 2

    def _young(self, at: float) -> bool:
        return self.ready is not None and at <= self.ready + (MISSED + 0.5) * self.interval

    def _absent(self, before: float, t: float) -> bool:
        """Whether the target answered without this series in between, which then stood at zero."""
        place = bisect_left(self.scrapes, t - self.interval / 2)
        return place > 0 and self.scrapes[place - 1] > before + self.interval / 2

    def _at(self, moment: float) -> tuple[Mapping[Cell, float], float]:
        """Totals at a moment, and since when they have stood (the moment itself, unless in a silence)."""
        place = bisect_right(self._points, moment, key=lambda point: point[0])
        if place == 0:
            return self._points[0][1], moment
        before, totals = self._points[place - 1]
        if place == len(self._points):
            return totals, before
        after, later = self._points[place]
        if after - before >= MISSED * self.interval:
            return totals, before
        part = (moment - before) / (after - before)
        return {c: (old := totals.get(c, 0.0)) + part * (v - old) for c, v in later.items()}, moment


def quality(targets: Iterable[Target], boundary: float) -> tuple[bool, bool]:
    """Whether, of late, over half of an arm's scrapes are missing, or over a fifth of them spoilt."""
    expected = got = spoilt = 0.0
    for target in targets:
        since = min(max(boundary - MEMORY_SECONDS, target.first or 0.0), boundary)
        expected += (boundary - since) / target.interval
        got += target.scraped_between(since, boundary)
        spoilt += len({t for t in target.spoilt if since < t <= boundary})
    return got < expected / 2 - 1, spoilt > got / 5


def _following(feeds: Mapping[FeedKey, Feed], moment: float) -> Iterator[tuple[float, FeedKey]]:
    """Each feed's first scrape after a moment."""
    for key, feed in feeds.items():
        if (following := feed.next_after(moment)) is not None:
            yield following, key


def _countable(value: float) -> bool:
    return isfinite(value) and value >= 0


def _merge(times: list[float], more: Iterable[float]) -> None:
    """Keep times sorted and once each; several series of one query share them."""
    for t in more:
        if not times or t > times[-1]:
            times.append(t)
        elif times[(place := bisect_left(times, t))] != t:
            times.insert(place, t)
