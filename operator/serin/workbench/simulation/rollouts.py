"""Many rollouts from their first request to harm, promotion or the end of the simulated time.

What is judged, and when a weight rises, follows the operator: a boundary's counts are known a scrape later,
the interval in which a weight changes counts for nobody, and safety is asked for anew at each step.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from enum import Enum
from math import inf, log
from typing import Final

import numpy as np

from serin.domain.analysis.distribution import Account, open_ledger
from serin.domain.analysis.evidence import ArmCounts, Interval, wide
from serin.domain.analysis.ledger import Ledger
from serin.domain.analysis.policy import Counter, Promotion, SignalPolicy
from serin.domain.analysis.warming import Warming
from serin.workbench.simulation.estimates import Floats
from serin.workbench.simulation.rows import Chosen, kept, mixed
from serin.workbench.simulation.traffic import INTERVAL, Rows, World

ERRORS: Final = SignalPolicy(
    name="errors", requests=Counter(metric="requests_total"), bad=Counter(metric="errors_total")
)
DEFAULT_PROMOTION: Final = Promotion()
LAG: Final = 2
"""Intervals between a boundary that shows a step safe and the first that counts at the next weight: the
slowest pod is scraped within one, and the weight may change into the other."""
FEW: Final = 100
"""Rollouts of which none is dropped: `kept` knows rows by their number, and no other array has as many."""
_WORTH_DROPPING: Final = 0.3
"""Part of ended rollouts above which it is cheaper to go on without them."""

Evidence = Callable[[Account], Floats]
"""What of a ledger decides on harm: ln of an e-value."""


def by_the_judge(ledger: Account) -> Floats:
    """As the operator does it: both margins, growth capped."""
    return np.asarray(ledger.log_harm, dtype=np.float64)


def by_ratio_alone(ledger: Account) -> Floats:
    """The relative margin alone and without a cap: the leanest test of this kind, to compare with."""
    if not isinstance(ledger, Ledger):
        raise ValueError("a distribution has no single ratio")
    return np.asarray(ledger.relative.log_mixture, dtype=np.float64)


class Until(Enum):
    """What ends a rollout before its time."""

    HARM = "harm"
    FIRST_STEP = "first step"
    PROMOTION = "promotion"


@dataclass(frozen=True, slots=True)
class Step:
    """A weight in percent, and how long it is kept at least."""

    weight: float
    min_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the user asks of the judge.

    Attributes:
        lone_pod: Whether the canary has a single pod, to which a larger ratio is allowed.
        warm_up: Seconds from the canary's first request that count for nobody.
        cuts: Of a distribution, where its histogram is cut.
    """

    signal: SignalPolicy = ERRORS
    promotion: Promotion = DEFAULT_PROMOTION
    max_false_rollback_rate: float = 0.01
    steps: tuple[Step, ...] = (Step(5.0),)
    lone_pod: bool = True
    warm_up: float = 0.0
    cuts: tuple[float, ...] = ()
    evidence: Evidence = by_the_judge


RULES: Final = Rules()
"""The defaults, for one canary pod with 5 % of the traffic, warm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """What became of each rollout; times are seconds since the canary's first request, infinite for never.

    Attributes:
        harmed: The boundary at which harm was found.
        first_safe: The boundary at which the first step was.
        promoted: The boundary at which the last step was, each step having lasted its minimum.
        fewest: The smallest number of canary requests on which a step was left; infinite if none was.
        served: Bad requests of the canary from a given moment until the rollout ended.
    """

    harmed: Floats
    first_safe: Floats
    promoted: Floats
    fewest: Floats
    served: Floats


def joined(parts: Sequence[Outcomes]) -> Outcomes:
    """The outcomes of several batches as those of one."""
    names = [field.name for field in fields(Outcomes)]
    return Outcomes(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def play(
    world: World, rules: Rules, *, runs: int, intervals: int, until: Until, counting_from: float = 0.0
) -> Outcomes:
    """Judge every rollout of a world; `counting_from` is when the canary's bad requests begin to matter."""
    rollouts = _Rollouts(world, rules, runs)
    for number in range(intervals):
        rollouts.advance(number, matters=number * INTERVAL >= counting_from)
        if not rollouts.go_on(until):
            break
    return rollouts.outcomes


def judged(ledger: Account, seen: Interval, counted: Chosen, *, start: float, lone_pod: bool) -> Account:
    """A ledger after an interval that counts for some rollouts, and tells others what to expect.

    As the operator has it, one in which an arm did not serve does not count either.
    """
    part = (counted & seen.comparable).astype(np.float64)
    compared = Interval(_times(seen.canary, part), _times(seen.stable, part))
    return ledger.advanced(compared, start=start, lone_pod=lone_pod).learned(_times(seen.stable, 1 - part))


@dataclass(frozen=True, slots=True, kw_only=True)
class _UnderWay:
    """Those rollouts that have not ended, a row each.

    Attributes:
        rows: Their places among all.
        step: The step each stands at, and when its weight was written.
        counts_from: The first interval that counts at that weight.
        past, phi: What is known of the stable.
    """

    rows: Rows
    step: Rows
    since: Floats
    counts_from: Rows
    past: ArmCounts
    phi: Floats
    warming: Warming | None = None
    ledger: Account | None = None


