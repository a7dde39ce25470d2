"""One attempt under judgement: raw samples go in, an assessment comes out.

Samples become counts on a grid of boundaries that everyone shares, counts become evidence (`ledger`),
evidence a verdict (`judge`). A boundary is decided once, as soon as every target that is alive has a sample
at or after it; so all of it, from the first sample on, gives what the same samples gave as they came, and
nothing is stored (I7).
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil, inf, log

from serin.domain.analysis.counters import Arm, Cell, Growth, Role, Series
from serin.domain.analysis.dispersion import LONGEST_HISTORY, Block, dispersion
from serin.domain.analysis.evidence import NOTHING, ArmCounts, Interval
from serin.domain.analysis.judge import Harmed, Hold, Sight, assess, blind
from serin.domain.analysis.ledger import Ledger
from serin.domain.analysis.policy import SignalPolicy
from serin.domain.analysis.process import log_sum
from serin.domain.analysis.request import Channel, PodTimes, TrialRequest
from serin.domain.analysis.sources import Source, Sources
from serin.domain.analysis.targets import MISSED, Target, quality
from serin.domain.analysis.verdict import Assessment


@dataclass(frozen=True, slots=True)
class Grown:
    """One source's growth in the interval under decision, and whether its pod was warm all the while."""

    source: Source
    growth: Growth
    counted: bool


