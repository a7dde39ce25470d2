"""What one signal has said so far: a frozen fold over the intervals in which both arms were counted.

Harm is asked for over the whole attempt, safety anew at each step (design 6). Which margins apply is chosen
once, by how common bad requests are on the stable: a ratio means little where half of them are bad. One
rollout's counts are numbers; a simulation's are arrays, one element per run, and so is then what is told.
"""

from dataclasses import dataclass, replace
from math import log
from typing import Final, Self

import numpy as np

from serin.domain.analysis.bounds import Bounds
from serin.domain.analysis.evidence import (
    NOTHING,
    SAFE_ODDS,
    SAFE_RATIOS,
    WORSE_ODDS,
    WORSE_RATIOS,
    Amount,
    ArmCounts,
    Interval,
    at_most,
    expected_share,
    log_absolute,
    log_relative,
    where,
    wide,
)
from serin.domain.analysis.policy import Promotion, SignalPolicy
from serin.domain.analysis.process import Harm, Safety, equal_parts
from serin.domain.analysis.verdict import Pin

LONE_POD_RATIO: Final = 1.5
"""The least ratio allowed to a single canary pod: it may stand on a worse node, which no test can tell."""
COMMON: Final = 0.2
"""Above this share on the stable, harm is a matter of points, not of ratios."""
FREQUENT: Final = 0.05
"""The same for safety."""
WIDE_INCREASE: Final = 0.05
"""The difference allowed where bad requests are common or frequent."""

