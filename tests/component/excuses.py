"""Where a rule of the end-to-end watcher does not bind: things that its scenarios do not do, and walks do.

Each excuse is a sentence of the design, and as narrow as it.
"""

from tests.invariants.rules import Violation
from tests.invariants.world import KIND, rollout


def excused(violation: Violation) -> bool:
    """Whether the design allows what the rule does not."""
    return any(excuse(violation) for excuse in EXCUSES)


def _nothing_stable(violation: Violation) -> bool:
    """A first deployment that failed is simply replaced."""
    owner = violation.step.world.get(KIND, violation.step.model) or {}
    first = not (owner.get("status") or {}).get("stable")
    return first and violation.invariant in ("I1", "I3", "I4", "I7")


def _rebuilt(violation: Violation) -> bool:
    """A status that was lost, or edited, is read from the children, rejections and all."""
    step = violation.step
    was = step.was or {"metadata": {}}
    lost = not (was.get("status") or {}).get("stable") or any(
        entry["manager"] == "somebody" for entry in was["metadata"].get("managedFields", [])
    )
    taken_back = violation.invariant == "I9" and rollout(step.now).get("state") == "RollingBack"
    return step.kind == KIND and lost and (taken_back or violation.invariant in ("I5", "I6", "I7"))


def _empty(violation: Violation) -> bool:
    """With no replicas there is nothing to judge and no capacity to wait for."""
    owner = violation.step.world.get(KIND, violation.step.model) or {"spec": {}}
    size = max(owner["spec"].get("replicas", 1), rollout(owner).get("capacityFloor", 0))
    return violation.invariant in ("I1", "I5") and not size


def _merged(violation: Violation) -> bool:
    """Steps that come to the same number of pods are one: the first of them needs no evidence."""
    step = violation.step
    return violation.invariant == "I5" and rollout(step.was).get("state") == "Preparing"


def _by_pods(violation: Violation) -> bool:
    """Where pods are the weight, a share never exceeds its pods."""
    step = violation.step
    by_pods = step.world.get("HTTPRoute", step.model) is None and step.world.selected(step.model) is None
    return violation.invariant in ("I1", "I4") and by_pods


def _put_back(violation: Violation) -> bool:
    """A route we own is put back: while idle, and where it names nobody else, there is no other place."""
    step = violation.step
    owner = step.world.get(KIND, step.model) or {"status": {}}
    stable = (owner["status"].get("stable") or {}).get("revision")
    lone = {revision: weight for revision, weight in step.traffic.items() if weight} == {stable: 100}
    others = [weight for revision, weight in step.before.items() if revision != stable]
    free = not rollout(owner) or step.was is None or not any(others)
    return violation.invariant == "I1" and lone and free


def _lowered(violation: Violation) -> bool:
    """What a person's plan takes from the canary, the stable revision gets: it had most of it before."""
    step = violation.step
    owner = step.world.get(KIND, step.model) or {"status": {}}
    stable = (owner["status"].get("stable") or {}).get("revision", "")
    lowered = rollout(owner).get("state") == "Stepping" and bool(step.world.ready(stable))
    return (
        violation.invariant == "I1" and lowered and step.traffic.get(stable, 0) > step.before.get(stable, 0)
    )


def _dead(violation: Violation) -> bool:
    """Traffic leaves a revision without endpoints as soon as one pod elsewhere is ready (I1, I4).

    A widened Service without any endpoint gives nobody anything, so that nothing rises where it is narrowed.
    """
    step = violation.step
    if violation.invariant != "I1":
        return False
    before, after = step.before, step.traffic
    if not before:
        return True
    losing = [revision for revision, weight in before.items() if weight > after.get(revision, 0)]
    winning = [revision for revision, weight in after.items() if weight > before.get(revision, 0)]
    return not any(map(step.world.ready, losing)) and all(map(step.world.ready, winning))


EXCUSES = (_nothing_stable, _rebuilt, _empty, _merged, _by_pods, _put_back, _lowered, _dead)
