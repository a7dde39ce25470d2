"""What may happen besides the usual course: people ask for something, pods die, faults befall the process.

Each function tells all happenings of one kind in a state, and each of them costs one disturbance. What they
lead to is decided by the operator later: here only the world changes.
"""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from serin.domain.names import RevisionHash
from tests.search.memory import Memories
from tests.search.scope import Scope, steps_of
from tests.search.state import Cluster, Known, Pods, Stale, State, settled

SELF: Final = frozenset({"crash", "stale"})
"""What befalls the operator itself, and so nothing that others do during a pass of it."""


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


class World(NamedTuple):
    """Where things happen."""

    scope: Scope
    memories: Memories


def disturbed(world: World, state: State, *, during: bool = False) -> Iterator[Move]:
    """People, dying pods and faults; `during` a pass only what others do."""
    for kind, happening in HAPPENINGS.items():
        if kind in world.scope.may and not (during and kind in SELF):
            yield from happening(world, state)


def pods_become(state: State, name: str, revision: RevisionHash, pods: Pods, cost: int = 1) -> Move:
    """A revision's pods change by themselves."""
    after = state._replace(cluster=state.cluster.with_pods(revision, pods))
    return Move(name, settled(state, after), cost)


def crashed(world: World, state: State, confirmed: int | None = None) -> State:
    """A new process: it has seen everything, and remembers what the status says."""
    memory = world.memories.carried(state.memory, Known(confirmed=confirmed).memo.confirmed_since)
    return state._replace(memory=memory, known=Known(), stale=None, due=True, wake=None)


def _specified(state: State, name: str, **changes: object) -> Move:
    after = state._replace(spec=state.spec._replace(**changes))  # type: ignore[arg-type]
    return Move(f"the spec asks for {name}", settled(state, after), 1)


def _asked(state: State, **words: str | None) -> Move:
    said = ", ".join(f"{word} {what}" for word, what in words.items())
    after = state._replace(asked=state.asked._replace(**words))
    return Move(f"a person asks: {said}", settled(state, after), 1)


def _spec(world: World, state: State) -> Iterator[Move]:
    for revision in world.scope.revisions:
        if revision != state.spec.wanted:
            yield _specified(state, revision, wanted=revision)


def _size(world: World, state: State) -> Iterator[Move]:
    for replicas in (0, 1, 2, 3):
        if replicas != state.spec.replicas:
            yield _specified(state, f"{replicas} replicas", replicas=replicas)


def _plan(world: World, state: State) -> Iterator[Move]:
    for plan in (0, 1, 2):
        if plan != state.spec.plan:
            weights = [step.weight for step in steps_of(world.scope, state.spec._replace(plan=plan))]
            yield _specified(state, f"steps {weights}", plan=plan)


def _policy(world: World, state: State) -> Iterator[Move]:
    yield _specified(state, "another analysis", policy=1 - state.spec.policy)


def _abort(world: World, state: State) -> Iterator[Move]:
    if state.memory.attempt:
        yield _asked(state, abort=state.memory.attempt)


def _promote(world: World, state: State) -> Iterator[Move]:
    rollout, steps = state.memory.rollout, steps_of(world.scope, state.spec)
    if rollout is not None:
        for what in (steps[min(rollout.step, len(steps) - 1)].name, "full"):
            yield _asked(state, promote=f"{rollout.attempt}:{what}")


def _pause(world: World, state: State) -> Iterator[Move]:
    if state.memory.attempt and state.asked.pause != state.memory.attempt:
        yield _asked(state, pause=state.memory.attempt)
    elif state.asked.pause:
        yield _asked(state, pause=None)


def _retry(world: World, state: State) -> Iterator[Move]:
    for entry in state.memory.rejected:
        if entry.hash == state.spec.wanted:
            yield _asked(state, retry=entry.attempt)


def _fewer(world: World, state: State) -> Iterator[Move]:
    for revision in world.scope.revisions:
        pods = state.cluster.pods(revision)
        if pods.ready > 1:
            fewer = pods._replace(ready=pods.ready - 1)
            yield pods_become(state, f"a pod of {revision} is lost", revision, fewer)


def _none(world: World, state: State) -> Iterator[Move]:
    for revision in world.scope.revisions:
        pods = state.cluster.pods(revision)
        if pods.ready:
            none = pods._replace(ready=0)
            yield pods_become(state, f"{revision} loses all its endpoints", revision, none)


def _sick(world: World, state: State) -> Iterator[Move]:
    for revision in world.scope.revisions:
        pods = state.cluster.pods(revision)
        if pods.desired and not pods.sick:
            sick = pods._replace(ready=0, sick=True)
            yield pods_become(state, f"pods of {revision} crash again and again", revision, sick)


def _refuses(world: World, state: State) -> Iterator[Move]:
    route = state.cluster.route
    if route is not None and route.took == "not yet" and world.scope.reports:
        cluster = state.cluster._replace(route=route._replace(took="refused"))
        yield Move("the gateway refuses the route", settled(state, state._replace(cluster=cluster)), 1)


def _crash(world: World, state: State) -> Iterator[Move]:
    if state.known.known:
        for confirmed in {None, state.known.confirmed}:
            yield Move("the process dies", crashed(world, state, confirmed), 1)


def _stale(world: World, state: State) -> Iterator[Move]:
    if state.stale is not None:
        return
    kinds: list[tuple[str, RevisionHash | None]] = [("model", None), ("root", None)]
    kinds += [] if world.scope.by_pods else [("route", None)]
    kinds += [(kind, revision) for revision in world.scope.revisions for kind in ("endpoints", "pods")]
    for kind, name in kinds:
        stale = Stale(kind, name, state.object(kind, name))
        yield Move(f"no news of {kind} {name or ''} any more", state._replace(stale=stale), 1)


def _lost(world: World, state: State) -> Iterator[Move]:
    if state.memory is not world.memories.nothing:
        after = settled(state, state._replace(memory=world.memories.nothing))
        yield Move("the status is lost", after, 1)


def _delete(world: World, state: State) -> Iterator[Move]:
    after = state._replace(
        cluster=Cluster(),
        live=(),
        drains=(),
        due=False,
        wake=None,
        stale=None,
        gone=True,
        ghost=tuple(op._replace(holds=False) for op in state.ghost),
    )
    yield Move("the ModelDeployment is deleted", after, 1)


Happening = Callable[[World, State], Iterator[Move]]
HAPPENINGS: Final[dict[str, Happening]] = {
    "spec": _spec,
    "size": _size,
    "plan": _plan,
    "policy": _policy,
    "abort": _abort,
    "promote": _promote,
    "pause": _pause,
    "retry": _retry,
    "fewer": _fewer,
    "none": _none,
    "sick": _sick,
    "refuses": _refuses,
    "crash": _crash,
    "stale": _stale,
    "lost": _lost,
    "delete": _delete,
}
