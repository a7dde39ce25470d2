"""What histograms of a model look like, healthy and not: the share of requests in each bucket.

Latency: lognormal, 100 ms in the middle, one request in a hundred above 400 ms, limit 500 ms. Scores: a beta
distribution, as of a classifier of a rare thing.
"""

from collections.abc import Mapping
from math import erf, inf, log, sqrt
from typing import Final

import numpy as np

from serin.workbench.recorded import Kind

Shares = tuple[float, ...]

LATENCY_BOUNDS: Final = (0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.0, inf)
"""Seconds."""
LIMIT_MILLISECONDS: Final = 500
SCORE_BOUNDS: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, inf)
_SPREAD: Final = log(4) / 2.3263
"""Of the logarithm: 99 % are below four times the middle."""


def _lognormal(scale: float) -> Shares:
    below = [0.5 * (1 + erf(log(bound / 0.1 / scale) / _SPREAD / sqrt(2))) for bound in LATENCY_BOUNDS[:-1]]
    return tuple(np.diff([0.0, *below, 1.0]))


def _beta(a: float, b: float) -> Shares:
    middle = (np.arange(100_000) + 0.5) / 100_000
    density = middle ** (a - 1) * (1 - middle) ** (b - 1)
    below = np.cumsum(density) / density.sum()
    return tuple(np.diff([0.0, *(below[round(bound * 100_000) - 1] for bound in SCORE_BOUNDS[:-1]), 1.0]))


def _mixed(one: Shares, other: Shares, part: float) -> Shares:
    return tuple((1 - part) * a + part * b for a, b in zip(one, other, strict=True))


_SCORES: Final = _beta(2, 5)
_STUCK: Final = (*(0.0,) * 9, 1.0)
_COLLAPSED: Final = (0.0, 0.0, 0.5, 0.5, *(0.0,) * 6)

SHAPES: Final[Mapping[Kind, Mapping[str, Shares]]] = {
    Kind.LATENCY: {
        "none": _lognormal(1.0),
        "slower-by-a-tenth": _lognormal(1.1),
        "slower-by-half": _lognormal(1.5),
        "twice-as-slow": _lognormal(2.0),
        "thrice-as-slow": _lognormal(3.0),
        "slow-tail": _mixed(_lognormal(1.0), _lognormal(5.0), 0.05),
        "incident": _lognormal(8.0),
    },
    Kind.SCORES: {
        "none": _SCORES,
        "shifted-a-little": _beta(2.05, 5),
        "shifted": _beta(3, 5),
        "shifted-far": _beta(4, 4),
        "collapsed": _COLLAPSED,
        "stuck": _mixed(_SCORES, _STUCK, 0.2),
        "incident": _mixed(_SCORES, _STUCK, 0.5),
    },
}
"""By kind and by what is wrong; `incident` befalls both arms."""

BOUNDS: Final[Mapping[Kind, tuple[float, ...]]] = {
    Kind.LATENCY: LATENCY_BOUNDS,
    Kind.SCORES: SCORE_BOUNDS,
}
