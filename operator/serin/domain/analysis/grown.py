"""What processes did in one interval, as a trial looks at it: each by itself, or all of a pod together.

A pod may count its requests at one port and what is bad of them at another, as where a proxy stands before
the model: two targets, of which neither tells how many were bad of how many.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from serin.domain.analysis.counters import Arm, Cell, Growth
from serin.domain.analysis.pods import Warmth
from serin.domain.analysis.sources import Source


class Grown(NamedTuple):
    """One source's growth in the interval under decision, and what it is good for, by arm."""

    source: Source
    growth: Growth
    warmth: Mapping[Arm, Warmth]


def of_pods(grown: Sequence[Grown], signal: str, *, start: float) -> Sequence[Grown]:
    """With one growth of each pod, whatever number of its ports tells of a signal."""
    if len({(one.source.arm, one.source.pod) for one in grown}) == len(grown):
        return grown
    of_pod: dict[tuple[object, ...], list[Grown]] = {}
    for place, one in enumerate(grown):
        if any(cell.signal == signal for cell in one.growth.cells):
            # A proxy serves many pods, and stands for itself.
            whose = (place,) if one.source.arm is None else (one.source.arm, one.source.pod)
            of_pod.setdefault(whose, []).append(one)
    return [_together(ports) for ports in of_pod.values() if len(ports) == 1 or _told(ports, start)]


def whole(grown: Iterable[Grown], start: float) -> bool:
    """Whether what both arms served in an interval is known: no arm is in a silence, or comes out of one."""
    arms: dict[Arm | None, bool] = {}
    for one in grown:
        if one.growth.since < start:
            return False
        arms[one.source.arm] = arms.get(one.source.arm, False) or one.growth.seen
    return all(arms.values())


def _told(ports: Sequence[Grown], start: float) -> bool:
    """Whether all of them tell of the same time: while one is silent, what it counts would seem not to be."""
    alike = all(one.warmth == ports[0].warmth for one in ports)
    return alike and all(one.growth.seen and one.growth.since >= start for one in ports)


def _together(ports: Sequence[Grown]) -> Grown:
    if len(ports) == 1:
        return ports[0]
    cells: dict[Cell, float] = {}
    for one in ports:
        for cell, number in one.growth.cells.items():
            cells[cell] = cells.get(cell, 0.0) + number
    return ports[0]._replace(growth=ports[0].growth._replace(cells=cells))
