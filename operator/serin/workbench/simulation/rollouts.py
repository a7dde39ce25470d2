"""Many rollouts from their first request to harm, promotion or the end of the simulated time.

What is judged, and when a weight rises, follows the operator: a boundary's counts are known a scrape later,
the interval in which a weight changes counts for nobody, and safety is asked for anew at each step.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from enum import Enum
from math import inf, log
from typing import Final

import numpy as np

from serin.domain.analysis.evidence import ArmCounts, Interval
from serin.domain.analysis.ledger import Ledger
from serin.domain.analysis.policy import Counter, Promotion, SignalPolicy
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
_WORTH_DROPPING: Final = 0.3
"""Part of ended rollouts above which it is cheaper to go on without them."""

Evidence = Callable[[Ledger], Floats]
"""What of a ledger decides on harm: ln of an e-value."""


def by_the_judge(ledger: Ledger) -> Floats:
    """As the operator does it: both margins, growth capped."""
    return np.asarray(ledger.log_harm, dtype=np.float64)


def by_ratio_alone(ledger: Ledger) -> Floats:
    """The relative margin alone and without a cap: the leanest test of this kind, to compare with."""
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
    """

    signal: SignalPolicy = ERRORS
    promotion: Promotion = DEFAULT_PROMOTION
    max_false_rollback_rate: float = 0.01
    steps: tuple[Step, ...] = (Step(5.0),)
    lone_pod: bool = True
    warm_up: float = 0.0
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


def judged(ledger: Ledger, seen: Interval, counted: Chosen, *, start: float, lone_pod: bool) -> Ledger:
    """A ledger after an interval that counts for some rollouts, and tells others what to expect.

    As the operator has it, one in which an arm did not serve does not count either.
    """
    part = (counted & seen.comparable).astype(np.float64)
    compared = Interval(_times(seen.canary, part), _times(seen.stable, part))
    return ledger.advanced(compared, start=start, lone_pod=lone_pod).learned(_times(seen.stable, 1 - part))


class _Rollouts:
    """Those that are still under way, and what became of all."""

    def __init__(self, world: World, rules: Rules, runs: int) -> None:
        self._world, self._rules = world, rules
        self._weights = np.array([step.weight / 100 for step in rules.steps])
        self._minimum = np.array([step.min_seconds for step in rules.steps])
        before = world.before()
        self._past, self._phi = before.past, before.phi
        self._ledger: Ledger | None = None
        self._rows: Rows = np.arange(runs)
        self._step = np.zeros(runs, dtype=np.intp)
        self._since = np.zeros(runs)
        self._counts_from = np.full(runs, round(rules.warm_up / INTERVAL))
        self._turns = 0
        names = ("harmed", "first_safe", "promoted", "fewest")
        self.outcomes = Outcomes(served=np.zeros(runs), **{name: np.full(runs, inf) for name in names})

    def advance(self, number: int, *, matters: bool) -> None:
        """One more interval of all that are under way."""
        seen = self._world.interval(number, self._weights[self._step], self._rows)
        self.outcomes.served[self._rows] += matters * seen.canary.bad
        counted = number >= self._counts_from
        if self._ledger is None and not counted.any():
            self._past = self._past + seen.stable
            return
        self._judge(seen, counted, start=number * INTERVAL)
        self._decide(number, counted)

    def go_on(self, until: Until) -> bool:
        """Drop the rollouts that have ended; whether any is left."""
        outcomes, rows = self.outcomes, self._rows
        ended = np.isfinite(outcomes.harmed[rows])
        if until is not Until.HARM:
            last = outcomes.first_safe if until is Until.FIRST_STEP else outcomes.promoted
            ended |= np.isfinite(last[rows])
        if ended.mean() > _WORTH_DROPPING or ended.all():
            left = np.flatnonzero(~ended)
            self._ledger = kept(self._ledger, left, of=len(rows))
            self._rows, self._step = rows[left], self._step[left]
            self._since, self._counts_from = self._since[left], self._counts_from[left]
        return len(self._rows) > 0

    def _judge(self, seen: Interval, counted: Chosen, *, start: float) -> None:
        if self._ledger is None:
            self._ledger = Ledger.open(
                self._rules.signal,
                self._rules.promotion,
                began=start,
                past=self._past,
                phi=self._phi,
                step=0,
            )
        self._ledger = judged(self._ledger, seen, counted, start=start, lone_pod=self._rules.lone_pod)

    def _decide(self, number: int, counted: Chosen) -> None:
        ledger, rows, end = self._ledger, self._rows, (number + 1) * INTERVAL
        if ledger is None:
            return
        outcomes = self.outcomes
        limit = -log(self._rules.max_false_rollback_rate)
        _first(outcomes.harmed, rows[self._rules.evidence(ledger) >= limit], end)
        safe = ledger.safe & counted & ~np.isfinite(outcomes.harmed[rows])
        _first(outcomes.first_safe, rows[safe & (self._step == 0)], end)
        ready = safe & (end - self._since >= self._minimum[self._step])
        ready &= ~np.isfinite(outcomes.promoted[rows])
        requests = np.where(ready, ledger.step_canary.requests, inf)
        outcomes.fewest[rows] = np.minimum(outcomes.fewest[rows], requests)
        last = self._step == len(self._weights) - 1
        _first(outcomes.promoted, rows[ready & last], end)
        self._raise_weights(ready & ~last, number)

    def _raise_weights(self, moving: Chosen, number: int) -> None:
        if self._ledger is None or not moving.any():
            return
        self._turns += 1
        self._ledger = mixed(moving, self._ledger.at_step(self._turns), self._ledger)
        self._step = self._step + moving
        self._since = np.where(moving, (number + 2) * INTERVAL, self._since)
        self._counts_from = np.where(moving, number + 1 + LAG, self._counts_from)


def _first(times: Floats, rows: Rows, now: float) -> None:
    """Note the time for rows that have none yet."""
    times[rows] = np.minimum(times[rows], now)


def _times(counts: ArmCounts, part: Floats) -> ArmCounts:
    return ArmCounts(counts.requests * part, counts.bad * part)
