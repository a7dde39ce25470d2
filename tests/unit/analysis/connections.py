"""Requests that arrive in connections: each stays with one pod for its life, then another takes its place."""

from dataclasses import dataclass

import numpy as np

from serin.domain.analysis.dispersion import Swings, request_swings
from serin.domain.analysis.evidence import ArmCounts, Numbers
from serin.domain.analysis.split import Split

INTERVAL = 15
PODS = 4
HOUR = 240


@dataclass
class Connections:
    """So many at a time in each of many rollouts, each of at most `life` seconds, or of `life` on average."""

    dice: np.random.Generator
    rollouts: int
    count: int
    life: float
    limited: bool = True
    per_second: float = 100.0

    def __post_init__(self) -> None:
        self.left = self._lives() * self.dice.random((self.rollouts, self.count))
        self.place = np.zeros((self.rollouts, self.count), int)

    def requests(self, parts: list[float], *, intervals: int) -> Numbers:
        """What each place got in each interval, places being taken by new connections in these parts."""
        seconds = np.zeros((intervals, len(parts), self.rollouts))
        for t in range(intervals * INTERVAL):
            over = self.left <= 0
            chosen = self.dice.choice(len(parts), p=parts, size=over.sum())
            self.place[over] = chosen
            self.left = np.where(over, self._lives(), self.left) - 1
            for place in range(len(parts)):
                seconds[t // INTERVAL, place] += (self.place == place).sum(axis=1)
        return self.dice.poisson(seconds * self.per_second / self.count).astype(float)

    def _lives(self) -> Numbers:
        shape = (self.rollouts, self.count)
        return (
            self.dice.uniform(0, self.life, shape)
            if self.limited
            else self.dice.exponential(self.life, shape)
        )


def learnt(history: Numbers) -> Swings:
    """Each rollout's dispersions of requests, from intervals, pods and rollouts."""
    found = [
        request_swings(
            [{f"pod-{k}": ArmCounts(n, 0) for k, n in enumerate(row)} for row in history[:, :, rollout]],
            interval=INTERVAL,
        )
        for rollout in range(history.shape[2])
    ]
    return Swings(np.array([one.soon for one in found]), np.array([one.later for one in found]))


def found_after(found: Numbers, *, weight: float, phi: Swings) -> Numbers:
    """Tested scrapes until the first mismatch of each rollout; infinite without any."""
    split, first = Split.begin(weight=weight, phi=phi), np.full(found.shape[2], np.inf)
    for place, (canary, stable) in enumerate(found):
        split = split.advanced(canary, stable, elapsed=place * INTERVAL)
        first = np.where(np.isinf(first) & split.mismatch, split.waited - 4, first)
    return first
