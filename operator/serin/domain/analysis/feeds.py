"""One way in which a process is scraped: a job, an instance, a replica of Prometheus.

A feed keeps what was heard and not yet read, in the order of time, and when its target answered at all.
Samples are told again and again, because every look overlaps the one before it; what is new is found by time
alone. A sample that comes when later ones of its series have been heard is not used, but counted.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence, Set
from math import inf

from serin.domain.analysis.counters import Arm, Cell, Role, Sample, SeriesKey

_REMEMBERED = 256
"""Times of samples that each series remembers, to tell one that is told again from one that came late."""


class Stream:
    """One series as a feed brings it.

    Attributes:
        waiting: What was heard and not yet read.
        first: When it was first heard; infinite before.
        late: How many samples came after a later one of this series.
    """

    __slots__ = ("_heard", "cell", "first", "key", "late", "waiting")

    def __init__(self, key: SeriesKey, cell: Cell) -> None:
        self.key = key
        self.cell = cell
        self.waiting: list[Sample] = []
        self.first = inf
        self.late = 0
        self._heard: list[float] = []

    def fresh(self, samples: Sequence[Sample]) -> Sequence[Sample]:
        """Those that were not heard before."""
        if not samples:
            return ()
        oldest = samples[0][0]
        if oldest < self.first:
            self.first = oldest
        if self._heard and oldest <= (newest := self._heard[-1]):
            place = bisect_right(samples, (newest, inf))
            if place > 1 or oldest < newest:
                self._count_late(samples, place)
            if place == len(samples):
                return ()
            samples = samples[place:]
        for t, _ in samples:
            self._heard.append(t)
        if len(self._heard) > 2 * _REMEMBERED:
            del self._heard[:-_REMEMBERED]
        return samples

    def _count_late(self, samples: Sequence[Sample], place: int) -> None:
        """Of the samples before a place, those are late that were not heard when later ones were."""
        oldest = self._heard[0]
        told = place - (bisect_left(samples, (oldest, -inf)) if samples[0][0] < oldest else 0)
        known = len(self._heard) - bisect_left(self._heard, samples[0][0])
        if told <= known:
            return
        there = set(self._heard)
        late = [t for t, _ in samples[:place] if t >= oldest and t not in there]
        self.late += len(late)
        self._heard = sorted([*self._heard, *late])


class Feed:
    """All series that come in one way."""

    def __init__(self) -> None:
        self.streams: dict[SeriesKey, Stream] = {}
        self.counts = False
        """Whether some of them are counters: a feed may tell only that the target answers."""
        self.first = inf
        """When the target first answered."""
        self._clock = 0
        self._times: dict[int, list[float]] = {}
        self._forgotten = -inf

    def stream(self, key: SeriesKey, cell: Cell) -> Stream:
        """The series of that key."""
        if (stream := self.streams.get(key)) is None:
            stream = self.streams[key] = Stream(key, cell)
        return stream

    def answered(self, order: int, samples: Iterable[Sample]) -> None:
        """The target answered when these were taken, by the query of that number.

        The lowest number is asked first and is the clock: every later query then knows at least as much.
        """
        known = self._times.get(order)
        if known is None:
            known = self._times[order] = []
            self._clock = min(self._times)
        for t, _ in samples:
            if t < self.first:
                self.first = t
            if not known or t > known[-1]:
                known.append(t)
            elif known[(place := bisect_left(known, t))] != t:
                known.insert(place, t)

    def next_after(self, moment: float) -> float | None:
        """The first scrape after a moment."""
        times = self._times.get(self._clock)
        if not times or times[-1] <= moment:
            return None
        return times[bisect_right(times, moment)]

    def kinds(self, moment: float) -> Set[tuple[str, Role, Arm]]:
        """The kinds of counters it had told of by then."""
        found = {one.cell[:3] for one in self.streams.values() if one.first <= moment}
        return {kind for kind in found if kind[1] not in (Role.SCRAPES, Role.START)}

    def latest_by(self, moment: float) -> float:
        """The last scrape that is not after a moment, which must not be earlier than what was forgotten."""
        times = self._times.get(self._clock, [])
        place = bisect_right(times, moment)
        return times[place - 1] if place else self._forgotten

    def forget_times(self, before: float) -> None:
        """Drop the times of scrapes that were read."""
        for order, times in self._times.items():
            if times and times[0] < before:
                place = bisect_left(times, before)
                if order == self._clock:
                    self._forgotten = times[place - 1]
                del times[:place]

    def forget_samples(self, before: float) -> None:
        """Drop what was read in a duplicate, up to a moment."""
        for stream in self.streams.values():
            if stream.waiting and stream.waiting[0][0] < before:
                del stream.waiting[: bisect_left(stream.waiting, (before, -inf))]
