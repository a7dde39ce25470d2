"""A counterexample as a story that a person can read."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.search.scope import REVISIONS
from tests.search.state import Op, State

if TYPE_CHECKING:
    from tests.search.looking import Outcome
    from tests.search.searching import Counterexample, Found


def told_story(found: "Counterexample") -> Iterator[str]:
    """One line for each thing that happens, with what it leaves."""
    yield f"{found.scope.name}: " + "; ".join(found.faults)
    for number, (name, state) in enumerate(found.story):
        yield _short(f"  {number:2} {name}")
        yield _short(f"       {stands(state)}")


def stands(state: State) -> str:
    """Where everything is."""
    memory, cluster = state.memory, state.cluster
    rollout = memory.rollout
    where = f"{rollout.attempt} {rollout.state} {rollout.step}" if rollout else "idle"
    pods = " ".join(
        f"{r[0]}:{cluster.pods(r).ready}/{cluster.pods(r).desired}{' sick' if cluster.pods(r).sick else ''}"
        for r in REVISIONS
        if cluster.pods(r).desired
    )
    route = cluster.route
    weights = "" if route is None else f" route {dict(route.weights)} taken: {route.took}"
    return (
        f"wants {state.spec.wanted}; status: {where}, stable {memory.stable}; pods {pods}; "
        f"root {cluster.root}{weights}"
    )


def _short(text: str) -> str:
    """Revisions by their letter."""
    for revision in REVISIONS:
        text = text.replace(revision, revision[0])
    return text


def summary(found: "Found") -> str:
    """How large a scope was, and what it came to."""
    scope = found.scope
    wrong = f", {len(found.counterexamples)} counterexamples" if found.counterexamples else ""
    left = "" if found.whole else ", OUT OF TIME"
    return (
        f"{scope.name}, up to {scope.disturbances} disturbances: {found.states} states, "
        f"{found.transitions} transitions, depth {found.depth}, {found.looks} looks, "
        f"{found.homeward} states on ways home, {found.seconds:.1f} s{left}{wrong}"
    )


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


def told_look(name: str, outcome: "Outcome", whole: bool) -> str:
    """A look, with its writes or what it waits for."""
    if not outcome.ops:
        return f"{name}: nothing to write" + (f", {outcome.hold}" if outcome.hold else "")
    writes = " ".join(told(op) for op in outcome.ops)
    return f"{name}: {writes}" + ("" if whole else ", of which one is refused")
