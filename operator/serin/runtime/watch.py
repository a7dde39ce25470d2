"""One attempt under judgement as the poller sees it: how far its samples are read, and when to look again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Final
from zlib import crc32

from serin.domain.analysis.counters import Series
from serin.domain.analysis.policy import DataPlane
from serin.domain.analysis.request import Channel
from serin.domain.analysis.trial import Trial
from serin.domain.names import Key
from serin.prom.narrowing import Narrowed, narrowed
from serin.prom.owners import Claim, claims
from serin.prom.selectors import Question, question, room

Answers = Mapping[Channel, tuple[Series, ...]]

INGESTION_SECONDS: Final = 0.25
"""From the moment of a scrape until its samples can be queried, as a rule; where it is longer, it is learnt.
"""
LATEST_SECONDS: Final = 60.0
"""How far a look reaches back behind the one before it, or two intervals if that is longer: for samples that
came late, by remote write for example, and for a clock that is ahead of Prometheus'. A sample that is later
still is lost.
"""
DEEP_EVERY: Final = 4
"""Intervals of which one is for such a look. Where all series came on time, the others reach back as far as
the newest sample of each; most of what a look costs is for samples that were there before."""
STRETCH_INTERVALS: Final = 240
"""Longest stretch that is read in one go."""
SHORTEST_STRETCH: Final = 4
BEHIND_INTERVALS: Final = 8
"""Who is further behind than this catches up, apart from those who only need what is new."""
LONGEST_PAUSE: Final = 30.0
"""Seconds between two looks while Prometheus does not answer: short, because a rollout waits meanwhile."""
LONGEST_WISH: Final = 300.0
"""Seconds a server is left alone for if it says so."""


@dataclass(slots=True, eq=False)
class Watch:
    """One attempt being looked at.

    Attributes:
        source: Name of the Prometheus.
        questions: What to ask for each kind of series, in that order.
        next_look: On the event loop's clock.
        read_to: Its samples up to here are in the trial, if they were on time; in Unix seconds.
        stretch: How many intervals are read in one go; less where the answers are too large.
        reading: A look is under way.
        begun: When the latest look began, in Unix seconds.
        dropped: Nobody wants to hear of it any more.
        ended: Nobody looks any more, because of a fault.
    """

    key: Key
    source: str
    trial: Trial
    next_look: float
    questions: tuple[tuple[Channel, Narrowed], ...] = ()
    read_to: float = -inf
    failures: int = 0
    stretch: int = STRETCH_INTERVALS
    reading: bool = False
    begun: float = -inf
    dropped: bool = False
    ended: bool = False
    boundary: float | None = None
    lag: float = INGESTION_SECONDS
    _awaited: float = inf
    _fruitless: int = 0
    _scrapes: tuple[int, float] = (0, 0.0)
    _newest: float = -inf
    _rooms: dict[Question, int] = field(default_factory=dict)
    _claims: dict[DataPlane | None, tuple[Claim["Watch"], ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        request = self.trial.request
        self.read_to = request.history_from
        before: list[Question] = []
        for asked in request.asked():
            learnt = narrowed(question(asked, request), before)
            before.append(learnt.asked)
            self.questions += ((asked.channel, learnt),)

    @property
    def interval(self) -> float:
        """The scrape interval."""
        return self.trial.request.interval

    def oldest(self, at: float) -> float:
        """A look at a moment takes samples that are later than this."""
        deep = self.read_to - max(2 * self.interval, LATEST_SECONDS)
        # By quarters of an interval: who is looked at together reaches back together, and the work is even.
        turn, quarter = divmod(int(at / self.interval * DEEP_EVERY), DEEP_EVERY)
        if (turn + quarter) % DEEP_EVERY == 0:
            return deep
        return max(deep, self._newest - self.interval / 2)

    def learn_lateness(self, answers: Answers) -> None:
        """Note up to when everybody's samples are there."""
        found = (one.samples[-1][0] for series in answers.values() for one in series if one.samples)
        self._newest = min(found, default=-inf)

    def behind(self, now: float) -> bool:
        """Whether there is so much to read that others should not wait for it."""
        return self.read_to < now - BEHIND_INTERVALS * self.interval

    @property
    def current(self) -> bool:
        """Whether all was read that there was when the look began, but for what the next scrape brings."""
        return self.read_to > self.begun - self.interval

    def claims(self, source: DataPlane | None) -> tuple[Claim["Watch"], ...]:
        """Which series are its own among those of the pods or a data plane."""
        if source not in self._claims:
            self._claims[source] = claims(self, self.trial.request, source)
        return self._claims[source]

    def room(self, asked: Question) -> int:
        """How many characters it adds to a query."""
        if asked not in self._rooms:
            self._rooms[asked] = room(asked, self.trial.request)
        return self._rooms[asked]

    def came_early(self, scrapes: tuple[Series, ...], at: float) -> bool:
        """Whether the sample that everything waits for is still not there, so that the rest need not be asked
        for. Once an interval it is, or samples without a scrape of their own would be lost.

        Args:
            scrapes: The newest answer to when targets were scraped.
            at: The moment it is about.
        """
        seen = (len(scrapes), sum(one.samples[-1][0] for one in scrapes if one.samples))
        before, self._scrapes = self._scrapes, seen
        return self._fruitless > 0 and seen == before and at - self.read_to < self.interval

    def pause(self, now: float, boundary: float | None) -> float:
        """Seconds to the next look after one that was answered.

        The time from a scrape to its samples is learnt, so that in a store that is filled late most looks
        find what they are for.
        """
        if boundary != self.boundary:
            if not self._fruitless:
                self.lag = max(self.lag * 0.9, INGESTION_SECONDS)
            self._fruitless = 0
        elif now >= self._awaited:
            self._fruitless += 1
            self.lag = min(now - self._awaited + INGESTION_SECONDS, LATEST_SECONDS)
        self.boundary = boundary
        self._awaited = self.trial.due(now)
        left = self._awaited + self.lag - now
        if left <= 0:
            left = min(INGESTION_SECONDS * 2.0 ** min(self._fruitless, 10), self.interval / 5)
        return min(max(left, INGESTION_SECONDS), self.interval)

    def pause_after_failure(self, wish: float | None) -> float:
        """Seconds to the next look after one that failed; each attempt takes its own, so that they do not
        come back all at once.
        """
        self.failures += 1
        longest = max(LONGEST_PAUSE, self.interval)
        pause = min(self.interval * 2.0 ** min(self.failures - 1, 10), longest)
        share = crc32(f"{self.key} {self.failures}".encode()) / 2**32
        return max(pause * (0.75 + share / 4), min((wish or 0.0) * (1 + share / 4), LONGEST_WISH))
