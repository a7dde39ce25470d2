"""What canary pods do while they warm up: slow starts are forgiven, a canary that fails wholly is not.

Until a pod is warm its requests are no part of the comparison (`ledger`), which would condemn most slow
starts. They go, against warm stable pods, into a process of their own that only a catastrophe moves: one that
fails at least 25 points more often than the stable, beyond any doubt. Its false alarms, at most one in ten
thousand, come on top of the rate that the user accepts.
"""

from dataclasses import dataclass, replace
from math import log
from typing import Final, Self

from serin.domain.analysis.evidence import (
    NOTHING,
    WORSE_ODDS,
    Amount,
    ArmCounts,
    Interval,
    expected_share,
    log_absolute,
    wide,
)
from serin.domain.analysis.process import Harm

FORGIVEN_INCREASE: Final = 0.25
"""The difference from the stable that any start is allowed."""
FALSE_ALARM_RATE: Final = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Warming:
    """What warming pods have shown so far. Begin anew whenever no pod is warming.

    Attributes:
        began: Start of the first interval, in Unix seconds.
        phi: Dispersion of bad requests on the stable.
        past: All that the stable was seen to do before the next interval.
        canary, stable: Counts since the process began.
    """

    began: float
    phi: Amount
    past: ArmCounts
    harm: Harm
    canary: ArmCounts = NOTHING
    stable: ArmCounts = NOTHING

    @classmethod
    def begin(cls, *, began: float, past: ArmCounts, phi: Amount) -> Self:
        """Before the first interval in which a pod was warming."""
        return cls(began=began, phi=phi, past=past, harm=Harm.begin(len(WORSE_ODDS)))

    def advanced(self, seen: Interval, *, start: float) -> "Warming":
        """After an interval of what warming pods did, beside warm pods of the stable."""
        mu = expected_share(self.past, delta=FORGIVEN_INCREASE)
        factors = log_absolute(seen.wide(), WORSE_ODDS, mu=wide(mu), delta=FORGIVEN_INCREASE)
        return replace(
            self,
            past=self.past + seen.stable,
            harm=self.harm.advanced(factors / wide(self.phi), elapsed=start - self.began),
            canary=self.canary + seen.canary,
            stable=self.stable + seen.stable,
        )

    @property
    def log_value(self) -> Amount:
        """Logarithm of the evidence of a catastrophe."""
        return self.harm.log_value

    @property
    def catastrophic(self) -> Amount:
        """Whether to roll back without waiting for warm pods."""
        return self.log_value >= -log(FALSE_ALARM_RATE)
