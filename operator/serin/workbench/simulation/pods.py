"""A world of pods, each scraped at its own phase, with the disturbances of `conditions`.

What Prometheus would store is drawn for all rollouts at once, and counted as `domain.analysis.counters` does:
growth from one scrape to the next, counters that start anew, straight lines between scrapes. Arrays are
rollouts x pods x scrapes, boundaries or intervals; the first pod is the canary's, the others the stable's.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from serin.domain.analysis.dispersion import dispersion_of
from serin.domain.analysis.evidence import ArmCounts, Interval
from serin.domain.analysis.targets import MISSED
from serin.workbench.simulation.conditions import CALM, Condition
from serin.workbench.simulation.estimates import Floats
from serin.workbench.simulation.expectation import SLICE, Expectation
from serin.workbench.simulation.faults import HEALTHY, Fault
from serin.workbench.simulation.rows import Chosen
from serin.workbench.simulation.traffic import HOUR, INTERVAL, Before, Rows

HISTORY: Final = round(HOUR / INTERVAL)
"""Intervals before the canary's first request."""
BEYOND: Final = 4
"""Scrapes after the last interval, all of them heard, so that its lines have an end."""


@dataclass(frozen=True, slots=True)
class Scrapes:
    """What Prometheus stores; the first scrapes lie in the interval that begins an hour before the canary.

    Attributes:
        times: Seconds since the canary's first request.
        heard: Whether the scrape succeeded.
        good, bad: The counters' values, which start anew with their process.
    """

    times: Floats
    heard: Chosen
    good: Floats
    bad: Floats


@dataclass(frozen=True, kw_only=True)
class Pods:
    """So many rollouts of one canary pod beside some of the stable, for `intervals`, at one weight."""

    per_second: float
    usual: float
    weight: float
    intervals: int
    runs: int
    dice: np.random.Generator
    fault: Fault = HEALTHY
    condition: Condition = CALM
    stables: int = 4

    def before(self) -> Before:
        """The hour before, and what it tells of how much the stable pods' bad requests vary."""
        # Nothing was heard at the beginning of the first interval, so it counts for nobody.
        requests, bad = (grown[:, 1:, 1:HISTORY] for grown in self.growth)
        past = ArmCounts(requests.sum(axis=(1, 2)), bad.sum(axis=(1, 2)))
        phi = dispersion_of(ArmCounts(requests.T, bad.T), interval=INTERVAL)
        return Before(past, phi)

    def interval(self, number: int, weight: Floats, rows: Rows) -> Interval:
        """What the scrapes say of one interval."""
        requests, bad = (grown[rows, :, HISTORY + number] for grown in self.growth)
        return Interval(
            ArmCounts(requests[:, 0], bad[:, 0]),
            ArmCounts(requests[:, 1:].sum(axis=1), bad[:, 1:].sum(axis=1)),
        )

    @cached_property
    def growth(self) -> tuple[Floats, Floats]:
        """Requests and bad ones in each interval."""
        scrapes = self.scrapes
        restarted = _fell(scrapes.good, scrapes.heard) | _fell(scrapes.bad, scrapes.heard)
        good, bad = (_between_boundaries(scrapes, v, restarted) for v in (scrapes.good, scrapes.bad))
        return good + bad, bad

    @cached_property
    def scrapes(self) -> Scrapes:
        """All that is drawn, once."""
        shape = (self.runs, 1 + self.stables)
        count = HISTORY + self.intervals + BEYOND
        phase = self.dice.uniform(size=(*shape, 1)) * INTERVAL
        times = -HOUR + np.arange(count) * INTERVAL + phase
        cut, restarts = self._restarts(times)
        expected = Expectation.of(
            self.condition,
            self.fault,
            per_second=self.per_second,
            usual=self.usual,
            weight=self.weight,
            until=count * INTERVAL - HOUR,
            shape=shape,
            dice=self.dice,
        )
        good, bad = (
            self._counter(means, times, cut, restarts, size)
            for means, size in ((expected.good, 1), (expected.bad, self.condition.cluster))
        )
        return Scrapes(times, self._heard(times), good, bad)

    def _restarts(self, times: Floats) -> tuple[Floats, Chosen]:
        """When a process began anew since the scrape before, or that scrape; and whether one did."""
        before = times[..., :-1]
        if (every := self.condition.restarts_every) is None:
            return before, np.zeros(before.shape, dtype=bool)
        first = times[..., :1] - self.dice.uniform(size=(*times.shape[:-1], 1)) * every
        latest = first + np.floor((times[..., 1:] - first) / every) * every
        restarted = latest > before
        return np.where(restarted, latest, before), restarted

    def _counter(self, mean: Floats, times: Floats, cut: Floats, restarts: Chosen, size: int) -> Floats:
        """A counter's values at its scrapes, from what is expected until each moment; zero at the first."""
        at, at_cut = _expected(mean, times), _expected(mean, cut)
        lost = self._drawn(at_cut - at[..., :-1], size)
        kept = self._drawn(at[..., 1:] - at_cut, size)
        total = np.cumsum(lost + kept, axis=-1)
        begun = np.maximum.accumulate(np.where(restarts, total - kept, 0.0), axis=-1)
        return np.concatenate((np.zeros((*total.shape[:-1], 1)), total - begun), axis=-1)

    def _drawn(self, mean: Floats, size: int) -> Floats:
        return size * self.dice.poisson(np.maximum(mean, 0.0) / size).astype(np.float64)

    def _heard(self, times: Floats) -> Chosen:
        heard = self.dice.uniform(size=times.shape) >= self.condition.missing
        if self.condition.outage:
            begins = self.dice.uniform(size=(self.runs, 1, 1)) * (
                self.intervals * INTERVAL - self.condition.outage
            )
            heard &= (times < begins) | (times >= begins + self.condition.outage)
        heard[..., 0] = True
        # No line may reach over the change of weight: what is on it would be of neither side.
        heard[..., HISTORY - 1 : HISTORY + 1] = True
        heard[..., -BEYOND:] = True
        return heard


