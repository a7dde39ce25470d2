"""Asks one Prometheus for the samples of many attempts at once.

One query for all who ask the same; whose a series is, is told by `prom.owners`. Each attempt's questions are
asked one after the other in its own order, because a later answer must not know less than the first, which
tells when targets were scraped. A query that is refused is divided until only those are left without an
answer who cannot be answered.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil, inf
from typing import Final

from serin.domain.analysis.counters import Role, Series
from serin.domain.analysis.policy import DataPlane
from serin.domain.analysis.request import LabelNames
from serin.prom.client import Prometheus
from serin.prom.errors import NotLetIn, PrometheusError, Refused, TooLarge
from serin.prom.owners import Owners, owners
from serin.prom.samples import Matrix
from serin.prom.selectors import Question, selector
from serin.runtime.watch import Answers, Watch

MOST_ATTEMPTS: Final = 400
"""Of one query: its answer then has about a megabyte."""
AT_ONCE: Final = 4
"""Queries under way at one Prometheus; its own default is 20 for everybody."""
FIXED_ROOM: Final = 1_000
"""Characters of a query beside what the attempts add, and a counter's own matchers."""


class PartialAnswer(PrometheusError):
    """Prometheus answered with warnings: part of its sources are missing, so counts would be too."""


Outcome = Answers | PrometheusError | None
"""What was read for an attempt, or why nothing was; None where nothing was scraped since the look before."""
Found = dict[Watch, tuple[Series, ...] | PrometheusError]


@dataclass(slots=True)
class Sheet:
    """One attempt's questions in a round, and the answers so far.

    Attributes:
        left: In the order of asking.
    """

    watch: Watch
    left: list[Question]
    told: dict[Question, tuple[Series, ...]]
    outcome: Outcome = None

    @classmethod
    def blank(cls, watch: Watch) -> "Sheet":
        """Nothing asked yet."""
        left = list(dict.fromkeys(learnt.asked for _, learnt in watch.questions))
        return cls(watch, left, {}, outcome=None if left else {})

    def note(self, asked: Question, found: tuple[Series, ...] | PrometheusError, at: float) -> None:
        """Take the answer to the first question that is left."""
        self.left.pop(0)
        if isinstance(found, PrometheusError):
            self.left, self.outcome = [], found
            return
        self.told[asked] = found
        channel, _ = self.watch.questions[0]
        if len(self.told) == 1 and channel.role is Role.SCRAPES and self.watch.came_early(found, at):
            self.left = []
        elif not self.left:
            told = self.told
            self.outcome = {
                channel: learnt.of(told[learnt.asked]) for channel, learnt in self.watch.questions
            }


