"""The tables of docs/statistics.md by name: the page has what `serin simulate --table` prints."""

from collections.abc import Callable
from typing import Final

from serin.workbench.simulation import distribution_grid, grids
from serin.workbench.simulation.split_grid import split
from serin.workbench.simulation.tables import Table

TABLES: Final[dict[str, Callable[[], Table]]] = {
    "false-rollbacks": grids.false_rollbacks,
    "robustness": grids.robustness,
    "detection": grids.detection,
    "disturbed-detection": grids.under_disturbance,
    "promotion": grids.promotion,
    "rollouts": grids.rollouts,
    "latency": distribution_grid.latency,
    "scores": distribution_grid.scores,
    "split": split,
}
