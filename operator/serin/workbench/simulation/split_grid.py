"""The table of the split's truth: how often a true router is called wrong, and how soon a wrong one is."""

from typing import Final

import numpy as np

from serin.workbench.simulation.connections import Connections, Stage, named_after
from serin.workbench.simulation.estimates import Floats, quantile, share
from serin.workbench.simulation.findings import NEVER, at_most, percent
from serin.workbench.simulation.scenarios import BATCH
from serin.workbench.simulation.tables import Cell, Table

_WHOLE: Final = (Stage(0.05, 80), Stage(0.25, 80), Stage(0.5, 80))
_FIRST: Final = (Stage(0.05, 40),)
_PER_SECOND: Final = 100.0


def split() -> Table:
    """What few and long connections do to the test of the router."""
    patterns = ((1000, 30), (200, 15), (200, 30), (50, 30), (50, 300), (50, 600), (20, 600))
    return Table(
        words="Routers called wrong at 100 requests a second: true ones, in an hour over 5, 25 and 50 %; and"
        " scrapes until stuck ones are named on a 5 % step, after a minute for connections to move: median"
        " / 95 %",
        head=("connections", "true", "nothing to the canary", "half", "everything"),
        rows=tuple(
            (
                f"{count:,} of {lifetime} s",
                (_false_alarms(count, lifetime), *(_stuck(count, lifetime, to) for to in (0.0, 0.5, 1.0))),
            )
            for count, lifetime in patterns
        ),
        runs=1000,
    )


def _false_alarms(count: int, lifetime: float) -> Cell:
    def cell(runs: int, seed: int) -> tuple[str, ...]:
        named = _named(_WHOLE, count, lifetime, runs=runs, seed=seed)
        return (at_most(share(int(np.isfinite(named).sum()), runs)),)

    return cell


def _stuck(count: int, lifetime: float, truth: float) -> Cell:
    def cell(runs: int, seed: int) -> tuple[str, ...]:
        named = _named(_FIRST, count, lifetime, runs=runs, seed=seed, truth=truth)
        median, late = (quantile(named, part).value for part in (0.5, 0.95))
        text = " / ".join(f"{value:.0f}" if np.isfinite(value) else NEVER for value in (median, late))
        seen = float(np.isfinite(named).mean())
        return (text if seen == 1 else f"{text} ({percent(seen)})",)

    return cell


def _named(
    stages: tuple[Stage, ...],
    count: int,
    lifetime: float,
    *,
    runs: int,
    seed: int,
    truth: float | None = None,
) -> Floats:
    found = []
    for number, first in enumerate(range(0, runs, BATCH)):
        dice = np.random.default_rng([seed, number])
        fresh = Connections(
            per_second=_PER_SECOND, count=count, lifetime=lifetime, runs=min(BATCH, runs - first), dice=dice
        )
        found.append(named_after(fresh, stages, truth=truth))
    return np.concatenate(found)
