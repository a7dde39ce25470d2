"""Looks at Prometheus for every attempt under judgement, and says what the judge makes of it.

Each attempt is looked at shortly after the scrape that completes its next boundary (`watch`), with all others
of the same Prometheus that are due then (`rounds`, `reader`). Only what is new is read; after a start, or a
time without Prometheus, everything since is, and the evidence is what it would have been (I7). Nothing here
decides or writes: the callback gets an assessment that names what it is valid for.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from operator import attrgetter
from time import perf_counter
from typing import Final

from serin.domain.analysis.judge import Hold, Reason
from serin.domain.analysis.request import TrialRequest
from serin.domain.analysis.trial import Trial
from serin.domain.analysis.verdict import Assessment
from serin.domain.names import Key
from serin.prom.client import Prometheus
from serin.prom.errors import PrometheusError, Refused, TooLarge
from serin.runtime.reader import Outcome, PartialAnswer, slices
from serin.runtime.rounds import Rounds
from serin.runtime.watch import SHORTEST_STRETCH, Answers, Watch

_log = logging.getLogger(__name__)

SLICE_INTERVALS: Final = 16
"""Judged in one go. In between everything else has its turn: the lease is renewed however much is read."""
TURN_SECONDS: Final = 0.01
"""After so long everything else has its turn."""

OnAssessment = Callable[[Key, Assessment], None]


class Poller:
    """The attempts under judgement, each looked at once a scrape interval.

    Args:
        prometheuses: By name, those that attempts may be judged by.
        on_assessment: Hears every assessment; may forget the key. Should it raise, the attempt is looked at
            no more until it is followed anew.
        now: Unix seconds.
    """

    def __init__(
        self,
        prometheuses: Mapping[str, Prometheus],
        *,
        on_assessment: OnAssessment,
        now: Callable[[], float],
    ) -> None:
        self._prometheuses = prometheuses
        self._on_assessment = on_assessment
        self._now = now
        self._watches: dict[Key, Watch] = {}
        self._rounds: dict[str, Rounds] = {}
        self._turn_began = 0.0

    @property
    def followed(self) -> int:
        """How many attempts are looked at."""
        return len(self._watches)

    @property
    def newest_boundary(self) -> float | None:
        """Unix seconds of the newest boundary that was decided for any of them."""
        known = [watch.boundary for watch in self._watches.values() if watch.boundary is not None]
        return max(known, default=None)

    def follow(self, key: Key, request: TrialRequest, source: str) -> None:
        """Look at an attempt from now on by the Prometheus of that name, or tell what is new about it. May be
        repeated at will.

        Another attempt, policy, interval or place begins anew; pods, weights and the step are taken in.
        """
        watch = self._watches.get(key)
        same = watch is not None and watch.source == source and _same_trial(watch.trial.request, request)
        if watch is not None and same and not watch.ended:
            watch.trial.update(request)
            return
        self.forget(key)
        watch = Watch(key, source, Trial(request), next_look=asyncio.get_running_loop().time())
        self._watches[key] = watch
        if source not in self._rounds:
            self._rounds[source] = Rounds(self._prometheuses[source], take=self._take, now=self._now)
        self._rounds[source].add(watch)

    def forget(self, key: Key) -> None:
        """Look no more. A key that is not followed is none of its business."""
        watch = self._watches.pop(key, None)
        if watch is not None:
            self._rounds[watch.source].remove(watch)

    async def close(self) -> None:
        """Forget everything, and wait until no look is under way."""
        for key in list(self._watches):
            self.forget(key)
        rounds, self._rounds = self._rounds, {}
        await asyncio.gather(*(one.close() for one in rounds.values()))

    async def _take(self, watch: Watch, outcome: Outcome | Exception, at: float) -> None:
        """Judge what was read, and say so. Faults end here: no attempt's may end another's judgement."""
        await self._take_turns()
        try:
            if isinstance(outcome, PrometheusError):
                self._unread(watch, outcome)
                return
            if isinstance(outcome, Exception):
                raise outcome
            if outcome is not None:
                await self._learn(watch, outcome, at)
            self._answered(watch)
        except Exception:
            _log.exception("analysis failed", extra={"key": str(watch.key)})
            self._put_off(watch, None)
            with suppress(Exception):  # what is known is as faulty, perhaps: then nothing is said
                hold = Hold(Reason.ANALYSIS_FAULT, "the analysis failed; the operator's log says why")
                self._say(watch, watch.trial.blind(hold))

    async def _learn(self, watch: Watch, answers: Answers, at: float) -> None:
        """A limited stretch at a time: a rollout that was paused for days must not stop the process."""
        step = SLICE_INTERVALS * watch.interval
        edges = [watch.read_to + step * k for k in range(1, int((at - watch.read_to) / step))]
        for part in slices(answers, edges) if edges else [answers]:
            if watch.dropped:
                return
            watch.trial.add(part)
            await self._take_turns()
        watch.read_to = at
        watch.learn_lateness(answers)

    def _answered(self, watch: Watch) -> None:
        now = self._now()
        assessment = watch.trial.assess(now)
        if watch.failures:
            _log.info("samples readable again", extra={"key": str(watch.key)})
        watch.failures = 0
        if not watch.current:
            return
        pause = watch.pause(now, assessment.boundary)
        watch.next_look = asyncio.get_running_loop().time() + pause
        self._say(watch, assessment)

    def _unread(self, watch: Watch, error: PrometheusError) -> None:
        if isinstance(error, TooLarge) and watch.behind(self._now()) and watch.stretch > SHORTEST_STRETCH:
            watch.stretch //= 2
            return
        if not watch.failures:
            _log.warning("samples unreadable", extra={"key": str(watch.key), "reason": str(error)})
        self._put_off(watch, getattr(error, "retry_after", None))
        self._say(watch, watch.trial.blind(Hold(_reason(error), str(error))))

    def _put_off(self, watch: Watch, wish: float | None) -> None:
        watch.next_look = asyncio.get_running_loop().time() + watch.pause_after_failure(wish)

    def _say(self, watch: Watch, assessment: Assessment) -> None:
        # A callback may have forgotten the key meanwhile, and must not hear of it again.
        if watch.dropped:
            return
        try:
            self._on_assessment(watch.key, assessment)
        except Exception:
            _log.exception("assessment not taken", extra={"key": str(watch.key)})
            watch.ended = True

    async def _take_turns(self) -> None:
        if perf_counter() - self._turn_began > TURN_SECONDS:
            await asyncio.sleep(0)
            self._turn_began = perf_counter()


def _same_trial(one: TrialRequest, other: TrialRequest) -> bool:
    """Whether what was learnt for one holds for the other."""
    key = attrgetter("namespace", "attempt", "policy", "interval", "labels", "stable", "canary")
    return bool(key(one) == key(other))


def _reason(error: PrometheusError) -> Reason:
    match error:
        case PartialAnswer():
            return Reason.PARTIAL_ANSWER
        case Refused():
            return Reason.QUERY_REFUSED
        case _:
            return Reason.PROMETHEUS_UNREACHABLE