class Reader:
    """One Prometheus, and what was learnt of how much may be asked of it at once."""

    def __init__(self, prometheus: Prometheus) -> None:
        self.prometheus = prometheus
        self.gate = asyncio.Semaphore(AT_ONCE)
        self._most: dict[Question, int] = {}

    async def read(
        self, watches: Iterable[Watch], at: float, take: Callable[[Watch, Outcome], Awaitable[None]]
    ) -> int:
        """Read what is new up to a moment; each attempt is taken as soon as it is complete. Returns how many
        queries that took.
        """
        sheets = [Sheet.blank(watch) for watch in watches]
        asking = Asking(self, [sheet.watch for sheet in sheets], at)
        while sheets := await _handed_on(sheets, take):
            step = _next_questions(sheets)
            answers = await asyncio.gather(
                *(asking.all_of(asked, [one.watch for one in those]) for asked, those in step.items())
            )
            for (asked, those), found in zip(step.items(), answers, strict=True):
                for sheet in those:
                    sheet.note(asked, found[sheet.watch], at)
        return asking.queries

    def parts(self, asked: Question, watches: Sequence[Watch]) -> Iterator[list[Watch]]:
        """Attempts by the query: few enough, and short enough."""
        most = self._most.get(asked, MOST_ATTEMPTS)
        part: list[Watch] = []
        free = full = self.prometheus.longest - FIXED_ROOM
        for watch in watches:
            need = watch.room(asked)
            if part and (len(part) >= most or need > free):
                yield part
                part, free = [], full
            part.append(watch)
            free -= need
        if part:
            yield part

    def was_too_large(self, asked: Question, part: Sequence[Watch]) -> None:
        """Ask for fewer from now on."""
        self._most[asked] = max(1, len(part) // 2)

    def was_answered(self, asked: Question, part: Sequence[Watch]) -> None:
        """Ask for some more next time, where fewer are asked for than could be."""
        most = self._most.get(asked, MOST_ATTEMPTS)
        if MOST_ATTEMPTS > most <= len(part):
            self._most[asked] = min(MOST_ATTEMPTS, most + 1 + most // 8)


@dataclass(slots=True)
class Asking:
    """The queries of one round, all about samples up to one moment."""

    reader: Reader
    watches: Sequence[Watch]
    at: float
    queries: int = 0
    _owners: dict[tuple[DataPlane | None, LabelNames | None], Owners[Watch]] = field(default_factory=dict)
    _oldest: dict[Watch, float] = field(init=False)

    def __post_init__(self) -> None:
        self._oldest = {watch: watch.oldest(self.at) for watch in self.watches}

    async def all_of(self, asked: Question, watches: Sequence[Watch]) -> Found:
        """The answers to one question."""
        parts = self.reader.parts(asked, watches)
        answers = await asyncio.gather(*(self._part(asked, part) for part in parts))
        return {watch: outcome for found in answers for watch, outcome in found.items()}

    async def _part(self, asked: Question, part: Sequence[Watch]) -> Found:
        """One query, and what it leads to."""
        try:
            matrix = await self._query(asked, part)
        except NotLetIn as error:
            return dict.fromkeys(part, error)
        except (Refused, PartialAnswer) as error:
            if len(part) == 1:
                return {part[0]: error}
            if isinstance(error, TooLarge):
                self.reader.was_too_large(asked, part)
            return await self._divided(asked, part)
        except PrometheusError as error:
            return dict.fromkeys(part, error)
        self.reader.was_answered(asked, part)
        return self._parted(asked, part, matrix)

    async def _divided(self, asked: Question, part: Sequence[Watch]) -> Found:
        """Ask for less at once. Where neither the first nor the last is answered alone, nobody would be."""
        ends = await asyncio.gather(self._part(asked, part[:1]), self._part(asked, part[-1:]))
        found = ends[0] | ends[1]
        rest = part[1:-1]
        errors = [outcome for outcome in found.values() if isinstance(outcome, PrometheusError)]
        if len(errors) == len(found):
            return found | dict.fromkeys(rest, errors[0])
        halves = [half for half in (rest[: len(rest) // 2], rest[len(rest) // 2 :]) if half]
        for more in await asyncio.gather(*(self._part(asked, half) for half in halves)):
            found |= more
        return found

    async def _query(self, asked: Question, part: Sequence[Watch]) -> Matrix:
        reach = ceil(self.at - min(self._oldest[watch] for watch in part))
        expr = f"{selector(asked, *(watch.trial.request for watch in part))}[{reach}s]"
        self.queries += 1
        async with self.reader.gate:
            matrix = await self.reader.prometheus.query(expr, self.at)
        if matrix.warnings:
            raise PartialAnswer(f"Prometheus warns: {matrix.warnings[0]}")
        return matrix

    def _parted(self, asked: Question, part: Sequence[Watch], matrix: Matrix) -> Found:
        """Whose is what of an answer."""
        found: dict[Watch, list[Series]] = {watch: [] for watch in part}
        whose = self._whose(asked)
        for series in matrix.series:
            for claim in whose.of(series.labels):
                if claim.owner not in found:
                    continue
                # A look is about the same samples, however far back the query reached for others.
                found[claim.owner].append(series.after(self._oldest[claim.owner]))
        return {watch: tuple(series) for watch, series in found.items()}

    def _whose(self, asked: Question) -> Owners[Watch]:
        """The same for all questions of a round: pods that one answer has are in the others too."""
        kind = (asked.data_plane, asked.labels)
        if kind not in self._owners:
            claimed = (claim for watch in self.watches for claim in watch.claims(asked.data_plane))
            self._owners[kind] = owners(claimed, asked.labels or LabelNames(), asked.data_plane)
        return self._owners[kind]


def slices(answers: Answers, edges: Sequence[float]) -> Iterator[Answers]:
    """Answers as they would have come: up to each of the edges, then the rest; without empty ones."""
    start = -inf
    for end in (*edges, inf):
        part = {
            channel: tuple(
                one._replace(samples=found)
                for one in series
                if (found := one.samples[_place(one, start) : _place(one, end)])
            )
            for channel, series in answers.items()
        }
        if end == inf or any(part.values()):
            yield part
        start = end


async def _handed_on(
    sheets: Iterable[Sheet], take: Callable[[Watch, Outcome], Awaitable[None]]
) -> list[Sheet]:
    """Hand on what is complete; the sheets with something left to ask that somebody still wants to know."""
    asking = []
    for sheet in sheets:
        if sheet.left:
            asking.append(sheet)
        else:
            await take(sheet.watch, sheet.outcome)
    return [sheet for sheet in asking if not sheet.watch.dropped]


def _next_questions(sheets: Iterable[Sheet]) -> dict[Question, list[Sheet]]:
    """What to ask now: first questions that nobody has further down, so that they are asked once for all;
    any first question where everybody waits for everybody.
    """
    orders = {tuple(sheet.left) for sheet in sheets}
    later = {asked for order in orders for asked in order[1:]}
    ready = {order[0] for order in orders} - later
    step: dict[Question, list[Sheet]] = {}
    for sheet in sheets:
        if sheet.left[0] in ready or not ready:
            step.setdefault(sheet.left[0], []).append(sheet)
    return step


def _place(series: Series, moment: float) -> int:
    """Where the samples begin that are later than a moment."""
    samples = series.samples
    if not samples or samples[0][0] > moment:
        return 0
    return bisect_right(samples, (moment, inf))
