"""Looks at Prometheus for every attempt under judgement, and says what the judge makes of it.

Each attempt is asked for on its own, shortly after the scrape that completes its next boundary. Only what
is new is read; after a start, or a time without Prometheus, everything since is, and the evidence is what
it would have been (I7). Nothing here decides or writes: the callback gets an assessment that names what it
is valid for.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil, inf
from operator import attrgetter
from typing import Final

from serin.domain.analysis.counters import Series
from serin.domain.analysis.judge import Hold, Reason
from serin.domain.analysis.request import Channel, TrialRequest
from serin.domain.analysis.trial import Trial
from serin.domain.analysis.verdict import Assessment
from serin.domain.names import Key
from serin.prom.client import Prometheus, PrometheusError, Refused
from serin.prom.selectors import selector

_log = logging.getLogger(__name__)

INGESTION_SECONDS: Final = 0.25
"""From the moment of a scrape until its samples can be queried, as a rule; if later, a later look finds them.
"""
OVERLAP_INTERVALS: Final = 2
LATEST_SECONDS: Final = 60.0
"""How far a look reaches back behind the one before it, whichever is longer: for samples that came late, by
remote write for example, and for a clock that is ahead of Prometheus'. A sample that is later still is lost.
"""
STRETCH_INTERVALS: Final = 240
"""Longest stretch that is read and judged in one go."""
LONGEST_PAUSE: Final = 30.0
"""Seconds between two looks while Prometheus does not answer: short, because a rollout waits meanwhile."""

OnAssessment = Callable[[Key, Assessment], None]


class PartialAnswer(PrometheusError):
    """Prometheus answered with warnings: part of its sources are missing, so counts would be too."""


@dataclass(slots=True)
class Watch:
    """One attempt being looked at. Its samples up to `read_to` are in the trial, if they were on time."""

    trial: Trial
    source: str
    task: asyncio.Task[None] | None = None
    read_to: float = -inf
    failures: int = 0

    @property
    def ended(self) -> bool:
        """Nobody looks any more, because of a fault."""
        return self.task is not None and self.task.done()


class Poller:
    """The attempts under judgement, each looked at once a scrape interval."""

    def __init__(
        self, clients: Mapping[str, Prometheus], *, on_assessment: OnAssessment, now: Callable[[], float]
    ) -> None:
        self._clients = clients
        self._on_assessment = on_assessment
        self._now = now
        self._watches: dict[Key, Watch] = {}

    def follow(self, key: Key, request: TrialRequest, source: str) -> None:
        """Look at an attempt from now on, or tell what is new about it. May be repeated at will.

        Another attempt, policy or interval begins anew; pods, weights and the step are taken in.
        """
        watch = self._watches.get(key)
        same = watch is not None and watch.source == source and _same_trial(watch.trial.request, request)
        if watch is not None and same and not watch.ended:
            watch.trial.update(request)
            return
        self.forget(key)
        watch = Watch(Trial(request), source)
        self._watches[key] = watch
        watch.task = asyncio.create_task(self._follow(key, watch), name=f"poller {key}")

    def forget(self, key: Key) -> None:
        """Look no more. A key that is not followed is none of its business."""
        watch = self._watches.pop(key, None)
        if watch is not None and watch.task is not None:
            watch.task.cancel()

    async def close(self) -> None:
        """Forget everything, and wait until no look is under way."""
        tasks = [watch.task for watch in self._watches.values() if watch.task is not None]
        for key in list(self._watches):
            self.forget(key)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, key: Key, watch: Watch) -> None:
        while True:
            assessment = await self._look(key, watch)
            # A callback may forget the key, and must not hear of it again.
            self._on_assessment(key, assessment)
            await asyncio.sleep(self._pause(watch))

    async def _look(self, key: Key, watch: Watch) -> Assessment:
        now = self._now()
        try:
            await self._catch_up(watch, now)
            assessment = watch.trial.assess(now)
        except PrometheusError as error:
            if not watch.failures:
                _log.warning("samples unreadable", extra={"key": str(key), "reason": str(error)})
            watch.failures += 1
            return watch.trial.blind(Hold(_reason(error), str(error)))
        except Exception:
            _log.exception("analysis failed", extra={"key": str(key)})
            watch.failures += 1
            return watch.trial.blind(
                Hold(Reason.ANALYSIS_FAULT, "the analysis failed; the operator's log says why")
            )
        if watch.failures:
            _log.info("samples readable again", extra={"key": str(key)})
        watch.failures = 0
        return assessment

    async def _catch_up(self, watch: Watch, now: float) -> None:
        """Read to the present, a limited stretch at a time: a rollout that was paused for days must not keep
        the process from renewing its lease.
        """
        request = watch.trial.request
        watch.read_to = max(watch.read_to, request.history_from)
        while watch.read_to < now:
            at = min(now, watch.read_to + STRETCH_INTERVALS * request.interval)
            watch.trial.add(await self._ask(watch, at))
            watch.read_to = at

    async def _ask(self, watch: Watch, at: float) -> Mapping[Channel, tuple[Series, ...]]:
        """All series of the attempt, one query after the other: a later answer must not know less than the
        first, which tells when targets were scraped.
        """
        request = watch.trial.request
        overlap = max(OVERLAP_INTERVALS * request.interval, LATEST_SECONDS)
        reach = ceil(at - watch.read_to + overlap)
        told: dict[str, tuple[Series, ...]] = {}
        answers: dict[Channel, tuple[Series, ...]] = {}
        for asked in request.asked():
            expr = f"{selector(asked, request)}[{reach}s]"
            if expr not in told:
                matrix = await self._clients[watch.source].query(expr, at)
                if matrix.warnings:
                    raise PartialAnswer(f"Prometheus warns: {matrix.warnings[0]}")
                told[expr] = matrix.series
            answers[asked.channel] = told[expr]
        return answers

    def _pause(self, watch: Watch) -> float:
        interval = watch.trial.request.interval
        if watch.failures:
            return float(min(interval * 2 ** min(watch.failures - 1, 10), max(LONGEST_PAUSE, interval)))
        now = self._now()
        left = watch.trial.due(now) + INGESTION_SECONDS - now
        return min(max(left, interval / 5), interval)


def _same_trial(one: TrialRequest, other: TrialRequest) -> bool:
    """Whether what was learnt for one holds for the other."""
    key = attrgetter("namespace", "attempt", "policy", "interval", "labels")
    return bool(key(one) == key(other))


def _reason(error: PrometheusError) -> Reason:
    match error:
        case PartialAnswer():
            return Reason.PARTIAL_ANSWER
        case Refused():
            return Reason.QUERY_REFUSED
        case _:
            return Reason.PROMETHEUS_UNREACHABLE
