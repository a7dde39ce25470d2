"""One attempt under judgement: raw samples go in, an assessment comes out.

Samples become counts on a grid of boundaries that everyone shares, counts become evidence (`comparison`),
evidence a verdict (`judge`). A boundary is decided once, as soon as every target that is alive has a sample
at or after it; so all of it, from the first sample on, gives what the same samples gave as they came, and
nothing is stored (I7).
"""

from collections.abc import Iterable, Mapping, Sequence
from math import ceil, inf, log

from serin.domain.analysis.comparison import Comparison, Seen
from serin.domain.analysis.counters import Arm, Series
from serin.domain.analysis.dispersion import Swings
from serin.domain.analysis.grown import Grown, of_pods, whole
from serin.domain.analysis.judge import Hold, assess, blind
from serin.domain.analysis.pods import Pods, Warmth
from serin.domain.analysis.process import log_sum
from serin.domain.analysis.quality import quality
from serin.domain.analysis.request import Channel, StepWindow, TrialRequest
from serin.domain.analysis.sight import Harmed, Sight
from serin.domain.analysis.sources import Sources
from serin.domain.analysis.split import Split
from serin.domain.analysis.tallies import Counted
from serin.domain.analysis.targets import MISSED, Target
from serin.domain.analysis.verdict import Assessment


