"""The search itself: breadth first by disturbances, safety at every write, and a way home from every state.

States are visited once, with the fewest disturbances that lead to them, so that a scope of n disturbances
covers every interleaving of up to n of them with the usual course.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf
from time import process_time

from tests.search.homeward import Homeward
from tests.search.moves import Moves
from tests.search.scope import Scope, Spec
from tests.search.state import WOKEN, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterexample:
    """A way from the beginning to something that must not be."""

    scope: Scope
    faults: tuple[str, ...]
    story: tuple[tuple[str, State], ...]


@dataclass(slots=True, kw_only=True)
class Found:
    """What a search saw.

    Attributes:
        whole: Whether it came to its end before its time was over.
    """

    scope: Scope
    states: int = 0
    transitions: int = 0
    depth: int = 0
    looks: int = 0
    homeward: int = 0
    seconds: float = 0.0
    whole: bool = True
    counterexamples: list[Counterexample] = field(default_factory=list)


class Search:
    """One scope's."""

    def __init__(self, scope: Scope) -> None:
        self.scope, self.moves = scope, Moves(scope)
        self.homeward = Homeward(self.moves)
        self._came: dict[State, tuple[State | None, str]] = {}
        self._depth: dict[State, int] = {}
        self.found = Found(scope=scope)

    def run(self, *, most: int = 1, seconds: float = inf) -> Found:
        """Search it all, or until so many counterexamples are found or so much CPU is used."""
        with _without_collection():
            return self._run(most, seconds)

    def _run(self, most: int, seconds: float) -> Found:
        start, found = process_time(), self.found
        first = self._beginning()
        layers: list[list[State]] = [[first], *([] for _ in range(self.scope.disturbances))]
        self._came[first] = (None, "the beginning")
        self._depth[first] = 0
        done: set[State] = set()
        sentences: set[str] = set()
        for spent, layer in enumerate(layers):
            index = 0
            while index < len(layer) and len(found.counterexamples) < most:
                if process_time() - start > seconds:
                    found.whole = False
                    break
                state = layer[index]
                index += 1
                if state in done:
                    continue
                done.add(state)
                for name, after, faults in self._expanded(state, spent, layers, done):
                    if faults[0] not in sentences:
                        sentences.add(faults[0])
                        self._tell(state, [(name, after)], faults)
                if faults_home := self.homeward.faults(state):
                    trail, sentence = faults_home
                    if sentence not in sentences:
                        sentences.add(sentence)
                        self._tell(state, trail, (sentence,))
        found.states, found.looks = len(done), self.moves.looking.looks
        found.depth = max(self._depth.values())
        found.homeward, found.seconds = self.homeward.count, process_time() - start
        return found

    def _expanded(
        self, state: State, spent: int, layers: list[list[State]], done: set[State]
    ) -> Iterator[tuple[str, State, tuple[str, ...]]]:
        came, left, depth = self._came, self.scope.disturbances - spent, self._depth[state] + 1
        for name, after, cost, faults in self.moves.next(state, left):
            self.found.transitions += 1
            if faults:
                yield name, after, faults
                continue
            if after in done:
                continue
            if after not in came:
                came[after] = state, name
                self._depth[after] = depth
                layers[spent + cost].append(after)
            elif not cost:
                # Known from a way with more disturbances: this one counts.
                layers[spent].append(after)

    def _beginning(self) -> State:
        """Nothing at all; or the first revision serving, and another wanted."""
        first, second, *_ = self.scope.revisions
        nothing = State(Spec(first, self.scope.replicas), self.moves.memories.nothing)
        if self.scope.beginning:
            return nothing
        served = self.homeward.end(nothing)
        return served._replace(spec=served.spec._replace(wanted=second), **WOKEN)

    def _tell(self, state: State, last: list[tuple[str, State]], faults: tuple[str, ...]) -> None:
        steps: list[tuple[str, State]] = []
        here: State | None = state
        while here is not None:
            before, name = self._came[here]
            steps.append((name, here))
            here = before
        story = (*reversed(steps), *last)
        self.found.counterexamples.append(Counterexample(scope=self.scope, faults=faults, story=story))


@contextmanager
def _without_collection() -> Iterator[None]:
    """States are many and in no cycles: to look through them for some takes a sixth of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
