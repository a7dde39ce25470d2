"""How many good and bad requests each pod is to expect until any moment, under a condition and a fault."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from serin.workbench.simulation.conditions import Condition
from serin.workbench.simulation.estimates import Floats
from serin.workbench.simulation.faults import Fault
from serin.workbench.simulation.rows import Chosen
from serin.workbench.simulation.traffic import HOUR

SLICE: Final = 3.0
"""Seconds in which nothing changes; no divisor of a scrape's phase, so edges fall anywhere in an interval."""
_MINUTE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Expectation:
    """Running totals at the slices' edges, from an hour before the canary on: rollouts x pods x edges."""

    good: Floats
    bad: Floats

    @classmethod
    def of(
        cls,
        condition: Condition,
        fault: Fault,
        *,
        per_second: float,
        usual: float,
        weight: float,
        until: float,
        shape: tuple[int, int],
        dice: np.random.Generator,
    ) -> Self:
        """Draws what is random from one rollout to the next: when things happen, and to which pod."""
        starts = np.arange(-HOUR, until, SLICE)
        share = _shares(condition, fault, usual=usual, starts=starts, shape=shape, dice=dice)
        weights = np.where(starts >= 0, weight, 0.0)
        stables = shape[1] - 1
        arms = np.stack((weights, *([(1 - weights) / stables] * stables)))
        served = np.broadcast_to(arms * per_second * SLICE, share.shape)
        if condition.idle:
            served = np.where(_stretch(condition.idle, starts, until, shape, dice), 0.0, served)
        return cls(_total(served * (1 - share)), _total(served * share))


def _shares(
    condition: Condition,
    fault: Fault,
    *,
    usual: float,
    starts: Floats,
    shape: tuple[int, int],
    dice: np.random.Generator,
) -> Floats:
    """The bad share of each pod in each slice."""
    share = np.full((*shape, len(starts)), usual)
    since = starts >= 0
    share[:, 0, since] = fault.mean_share(usual, starts[since], starts[since] + SLICE)
    if condition.warming:
        left = np.clip(1 - starts[since] / condition.warming, 0.0, 1.0)
        share[:, 0, since] *= 1 + 4 * left
    share *= _spread(dice, condition.pod_spread, (*shape, 1))
    minutes = ((starts - starts[0]) / _MINUTE).astype(np.intp)
    share *= _spread(dice, condition.minute_spread, (*shape, minutes[-1] + 1))[..., minutes]
    if condition.cold:
        share[:, 0, since & (starts < condition.cold)] = condition.cold_share
    if (incident := condition.incident) is not None:
        during = _stretch(incident.seconds, starts, float(starts[-1]), shape, dice)
        share = np.where(during, incident.share, share)
    capped: Floats = np.minimum(share, 1.0)
    return capped


def _spread(dice: np.random.Generator, deviation: float, shape: tuple[int, ...]) -> Floats:
    """Log-normal factors of mean 1."""
    factors: Floats = np.exp(deviation * dice.standard_normal(shape) - deviation**2 / 2)
    return factors


def _stretch(
    seconds: float, starts: Floats, until: float, shape: tuple[int, int], dice: np.random.Generator
) -> Chosen:
    """Which slices lie in a stretch that begins at a random time of the rollout, another in each."""
    begins = dice.uniform(size=(shape[0], 1, 1)) * (until - seconds)
    during: Chosen = (starts >= begins) & (starts < begins + seconds)
    return during


def _total(values: Floats) -> Floats:
    return np.concatenate((np.zeros((*values.shape[:-1], 1)), np.cumsum(values, axis=-1)), axis=-1)
