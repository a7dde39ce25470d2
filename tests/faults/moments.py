"""Moments of a run at which a fault may strike: writes, told apart by what they are about."""

from collections import Counter
from typing import NamedTuple

from tests.faults.acts import Act, Rule
from tests.faults.trace import Trace


class Moment(NamedTuple):
    """The nth write of a kind to an object."""

    verb: str
    kind: str
    name: str
    nth: int

    def __str__(self) -> str:
        return f"{self.verb}-{self.kind.replace('/', '.')}-{self.name}-{self.nth}"

    def rule(self, act: Act, *, times: int = 1) -> Rule:
        return Rule(verb=self.verb, kind=self.kind, name=self.name, nth=self.nth, times=times, act=act)


def moments(trace: Trace) -> list[tuple[Moment, bool]]:
    """Every write of a trace, and whether it changed anything."""
    count: Counter[tuple[str, str, str]] = Counter()
    found = []
    for one in trace.asked:
        if not one.write:
            continue
        count[key := (one.verb, one.kind, one.name)] += 1
        found.append((Moment(*key, count[key]), 200 <= one.acted < 300 and one.changed is not False))
    return found
