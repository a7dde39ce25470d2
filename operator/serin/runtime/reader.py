"""Asks one Prometheus for the samples of many attempts at once.

One query for all who ask the same; whose a series is, is told by `prom.owners`. Each attempt's questions are
asked one after the other in its own order, because a later answer must not know less than the first, which
tells when targets were scraped. A query that is refused is divided until only those are left without an
answer who cannot be answered.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil, inf
from typing import Final

from serin.domain.analysis.counters import Role, Series
from serin.domain.analysis.request import LabelNames
from serin.prom.client import Prometheus
from serin.prom.errors import NotLetIn, PrometheusError, Refused
from serin.prom.owners import owners
from serin.prom.samples import Matrix
from serin.prom.selectors import Question, room, selector
from serin.runtime.watch import Answers, Watch

MOST_ATTEMPTS: Final = 100
"""Of one query: its answer then has some hundred kilobytes."""
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
        left = list(dict.fromkeys(asked for _, asked in watch.questions))
        return cls(watch, left, {}, outcome=None if left else {})

    def note(self, asked: Question, found: tuple[Series, ...] | PrometheusError, at: float) -> None:
        """Take the answer to the first question that is left."""
        self.left.pop(0)
        if isinstance(found, PrometheusError):
            self.left, self.outcome = [], found
            return
        self.told[asked] = found
        channel, first = self.watch.questions[0]
        if asked == first and channel.role is Role.SCRAPES and self.watch.came_early(found, at):
            self.left = []
        if not self.left and len(self.told) == len({asked for _, asked in self.watch.questions}):
            self.outcome = {channel: self.told[asked] for channel, asked in self.watch.questions}


class Reader:
    """One Prometheus, and what was learnt of how much may be asked of it at once."""

    def __init__(self, prometheus: Prometheus) -> None:
        self._prometheus = prometheus
        self._limits: dict[Question, int] = {}
        self._gate = asyncio.Semaphore(AT_ONCE)
        self.asked = 0
        """How many queries were made."""

    async def read(
        self, watches: Iterable[Watch], at: float, take: Callable[[Watch, Outcome], Awaitable[None]]
    ) -> None:
        """Read what is new up to a moment; each attempt is taken as soon as it is complete."""
        sheets = [Sheet.blank(watch) for watch in watches]
        while sheets := await _handed_on(sheets, take):
            step = _next_questions(sheets)
            answers = await asyncio.gather(
                *(self._ask(asked, [one.watch for one in asking], at) for asked, asking in step.items())
            )
            for (asked, asking), found in zip(step.items(), answers, strict=True):
                for sheet in asking:
                    sheet.note(asked, found[sheet.watch], at)

    async def _ask(self, asked: Question, watches: Sequence[Watch], at: float) -> Found:
        parts = self._parts(asked, watches)
        answers = await asyncio.gather(*(self._part(asked, part, at) for part in parts))
        return {watch: outcome for found in answers for watch, outcome in found.items()}

    def _parts(self, asked: Question, watches: Sequence[Watch]) -> Iterator[list[Watch]]:
        """Attempts by the query: few enough, and short enough."""
        most = self._limits.get(asked, MOST_ATTEMPTS)
        part: list[Watch] = []
        free = full = self._prometheus.longest - FIXED_ROOM
        for watch in watches:
            need = room(asked, watch.trial.request)
            if part and (len(part) >= most or need > free):
                yield part
                part, free = [], full
            part.append(watch)
            free -= need
        if part:
            yield part

    async def _part(self, asked: Question, part: list[Watch], at: float) -> Found:
        """One query, and what it leads to."""
        try:
            matrix = await self._query(asked, part, at)
        except NotLetIn as error:
            return dict.fromkeys(part, error)
        except (Refused, PartialAnswer) as error:
            if len(part) == 1:
                return {part[0]: error}
            return await self._divided(asked, part, at)
        except PrometheusError as error:
            return dict.fromkeys(part, error)
        most = self._limits.get(asked, MOST_ATTEMPTS)
        if len(part) >= most:
            self._limits[asked] = min(MOST_ATTEMPTS, most + 1 + most // 8)
        return _parted(asked, part, matrix)

    async def _divided(self, asked: Question, part: list[Watch], at: float) -> Found:
        """Ask for less at once. Where neither the first nor the last is answered alone, nobody would be."""
        self._limits[asked] = max(1, len(part) // 2)
        ends = await asyncio.gather(self._part(asked, part[:1], at), self._part(asked, part[-1:], at))
        found = ends[0] | ends[1]
        rest = part[1:-1]
        errors = [outcome for outcome in found.values() if isinstance(outcome, PrometheusError)]
        if len(errors) == len(found):
            return found | dict.fromkeys(rest, errors[0])
        halves = [half for half in (rest[: len(rest) // 2], rest[len(rest) // 2 :]) if half]
        for more in await asyncio.gather(*(self._part(asked, half, at) for half in halves)):
            found |= more
        return found

    async def _query(self, asked: Question, part: Sequence[Watch], at: float) -> Matrix:
        reach = ceil(at - min(watch.oldest for watch in part))
        expr = f"{selector(asked, *(watch.trial.request for watch in part))}[{reach}s]"
        async with self._gate:
            self.asked += 1
            matrix = await self._prometheus.query(expr, at)
        if matrix.warnings:
            raise PartialAnswer(f"Prometheus warns: {matrix.warnings[0]}")
        return matrix


def slices(answers: Answers, edges: Sequence[float]) -> Iterator[Answers]:
    """Answers as they would have come: up to each of the edges, and the rest."""
    start = -inf
    for end in (*edges, inf):
        yield {
            channel: tuple(
                replace(one, samples=found)
                for one in series
                if (found := one.samples[_place(one, start) : _place(one, end)])
            )
            for channel, series in answers.items()
        }
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


def _parted(asked: Question, part: Sequence[Watch], matrix: Matrix) -> Found:
    """Whose is what of an answer."""
    found: dict[Watch, list[Series]] = {watch: [] for watch in part}
    claimed = (claim for watch in part for claim in watch.claims(asked.data_plane))
    whose = owners(claimed, asked.labels or LabelNames(), asked.data_plane)
    for series in matrix.series:
        for claim in whose.of(series.labels):
            samples = series.samples[_place(series, claim.owner.oldest) :]
            mine = Series(series.labels, samples, claim.arm, series.native)
            found[claim.owner].append(mine)
    return {watch: tuple(series) for watch, series in found.items()}


def _place(series: Series, moment: float) -> int:
    """Where the samples begin that are later than a moment."""
    samples = series.samples
    if not samples or samples[0][0] > moment:
        return 0
    return bisect_right(samples, (moment, inf))
