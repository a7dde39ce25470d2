"""Choosing among rollouts that are judged together: frozen dataclasses whose arrays have a row for each."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from serin.workbench.simulation.traffic import Rows

Batch = TypeVar("Batch")
Chosen = NDArray[np.bool_]


def kept(batch: Batch, rows: Rows, *, of: int) -> Batch:
    """These rows of a batch alone; `of` is how many it has, and no array without rows has as many."""

    def part(value: Any, _: Any) -> Any:
        return value[rows] if isinstance(value, np.ndarray) and value.shape[:1] == (of,) else value

    return _each(part, batch, batch)


def mixed(chosen: Chosen, one: Batch, other: Batch) -> Batch:
    """A batch with the chosen rows of one and all others of the other; what has no rows is one's."""

    def part(mine: Any, theirs: Any) -> Any:
        shape = np.broadcast_shapes(np.shape(mine), np.shape(theirs))
        if not (isinstance(mine, np.ndarray) or isinstance(theirs, np.ndarray)):
            return mine
        return np.where(chosen.reshape(-1, *(1,) * (len(shape) - 1)), mine, theirs)

    return _each(part, one, other)


def _each(part: Callable[[Any, Any], Any], one: Batch, other: Batch) -> Batch:
    if is_dataclass(one) and not isinstance(one, type):
        pairs = {f.name: (getattr(one, f.name), getattr(other, f.name)) for f in fields(one) if f.init}
        return replace(one, **{name: _each(part, *pair) for name, pair in pairs.items()})
    found: Batch = part(one, other)
    return found
