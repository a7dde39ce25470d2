"""What the API server makes of one write, and what the invariants say of it at that moment.

Fences as `runtime.applier` sends them and the server keeps them: what exists is never created over by another
owner, which no one here is, so that a create finds its own object and becomes an apply to it.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from serin.domain.names import RevisionHash
from serin.domain.rollout.world import HARMFUL
from serin.domain.status import Rollout
from serin.domain.status import State as Phase
from tests.search.going import share
from tests.search.memory import Memory
from tests.search.plain import age
from tests.search.scope import PROGRESS_DEADLINE, REVISIONS, Scope
from tests.search.state import ALL, NONE, Child, Op, Pods, Route, Stale, State, settled


class Written(NamedTuple):
    """The state after a write; None where the server refused it."""

    state: State | None
    faults: tuple[str, ...] = ()


class Looked(NamedTuple):
    """What the writer had seen and decided.

    Attributes:
        memory: What it wants to be remembered; None for a writer of old, whose status was written then.
        ready: Ready endpoints it had seen.
    """

    memory: Memory | None
    ready: Mapping[RevisionHash, int] | None


def written(scope: Scope, state: State, op: Op, looked: Looked) -> Written:
    """The next state, and the sentences of what is broken by it."""
    if not op.holds and op.guard == "Exact":
        return Written(None)
    after = _applied(state, op)
    if after is None:
        return Written(None)
    faults = tuple(_faults(scope, state, after, op, looked))
    return Written(settled(state, _shown(after, op)), faults)


def _applied(state: State, op: Op) -> State | None:
    cluster = state.cluster
    if state.gone:
        return None
    if op.kind == "status":
        return state._replace(memory=op.memory) if op.holds and op.memory is not None else None
    if op.kind == "root":
        return state._replace(cluster=cluster._replace(root=op.name))
    if op.kind == "route":
        weights = tuple(sorted(op.weights))
        live = {*state.live, *(revision for revision, weight in weights if weight)}
        return state._replace(cluster=cluster._replace(route=Route(weights)), live=tuple(sorted(live)))
    assert op.name is not None
    child = cluster.children[REVISIONS.index(op.name)]
    if op.kind == "revision":
        return state._replace(cluster=cluster.with_child(op.name, child or Child()))
    if child is None:
        return None
    if op.kind == "removal":
        return state._replace(cluster=cluster.with_child(op.name, None))
    if op.kind == "service":
        return state._replace(cluster=cluster.with_child(op.name, child._replace(service=True)))
    assert op.pods is not None
    if child.pods is None and op.guard != "Create":
        return None
    before = child.pods or NONE
    ready = min(before.ready, op.pods.desired)
    made = op.pods._replace(ready=ready, sick=before.sick and ready < op.pods.desired)
    return state._replace(cluster=cluster.with_pods(op.name, made))


def _shown(state: State, op: Op) -> State:
    """The answer to an own write is seen, whatever else is not."""
    stale = state.stale
    kind = "pods" if op.kind in ("revision", "service", "removal") else op.kind
    if stale is None or op.kind == "status" or (stale.kind, stale.name) != (kind, op.name):
        if stale is not None and stale.kind == "model" and op.kind == "status":
            return state._replace(stale=Stale("model", None, state.object("model", None)))
        if stale is None or stale.kind != kind or kind != "root":
            return state
    return state._replace(stale=Stale(stale.kind, stale.name, state.object(stale.kind, stale.name)))


def _faults(scope: Scope, before: State, after: State, op: Op, looked: Looked) -> Iterator[str]:
    if op.kind in ("root", "route", "removal") or (op.pods and op.pods.desired < _desired(before, op)):
        late = looked.memory is not None and before.memory is not looked.memory
        if late:
            yield f"I7: {op.kind} is written before the status that tells of it"
    yield from _unfenced_return(before, op)
    match op.kind:
        case "route":
            yield from _route(scope, before, op, looked)
        case "root":
            yield from _root(scope, before, after, op, looked)
        case "pods":
            yield from _pods(before, op, looked)
        case "removal":
            yield from _removal(before, op)


def _unfenced_return(before: State, op: Op) -> Iterator[str]:
    """I12: an old leader may be about to take away the revision that users return to from a bake."""
    memory, rollout = before.memory, before.memory.rollout
    stable = memory.stable
    if rollout is None or rollout.previous is None or rollout.state is not Phase.ROLLING_BACK:
        return
    returns = op.kind == "root" and op.name == stable != before.cluster.root
    if op.kind == "route" and stable is not None:
        known = dict(before.cluster.route.weights) if before.cluster.route else {}
        returns = dict(op.weights).get(stable, 0) > known.get(stable, 0)
    if returns and before.cluster.pods(stable).epoch != rollout.attempt:
        yield f"I12: users return to {stable}, whose pods a late write could still take away"


def _desired(state: State, op: Op) -> int:
    return state.cluster.pods(op.name).desired


def size_of(state: State) -> int:
    """Pods that serving everything takes."""
    rollout = state.memory.rollout
    return max(state.spec.replicas, rollout.capacity_floor if rollout else 0)


def _ready(state: State, revision: RevisionHash | None, looked: Looked) -> int:
    if looked.ready is None or revision is None:
        return 99
    return max(state.cluster.pods(revision).ready, looked.ready.get(revision, 0))


def _away(state: State, losing: list[RevisionHash], looked: Looked) -> bool:
    """Whether traffic leaves a harmful or dead revision, or has waited long enough (I4's exception)."""
    rollout = state.memory.rollout
    if not any(min(state.cluster.pods(one).ready, (looked.ready or {}).get(one, 99)) for one in losing):
        return True
    if rollout is None or rollout.state is Phase.IDLE:
        return False
    waited = rollout.state in (Phase.ROLLING_BACK, Phase.PREPARING)
    waited = waited and (age(rollout.since) or 0) >= PROGRESS_DEADLINE
    return rollout.reason in HARMFUL or waited


def _route(scope: Scope, before: State, op: Op, looked: Looked) -> Iterator[str]:
    weights, memory = dict(op.weights), before.memory
    if sum(weights.values()) != 100:
        yield f"I2: weights {weights}"
    known = dict(before.cluster.route.weights) if before.cluster.route else {}
    moved = {r: w for r, w in weights.items() if w} != {r: w for r, w in known.items() if w}
    if moved and op.guard == "Same":
        yield "I12: weights move behind no version"
    losing = [revision for revision, weight in known.items() if weights.get(revision, 0) < weight]
    for revision in losing:
        child = before.cluster.children[REVISIONS.index(revision)]
        if revision not in weights and child is not None and child.service:
            yield f"I3: {revision} is dropped from the route while requests are on their way to it"
    for revision, weight in weights.items():
        if weight <= known.get(revision, 0) or not size_of(before):
            continue
        if revision != memory.stable and memory.stable and memory.state not in RISING:
            yield f"I7: {revision} rises to {weight} % in {memory.state}"
        lowered = revision == memory.stable and memory.state is Phase.STEPPING
        # A route that was lost is made again for whoever is ready, one pod at least: nobody is served any
        # better for as long as it is missing. While an attempt is under way it waits as it would to move.
        few = _away(before, losing, looked) if known else memory.state is Phase.IDLE
        least = 1 if few or lowered else share(size_of(before), weight)
        ready = _ready(before, revision, looked)
        if ready < least:
            yield f"I1: {revision} rises to {weight} % with {ready} of {least} pods"


RISING = (Phase.STEPPING, Phase.PROMOTING)


def _root(scope: Scope, before: State, after: State, op: Op, looked: Looked) -> Iterator[str]:
    was, now, memory = before.cluster.root, op.name, before.memory
    assert now is not None
    if was is None or was == now or not size_of(before):
        return
    if op.guard == "Same":
        yield "I12: the root Service moves behind no version"
    route = before.cluster.route
    if route is not None and not dict(route.weights).get(now, 0) and before.cluster.pods(was).ready:
        yield f"order: the root Service moves to {now} before the route does"
    if now == ALL:
        yield from _widened(scope, before, memory.rollout)
        return
    if memory.stable is None:
        return
    losing = [was] if was != ALL else [r for r in REVISIONS if before.cluster.pods(r).ready and r != now]
    dead = was == ALL and not any(before.cluster.pods(one).ready for one in (*losing, now))
    least = 1 if _away(before, losing, looked) else size_of(before)
    if _ready(before, now, looked) < least and not dead:
        yield f"I1: all users go to {now} with {_ready(before, now, looked)} of {least} pods"
    if now != memory.stable and memory.state is not Phase.PROMOTING and now == memory.canary:
        yield f"I7: all users go to {now} in {memory.state}"


def _widened(scope: Scope, state: State, rollout: Rollout | None) -> Iterator[str]:
    """Users may go to every pod: only to those of the attempt, and to no more of the canary than asked."""
    memory = state.memory
    if not scope.by_pods or memory.state is not Phase.STEPPING or rollout is None:
        yield f"I7: users go to every pod in {memory.state}"
        return
    for revision in REVISIONS:
        if revision not in (memory.stable, memory.canary) and state.cluster.pods(revision).desired:
            yield f"I5: users go to pods of {revision}, which is no part of the attempt"
    yield from _too_many(state, rollout, state.cluster.pods(memory.canary).desired)


def _too_many(state: State, rollout: Rollout, pods: int, *, beside: int = 99) -> Iterator[str]:
    weight = rollout.shifts[-1].weight if rollout.shifts else 0
    stable = min(size_of(state), max(1, beside))
    most = max(1, weight * stable // (100 - weight)) if weight < 100 else pods
    if pods > most and rollout.state is Phase.STEPPING:
        yield f"I5: {pods} pods of the canary at {weight} %, {most} are its share"


def _pods(before: State, op: Op, looked: Looked) -> Iterator[str]:
    assert op.name is not None
    assert op.pods is not None
    revision, was, now = op.name, _desired(before, op), op.pods.desired
    child = before.cluster.children[REVISIONS.index(revision)]
    if child is not None and child.pods is None and not now and before.spec.replicas:
        yield f"waste: a Deployment is made for {revision}, which has no pods and gets none"
    memory, route = before.memory, before.cluster.route
    if now > was and before.cluster.root == ALL and revision not in (memory.stable, None):
        if memory.state not in RISING or revision != memory.canary:
            yield f"I5: pods of {revision} come while users go to every pod in {memory.state}"
        elif memory.rollout is not None:
            yield from _too_many(before, memory.rollout, now, beside=_ready(before, memory.stable, looked))
    if now >= was or memory.stable is None:
        return
    if op.guard != "Exact" and now < was and revision in before.exposed:
        yield f"I12: {revision} goes from {was} to {now} pods behind no version"
    if revision in before.exposed:
        weight = dict(route.weights).get(revision, 0) if route else 0
        least = share(size_of(before), weight)
        if before.cluster.root == revision or (before.cluster.root == ALL and revision == memory.stable):
            least = size_of(before)
        elif before.cluster.root == ALL:
            least = 1
        elif not weight:
            least = was
        if now < least:
            yield f"I4: {revision} is served and goes from {was} to {now} pods, {least} needed"
    elif revision in dict(before.drains) and (not now or revision != memory.canary):
        yield f"I3: {revision} drains and goes from {was} to {now} pods"


def _removal(before: State, op: Op) -> Iterator[str]:
    revision, route = op.name, before.cluster.route
    named = route is not None and revision in dict(route.weights)
    assert revision is not None
    if named or revision in before.exposed or revision in dict(before.drains):
        yield f"I3: {revision} is removed while it is named or drains"
    if revision in (before.memory.stable, before.memory.canary) or before.cluster.pods(revision).desired:
        yield f"I3: {revision} is removed while it is part of the rollout"


def pods_of(state: State, revision: RevisionHash) -> Pods:
    return state.cluster.pods(revision)