_BOTH_FORMS: Final = equal_parts((len(SAFE_RATIOS), len(SAFE_ODDS)))
_POINTS_ALONE: Final = np.concatenate([np.full(len(SAFE_RATIOS), -np.inf), equal_parts((len(SAFE_ODDS),))])
"""Capital of the safety test, on ratios first and on points after them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ledger:
    """One signal's evidence.

    Attributes:
        began: Start of the first compared interval, in Unix seconds.
        usual: The stable's bad share before the comparison, which chose the margins.
        phi: Dispersion; every factor is tempered by it.
        past: All that the stable was seen to do before the next interval.
        canary, stable: Counts since the comparison began; `step_canary`, `step_stable` since the step did.
        step: Index of the step whose weight was confirmed last.
        bounds: On the ratio, where they were asked for.
    """

    signal: SignalPolicy
    promotion: Promotion
    began: float
    usual: Amount
    phi: Amount
    past: ArmCounts
    step: int
    relative: Harm
    absolute: Harm
    safety: Safety
    canary: ArmCounts = NOTHING
    stable: ArmCounts = NOTHING
    step_canary: ArmCounts = NOTHING
    step_stable: ArmCounts = NOTHING
    bounds: Bounds | None = None

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
        pin: Pin | None = None,
        level: float | None = None,
    ) -> Self:
        """Before the first interval that is compared.

        What was pinned by an earlier process is not learnt again. `level` asks for bounds on the ratio: the
        largest probability that they are ever wrong.
        """
        usual = expected_share(past, delta=0.0) if pin is None else pin.usual
        return cls(
            signal=signal,
            promotion=promotion,
            began=began,
            usual=usual,
            phi=phi if pin is None else pin.phi,
            past=past,
            step=step,
            relative=Harm.begin(len(WORSE_RATIOS)),
            absolute=Harm.begin(len(WORSE_ODDS)),
            safety=no_safety(usual, promotion),
            bounds=None if level is None else Bounds.begin(began=began, level=level),
        )

    def at_step(self, step: int) -> "Ledger":
        """At a newly confirmed weight: harm carries over, safety and its counts start anew (I5)."""
        if step == self.step:
            return self
        safety = no_safety(self.usual, self.promotion)
        return replace(self, step=step, safety=safety, step_canary=NOTHING, step_stable=NOTHING)

    def learned(self, stable: ArmCounts) -> "Ledger":
        """After an interval that is not compared: it still tells what to expect of the stable."""
        return replace(self, past=self.past + stable)

    def advanced(self, seen: Interval, *, start: float, lone_pod: Amount) -> "Ledger":
        """After an interval that is compared.

        Args:
            seen: What both arms did.
            start: When the interval began, in Unix seconds.
            lone_pod: No more than one canary pod was counted then.
        """
        counts, phi, elapsed = seen.wide(), wide(self.phi), start - self.began
        rho = where(lone_pod, max(LONE_POD_RATIO, self.signal.max_ratio), self.signal.max_ratio)
        margin = where(self.usual > COMMON, WIDE_INCREASE, self.signal.max_increase)
        mu = expected_share(self.past, delta=margin)
        ratios = log_relative(counts, WORSE_RATIOS, rho=wide(rho)) / phi
        points = log_absolute(counts, WORSE_ODDS, mu=wide(mu), delta=wide(margin)) / phi
        safety = safety_factors(counts, self.promotion, usual=self.usual, past=self.past)
        return replace(
            self,
            past=self.past + seen.stable,
            relative=self.relative.advanced(ratios, elapsed=elapsed),
            absolute=self.absolute.advanced(points, elapsed=elapsed),
            safety=self.safety.advanced(safety / phi),
            canary=self.canary + seen.canary,
            stable=self.stable + seen.stable,
            step_canary=self.step_canary + seen.canary,
            step_stable=self.step_stable + seen.stable,
            bounds=self.bounds and self.bounds.advanced(seen, start=start, phi=self.phi),
        )

    @property
    def pin(self) -> Pin:
        """What was learnt of one rollout before the comparison began."""
        return Pin(phi=float(self.phi), usual=float(self.usual))

    @property
    def log_harm(self) -> Amount:
        """Logarithm of the harm test's e-value: by both margins, or in points alone where bad is common."""
        ratios, points = self.relative.log_value, self.absolute.log_value
        rare = ratios if self.signal.max_increase <= 0 else at_most(ratios, points)
        return where(self.usual > COMMON, points, rare)

    @property
    def log_safety(self) -> Amount:
        """Logarithm of the safety test's e-value at this step, as it is now: not the highest it has been."""
        return self.safety.log_value

    @property
    def leans_safe(self) -> Amount:
        """Whether the canary's share at this step is within the ratio of promotion. Without this a fivefold
        rise from one in a thousand is called safe before it is called harmful, in three cases of four.
        """
        canary, stable = self.step_canary, self.step_stable
        allowed = self.promotion.max_ratio * canary.requests * (stable.bad + 0.5)
        return canary.bad * stable.requests <= allowed

    @property
    def safe(self) -> Amount:
        """Whether this signal stands in no step's way."""
        enough = self.step_canary.requests >= self.promotion.min_requests
        return enough & self.leans_safe & (self.log_safety >= -log(1 - self.promotion.confidence))

    @property
    def ratio(self) -> float | None:
        """One rollout's bad share on the canary over the stable's; None without bad events on the stable."""
        ours, theirs = self.canary.share, self.stable.share
        return ours / theirs if ours is not None and theirs else None


def safety_factors(counts: Interval, promotion: Promotion, *, usual: Amount, past: ArmCounts) -> Amount:
    """What an interval says for safety, on ratios first and on points after them; its counts are wide."""
    margin = where(usual > FREQUENT, WIDE_INCREASE, promotion.max_increase)
    mu = expected_share(past, delta=margin)
    ratios = log_relative(counts, SAFE_RATIOS, rho=promotion.max_ratio)
    points = log_absolute(counts, SAFE_ODDS, mu=wide(mu), delta=wide(margin))
    return np.concatenate([ratios, points], axis=-1)


def no_safety(usual: Amount, promotion: Promotion) -> Safety:
    """Before the first interval of a step: on points alone where bad requests are frequent."""
    capital = where(wide(usual > FREQUENT), _POINTS_ALONE, _BOTH_FORMS)
    return Safety.begin(capital, confidence=promotion.confidence)
