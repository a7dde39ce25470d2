"""Everything that can happen next: the operator's look, the cluster's usual course, people and faults.

What belongs to the usual course is free, everything else costs one disturbance. A look is one pass: its
writes are made one after another, and between any two of them the process may die, be stopped for a while,
or find that the world has gone on.
"""

from collections.abc import Iterator

from tests.search.happenings import Move, World, crashed, disturbed, pods_become
from tests.search.looking import Looking, Outcome, Sight
from tests.search.memory import Memories
from tests.search.scope import REVISIONS, Scope
from tests.search.state import LONGEST_DOWN, WOKEN, Known, Op, State, later, seen, settled
from tests.search.telling import told, told_look
from tests.search.writing import Looked, written


class Moves:
    """Those of one scope."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.world = World(scope, Memories())
        self.memories = self.world.memories
        self.looking = Looking(scope, self.memories)

    def next(self, state: State, left: int) -> Iterator[Move]:
        """Everything that can happen in a state, where so many disturbances are left."""
        yield from self._ghost(state)
        if state.gone:
            return
        if not (state.ghost and self.scope.licensed):
            yield from self._looks(state, left)
        yield from self.usual(state)
        if left:
            yield from disturbed(self.world, state)

    # The operator

    def sight(self, state: State) -> Sight:
        """What the operator goes by."""
        (spec, asked, memory), cluster, hidden = seen(state)
        return Sight(spec, asked, memory, cluster, hidden, state.known)

    def _looks(self, state: State, left: int) -> Iterator[Move]:
        sight = self.sight(state)
        for outcome in self.looking.outcomes(sight):
            yield from self._pass(state, sight, outcome, left)
            if left and not outcome.ops and not outcome.again:
                yield from self._restarted(state, sight, outcome)

    def _restarted(self, state: State, sight: Sight, outcome: Outcome) -> Iterator[Move]:
        """I8: a new process that sees the same has nothing to write."""
        # How long the stable revision has been down is in no status: a new process has to see that for a
        # while before it acts on it again, and may ask for fewer pods of the canary until then. All else it
        # must know: here it is told of this one thing, and only where the while is over.
        down = LONGEST_DOWN if sight.known.down == LONGEST_DOWN else None
        memory = self.memories.carried(sight.memory, sight.known.memo.confirmed_since)
        forgetful = sight._replace(known=Known(down=down), memory=memory)
        anew = self.looking.when_heard(forgetful, outcome.word)
        if anew.ops:
            kinds = ", ".join(op.kind for op in anew.ops)
            yield Move("look after a restart", state, 1, (f"I8: a restart writes {kinds}",))

    def _pass(self, state: State, sight: Sight, outcome: Outcome, left: int = 0) -> Iterator[Move]:
        """One pass, whole; then every way in which it may not be, where disturbances are left."""
        name = f"look ({outcome.word.name})"
        state = state._replace(memory=self.memories.carried(state.memory, None))
        stages = [state]
        faults: list[str] = list(outcome.faults)
        looked = _looked(sight, outcome)
        for op in _fenced(state, outcome.ops):
            result = written(self.scope, stages[-1], op, looked)
            faults += result.faults
            if result.state is None:
                break
            stages.append(result.state)
        whole = len(stages) > len(outcome.ops)
        yield Move(told_look(name, outcome, whole), self._ended(stages[-1], outcome, whole), 0, tuple(faults))
        if not outcome.ops or faults or not left:
            return
        yield from self._cut(name, stages, outcome)
        if "middle" in self.scope.may:
            yield from self._interleaved(name, stages, outcome, looked)

    def _ended(self, state: State, outcome: Outcome, whole: bool) -> State:
        """After a pass; one that met a conflict is followed by another look."""
        decided = whole or state.memory is outcome.memory
        return state._replace(
            memory=self.memories.carried(state.memory, None),
            known=outcome.known if decided else state.known,
            due=outcome.again or not whole,
            wake=outcome.wake if whole and not outcome.again else None,
        )

    def _cut(self, name: str, stages: list[State], outcome: Outcome) -> Iterator[Move]:
        """The process dies after some of the writes, or is stopped there and another one leads."""
        for made, state in enumerate(stages[1:], 1):
            left = outcome.ops[made:]
            if "crash" in self.scope.may:
                yield Move(f"{name}; the process dies after {made} writes", crashed(self.world, state), 1)
            if left and "ghost" in self.scope.may and not state.ghost:
                late = left[:1] if self.scope.licensed else left
                stopped = crashed(self.world, state)._replace(ghost=late)
                yield Move(f"{name}; the process is stopped after {made} writes", stopped, 1)

    def _interleaved(
        self, name: str, stages: list[State], outcome: Outcome, looked: Looked
    ) -> Iterator[Move]:
        for made, before in enumerate(stages[:-1]):
            for move in disturbed(self.world, before, during=True):
                state, faults, whole = move.state, list(move.faults), True
                for op in _fenced(before, outcome.ops[made:], state):
                    result = written(self.scope, state, op, looked)
                    faults += result.faults
                    if result.state is None:
                        whole = False
                        break
                    state = result.state
                ended = self._ended(state, outcome, whole)._replace(**WOKEN)
                yield Move(f"{name}; after {made} writes: {move.name}", ended, 1, tuple(faults))

    def _ghost(self, state: State) -> Iterator[Move]:
        """What a stopped process had sent arrives late, or never; without a licence it goes on to write."""
        if not state.ghost:
            return
        op, *left = state.ghost
        if self.scope.licensed:
            yield Move(f"what the old process sent is lost: {told(op)}", state._replace(ghost=()))
        result = written(self.scope, state._replace(ghost=tuple(left)), op, Looked(None, None))
        if result.state is None:
            yield Move(f"the old process is refused: {op.kind}", state._replace(ghost=()))
        else:
            yield Move(f"the old process writes {told(op)}", result.state, 0, result.faults)

    # The usual course

    def usual(self, state: State) -> Iterator[Move]:
        """Pods, gateway and clock do what they ought to."""
        cluster = state.cluster
        for revision in self.scope.revisions:
            pods = cluster.pods(revision)
            for ready in {pods.ready + 1, pods.desired} if pods.ready < pods.desired else ():
                well = pods._replace(ready=ready, sick=pods.sick and ready < pods.desired)
                yield pods_become(state, f"{ready} pods of {revision} are ready", revision, well, 0)
        route = cluster.route
        if route is not None and route.took != "yes" and self.scope.reports:
            yield Move("the gateway takes the route", took(state))
        if state.stale is not None:
            yield Move("the operator sees it all again", thawed(state))
        if not state.due or not state.known.known:
            yield Move("time passes", self.ticked(state))

    def ticked(self, state: State) -> State:
        """A tick later."""
        after = later(state, self.memories.later(state.memory), self.scope)
        if after.stale is not None and after.stale.kind == "model":
            spec, asked, memory = seen(after)[0]
            stale = after.stale._replace(copy=(spec, asked, self.memories.later(memory)))
            after = after._replace(stale=stale)
        return after


def _looked(sight: Sight, outcome: Outcome) -> Looked:
    ready = {revision: sight.cluster.pods(revision).ready for revision in REVISIONS}
    return Looked(outcome.memory, ready | dict([sight.hidden] if sight.hidden else []))


def _fenced(state: State, ops: tuple[Op, ...], moved: State | None = None) -> Iterator[Op]:
    """The writes, with what the operator does not know yet of their objects."""
    stale = state.stale
    for op in ops:
        kind = "model" if op.kind == "status" else op.kind
        name = None if kind in ("model", "root", "route") else op.name
        fresh = stale is None or not stale.moved or (stale.kind, stale.name) != (kind, name)
        if moved is not None and state.object(kind, name) != moved.object(kind, name):
            fresh = False
        yield op if fresh else op._replace(holds=False)


def thawed(state: State) -> State:
    """The operator sees what it had missed."""
    after = state._replace(stale=None)
    return after._replace(**WOKEN) if seen(after) != seen(state) else after


def took(state: State) -> State:
    """The gateway has the latest route."""
    route = state.cluster.route
    assert route is not None
    cluster = state.cluster._replace(route=route._replace(took="yes"))
    live = tuple(revision for revision, weight in route.weights if weight)
    return settled(state, state._replace(cluster=cluster, live=live))
