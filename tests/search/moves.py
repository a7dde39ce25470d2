"""Everything that can happen next: the operator's look, the cluster's usual course, people and faults.

What belongs to the usual course is free, everything else costs one disturbance. A look is one pass: its
writes are made one after another, and between any two of them the process may die, be stopped for a while,
or find that the world has gone on.
"""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from serin.domain.names import RevisionHash
from tests.search.looking import Looking, Outcome, Sight
from tests.search.memory import Memories
from tests.search.scope import REVISIONS, Asked, Scope, steps_of
from tests.search.state import Known, Op, Pods, Stale, State, later, seen, settled
from tests.search.writing import Looked, written


class Move(NamedTuple):
    """One thing that happens.

    Attributes:
        cost: Disturbances it takes.
        faults: What is broken by it.
    """

    name: str
    state: State
    cost: int = 0
    faults: tuple[str, ...] = ()


class Moves:
    """Those of one scope."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.memories = Memories()
        self.looking = Looking(scope, self.memories)

    def next(self, state: State) -> Iterator[Move]:
        """Everything that can happen in a state."""
        if state.gone:
            yield from self._ghost(state)
            return
        yield from self._looks(state)
        yield from self._ghost(state)
        yield from self.usual(state)
        yield from self.disturbed(state)

    # The operator

    def sight(self, state: State) -> Sight:
        """What the operator goes by."""
        (spec, asked, memory), cluster, hidden = seen(state)
        return Sight(spec, asked, memory, cluster, hidden, state.known)

    def _looks(self, state: State) -> Iterator[Move]:
        sight = self.sight(state)
        for outcome in self.looking.outcomes(sight):
            yield from self._pass(state, sight, outcome)
            if not outcome.ops and not outcome.again:
                yield from self._restarted(state, sight, outcome)

    def _restarted(self, state: State, sight: Sight, outcome: Outcome) -> Iterator[Move]:
        """I8: a new process that sees the same has nothing to write."""
        memory = self.memories.carried(sight.memory, sight.known.memo.confirmed_since)
        anew = self.looking.when_heard(sight._replace(known=Known(), memory=memory), outcome.word)
        if anew.ops:
            kinds = ", ".join(op.kind for op in anew.ops)
            yield Move("look after a restart", state, 1, (f"I8: a restart writes {kinds}",))

    def _pass(self, state: State, sight: Sight, outcome: Outcome) -> Iterator[Move]:
        """One pass, whole; then every way in which it may not be."""
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
        yield Move(_told(name, outcome, whole), self._ended(stages[-1], outcome, whole), 0, tuple(faults))
        if not outcome.ops or faults:
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
                yield Move(f"{name}; the process dies after {made} writes", self._crashed(state), 1)
            if left and "ghost" in self.scope.may and not state.ghost:
                stopped = self._crashed(state)._replace(ghost=left)
                yield Move(f"{name}; the process is stopped after {made} writes, another leads", stopped, 1)

    def _interleaved(
        self, name: str, stages: list[State], outcome: Outcome, looked: Looked
    ) -> Iterator[Move]:
        for made, before in enumerate(stages[:-1]):
            for move in self.disturbed(before, during=True):
                state, faults, whole = move.state, list(move.faults), True
                for op in _fenced(before, outcome.ops[made:], state):
                    result = written(self.scope, state, op, looked)
                    faults += result.faults
                    if result.state is None:
                        whole = False
                        break
                    state = result.state
                ended = self._ended(state, outcome, whole)._replace(due=True)
                yield Move(f"{name}; after {made} writes: {move.name}", ended, 1, tuple(faults))

    def _ghost(self, state: State) -> Iterator[Move]:
        """A process that was stopped wakes up, and does not know yet that it leads no more."""
        if not state.ghost:
            return
        op, *left = state.ghost
        result = written(self.scope, state._replace(ghost=tuple(left)), op, Looked(None, None))
        if result.state is None:
            yield Move(f"the old process is refused: {op.kind}", state._replace(ghost=()))
        else:
            yield Move(f"the old process wakes up and writes {told(op)}", result.state, 0, result.faults)

    def _crashed(self, state: State, confirmed: int | None = None) -> State:
        """A new process: it has seen everything, and remembers what the status says."""
        memory = self.memories.carried(state.memory, Known(confirmed=confirmed).memo.confirmed_since)
        return state._replace(memory=memory, known=Known(), stale=None, due=True, wake=None)

    # The usual course

    def usual(self, state: State) -> Iterator[Move]:
        """Pods, gateway and clock do what they ought to."""
        cluster = state.cluster
        for revision in self.scope.revisions:
            pods = cluster.pods(revision)
            for ready in {pods.ready + 1, pods.desired} if pods.ready < pods.desired else ():
                well = pods._replace(ready=ready, sick=pods.sick and ready < pods.desired)
                yield self._now(state, f"{ready} pods of {revision} are ready", revision, well)
        route = cluster.route
        if route is not None and route.took != "yes" and self.scope.reports:
            yield Move("the gateway takes the route", took(state))
        if state.stale is not None:
            yield Move("the operator sees it all again", _thawed(state))
        if not state.due or not state.known.known:
            yield Move("time passes", self.ticked(state))

    def ticked(self, state: State) -> State:
        """A tick later."""
        after = later(state, self.memories.later(state.memory), self.scope)
        if after.stale is not None and after.stale.kind == "model":
            spec, asked, memory = seen(after)[0]
            stale = after.stale._replace(copy=(spec, asked, self.memories.later(memory)))
            after = after._replace(stale=stale, due=after.due and (state.due or after.wake is None))
        return after

    def _now(self, state: State, name: str, revision: RevisionHash, pods: Pods, cost: int = 0) -> Move:
        after = state._replace(cluster=state.cluster.with_pods(revision, pods))
        return Move(name, settled(state, after), cost)

    # What disturbs it

    def disturbed(self, state: State, *, during: bool = False) -> Iterator[Move]:
        """People, dying pods and faults; `during` a pass only what others do."""
        may = self.scope.may
        for kind, happening in HAPPENINGS:
            if kind in may and not (during and kind in PROCESS):
                yield from happening(self, state)

    def _spec_changes(self, state: State) -> Iterator[Move]:
        for revision in self.scope.revisions:
            if revision != state.spec.wanted:
                spec = state.spec._replace(wanted=revision)
                yield _asked(state, f"the spec asks for {revision}", state._replace(spec=spec))

    def _size_changes(self, state: State) -> Iterator[Move]:
        for replicas in (0, 1, 2, 3):
            if replicas != state.spec.replicas:
                spec = state.spec._replace(replicas=replicas)
                yield _asked(state, f"the spec asks for {replicas} replicas", state._replace(spec=spec))

    def _plan_changes(self, state: State) -> Iterator[Move]:
        for plan in (0, 1, 2, 3):
            if plan != state.spec.plan:
                spec = state.spec._replace(plan=plan)
                weights = [step.weight for step in steps_of(self.scope, spec)]
                yield _asked(state, f"the spec asks for steps {weights}", state._replace(spec=spec))

    def _policy_changes(self, state: State) -> Iterator[Move]:
        spec = state.spec._replace(policy=1 - state.spec.policy)
        yield _asked(state, "the spec asks for another analysis", state._replace(spec=spec))

    def _aborts(self, state: State) -> Iterator[Move]:
        if state.memory.attempt:
            yield self._asks(state, abort=state.memory.attempt)

    def _promotes(self, state: State) -> Iterator[Move]:
        rollout, steps = state.memory.rollout, steps_of(self.scope, state.spec)
        if rollout is None:
            return
        for step in [steps[min(rollout.step, len(steps) - 1)].name] if steps else []:
            yield self._asks(state, promote=f"{rollout.attempt}:{step}")
        yield self._asks(state, promote=f"{rollout.attempt}:full")

    def _pauses(self, state: State) -> Iterator[Move]:
        if state.memory.attempt and state.asked.pause != state.memory.attempt:
            yield self._asks(state, pause=state.memory.attempt)
        elif state.asked.pause:
            yield _asked(state, "nobody pauses it", state._replace(asked=state.asked._replace(pause=None)))

    def _retries(self, state: State) -> Iterator[Move]:
        for entry in state.memory.rejected:
            if entry.hash == state.spec.wanted:
                yield self._asks(state, retry=entry.attempt)

    def _asks(self, state: State, **words: str) -> Move:
        asked: Asked = state.asked._replace(**words)
        name = ", ".join(f"{word} {what}" for word, what in words.items())
        return _asked(state, f"a person asks: {name}", state._replace(asked=asked))

    def _fewer(self, state: State) -> Iterator[Move]:
        for revision in self.scope.revisions:
            pods = state.cluster.pods(revision)
            if pods.ready > 1:
                fewer = pods._replace(ready=pods.ready - 1)
                yield self._now(state, f"a pod of {revision} is lost", revision, fewer, 1)

    def _none(self, state: State) -> Iterator[Move]:
        for revision in self.scope.revisions:
            pods = state.cluster.pods(revision)
            if pods.ready:
                none = pods._replace(ready=0)
                yield self._now(state, f"{revision} loses all its endpoints", revision, none, 1)

    def _sick(self, state: State) -> Iterator[Move]:
        for revision in self.scope.revisions:
            pods = state.cluster.pods(revision)
            if pods.desired and not pods.sick:
                sick = pods._replace(ready=0, sick=True)
                yield self._now(state, f"pods of {revision} crash again and again", revision, sick, 1)

    def _refuses(self, state: State) -> Iterator[Move]:
        route = state.cluster.route
        if route is not None and route.took == "not yet" and self.scope.reports:
            cluster = state.cluster._replace(route=route._replace(took="refused"))
            after = settled(state, state._replace(cluster=cluster))
            yield Move("the gateway refuses the route", after, 1)

    def _crashes(self, state: State) -> Iterator[Move]:
        if state.known.known:
            for confirmed in {None, state.known.confirmed}:
                yield Move("the process dies", self._crashed(state, confirmed), 1)

    def _stale(self, state: State) -> Iterator[Move]:
        if state.stale is not None:
            return
        kinds: list[tuple[str, RevisionHash | None]] = [("model", None), ("root", None), ("route", None)]
        for revision in self.scope.revisions:
            kinds += [("endpoints", revision), ("pods", revision)]
        for kind, name in kinds:
            if kind == "route" and self.scope.by_pods:
                continue
            stale = Stale(kind, name, state.object(kind, name))
            yield Move(f"no news of {kind} {name or ''} any more", state._replace(stale=stale), 1)

    def _loses_status(self, state: State) -> Iterator[Move]:
        if state.memory is not self.memories.nothing:
            after = settled(state, state._replace(memory=self.memories.nothing))
            yield Move("the status is lost", after, 1)

    def _is_deleted(self, state: State) -> Iterator[Move]:
        nothing = state._replace(
            cluster=type(state.cluster)(), live=(), drains=(), due=False, wake=None, stale=None, gone=True
        )
        ghost = tuple(op._replace(holds=False) for op in state.ghost)
        yield Move("the ModelDeployment is deleted", nothing._replace(ghost=ghost), 1)


PROCESS: Final = frozenset({"crash", "stale"})
Happening = Callable[[Moves, State], Iterator[Move]]
HAPPENINGS: Final[tuple[tuple[str, Happening], ...]] = (
    ("spec", Moves._spec_changes),
    ("size", Moves._size_changes),
    ("plan", Moves._plan_changes),
    ("policy", Moves._policy_changes),
    ("abort", Moves._aborts),
    ("promote", Moves._promotes),
    ("pause", Moves._pauses),
    ("retry", Moves._retries),
    ("fewer", Moves._fewer),
    ("none", Moves._none),
    ("sick", Moves._sick),
    ("refuses", Moves._refuses),
    ("crash", Moves._crashes),
    ("stale", Moves._stale),
    ("lost", Moves._loses_status),
    ("delete", Moves._is_deleted),
)


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


def _asked(before: State, name: str, after: State) -> Move:
    return Move(name, settled(before, after), 1)


def _thawed(state: State) -> State:
    after = state._replace(stale=None)
    return after._replace(due=state.due or seen(after) != seen(state))


def took(state: State) -> State:
    """The gateway has the latest route."""
    route = state.cluster.route
    assert route is not None
    cluster = state.cluster._replace(route=route._replace(took="yes"))
    live = tuple(revision for revision, weight in route.weights if weight)
    return settled(state, state._replace(cluster=cluster, live=live))


def told(op: Op) -> str:
    """A write as a person reads it."""
    match op.kind:
        case "status":
            memory = op.memory
            assert memory is not None
            rollout = memory.rollout
            where = f"{rollout.attempt} {rollout.state} {rollout.step}" if rollout else "idle"
            return f"status({where}, stable {memory.stable})"
        case "route":
            return "route(" + ", ".join(f"{revision} {weight}" for revision, weight in op.weights) + ")"
        case "pods":
            return f"pods({op.name} {op.pods.desired if op.pods else 0})"
        case _:
            return f"{op.kind}({op.name})"


def _told(name: str, outcome: Outcome, whole: bool) -> str:
    if not outcome.ops:
        return f"{name}: nothing to write" + (f", {outcome.hold}" if outcome.hold else "")
    writes = " ".join(told(op) for op in outcome.ops)
    return f"{name}: {writes}" + ("" if whole else ", of which one is refused")
