"""Requests that arrive in connections, each of which stays with one pod: what the truth of a split rests on.

A proxy balances connections, so shares of requests swing whenever one ends. Each of so many carries the same
part of the traffic and is opened anew after its lifetime; how old they are at the start is spread evenly.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Final

import numpy as np
from numpy.typing import NDArray

from serin.domain.analysis.dispersion import Swings, request_swings
from serin.domain.analysis.evidence import ArmCounts
from serin.domain.analysis.split import SETTLING, Split
from serin.workbench.simulation.estimates import Floats
from serin.workbench.simulation.traffic import HOUR, INTERVAL

STABLES: Final = 4

Holders = NDArray[np.int8]
"""The pod that holds each connection; the canary's is 0."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A confirmed weight, as a share, and for how many intervals it stands."""

    weight: float
    intervals: int


class Connections:
    """All connections of so many rollouts, before the first of which only the stable is served."""

    def __init__(
        self, *, per_second: float, count: int, lifetime: float, runs: int, dice: np.random.Generator
    ) -> None:
        if lifetime < INTERVAL:
            raise ValueError(f"need a lifetime of at least {INTERVAL:g} s, got {lifetime:g}")
        self.runs = runs
        self._pace = per_second / count
        self._lifetime = lifetime
        self._dice = dice
        self._ends = (np.arange(count) + dice.uniform()) * lifetime / count
        self._holders = np.zeros((runs, count), dtype=np.int8)
        self._held = np.zeros((runs, 1 + STABLES))
        self.open_all(0.0)

    def open_all(self, weight: float) -> None:
        """As if the canary had always had this share of them."""
        self._holders = self._chosen(self._holders.shape[1], weight)
        self._held = _seconds_held(self._holders, np.ones(self._holders.shape[1]))

    def interval(self, number: int, weight: float) -> Floats:
        """Requests to each pod, rollouts x pods; those that are opened go to the canary by its weight."""
        left = self._lifetime - (number * INTERVAL - self._ends) % self._lifetime
        ending = np.flatnonzero(left < INTERVAL)
        anew = self._chosen(len(ending), weight)
        after = INTERVAL - left[ending]
        moved = _seconds_held(anew, after) - _seconds_held(self._holders[:, ending], after)
        seconds = self._held * INTERVAL + moved
        self._held += _seconds_held(anew, np.ones(len(ending)))
        self._held -= _seconds_held(self._holders[:, ending], np.ones(len(ending)))
        self._holders[:, ending] = anew
        return self._dice.poisson(np.maximum(seconds, 0.0) * self._pace).astype(np.float64)

    def _chosen(self, count: int, weight: float) -> Holders:
        shape = (self.runs, count)
        stable = self._dice.integers(1, STABLES + 1, size=shape, dtype=np.int8)
        return np.where(self._dice.random(shape, dtype=np.float32) < weight, np.int8(0), stable)


def named_after(connections: Connections, stages: Sequence[Stage], *, truth: float | None = None) -> Floats:
    """Scrapes that were tested at a stage until the router was called wrong, the first time; or never.

    Args:
        connections: Fresh ones; the hour before tells how much shares swing by themselves.
        stages: What the router confirms, one after the other.
        truth: What it does instead, and did long before; None: as it says, from the moment it says so.
    """
    history = round(HOUR / INTERVAL)
    phi = _phi([connections.interval(number, 0.0) for number in range(-history, 0)])
    if truth is not None:
        connections.open_all(truth)
    found, number = np.full(connections.runs, inf), 0
    for stage in stages:
        split = Split.begin(weight=stage.weight, phi=phi)
        for place in range(stage.intervals):
            seen = connections.interval(number, stage.weight if truth is None else truth)
            split = split.advanced(seen[:, 0], seen[:, 1:].sum(axis=1), elapsed=place * INTERVAL)
            tested = place + 1 - SETTLING
            found = np.minimum(found, np.where(split.mismatch, tested, inf))
            number += 1
    return found


def _phi(history: list[Floats]) -> Swings:
    """Of each rollout, from its stable pods."""
    runs = len(history[0])
    blocks = (
        [{f"{pod}": ArmCounts(float(n)) for pod, n in enumerate(seen[run, 1:])} for seen in history]
        for run in range(runs)
    )
    found = [request_swings(block, interval=INTERVAL) for block in blocks]
    return Swings(np.array([one.soon for one in found]), np.array([one.later for one in found]))


def _seconds_held(holders: Holders, seconds: Floats) -> Floats:
    """How long each pod holds these connections, all of a rollout's together."""
    return np.stack([(holders == pod) @ seconds for pod in range(1 + STABLES)], axis=1)
