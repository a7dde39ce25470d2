"""Whole histograms compared: evidence that the canary's scores shift, or that it is slower, beyond a margin.

A histogram is cut at some of its bounds, and requests on one side of a cut count like bad ones (`tails`).
With `max_shift` H0 is that no tail's share differs by more than that; with `max_slowdown` that the canary's
tails, held against the stable's at proportionally smaller bounds, have no larger shares.

Harm is one process hedged over cuts, directions and sizes together. Safety is one for each of them, and the
smallest counts: safe is what stays within the margin everywhere. Rules and interface are those of `ledger`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log
from typing import Final, Self, TypeAlias

import numpy as np

from serin.domain.analysis.bounds import Bounds
from serin.domain.analysis.evidence import (
    NOTHING,
    SAFE_ODDS,
    WORSE_ODDS,
    WORSE_RATIOS,
    Amount,
    ArmCounts,
    Interval,
    expected_share,
    log_absolute,
    log_relative,
    wide,
)
from serin.domain.analysis.ledger import Ledger, no_safety, safety_factors
from serin.domain.analysis.policy import Promotion, SignalPolicy
from serin.domain.analysis.process import Harm, Safety, equal_parts, log_sum
from serin.domain.analysis.tails import Tail, Tails
from serin.domain.analysis.verdict import Pin

_NOTHING: Final = Interval(NOTHING, NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DistributionLedger:
    """One distribution's evidence: a `Ledger` over tails, which tells of the one that matters most.

    Attributes:
        past: All that the stable was seen to do before the next interval, in each tail.
        before: The same when the comparison began.
        totals: Counts in each tail since the comparison began; `step_totals` since the step did.
    """

    signal: SignalPolicy
    promotion: Promotion
    tails: Tails
    began: float
    phi: Amount
    before: ArmCounts
    past: ArmCounts
    step: int
    harm: Harm
    safety: Safety
    totals: Interval = _NOTHING
    step_totals: Interval = _NOTHING

    @classmethod
    def open(
        cls,
        signal: SignalPolicy,
        promotion: Promotion,
        *,
        began: float,
        past: ArmCounts,
        phi: Amount,
        step: int,
        cuts: Sequence[float],
        pin: Pin | None = None,
    ) -> Self:
        """Before the first interval that is compared. Counts are of requests at or below each of the cuts."""
        tails = Tails.of(signal, cuts)
        if not len(tails):
            raise ValueError(f"{signal.name}: none of the bounds {cuts} can be compared with another")
        before = tails.count_stable(past) if np.ndim(past.bad) else ArmCounts(0.0, np.zeros(len(tails)))
        return cls(
            signal=signal,
            promotion=promotion,
            tails=tails,
            began=began,
            phi=phi if pin is None else pin.phi,
            before=before,
            past=before,
            step=step,
            harm=Harm.begin(len(tails) * len(WORSE_ODDS if signal.max_slowdown is None else WORSE_RATIOS)),
            safety=_no_safety(signal, promotion, before),
        )

    def at_step(self, step: int) -> "DistributionLedger":
        """At a newly confirmed weight: harm carries over, safety and its counts start anew (I5)."""
        if step == self.step:
            return self
        safety = _no_safety(self.signal, self.promotion, self.before)
        return replace(self, step=step, safety=safety, step_totals=_NOTHING)

    def learned(self, stable: ArmCounts) -> "DistributionLedger":
        """After an interval that is not compared: it still tells what to expect of the stable."""
        return replace(self, past=self.past + self.tails.count_stable(stable))

    def advanced(self, seen: Interval, *, start: float, lone_pod: Amount = False) -> "DistributionLedger":
        """After an interval that is compared. These margins already allow for the node of a lone pod."""
        tails = self.tails.count(seen)
        counts, phi = tails.wide(), wide(wide(self.phi))
        factors = self._harm_factors(counts) / phi
        flat = factors.reshape(*factors.shape[:-2], -1)
        return replace(
            self,
            past=self.past + tails.stable,
            harm=self.harm.advanced(flat, elapsed=start - self.began),
            safety=self.safety.advanced(self._safety_factors(counts) / phi),
            totals=self.totals + tails,
            step_totals=self.step_totals + tails,
        )

    def _harm_factors(self, counts: Interval) -> Amount:
        if self.signal.max_shift is None:
            return log_relative(counts, WORSE_RATIOS, rho=1.0)
        mu = expected_share(self.past, delta=self.signal.max_shift)
        return log_absolute(counts, WORSE_ODDS, mu=wide(mu), delta=self.signal.max_shift)

    def _safety_factors(self, counts: Interval) -> Amount:
        if self.signal.max_shift is None:
            usual = expected_share(self.before, delta=0.0)
            return safety_factors(counts, self.promotion, usual=usual, past=self.past)
        mu = expected_share(self.past, delta=self.signal.max_shift)
        return log_absolute(counts, SAFE_ODDS, mu=wide(mu), delta=self.signal.max_shift)

    # What is told

    @property
    def pin(self) -> Pin:
        """What was learnt of one rollout before the comparison began."""
        return Pin(phi=float(self.phi), usual=float(self.usual))

    @property
    def usual(self) -> Amount:
        """The stable's share in the tail that is told of, before the comparison began."""
        return _pick(expected_share(self.before, delta=0.0), self._worst())

    @property
    def bounds(self) -> Bounds | None:
        """There is no single ratio to bound."""
        return None

    @property
    def tail(self) -> Tail:
        """The tail of one rollout that speaks most of harm: `canary` and `stable` are its counts."""
        return self.tails[int(self._worst())]

    @property
    def step_tail(self) -> Tail:
        """The tail of one rollout that is least shown to be safe at this step."""
        return self.tails[int(self._least_safe())]

    @property
    def canary(self) -> ArmCounts:
        """Requests since the comparison began, and those in the tail that speaks most of harm."""
        return _tail_of(self.totals.canary, self._worst())

    @property
    def stable(self) -> ArmCounts:
        """The same of the stable."""
        return _tail_of(self.totals.stable, self._worst())

    @property
    def step_canary(self) -> ArmCounts:
        """Requests since the step began, and those in the tail that is least shown to be safe."""
        return _tail_of(self.step_totals.canary, self._least_safe())

    @property
    def step_stable(self) -> ArmCounts:
        """The same of the stable."""
        return _tail_of(self.step_totals.stable, self._least_safe())

    @property
    def log_harm(self) -> Amount:
        """Logarithm of the harm test's e-value."""
        return self.harm.log_value

    @property
    def log_safety(self) -> Amount:
        """Logarithm of the safety test's e-value at this step, as it is now, in the tail least shown safe."""
        return np.min(self.safety.log_value, axis=-1) if np.ndim(self.safety.log_value) else 0.0

    @property
    def leans_safe(self) -> Amount:
        """Whether every tail at this step is within the margin, or within the ratio of promotion."""
        canary, stable = self.step_totals.canary, self.step_totals.stable
        if self.signal.max_shift is None:
            allowed = self.promotion.max_ratio * canary.requests * (stable.bad + 0.5)
        else:
            allowed = canary.requests * (stable.bad + self.signal.max_shift * stable.requests)
        return np.all(canary.bad * stable.requests <= allowed, axis=-1)

    @property
    def safe(self) -> Amount:
        """Whether this signal stands in no step's way."""
        enough = self.step_canary.requests >= self.promotion.min_requests
        return enough & self.leans_safe & (self.log_safety >= -log(1 - self.promotion.confidence))

    @property
    def ratio(self) -> float | None:
        """Of one rollout. With `max_shift` the largest part of all requests that moved over a cut, a share.
        With `max_slowdown` how many times as often the canary is in the tail that is told of: above 1 only
        where it is slower than allowed.
        """
        canary, stable = self.totals.canary, self.totals.stable
        if not (canary.requests > 0 and stable.requests > 0):
            return None
        if self.signal.max_shift is not None:
            return float(np.max(canary.bad / canary.requests - stable.bad / stable.requests))
        ours, theirs = self.canary.share, self.stable.share
        return ours / theirs if ours is not None and theirs else None

    def _worst(self) -> Amount:
        logs = self.harm.logs
        return log_sum(logs.reshape(*logs.shape[:-1], len(self.tails), -1)).argmax(axis=-1)

    def _least_safe(self) -> Amount:
        values = self.safety.log_value
        return values.argmin(axis=-1) if np.ndim(values) else self._worst()


