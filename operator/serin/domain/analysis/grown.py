"""What processes did in one interval, as a trial looks at it: each by itself, or all of a pod together.

A pod may count its requests at one port and what is bad of them at another, as where a proxy stands before
the model: two targets, of which neither tells how many were bad of how many.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from serin.domain.analysis.counters import Arm, Cell, Growth
from serin.domain.analysis.pods import Warmth
from serin.domain.analysis.sources import Source


@dataclass(frozen=True, slots=True)
class Grown:
    """One source's growth in the interval under decision, and what it is good for, by arm."""

    source: Source
    growth: Growth
    warmth: Mapping[Arm, Warmth]


def of_pods(grown: Sequence[Grown]) -> Sequence[Grown]:
    """With one growth of each pod, whatever number of its ports was scraped."""
    ports = Counter((one.source.arm, one.source.pod) for one in grown)
    if all(number == 1 for number in ports.values()):
        return grown
    found: dict[tuple[object, ...], Grown] = {}
    for place, one in enumerate(grown):
        # A proxy serves many pods, and a port that comes out of a silence is as good as its own times are.
        whose = (place,) if one.source.arm is None else (one.source.arm, one.source.pod, *one.warmth.items())
        if (other := found.get(whose)) is not None:
            one = replace(one, growth=_together(other.growth, one.growth))
        found[whose] = one
    return list(found.values())


def whole(grown: Iterable[Grown], start: float) -> bool:
    """Whether what both arms served in an interval is known: no arm is in a silence, or comes out of one."""
    arms: dict[Arm | None, bool] = {}
    for one in grown:
        if one.growth.since < start:
            return False
        arms[one.source.arm] = arms.get(one.source.arm, False) or one.growth.seen
    return all(arms.values())


def _together(one: Growth, other: Growth) -> Growth:
    cells: dict[Cell, float] = dict(one.cells)
    for cell, grown in other.cells.items():
        cells[cell] = cells.get(cell, 0.0) + grown
    return Growth(cells, min(one.since, other.since), seen=one.seen or other.seen)
