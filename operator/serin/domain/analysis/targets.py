"""From raw counter samples of one scraped process to how much its counters grew between two moments.

Prometheus' own `increase` loses a series' first value and guesses at window edges, which hides a canary's
first errors; so differences are taken here, series by series, on stored samples alone. What a sample means
depends on what else its target said, hence a `Target` owns all counters of one (namespace, pod, port), by
whichever job or replica of Prometheus they come, and reads one of those feeds at a time: two would square
the evidence. Growth is a function of sample timestamps only, so reading again after a restart gives the same
(I7).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from math import inf
from typing import Final

from serin.domain.analysis.continuity import Break, Continuity
from serin.domain.analysis.counters import Cell, FeedKey, Growth, Role, Sample, countable
from serin.domain.analysis.feeds import Feed, Stream

MISSED: Final = 3.5
"""Scrape intervals of silence after which a target has missed three scrapes, with half a one for jitter."""
MEMORY_SECONDS: Final = 300.0
"""How far back the quality of an arm's samples is looked at."""
Point = tuple[float, list[float]]
"""A scrape, and the total of each cell until then."""


class Target:
    """One process that is scraped, and the growth of its counters as a line through its scrapes."""

    def __init__(self, *, interval: float) -> None:
        self.interval = interval
        self.ready: float | None = None
        self.first: float | None = None
        self.scrapes: list[float] = []
        self.spoilt: list[float] = []
        """When a sample was no counter's, or less than the one before: often, that is no counter either."""
        self._feeds: dict[FeedKey, Feed] = {}
        self._active: FeedKey | None = None
        self._late = 0
        self._news = False
        self._continuity = Continuity(scrapes=self.scrapes, interval=interval)
        self._columns: dict[Cell, int] = {}
        self._totals: list[float] = []
        self._points: list[Point] = []

    @property
    def latest(self) -> float | None:
        """When it was last scraped."""
        return self._points[-1][0] if self._points else None

    @property
    def late(self) -> int:
        """How many samples came too late to be where their time says: to be read again, they would be."""
        streams = self._feeds[self._active].streams.values() if self._active is not None else ()
        return self._late + sum(stream.late for stream in streams)

    def feed(self, key: FeedKey) -> Feed:
        """The feed with these scrape labels."""
        if (feed := self._feeds.get(key)) is None:
            feed = self._feeds[key] = Feed()
        return feed

    def hear(self, feed: Feed, order: int, stream: Stream, *, samples: Sequence[Sample]) -> None:
        """Take in samples of one series; those heard before are ignored, so overlapping answers do no harm.

        Args:
            feed: One of this target's.
            order: The number of the query, in the order they were asked.
            stream: One of that feed's.
            samples: In the order of time. A value that is no counter's is dropped, and remembered as spoilt.
        """
        fresh = stream.fresh(samples)
        if not fresh:
            return
        self._news = True
        role = stream.cell.role
        if role is Role.SCRAPES:
            feed.answered(order, [one for one in fresh if one[1] == 1])
            return
        stream.waiting += fresh
        if role is Role.START:
            return
        feed.answered(order, fresh)
        feed.counts = True
        for t, value in fresh:
            if not countable(value):
                self.spoilt.append(t)
        if self._points and fresh[0][0] <= self._points[-1][0] and self._follows(feed):
            self._late += bisect_right(fresh, (self._points[-1][0], inf))

    def settle(self) -> None:
        """Draw the line through every scrape that is known by now."""
        if not self._news:
            return
        self._news = False
        while (following := self._next_scrape()) is not None:
            at, self._active = following
            self._read(self._feeds[self._active], at)

    def between(self, start: float, end: float) -> Growth:
        """Growth from one boundary to the next, of every cell that there was by then.

        What happened in a silence of three missed scrapes or more lands an interval after the target is seen
        again: nobody waits for a silent target, so boundaries are decided while its first scrape is still
        under way, which takes an interval at most.
        """
        if not self._points:
            return Growth({}, start, seen=False)
        before, since = self._at(start)
        after, until = self._at(end)
        jumped = after is not before and since < start
        there = len(before)
        cells = {
            cell: after[place] - (before[place] if place < there else 0.0)
            for cell, place in self._columns.items()
            if place < len(after)
        }
        return Growth(cells, since if jumped else start, seen=until >= end)

    def scraped_between(self, start: float, end: float) -> int:
        """How many scrapes are in (start, end]."""
        return bisect_right(self.scrapes, end) - bisect_right(self.scrapes, start)

    def forget(self, before: float) -> None:
        """Drop what no later boundary needs."""
        while len(self._points) > 1 and self._points[1][0] <= before and not self._returns(1, before):
            del self._points[0]
        oldest = before - MEMORY_SECONDS
        if self.spoilt and self.spoilt[0] < oldest:
            del self.spoilt[: bisect_left(self.spoilt, oldest)]
        if self.scrapes and self.scrapes[0] < oldest:
            # But for the last one, after which whatever is new was born.
            del self.scrapes[: min(bisect_left(self.scrapes, oldest), len(self.scrapes) - 1)]

    def _follows(self, feed: Feed) -> bool:
        return self._active is not None and self._feeds[self._active] is feed

    def _next_scrape(self) -> tuple[float, FeedKey] | None:
        last = self.latest
        if len(self._feeds) == 1:
            ((key, feed),) = self._feeds.items()
            following = feed.next_after(last or 0.0)
            return None if following is None else (following, key)
        feeds = {key: feed for key, feed in self._feeds.items() if feed.counts} or self._feeds
        if last is None or self._active is None:
            return min(_following(feeds, 0.0), default=None)
        silent = last + MISSED * self.interval
        best = _telling(feeds, last, alive_since=last - MISSED * self.interval)
        chosen = {self._active: feeds[self._active]} if self._active in best else best
        others = {key: feed for key, feed in feeds.items() if key not in chosen}
        return min([*_following(chosen, last), *_following(others, silent)], default=None)

    def _read(self, feed: Feed, at: float) -> None:
        """One scrape, with the samples that are not after it."""
        if self.first is None:
            self.first = at
            if self._young(at):
                self._points.append((at - self.interval, []))
        news: list[tuple[Stream, list[Sample]]] = []
        for stream in feed.streams.values():
            if stream.waiting and stream.waiting[0][0] <= at and (found := self._unread(stream, at)):
                news.append((stream, found))
        broken = self._continuity.breaks(news)
        for stream, found in news:
            if stream.cell.role is not Role.START:
                self._take(stream, found, broken, since=feed.first)
        self.scrapes.append(at)
        self._points.append((at, self._totals.copy()))
        feed.forget_times(at)
        for one in self._feeds.values():
            if one is not feed:
                one.forget_times(at)
                one.forget_samples(at)

    def _unread(self, stream: Stream, at: float) -> list[Sample]:
        """What waits up to a moment, without what a duplicate has told before."""
        found, stream.waiting = stream.waiting, []
        if found[-1][0] > at:
            place = bisect_right(found, (at, inf))
            found, stream.waiting = found[:place], found[place:]
        known = self._continuity.last.get(stream.key)
        if known is not None and found[0][0] <= known[0]:
            found = found[bisect_right(found, (known[0], inf)) :]
        return found

    def _take(self, stream: Stream, found: list[Sample], broken: Break, *, since: float) -> None:
        """Add up what one series grew by since it was last read.

        Args:
            stream: The series.
            found: What is new of it.
            broken: What did not go on.
            since: When its feed was first heard of.
        """
        last, anew = self._continuity.last, broken.anew(stream.cell)
        grown, known = 0.0, last.get(stream.key)
        for t, value in found:
            if not countable(value):
                if known is not None:
                    known = (t, known[1])  # heard, though not understood: not the absence that means zero
                continue
            if known is None:
                grown += value if self._born_at(t, stream, since) else 0.0
            elif anew or value < known[1] or self._continuity.absent(known[0], t):
                grown += value
                if value < known[1]:
                    self.spoilt.append(t)
            else:
                grown += value - known[1]
            known, anew = (t, value), False
        if known is not None:
            last[stream.key] = known
            if (place := self._columns.get(stream.cell)) is None:
                place = self._columns[stream.cell] = len(self._totals)
                self._totals.append(0.0)
            if grown and not broken.recast(stream.cell):
                self._totals[place] += grown

    def _born_at(self, t: float, stream: Stream, since: float) -> bool:
        """Whether a series first read now began at zero: its process is young, or answered without it.

        In the same way, that is: one that another job drops was there all the time.
        """
        return since < stream.first - self.interval / 2 or self._young(t)

    def _young(self, at: float) -> bool:
        return self.ready is not None and at <= self.ready + (MISSED + 0.5) * self.interval

    def _at(self, moment: float) -> tuple[list[float], float]:
        """Totals at a moment, and since when they have stood (the moment itself, unless in a silence)."""
        points = self._points
        place = bisect_right(points, (moment, [inf]))
        if place == 0:
            return points[0][1], moment
        if self._returns(place - 1, moment):
            place -= 1
        before, totals = points[place - 1]
        if place == len(points) or before == moment:
            return totals, before
        if self._ends_silence(place):
            return totals, before
        after, later = points[place]
        part = (moment - before) / (after - before)
        return [old + part * (new - old) for old, new in zip_longest(totals, later, fillvalue=0.0)], moment

    def _returns(self, place: int, moment: float) -> bool:
        """Whether the scrape at that place ended a silence, less than an interval before a moment."""
        return moment < self._points[place][0] + self.interval and self._ends_silence(place)

    def _ends_silence(self, place: int) -> bool:
        """Whether the target had missed three scrapes before the one at that place."""
        return place > 0 and self._points[place][0] - self._points[place - 1][0] >= MISSED * self.interval


def _telling(feeds: Mapping[FeedKey, Feed], moment: float, *, alive_since: float) -> Mapping[FeedKey, Feed]:
    """Without those that tell of fewer kinds of counters than another one that is alive.

    A job may drop what another one keeps. Bad requests that it does not tell of would seem not to be.
    """
    alive = [feed.kinds(moment) for feed in feeds.values() if feed.latest_by(moment) > alive_since]
    return {
        key: feed for key, feed in feeds.items() if not any(feed.kinds(moment) < kinds for kinds in alive)
    }


def _following(feeds: Mapping[FeedKey, Feed], moment: float) -> Iterator[tuple[float, FeedKey]]:
    """Each feed's first scrape after a moment."""
    for key, feed in feeds.items():
        if (following := feed.next_after(moment)) is not None:
            yield following, key