def _no_safety(signal: SignalPolicy, promotion: Promotion, before: ArmCounts) -> Safety:
    if signal.max_shift is None:
        return no_safety(expected_share(before, delta=0.0), promotion)
    return Safety.begin(equal_parts((len(SAFE_ODDS),)), confidence=promotion.confidence)


def _pick(values: Amount, place: Amount) -> Amount:
    """The value of one tail, for each rollout."""
    values = np.broadcast_to(values, (*np.shape(place), np.shape(values)[-1]))
    return np.take_along_axis(values, np.expand_dims(place, -1), axis=-1)[..., 0][()]


def _tail_of(counts: ArmCounts, place: Amount) -> ArmCounts:
    if counts is NOTHING:
        return counts
    requests = counts.requests if np.ndim(counts.requests) == 0 else counts.requests[..., 0]
    return ArmCounts(requests, _pick(counts.bad, place))


Account: TypeAlias = Ledger | DistributionLedger
"""One signal's evidence, whatever it counts: both can do, and tell, the same."""


def open_ledger(
    signal: SignalPolicy,
    promotion: Promotion,
    *,
    began: float,
    past: ArmCounts,
    phi: Amount,
    step: int,
    pin: Pin | None = None,
    level: float | None = None,
    cuts: Sequence[float] = (),
) -> Account:
    """The account of any signal, before the first interval that is compared; see `Ledger.open`.

    A distribution's counts are of requests at or below each of `cuts`; see `cuts_of`.
    """
    if signal.is_distribution:
        return DistributionLedger.open(
            signal, promotion, began=began, past=past, phi=phi, step=step, cuts=cuts, pin=pin
        )
    return Ledger.open(signal, promotion, began=began, past=past, phi=phi, step=step, pin=pin, level=level)
