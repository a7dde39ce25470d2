"""What is simulated, as a value; and the running of it, in batches between which it may be stopped.

A batch's dice depend on the seed and its number only: more runs begin with the same ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from serin.workbench.simulation.conditions import Condition
from serin.workbench.simulation.faults import HEALTHY, Fault
from serin.workbench.simulation.pods import Pods
from serin.workbench.simulation.rollouts import RULES, Outcomes, Rules, Until, joined, play
from serin.workbench.simulation.traffic import INTERVAL, Counts, World

BATCH: Final = 250
"""Rollouts at once: enough that Python's own time does not count, few enough for the memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A kind of rollout.

    Attributes:
        per_second: Requests to both arms together.
        usual: The stable's bad share, and a healthy canary's.
        seconds: How long the rollout is looked at, from the canary's first request.
        condition: None for counts of independent requests; else pods that are scraped, under a condition.
    """

    per_second: float
    usual: float
    fault: Fault = HEALTHY
    rules: Rules = RULES
    seconds: float = 3600.0
    until: Until = Until.HARM
    condition: Condition | None = None

    def world(self, runs: int, dice: np.random.Generator) -> World:
        """So many rollouts of the kind."""
        if self.condition is None:
            return Counts(
                per_second=self.per_second, usual=self.usual, fault=self.fault, runs=runs, dice=dice
            )
        return Pods(
            per_second=self.per_second,
            usual=self.usual,
            fault=self.fault,
            weight=self.rules.steps[0].weight / 100,
            intervals=self.intervals,
            condition=self.condition,
            runs=runs,
            dice=dice,
        )

    @property
    def intervals(self) -> int:
        """How many scrapes the simulated time has."""
        return round(self.seconds / INTERVAL)


def batches(scenario: Scenario, *, runs: int, seed: int) -> Iterator[Outcomes]:
    """What became of so many rollouts, as they are done."""
    for number, first in enumerate(range(0, runs, BATCH)):
        dice = np.random.default_rng([seed, number])
        count = min(BATCH, runs - first)
        yield play(
            scenario.world(count, dice),
            scenario.rules,
            runs=count,
            intervals=scenario.intervals,
            until=scenario.until,
            counting_from=scenario.fault.onset,
        )


def simulate(scenario: Scenario, *, runs: int, seed: int) -> Outcomes:
    """All of them."""
    return joined(list(batches(scenario, runs=runs, seed=seed)))
