"""Liveness: from every state, once the world behaves and people want nothing more, the wanted end comes.

The way home is one fair course: what was stopped wakes up, the operator sees everything, pods get ready, the
gateway takes the route, a look is made when there is a reason for one, and only then time passes. It must end
where the spec says, or where a rejection does, and there nothing is written any more.
"""

from tests.search.moves import Moves, thawed, took
from tests.search.scope import REVISIONS, Asked, steps_of
from tests.search.state import WOKEN, State

Trail = list[tuple[str, State]]


class Homeward:
    """The ways home of one scope's states, each gone once."""

    def __init__(self, moves: Moves) -> None:
        self._moves, self.scope = moves, moves.scope
        self._home: set[State] = set()

    @property
    def count(self) -> int:
        """States on the ways home."""
        return len(self._home)

    def faults(self, state: State) -> tuple[Trail, str] | None:
        """The way to an end that is none, and what is wrong there; None where all is well."""
        trail: Trail = []
        passed: set[State] = set()
        # The judge's word changes to what it will be from now on, and that is an event.
        here = state._replace(**WOKEN) if state.memory.rollout is not None else state
        while here not in self._home:
            if here in passed:
                return trail, "liveness: it goes round and never comes to rest"
            passed.add(here)
            step = self._step(here)
            if step is None:
                wrong = self._wrong(here)
                if wrong is not None:
                    return trail, wrong
                break
            name, after, broken = step
            trail.append((name, after))
            if broken:
                return trail, broken[0]
            here = after
        self._home |= passed
        return None

    def end(self, state: State) -> State:
        """Where a state leads once all is well."""
        for _ in range(200):
            step = self._step(state)
            if step is None:
                return state
            state = step[1]
        raise AssertionError(f"no rest in {state}")

    def _step(self, state: State) -> tuple[str, State, tuple[str, ...]] | None:
        """The next thing that happens on the way; None at its end."""
        moves = self._moves
        if state.ghost:
            name, after, _, faults = next(moves._ghost(state))
            return name, after, faults
        if state.gone:
            return None
        if state.stale is not None:
            return "the operator sees it all again", thawed(state), ()
        well = self._well(state)
        if well is not None:
            return "pods get ready, the gateway takes the route", well, ()
        if state.due:
            sight = moves.sight(state)
            move = next(moves._pass(state, sight, moves.looking.when_well(sight)))
            return move.name, move.state, move.faults
        if state.wake is not None:
            return "time passes", moves.ticked(state), ()
        return self._person(state)

    def _person(self, state: State) -> tuple[str, State, tuple[str, ...]] | None:
        """A person who was waited for comes back."""
        if state.spec.paused or (state.asked.pause and state.asked.pause == state.memory.attempt):
            spec, asked = state.spec._replace(paused=False), state.asked._replace(pause=None)
            return "nobody pauses it", state._replace(spec=spec, asked=asked, **WOKEN), ()
        moves, rollout = self._moves, state.memory.rollout
        hold = moves.looking.when_well(moves.sight(state)).hold
        if rollout is not None and hold in ("AwaitingPromotion", "Inconclusive"):
            steps = steps_of(self.scope, state.spec)
            step = steps[min(rollout.step, len(steps) - 1)].name
            asked = Asked(promote=f"{rollout.attempt}:{step}")
            if state.asked != asked:
                return f"a person promotes {step}", state._replace(asked=asked, **WOKEN), ()
        return None

    def _well(self, state: State) -> State | None:
        """The same with pods and gateway as they ought to be; None where they are."""
        after = state
        for revision in REVISIONS:
            pods = after.cluster.pods(revision)
            if pods.ready < pods.desired or pods.sick:
                well = pods._replace(ready=pods.desired, sick=False)
                after = after._replace(cluster=after.cluster.with_pods(revision, well))
        if after is not state:
            after = after._replace(**WOKEN)
        route = after.cluster.route
        if self.scope.reports and route is not None and route.took != "yes":
            after = took(after)
        return None if after is state else after

    def _left_over(self, state: State) -> str | None:
        """What is wrong with what revisions leave: themselves, and marks that say they were rejected."""
        memory, children = state.memory, dict(zip(REVISIONS, state.cluster.children, strict=True))
        reasons = {entry.hash: entry.reason for entry in memory.rejected}
        for revision, child in children.items():
            if child is None or child.pods is None:
                continue
            meant = None if child.pods.desired else reasons.get(revision)
            if child.pods.rejected != meant:
                return f"I9: {revision} is marked as rejected for {child.pods.rejected}, and was for {meant}"
        route = state.cluster.route
        # What the latest route names at 0 stays until the next one drops it (I3).
        named = {memory.stable, state.spec.wanted, *(dict(route.weights) if route else ())}
        spent = [revision for revision, child in children.items() if child and revision not in named]
        return f"history: {spent} are kept" if len(spent) > self.scope.history else None

    def _wrong(self, state: State) -> str | None:
        """What is wrong with an end."""
        if state.gone:
            return None
        moves, memory, cluster = self._moves, state.memory, state.cluster
        if moves.looking.when_well(moves.sight(state)).ops:
            return "liveness: at rest there is still something to write, and no reason to look"
        if memory.rollout is not None:
            return f"liveness: it rests in {memory.state}"
        rejected = any(
            entry.hash == state.spec.wanted and entry.attempt != state.asked.retry
            for entry in memory.rejected
        )
        if memory.stable != state.spec.wanted and not rejected:
            return f"liveness: {memory.stable} is stable and {state.spec.wanted} wanted"
        sizes = {r: cluster.pods(r).desired for r in REVISIONS if cluster.pods(r).desired}
        if memory.stable is None:
            return f"liveness: pods are left: {sizes}" if sizes else None
        wanted = {memory.stable: state.spec.replicas} if state.spec.replicas else {}
        if sizes != wanted:
            return f"liveness: at rest with pods {sizes}, {wanted} wanted"
        if left := self._left_over(state):
            return left
        if cluster.root != memory.stable:
            return f"liveness: the root Service is left on {cluster.root}"
        weights = (
            {revision: weight for revision, weight in cluster.route.weights if weight}
            if cluster.route
            else None
        )
        if not self.scope.by_pods and weights != {memory.stable: 100}:
            return f"liveness: the route is left at {weights}"
        return None
