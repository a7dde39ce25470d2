"""Whether the canary gets the share of requests that the router has confirmed.

A router that is stuck at another weight gives perfect evidence about the wrong thing, so what it sends is
tested by itself. Two one-sided e-processes, one for too much and one for too little, each hedged over size
and onset as harm is (`process`), averaged. Real proxies balance connections and not requests: hence a
tolerance around the weight, and dispersions learnt on the stable pods (`dispersion.Swings`).

w: the confirmed weight as a share; w+ and w-: the most and the least that passes for it; q: what the share
could be instead. A likelihood ratio of q to w+ has mean at most 1 at any share up to w+, as it rises with it.
By Jensen's inequality so has any root of it: an interval's may be divided by any phi of at least 1 that was
fixed before, its own too. That is proof for independent requests. For connections it is a second-order
correction: evidence of a stretch is held to how much counts swing in a stretch as long.
"""

from dataclasses import dataclass, replace
from math import log
from typing import Final, Self

import numpy as np

from serin.domain.analysis.dispersion import SOON, Swings
from serin.domain.analysis.evidence import Amount, Numbers, wide
from serin.domain.analysis.process import Harm, log_sum

FALSE_ALARM_RATE: Final = 0.001
"""The largest probability of calling a router wrong that is right, over a whole step."""
SETTLING: Final = 4
"""Scrapes after a confirmed weight that are not tested: connections keep their old pod for a while."""
RECENT: Final = 3
"""Scrapes that show a mismatch to be over, and that no safety is believed without."""
NEARLY_BLIND: Final = 20.0
"""Dispersion above which a wrong weight takes longer to see than a step lasts."""
AT_ONCE: Final = 0.75
"""Prior weight of a share that is wrong from the first tested interval: a router that is stuck always was."""
_ODDS: Final = np.geomspace(1.1, 1000.0, 24)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Split:
    """What a confirmed weight has shown so far: a frozen fold over scrape intervals.

    Attributes:
        least, most: The shares of requests that pass for the weight.
        phi: Dispersion of requests, in the first tested intervals and later.
        canary, stable: What one request to either adds to each alternative, too much first, too little then.
        sides: Tests of both kinds; a share that cannot be exceeded, or undercut, has none.
        waited: Intervals since the weight was confirmed.
        began: When the first tested interval began, in seconds since the weight was confirmed.
        recent: Requests to the canary and to both in the last intervals.
        mismatch: Whether the router sends another share than it says.
    """

    least: float
    most: float
    phi: Swings
    canary: Numbers
    stable: Numbers
    sides: Harm
    waited: int = 0
    began: float = 0.0
    recent: tuple[tuple[Amount, Amount], ...] = ()
    mismatch: Amount = False

    @classmethod
    def begin(cls, *, weight: float, phi: Swings) -> Self:
        """When a weight, given as a share, has been confirmed."""
        if not 0 <= weight <= 1:
            raise ValueError(f"need a weight between 0 and 1, got {weight}")
        most, least = min(1.0, max(1.5 * weight, weight + 0.02)), max(0.0, min(weight / 1.5, weight - 0.02))
        limits = np.array([[most]] * (most < 1) + [[least]] * (least > 0))
        times = np.array([_ODDS] * (most < 1) + [1 / _ODDS] * (least > 0))
        rise = limits * (times - 1)
        return cls(
            least=least,
            most=most,
            phi=phi,
            canary=np.log(times) - np.log1p(rise),
            stable=-np.log1p(rise),
            sides=Harm.begin(len(_ODDS), at_once=AT_ONCE),
        )

    def advanced(self, canary: Amount, stable: Amount, *, elapsed: float) -> "Split":
        """After one more interval.

        Args:
            canary: Requests that reached it; `stable` likewise.
            stable: Requests to it.
            elapsed: Seconds from the weight's confirmation to the interval's start.
        """
        if self.waited < SETTLING:
            return replace(self, waited=self.waited + 1)
        began = self.began if self.recent else elapsed
        recent = (*self.recent, (canary, canary + stable))[-RECENT:]
        per_side = wide(wide(canary)) * self.canary + wide(wide(stable)) * self.stable
        phi = self.phi.soon if self.waited < SETTLING + SOON else self.phi.later
        sides = self.sides.advanced(per_side / wide(wide(phi)), elapsed=elapsed - began)
        found = self.mismatch | (_average(sides) >= -log(FALSE_ALARM_RATE))
        over = found & self._passes(recent)
        return replace(
            self,
            waited=self.waited + 1,
            began=began,
            recent=recent,
            sides=sides.restarted(wide(over)) if over is not False and np.any(over) else sides,
            mismatch=found ^ over,
        )

    @property
    def log_value(self) -> Amount:
        """Logarithm of the evidence that the share is not the weight's."""
        return _average(self.sides)

    @property
    def settled(self) -> bool:
        """Whether a wrong weight would show by now, were it gross."""
        return self.waited >= SETTLING + RECENT

    @property
    def blind(self) -> Amount:
        """Whether requests come in so few connections that a wrong weight hardly shows."""
        return self.phi.later > NEARLY_BLIND

    @property
    def share(self) -> float | None:
        """The canary's share of the last intervals' requests, of one rollout; None without any."""
        total = sum(both for _, both in self.recent)
        return float(sum(ours for ours, _ in self.recent) / total) if total > 0 else None

    def _passes(self, recent: tuple[tuple[Amount, Amount], ...]) -> Amount:
        ours, total = (sum(counts) for counts in zip(*recent, strict=True))
        return (total > 0) & (ours <= self.most * total) & (ours >= self.least * total)


def _average(sides: Harm) -> Amount:
    values = np.atleast_1d(sides.log_value)
    return log_sum(values) - log(values.shape[-1])