class Trial:
    """The analysis of one attempt."""

    def __init__(self, request: TrialRequest) -> None:
        self.request = request
        policy = request.policy
        self._pods = Pods(warm_up=policy.warm_up.total_seconds(), started=request.started)
        self._sources = Sources(interval=request.interval)
        self._boundary: float | None = None
        self._comparisons = tuple(
            Comparison(
                signal,
                promotion=policy.promotion,
                interval=request.interval,
                pin=request.pins.get(signal.name),
            )
            for signal in policy.signals
        )
        self._split: Split | None = None
        self._tested: StepWindow | None = None
        self._request_phi: Swings | None = None
        self._harmed: Harmed | None = None
        self._tried: dict[str, Harmed] = {}
        self._counted: float | None = None
        self._late = 0
        self._policy_hash = policy.fingerprint()
        self._asked = request.asked()
        self.update(request)

    def update(self, request: TrialRequest) -> None:
        """Take in new pods, weights and the step, of the same attempt under the same policy."""
        self.request = request
        self._pods.learn(request.pods)

    def add(self, answers: Mapping[Channel, Iterable[Series]]) -> None:
        """Take in the answers to one round of queries, whole or since the last; overlaps do no harm."""
        for order, asked in enumerate(self._asked):
            if found := answers.get(asked.channel):
                self._sources.hear(self.request, order, asked, answer=found)
        for source in self._sources:
            target = source.target
            target.ready = self._pods.ready(source.pod)
            known = target.first is not None
            target.settle()
            if not known and target.first is not None and target.first <= (self._boundary or -inf):
                self._late += 1
        self._decide_all()

    def assess(self, now: float) -> Assessment:
        """The verdict on the samples so far."""
        return assess(self.sight(), now=now)

    def blind(self, hold: Hold) -> Assessment:
        """The verdict while samples cannot be read."""
        return blind(self.sight(), hold)

    def due(self, now: float) -> float:
        """When another boundary can be decided: the slowest target has then been scraped at or after it."""
        interval = self.request.interval
        if self._boundary is None:
            return now + interval
        boundary = self._boundary + interval
        alive = [s.target.latest or 0.0 for s in self._sources.alive()]
        scrapes = [latest + max(0, ceil((boundary - latest) / interval)) * interval for latest in alive]
        return max(scrapes, default=now + interval)

    def decided(self, boundary: float) -> None:
        """After each boundary, in their order: for those who want to look at every one. Does nothing here."""

    def sight(self) -> Sight:
        """What a verdict rests on just now."""
        boundary, alive = self._boundary, self._sources.alive()
        live = dict.fromkeys(Arm, False)
        missing, spoilt = dict(live), dict(live)
        if boundary is not None:
            for arm in Arm:
                targets = [s.target for s in alive if s.arm in (arm, None)]
                live[arm] = bool(targets)
                missing[arm], spoilt[arm] = quality(targets, boundary)
        return Sight(
            request=self.request,
            policy_hash=self._policy_hash,
            ledgers={one.signal.name: one.ledger for one in self._comparisons if one.ledger is not None},
            served={one.signal.name: dict(one.served) for one in self._comparisons},
            heard=frozenset(self._sources.heard),
            crowded=frozenset(self._sources.crowded),
            lacking=frozenset(one.signal.name for one in self._comparisons if one.lacking),
            boundary=boundary,
            counted=self._counted,
            harmed=self._harmed,
            tried=dict(self._tried),
            live=live,
            missing=missing,
            spoilt=spoilt,
            warm_at=self._pods.canary_warm_at(self._sources),
            canaries=self._pods.ready_canaries(),
            split=self._split,
            window=self._tested,
            incidents=frozenset(one.signal.name for one in self._comparisons if one.shares_an_incident),
            lost=any(one.lost for one in self._comparisons),
            late=self._late + self._sources.late,
        )

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
            self.decided(self._boundary)

    def _decidable(self, boundary: float, targets: Iterable[Target]) -> bool:
        latest = [target.latest or -inf for target in targets]
        newest, silence = max(latest), MISSED * self.request.interval
        return newest >= boundary and all(t >= boundary or newest - t >= silence for t in latest)

    def _decide(self, boundary: float) -> None:
        """Count one interval and let every signal learn from it."""
        start = boundary - self.request.interval
        settled = [w for w in self.request.windows if w.settled is not None and w.settled <= start]
        changing = any(window.touches(start, boundary) for window in self.request.windows)
        window = settled[-1] if settled and not changing else None
        grown = self._grown(start, boundary)
        if window is not None:
            self._look_at_split(window, grown, start=start)
        astray = self._split is not None and bool(self._split.mismatch)
        lone_pod = self._canary_pods(start) <= 1
        for comparison in self._comparisons:
            seen = self._seen(comparison, grown, start=start)
            comparison.see(seen, start=start)
            if window is not None and not astray:
                comparison.warm(seen, start=start)
            if window is not None and not astray and _both(seen):
                comparison.compare(seen, start=start, step=window.step, lone_pod=lone_pod)
                self._counted = boundary
            else:
                comparison.learn(seen, start=start)
        self._boundary = boundary
        self._look_for_harm(boundary)

    def _grown(self, start: float, end: float) -> list[Grown]:
        found = []
        proxied = any(source.arm is None for source in self._sources)
        of_arms = self._pods.warmth_of_arms(start, end) if proxied else {}
        for source in self._sources:
            growth = source.target.between(start, end)
            warmth = of_arms
            if source.arm is not None:
                warmth = {source.arm: self._pods.warmth(source, growth.since)}
            # What came out of a silence that spans a change of weight is of neither side of it.
            spans = growth.since < start
            if spans and any(window.touches(growth.since, start) for window in self.request.windows):
                warmth = {}
            found.append(Grown(source, growth, warmth))
        return found

    def _seen(self, comparison: Comparison, grown: Sequence[Grown], *, start: float) -> Seen:
        reader, by_proxy = comparison.reader, comparison.signal.data_plane is not None
        if comparison.signal.bad is not None:
            grown = of_pods(grown, comparison.signal.name, start=start)
        sums = dict.fromkeys(Arm, reader.nothing)
        warming: Counted = None
        pods: dict[str, Counted] = {}
        for one in grown:
            if (one.source.arm is None) is not by_proxy:
                continue
            for arm, warmth in one.warmth.items():
                if warmth is Warmth.COLD:
                    continue
                counts = reader.counted(one.growth.cells, arm)
                if warmth is Warmth.WARMING:
                    warming = counts + (warming or reader.nothing)
                    continue
                sums[arm] += counts
                if arm is Arm.STABLE:
                    pod = one.source.pod or ""
                    pods[pod] = pods[pod] + counts if pod in pods else counts
        return Seen(sums[Arm.CANARY], sums[Arm.STABLE], warming, pods)

    def _look_at_split(self, window: StepWindow, grown: Sequence[Grown], *, start: float) -> None:
        """Whether requests go where they should: all of them, whether their pod is warm or not."""
        first = next((one for one in self._comparisons if one.knows_requests), self._comparisons[0])
        if self._request_phi is None:
            self._request_phi = first.request_swings()
        if self._tested != window:
            self._tested, self._split = window, None
            if window.weight is not None:
                self._split = Split.begin(weight=window.weight / 100, phi=self._request_phi)
        by_proxy = first.signal.data_plane is not None
        told = [one for one in grown if (one.source.arm is None) is by_proxy]
        if self._split is None or not whole(told, start):
            return
        requests = dict.fromkeys(Arm, 0.0)
        for one in told:
            for arm in one.warmth:
                requests[arm] += first.reader.requests(one.growth.cells, arm)
        self._split = self._split.advanced(
            requests[Arm.CANARY], requests[Arm.STABLE], elapsed=start - (window.settled or start)
        )

    def _canary_pods(self, moment: float) -> int:
        """How many canary pods are counted at a moment, by what was known then."""
        silence = MISSED * self.request.interval
        ours = [source for source in self._sources if source.arm is Arm.CANARY]
        if not ours:
            return self._pods.ready_canaries()
        return len(
            {
                source.pod
                for source in ours
                if self._pods.warm_at(source) <= moment
                and source.target.scraped_between(moment - silence, moment)
            }
        )

    # Intervals to a verdict

    def _look_for_harm(self, boundary: float) -> None:
        limit = -log(self.request.policy.max_false_rollback_rate)
        for one in self._comparisons:
            if one.signal.dry_run and one.signal.name not in self._tried:
                if one.warming is not None and one.fails_at_once:
                    self._tried[one.signal.name] = Harmed(boundary, one.signal.name, one.warming)
                elif one.ledger is not None and one.ledger.log_harm >= limit:
                    self._tried[one.signal.name] = Harmed(boundary, one.signal.name, one.ledger)
        if self._harmed is None:
            self._harmed = self._harm_of_all(boundary, limit)

    def _harm_of_all(self, boundary: float, limit: float) -> Harmed | None:
        """The weighted mean of all signals' evidence, whatever depends on what, or a catastrophe in one."""
        judged = [one for one in self._comparisons if not one.signal.dry_run]
        for one in judged:
            if one.warming is not None and one.fails_at_once:
                return Harmed(boundary, one.signal.name, one.warming)
        if not any(one.ledger for one in judged):
            return None
        total = sum(one.signal.importance for one in judged)
        evidence = [
            log(one.signal.importance / total) + (one.ledger.log_harm if one.ledger else 0.0)
            for one in judged
        ]
        if log_sum(evidence) < limit:
            return None
        _, worst = max(zip(evidence, judged, strict=True), key=lambda pair: pair[0])
        return Harmed(boundary, worst.signal.name, worst.ledger) if worst.ledger else None


def _both(seen: Seen) -> bool:
    return bool(seen.canary.requests > 0 and seen.stable.requests > 0)
