"""Whether a series goes on from one scrape of its process to the next, or begins anew.

A counter that shows less has been reset, and with it all of its process, unless that says when it began. A
counter that shows more may have been reset too, and then that is all that tells. Series end and begin when
somebody changes the labels with which they are stored.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence, Set
from math import inf
from typing import Final, NamedTuple, TypeAlias

from serin.domain.analysis.counters import Cell, Role, Sample, SeriesKey, countable
from serin.domain.analysis.feeds import Stream

SKEW_SECONDS: Final = 60.0
"""How far a node's clock may be from Prometheus'. A process' start time is of the node's clock, and some
servers compute it anew at each scrape: it moves when that clock is set, and nothing has begun.
"""
_COUNTERS: Final = frozenset({Role.REQUESTS, Role.BAD, Role.WITHIN})
News: TypeAlias = Sequence[tuple[Stream, list[Sample]]]
"""What a scrape brought, by series."""


class Break(NamedTuple):
    """What did not go on.

    Attributes:
        process: Whether the process began anew, and with it all of its counters.
        histograms: Native histograms that fell, by signal, and whether their count did.
    """

    process: bool
    histograms: Set[tuple[str, bool]]

    def anew(self, cell: Cell) -> bool:
        """Whether a counter began from zero."""
        return self.process or (cell.role is Role.NATIVE and (cell.signal, True) in self.histograms)

    def recast(self, cell: Cell) -> bool:
        """Whether a bucket holds what was partly elsewhere before: clients join them when there are too many,
        and nothing can be told from their growth then.
        """
        joined = cell.role is Role.NATIVE and (cell.signal, False) in self.histograms
        return joined and not self.anew(cell)


class Continuity:
    """What a target's series showed last.

    Attributes:
        last: The last sample of each counter that was understood.
    """

    def __init__(self, *, scrapes: Sequence[float], interval: float) -> None:
        self.last: dict[SeriesKey, Sample] = {}
        self._scrapes = scrapes
        self._interval = interval
        self._starts: dict[SeriesKey, float] = {}
        self._present: dict[SeriesKey, Cell] = {}

    def breaks(self, news: News) -> Break:
        """What did not go on from the scrape before. Where only labels changed, series are made to go on."""
        restarted = self._restarted(news)
        if counters := {one.key: one.cell for one, _ in news if one.cell.role is not Role.START}:
            if not restarted:
                self._take_over(counters, news)
            self._present = counters
        # Native histograms stand for themselves: clients start one anew when it has too many buckets.
        fell = {
            (stream.cell.signal, stream.cell.bound == inf)
            for stream, found in news
            if stream.cell.role is Role.NATIVE and self._falls(stream, found)
        }
        return Break(restarted, fell)

    def absent(self, before: float, t: float) -> bool:
        """Whether the target answered without this series in between, which then stood at zero."""
        if t - before <= self._interval:
            return False
        place = bisect_left(self._scrapes, t - self._interval / 2)
        return place > 0 and self._scrapes[place - 1] > before + self._interval / 2

    def _restarted(self, news: News) -> bool:
        """Whether the process began anew since it was last read: it says so, or is silent and a counter fell.

        Then all of them did: a requests counter may overtake its old value while the errors counter falls.
        """
        starts = [(stream.key, found) for stream, found in news if stream.cell.role is Role.START]
        says = any([key in self._starts for key, _ in starts])
        began = any([self._began(key, found) for key, found in starts])
        if says:
            return began
        return any(stream.cell.role in _COUNTERS and self._falls(stream, found) for stream, found in news)

    def _falls(self, stream: Stream, found: Sequence[Sample]) -> bool:
        last, (t, value) = self.last.get(stream.key), found[0]
        return last is not None and value < last[1] and countable(value) and not self.absent(last[0], t)

    def _began(self, key: SeriesKey, found: Iterable[Sample]) -> bool:
        began = False
        for t, start in found:
            if not countable(start):
                continue
            before = self._starts.get(key)
            recent = self._scrapes[-1] if self._scrapes else t
            began |= before is not None and start > before + 1.0 and start > recent - SKEW_SECONDS
            self._starts[key] = start
        return began

    def _take_over(self, counters: Mapping[SeriesKey, Cell], news: News) -> None:
        """Let series that are all new go on where the ones before them stood, if they count at least as much.

        Somebody has changed the labels with which samples are stored: what looks born has its past.
        """
        if not self._present or not self._present.keys().isdisjoint(counters):
            return
        old, new = dict.fromkeys(counters.values(), 0.0), dict.fromkeys(counters.values(), 0.0)
        for key, cell in self._present.items():
            if cell in old:
                old[cell] += self.last[key][1]
        fresh = [(stream, found[0]) for stream, found in news if stream.key not in self.last]
        for stream, (_, value) in fresh:
            new[stream.cell] = new.get(stream.cell, 0.0) + (value if countable(value) else 0.0)
        if any(0 < old[cell] <= new[cell] for cell in old):
            for stream, (_, value) in fresh:
                if countable(value) and value > 0 and stream.cell in old:
                    stood = value * min(1.0, old[stream.cell] / new[stream.cell])
                    self.last[stream.key] = (self._scrapes[-1], stood)