class Trial:
    """The analysis of one attempt."""

    def __init__(self, request: TrialRequest) -> None:
        self.request = request
        self._pods: dict[str, PodTimes] = {}
        self._sources = Sources(interval=request.interval)
        self._boundary: float | None = None
        self._ledgers: dict[str, Ledger] = {}
        self._past: dict[str, ArmCounts] = {}
        memory = max(1, round(LONGEST_HISTORY / request.interval))
        self._history: dict[str, deque[Block]] = {
            s.name: deque(maxlen=memory) for s in request.policy.signals
        }
        self._harmed: Harmed | None = None
        self.update(request)

    def update(self, request: TrialRequest) -> None:
        """Take in new pods, weights and the step, of the same attempt under the same policy."""
        self.request = request
        self._pods |= {pod.name: pod for pod in request.pods}

    def add(self, answers: Mapping[Channel, Iterable[Series]]) -> None:
        """Take in the answers to one round of queries, whole or since the last; overlaps do no harm."""
        for order, asked in enumerate(self.request.asked()):
            self._sources.hear(self.request, order, asked, answer=answers.get(asked.channel, ()))
        for source in self._sources:
            pod = self._pods.get(source.pod or "")
            source.target.ready = pod.ready if pod else None
            source.target.settle()
        self._decide_all()

    def assess(self, now: float) -> Assessment:
        """The verdict on the samples so far."""
        return assess(self._sight(), now=now)

    def blind(self, hold: Hold) -> Assessment:
        """The verdict while samples cannot be read."""
        return blind(self._sight(), hold)

    def due(self, now: float) -> float:
        """When another boundary can be decided: the slowest target has then been scraped at or after it."""
        interval = self.request.interval
        if self._boundary is None:
            return now + interval
        boundary = self._boundary + interval
        alive = [s.target.latest or 0.0 for s in self._sources.alive()]
        scrapes = [latest + max(0, ceil((boundary - latest) / interval)) * interval for latest in alive]
        return max(scrapes, default=now + interval)

    # Targets to intervals

    def _decide_all(self) -> None:
        targets = [source.target for source in self._sources if source.target.latest is not None]
        if not targets:
            return
        if self._boundary is None:
            first = max(self.request.history_from, min(t.first for t in targets if t.first is not None))
            self._boundary = ceil(first / self.request.interval) * self.request.interval
        while self._decidable(self._boundary + self.request.interval, targets):
            self._decide(self._boundary + self.request.interval)
            for target in targets:
                target.forget(self._boundary)

    def _decidable(self, boundary: float, targets: Iterable[Target]) -> bool:
        latest = [target.latest or -inf for target in targets]
        silence = MISSED * self.request.interval
        return max(latest) >= boundary and all(t >= boundary or max(latest) - t >= silence for t in latest)

    def _decide(self, boundary: float) -> None:
        """Count one interval and let every signal learn from it."""
        start = boundary - self.request.interval
        grown = [self._grown(source, start, boundary) for source in self._sources]
        settled = [w for w in self.request.windows if w.settled is not None and w.settled <= start]
        changing = any(window.touches(start, boundary) for window in self.request.windows)
        for signal in self.request.policy.signals:
            seen, block = self._counts(signal, grown, start)
            if settled and not changing and seen.comparable:
                self._compare(signal, seen, start=start, step=settled[-1].step)
            else:
                self._learn(signal, seen.stable, block)
        self._boundary = boundary
        self._look_for_harm()

    def _grown(self, source: Source, start: float, end: float) -> Grown:
        growth = source.target.between(start, end)
        windows = self.request.windows if growth.since < start else ()
        # What came out of a silence that spans a change of weight, or a warm-up, is of neither side of it.
        whole = not any(window.touches(growth.since, start) for window in windows)
        return Grown(source, growth, whole and self._warm_at(source) <= growth.since)

    def _warm_at(self, source: Source) -> float:
        """When a pod's samples begin to count. One that nobody named was Ready when it was first scraped."""
        warm_up = self.request.policy.warm_up.total_seconds()
        if source.pod is None:
            return -inf
        if (pod := self._pods.get(source.pod)) is not None:
            return inf if pod.ready is None else pod.ready + warm_up
        first = source.target.first or 0.0
        return first + warm_up if source.arm is Arm.CANARY or first > self.request.started else -inf

    def _counts(self, signal: SignalPolicy, grown: Iterable[Grown], start: float) -> tuple[Interval, Block]:
        arms = {Arm.CANARY: NOTHING, Arm.STABLE: NOTHING}
        block: dict[str, ArmCounts] = {}
        for one in grown:
            if not one.counted or (one.source.arm is None) != (signal.data_plane is not None):
                continue
            for arm in (one.source.arm,) if one.source.arm else self._warm_arms(start):
                counts = _arm_counts(signal, one, arm)
                arms[arm] += counts
                if arm is Arm.STABLE:
                    pod = one.source.pod or ""
                    block[pod] = block.get(pod, NOTHING) + counts
        return Interval(arms[Arm.CANARY], arms[Arm.STABLE]), block

    def _warm_arms(self, start: float) -> list[Arm]:
        """Arms whose pods are all warm in an interval: a proxy's counters do not tell one pod from another.

        Pods that became Ready later are none of the interval's, or a recomputation would count less.
        """
        warm_up, end = self.request.policy.warm_up.total_seconds(), start + self.request.interval
        named = [(pod.arm, pod.ready) for pod in self._pods.values() if pod.ready is not None]
        ready = {arm: [at for whose, at in named if whose is arm and at < end] for arm in Arm}
        return [arm for arm, times in ready.items() if times and max(times) + warm_up <= start]

    def _learn(self, signal: SignalPolicy, stable: ArmCounts, block: Block) -> None:
        if (ledger := self._ledgers.get(signal.name)) is not None:
            self._ledgers[signal.name] = ledger.learned(stable)
            return
        self._history[signal.name].append(block)
        self._past[signal.name] = self._past.get(signal.name, NOTHING) + stable

    def _compare(self, signal: SignalPolicy, seen: Interval, *, start: float, step: int) -> None:
        ledger = self._ledgers.get(signal.name)
        if ledger is None:
            ledger = Ledger.open(
                signal,
                self.request.policy.promotion,
                began=start,
                past=self._past.get(signal.name, NOTHING),
                phi=dispersion(tuple(self._history[signal.name]), interval=self.request.interval),
                step=step,
            )
            self._history[signal.name].clear()
        lone_pod = self._canary_pods(start) <= 1
        self._ledgers[signal.name] = ledger.at_step(step).advanced(seen, start=start, lone_pod=lone_pod)

    def _canary_pods(self, moment: float) -> int:
        """How many canary pods are counted at a moment, by what was known then."""
        silence = MISSED * self.request.interval
        ours = [source for source in self._sources if source.arm is Arm.CANARY]
        if not ours:
            return sum(pod.arm is Arm.CANARY and pod.ready is not None for pod in self._pods.values())
        return len(
            {
                source.pod
                for source in ours
                if self._warm_at(source) <= moment and source.target.scraped_between(moment - silence, moment)
            }
        )

    # Intervals to a verdict

    def _look_for_harm(self) -> None:
        if self._harmed or not self._ledgers or self._boundary is None:
            return
        policy = self.request.policy
        total = sum(signal.importance for signal in policy.signals)
        parts = {
            signal.name: log(signal.importance / total)
            + (ledger.log_harm if (ledger := self._ledgers.get(signal.name)) else 0.0)
            for signal in policy.signals
        }
        if log_sum(tuple(parts.values())) >= -log(policy.max_false_rollback_rate):
            worst = max(parts, key=lambda name: parts[name])
            self._harmed = Harmed(self._boundary, worst, self._ledgers[worst])

    def _sight(self) -> Sight:
        boundary, alive = self._boundary, self._sources.alive()
        live, missing, spoilt = (
            dict.fromkeys(Arm, False),
            dict.fromkeys(Arm, False),
            dict.fromkeys(Arm, False),
        )
        if boundary is not None:
            for arm in Arm:
                targets = [s.target for s in alive if s.arm in (arm, None)]
                live[arm] = bool(targets)
                missing[arm], spoilt[arm] = quality(targets, boundary)
        return Sight(
            request=self.request,
            ledgers=dict(self._ledgers),
            heard=frozenset(self._sources.heard),
            boundary=boundary,
            harmed=self._harmed,
            live=live,
            missing=missing,
            spoilt=spoilt,
            warm_at=self._canary_warm_at(),
        )

    def _canary_warm_at(self) -> float | None:
        """When the first canary pod counts; None while there is none."""
        warm_up = self.request.policy.warm_up.total_seconds()
        named = [
            p.ready + warm_up for p in self._pods.values() if p.arm is Arm.CANARY and p.ready is not None
        ]
        unnamed = [self._warm_at(s) for s in self._sources if s.arm is Arm.CANARY]
        return min(named or unnamed, default=None)


def _arm_counts(signal: SignalPolicy, one: Grown, arm: Arm) -> ArmCounts:
    """What one source counted for one arm; nothing without the bucket, which tells slow from fast."""
    cells = one.growth.cells
    requests = max(0.0, cells.get(Cell(signal.name, Role.REQUESTS, arm), 0.0))
    if signal.at_most is None:
        bad = cells.get(Cell(signal.name, Role.BAD, arm), 0.0)
    elif (within := Cell(signal.name, Role.WITHIN, arm)) in cells:
        bad = requests - cells.get(within, 0.0)
    else:
        return NOTHING
    return ArmCounts(requests, min(max(bad, 0.0), requests))
