"""What finitely many runs say about a share or a quantile, with bounds that hold exactly for every truth."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, inf, nan
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CONFIDENCE: Final = 0.95
_HALVINGS: Final = 60


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and the bounds it lies between with 95 % confidence."""

    value: float
    lower: float
    upper: float


def share(hits: int, runs: int) -> Estimate:
    """A probability, from how often something happened.

    Source: Clopper & Pearson, Biometrika 26 (1934) 404. Each bound is the probability at which a count so
    extreme has the chance (1 - confidence)/2; found by halving, as its chance is monotone in it.
    """
    if runs == 0:
        return Estimate(nan, 0.0, 1.0)
    tail = (1 - CONFIDENCE) / 2
    lower = 0.0 if hits == 0 else _halved(lambda p: 1 - _at_most(hits - 1, runs, p) < tail)
    upper = 1.0 if hits == runs else _halved(lambda p: _at_most(hits, runs, p) > tail)
    return Estimate(hits / runs, lower, upper)


def quantile(values: Floats, part: float) -> Estimate:
    """A quantile, infinite values (that which did not happen) included; bounds are order statistics.

    Source: David & Nagaraja, Order Statistics, section 7.1: so many of n values lie below the quantile as a
    binomial count says, whatever their law.
    """
    ordered, runs = np.sort(values), len(values)
    if runs == 0:
        return Estimate(nan, 0.0, inf)
    below = np.cumsum(_chances(runs, part))
    tail = (1 - CONFIDENCE) / 2
    first = int(np.searchsorted(below, tail))
    last = int(np.searchsorted(below, 1 - tail))
    lower = ordered[first - 1] if first > 0 else -inf
    upper = ordered[last] if last < runs else inf
    return Estimate(float(ordered[max(0, ceil(part * runs) - 1)]), float(lower), float(upper))


def _at_most(hits: int, runs: int, p: float) -> float:
    """The chance of no more hits than so many."""
    return float(_chances(runs, p)[: hits + 1].sum())


def _chances(runs: int, p: float) -> Floats:
    """The binomial law: the chance of 0, 1, ... `runs` hits; 0 < p < 1."""
    factorial = np.concatenate(([0.0], np.cumsum(np.log(np.arange(1, runs + 1)))))
    k = np.arange(runs + 1)
    chances: Floats = np.exp(
        factorial[runs] - factorial - factorial[::-1] + k * np.log(p) + (runs - k) * np.log1p(-p)
    )
    return chances


def _halved(below: Callable[[float], bool]) -> float:
    """Where a statement about a probability, true from 0 on, ceases to be."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) else (low, middle)
    return (low + high) / 2
