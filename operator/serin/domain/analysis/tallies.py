"""What an arm did between two boundaries, as counts of one signal, from the growth of its counters.

Most signals count requests and bad ones. Of a distribution the whole histogram is kept until it is known at
which of its bounds it will be cut. Native histograms are used where there is no classic one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any, Final, TypeAlias

import numpy as np

from serin.domain.analysis.counters import Arm, Cell, Role
from serin.domain.analysis.evidence import NOTHING, ArmCounts
from serin.domain.analysis.policy import SignalPolicy

_CLOSE: Final = 1 + 1e-9
"""Up to which a bound is the one that was meant: they are written in decimal digits."""


@dataclass(frozen=True, slots=True)
class Tally:
    """A histogram's growth.

    Attributes:
        held: Requests by the upper bound of their bucket; in a classic histogram with all those below it.
    """

    requests: float = 0.0
    held: Mapping[float, float] = field(default_factory=dict)
    native: bool = False

    def __add__(self, other: "Tally") -> "Tally":
        """Together. A bound that a classic histogram does not have is lost: nobody knows what is below it."""
        if other.requests <= 0 or self.requests <= 0:
            return self if other.requests <= 0 else other
        requests = self.requests + other.requests
        if self.native is not other.native:
            return Tally(requests)
        bounds = self.held.keys() | other.held.keys() if self.native else self.held.keys() & other.held.keys()
        held = {bound: self.held.get(bound, 0.0) + other.held.get(bound, 0.0) for bound in bounds}
        return Tally(requests, held, self.native)

    def cumulative(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Bounds in their order, and how many are at or below each: never falling, never more than all."""
        bounds = tuple(sorted(self.held))
        found = np.array([self.held[bound] for bound in bounds])
        below = np.cumsum(found) if self.native else np.maximum.accumulate(found) if bounds else found
        return bounds, tuple(np.clip(below, 0.0, self.requests).tolist())

    def common(self, other: "Tally") -> "Tally":
        """With those bounds only that another's histogram has too: of a native one, all or none."""
        if self.native is not other.native:
            return Tally(self.requests)
        if self.native:
            return self
        return Tally(self.requests, {bound: n for bound, n in self.held.items() if bound in other.held})

    def below(self, bound: float) -> float | None:
        """How many requests are at or below a bound; None where the histogram does not tell."""
        if self.requests <= 0:
            return 0.0
        bounds, below = self.cumulative()
        if self.native:
            return max((n for b, n in zip(bounds, below, strict=True) if b <= bound * _CLOSE), default=0.0)
        return next((n for b, n in zip(bounds, below, strict=True) if b == bound), None)

    def at(self, cuts: Sequence[float]) -> ArmCounts | None:
        """Counts at cuts, which are bounds of it; None where one is not."""
        if self.requests <= 0:
            return ArmCounts(0.0, np.zeros(len(cuts)))
        bounds, below = self.cumulative()
        if self.native:
            places = np.searchsorted(np.array(bounds) / _CLOSE, cuts, side="right")
            return ArmCounts(self.requests, np.concatenate([[0.0], below])[places])
        held = dict(zip(bounds, below, strict=True))
        if not held.keys() >= set(cuts):
            return None
        return ArmCounts(self.requests, np.array([held[cut] for cut in cuts]))


Counted: TypeAlias = Any
"""`ArmCounts`, or of a distribution a `Tally`; of one signal always the same."""


class Reader:
    """Reads one signal's counts off the growth of a target's cells."""

    def __init__(self, signal: SignalPolicy) -> None:
        self.signal = signal
        self.nothing: Counted = Tally() if signal.is_distribution else NOTHING
        name = signal.name
        self._requests = {arm: Cell(name, Role.REQUESTS, arm) for arm in Arm}
        self._bad = {arm: Cell(name, Role.BAD, arm) for arm in Arm}
        self._within = {arm: Cell(name, Role.WITHIN, arm) for arm in Arm}
        self._native = {arm: Cell(name, Role.NATIVE, arm, inf) for arm in Arm}

    def requests(self, cells: Mapping[Cell, float], arm: Arm) -> float:
        """All requests of an arm."""
        return max(0.0, cells.get(self._requests[arm], 0.0)) or cells.get(self._native[arm], 0.0)

    def counted(self, cells: Mapping[Cell, float], arm: Arm) -> Counted:
        """What one target counted for one arm; nothing without the bucket, which tells slow from fast."""
        if self.signal.is_distribution:
            return self._tally(cells, arm)
        requests = max(0.0, cells.get(self._requests[arm], 0.0))
        if self.signal.at_most is None:
            return _within(requests, cells.get(self._bad[arm], 0.0))
        if requests > 0 and self._within[arm] in cells:
            return _within(requests, requests - cells[self._within[arm]])
        found = self._tally(cells, arm)
        if not found.native:
            return NOTHING
        return _within(found.requests, found.requests - (found.below(self.signal.at_most) or 0.0))

    def _tally(self, cells: Mapping[Cell, float], arm: Arm) -> Tally:
        requests = max(0.0, cells.get(self._requests[arm], 0.0))
        kinds: dict[Role, dict[float, float]] = {Role.WITHIN: {}, Role.NATIVE: {}}
        for cell, grown in cells.items():
            if cell.bound is not None and cell.signal == self.signal.name and cell.arm is arm:
                kinds[cell.role][cell.bound] = grown
        count = kinds[Role.NATIVE].pop(inf, 0.0)
        if kinds[Role.WITHIN] and requests > 0:
            # The histogram's own word on how many there were, where it has one: both are of one moment.
            whole = kinds[Role.WITHIN].pop(inf, requests)
            return Tally(whole, kinds[Role.WITHIN])
        return Tally(count, kinds[Role.NATIVE], native=True) if count > 0 else Tally(requests)


def _within(requests: float, bad: float) -> ArmCounts:
    return ArmCounts(requests, min(max(bad, 0.0), requests))