def _expected(mean: Floats, times: Floats) -> Floats:
    """A running total that is given at each slice's end, at other times: straight in between."""
    place = (times + HOUR) / SLICE
    whole = np.minimum(place.astype(np.intp), mean.shape[-1] - 2)
    low, high = (np.take_along_axis(mean, whole + k, axis=-1) for k in (0, 1))
    found: Floats = low + (place - whole) * (high - low)
    return found


def _last_heard(heard: Chosen) -> Rows:
    """For each scrape, the number of the last one that succeeded, itself included."""
    return np.maximum.accumulate(np.where(heard, np.arange(heard.shape[-1]), 0), axis=-1)


def _increments(values: Floats, heard: Chosen) -> Floats:
    """From each scrape that succeeded to the next that did; zero at those that did not."""
    known = np.take_along_axis(values, _last_heard(heard), axis=-1)
    return np.diff(known, axis=-1, prepend=known[..., :1])


def _fell(values: Floats, heard: Chosen) -> Chosen:
    return _increments(values, heard) < 0


def _between_boundaries(scrapes: Scrapes, values: Floats, restarted: Chosen) -> Floats:
    """A counter's growth in each interval; after a restart its value is its growth."""
    heard = scrapes.heard
    totals = np.cumsum(np.where(restarted, values, _increments(values, heard)), axis=-1)
    last = _last_heard(heard)[..., :-1]
    earlier = np.take_along_axis(_last_heard(heard), np.maximum(last - 1, 0), axis=-1)
    following = (heard.shape[-1] - 1 - _last_heard(heard[..., ::-1]))[..., ::-1][..., 1:]
    t0, t1, t_earlier = (
        np.take_along_axis(scrapes.times, place, axis=-1) for place in (last, following, earlier)
    )
    v0, v1, v_earlier = (np.take_along_axis(totals, place, axis=-1) for place in (last, following, earlier))
    boundaries = -HOUR + np.arange(1, heard.shape[-1]) * INTERVAL
    part = np.where(t1 - t0 >= MISSED * INTERVAL, 0.0, (boundaries - t0) / (t1 - t0))
    returns = (t0 - t_earlier >= MISSED * INTERVAL) & (boundaries < t0 + INTERVAL)
    told = np.where(returns, v_earlier, v0 + part * (v1 - v0))
    at = np.concatenate((np.zeros((*totals.shape[:-1], 1)), told), axis=-1)
    return np.diff(at, axis=-1)