class _Rollouts:
    """Those that are still under way, and what became of all."""

    def __init__(self, world: World, rules: Rules, runs: int) -> None:
        self._world, self._rules = world, rules
        self._weights = np.array([step.weight / 100 for step in rules.steps])
        self._minimum = np.array([step.min_seconds for step in rules.steps])
        before = world.before()
        self._now = _UnderWay(
            rows=np.arange(runs),
            step=np.zeros(runs, dtype=np.intp),
            since=np.zeros(runs),
            counts_from=np.full(runs, round(rules.warm_up / INTERVAL)),
            past=before.past,
            phi=before.phi,
        )
        self._turns = 0
        names = ("harmed", "first_safe", "promoted", "fewest")
        self.outcomes = Outcomes(served=np.zeros(runs), **{name: np.full(runs, inf) for name in names})

    def advance(self, number: int, *, matters: bool) -> None:
        """One more interval of all that are under way."""
        now = self._now
        seen = self._world.interval(number, self._weights[now.step], now.rows)
        if matters and np.ndim(seen.canary.bad) == 1:
            self.outcomes.served[now.rows] += seen.canary.bad
        counted = number >= now.counts_from
        if now.ledger is None and not counted.any():
            self._warm_up(seen, number)
        else:
            ledger = self._judge(seen, counted, start=number * INTERVAL)
            self._decide(ledger, counted, number)

    def go_on(self, until: Until) -> bool:
        """Drop the rollouts that have ended; whether any is left."""
        outcomes, rows = self.outcomes, self._now.rows
        ended = np.isfinite(outcomes.harmed[rows])
        if until is not Until.HARM:
            last = outcomes.first_safe if until is Until.FIRST_STEP else outcomes.promoted
            ended |= np.isfinite(last[rows])
        if len(rows) > FEW and ended.mean() > _WORTH_DROPPING:
            self._now = kept(self._now, np.flatnonzero(~ended), of=len(rows))
        return not bool(ended.all())

    def _warm_up(self, seen: Interval, number: int) -> None:
        """The canary is cold: only a catastrophe counts, and the stable tells what to expect."""
        now, start = self._now, number * INTERVAL
        if self._rules.signal.is_distribution:
            self._now = replace(now, past=now.past + seen.stable)
            return
        warming = now.warming or Warming.begin(began=start, past=now.past, phi=now.phi)
        warming = warming.advanced(seen, start=start)
        self._now = replace(now, warming=warming, past=now.past + seen.stable)
        _first(self.outcomes.harmed, now.rows[warming.catastrophic], start + INTERVAL)

    def _judge(self, seen: Interval, counted: Chosen, *, start: float) -> Account:
        now, rules = self._now, self._rules
        ledger = now.ledger or open_ledger(
            rules.signal,
            rules.promotion,
            began=start,
            past=now.past,
            phi=now.phi,
            step=0,
            cuts=rules.cuts,
        )
        ledger = judged(ledger, seen, counted, start=start, lone_pod=rules.lone_pod)
        self._now = replace(now, ledger=ledger)
        return ledger

    def _decide(self, ledger: Account, counted: Chosen, number: int) -> None:
        now, outcomes, end = self._now, self.outcomes, (number + 1) * INTERVAL
        rows, step = now.rows, now.step
        limit = -log(self._rules.max_false_rollback_rate)
        _first(outcomes.harmed, rows[self._rules.evidence(ledger) >= limit], end)
        safe = ledger.safe & counted & ~np.isfinite(outcomes.harmed[rows])
        _first(outcomes.first_safe, rows[safe & (step == 0)], end)
        ready = safe & (end - now.since >= self._minimum[step]) & ~np.isfinite(outcomes.promoted[rows])
        requests = np.where(ready, ledger.step_canary.requests, inf)
        outcomes.fewest[rows] = np.minimum(outcomes.fewest[rows], requests)
        last = step == len(self._weights) - 1
        _first(outcomes.promoted, rows[ready & last], end)
        if (moving := ready & ~last).any():
            self._raise_weights(ledger, moving, number)

    def _raise_weights(self, ledger: Account, moving: Chosen, number: int) -> None:
        now = self._now
        self._turns += 1
        self._now = replace(
            now,
            ledger=mixed(moving, ledger.at_step(self._turns), ledger),
            step=now.step + moving,
            since=np.where(moving, (number + 2) * INTERVAL, now.since),
            counts_from=np.where(moving, number + 1 + LAG, now.counts_from),
        )


def _first(times: Floats, rows: Rows, now: float) -> None:
    """Note the time for rows that have none yet."""
    times[rows] = np.minimum(times[rows], now)


def _times(counts: ArmCounts, part: Floats) -> ArmCounts:
    return ArmCounts(counts.requests * part, counts.bad * (part if np.ndim(counts.bad) == 1 else wide(part)))
