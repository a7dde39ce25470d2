"""From where a model stands to what ought to be true of its pods, weights and root Service.

Reads the course after this look's transition, so that a transition and its consequences are one decision.
Keeps I1, I2 and I4: a weight is asked for only where pods are ready for it, and pods go only after traffic.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from serin.domain.names import RevisionHash
from serin.domain.rollout.course import Course
from serin.domain.rollout.remains import after_remains
from serin.domain.rollout.world import HARMFUL, World, canary_of, hash_of, revision_name
from serin.domain.status import Rollout, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Pods, traffic and root Service; the fields of `Decision` with the same names."""

    sizes: Mapping[RevisionHash, int]
    weights: Mapping[RevisionHash, int] | None
    root: RevisionHash | None


def shape(world: World, course: Course, *, released: frozenset[RevisionHash], raising: int = 0) -> Shape:
    """What ought to be true now, where `released` have drained and may go, and so many canary pods are asked
    for the step to come.
    """
    rollout = course.rollout
    if rollout is None:
        if course.stable is None:
            return Shape(sizes={}, weights=None, root=_selected(world))
        return Shape(
            sizes={course.stable: world.intent.replicas},
            weights={course.stable: 100} if _may_be_routed(world, course.stable) else None,
            root=course.stable,
        )
    match rollout.state:
        case State.STEPPING:
            made = _stepping(world, course, rollout, raising)
        case State.PROMOTING:
            made = _promoting(world, course, rollout)
        case State.BAKING:
            made = _baking(world, course, rollout)
        case State.ROLLING_BACK:
            made = _rolling_back(world, course, rollout)
        case _:
            made = _preparing(world, course, rollout, raising)
    made = _without(_with_draining(world, rollout, made), released)
    made = replace(made, sizes=after_remains(world, rollout, made.sizes))
    return _nameable(world, made)


def _may_be_routed(world: World, stable: RevisionHash) -> bool:
    """Whether the stable revision may have its weight: a route that was lost, or the status before there was
    one, waits for a pod (I1).
    """
    there = world.observed.route is not None or world.router.widens_root()
    return there or world.ready(stable) > 0 or not world.intent.replicas


def size_of(world: World, rollout: Rollout) -> int:
    """Pods that serving everything takes in this attempt."""
    return max(world.intent.replicas, rollout.capacity_floor)


def canary_pods(world: World, rollout: Rollout, index: int) -> int:
    """Canary pods that a step needs before its weight."""
    weight = world.step(index).weight
    if index == rollout.step:
        weight = weight_now(rollout, weight)
    return world.router.pods(weight, size_of(world, rollout))


def weight_now(rollout: Rollout, asked: int) -> int:
    """The weight of the step as it was given: a spec that asks for more in mid-step has to wait (I5)."""
    if rollout.state is not State.STEPPING or not rollout.shifts:
        return asked
    return min(asked, rollout.shifts[-1].weight)


def has_third(world: World, known: frozenset[RevisionHash | None]) -> bool:
    """Whether pods of a revision outside the attempt exist, which a widened root Service would select; any
    watch may be the one that shows them.
    """
    seen = world.observed
    asked = {one.revision for one in seen.workloads.values() if one.desired or one.replicas}
    answering = {revision for revision, count in seen.ready_endpoints.items() if count}
    return not known.issuperset(asked | answering | {pod.revision for pod in seen.pods})


def _preparing(world: World, course: Course, rollout: Rollout, raising: int) -> Shape:
    canary = canary_of(world.intent, rollout)
    if course.stable is None:
        full = world.intent.replicas
        serving = world.ready(canary) >= full or _routed(world, canary)
        return Shape(sizes={canary: full}, weights={canary: 100} if serving else None, root=canary)
    size = size_of(world, rollout)
    needed = canary_pods(world, rollout, rollout.step)
    weights = {course.stable: 100}
    if _routed(world, canary):
        weights[canary] = 0
    returning = _can_return(world, course, rollout)
    # A canary that had traffic before may still be answering.
    name = revision_name(world.intent, canary)
    used = rollout.losses or any(entry.revision == name for entry in rollout.draining)
    kept = world.desired(canary) if used else 0
    # A widened Service takes in whatever pods there are: more of them come when it is narrowed (I5).
    sizes = {course.serving: size, canary: kept if _widened(world) else max(needed, raising, kept)}
    if returning:
        return Shape(sizes=sizes, weights=weights, root=course.stable)
    if world.router.widens_root() and world.ready(course.stable):
        # A widened Service would take in the canary's pods: they come when the stable revision is whole.
        return Shape(sizes={**sizes, canary: kept}, weights=None, root=_selected(world))
    return Shape(sizes=sizes, weights=None, root=_standing_in(world, canary))


def _stepping(world: World, course: Course, rollout: Rollout, raising: int) -> Shape:
    canary, size = canary_of(world.intent, rollout), size_of(world, rollout)
    weight, needed = world.step(rollout.step).weight, canary_pods(world, rollout, rollout.step)
    weight = weight_now(rollout, weight)
    if world.router.widens_root():
        return _stepping_by_pods(world, course, rollout, weight)
    too_few = weight > _routed(world, canary) and world.ready(canary) < needed
    too_few = too_few or (100 - weight > _routed(world, course.stable) and not world.ready(course.stable))
    return Shape(
        sizes={course.serving: size, canary: max(needed, raising, world.desired(canary))},
        weights=None if too_few else {course.serving: 100 - weight, canary: weight},
        root=course.stable,
    )


def _stepping_by_pods(world: World, course: Course, rollout: Rollout, weight: int) -> Shape:
    canary, size = canary_of(world.intent, rollout), size_of(world, rollout)
    needed = world.router.pods(weight, size)
    # Beside a stable revision that still grows, the canary's pods would have more than its share.
    beside = world.router.pods(weight, min(size, max(1, world.ready(course.stable))))
    pods = min(needed, max(beside, world.desired(canary)))
    if has_third(world, frozenset({course.stable, canary})):
        return Shape(
            sizes={course.serving: size, canary: pods},
            weights={course.serving: 100, canary: 0},
            root=course.stable if world.ready(course.stable) else _selected(world),
        )
    share = world.router.weight(needed, size, weight)
    # Pods from before a loss may be more than the step's: widened now, they would have more than its weight.
    narrow = world.selected is not None and world.desired(canary) > pods
    return Shape(
        sizes={course.serving: size, canary: pods},
        weights={course.serving: 100 - share, canary: share},
        root=world.selected if narrow else None,
    )


def _promoting(world: World, course: Course, rollout: Rollout) -> Shape:
    canary, size = canary_of(world.intent, rollout), size_of(world, rollout)
    sizes = {course.serving: size, canary: size}
    complete = world.ready(canary) >= size
    if world.router.widens_root():
        if complete or _selected(world) == canary:
            return Shape(sizes=sizes, weights={course.serving: 0, canary: 100}, root=canary)
        third = has_third(world, frozenset({course.stable, canary})) and world.ready(course.stable)
        root = course.stable if third else _selected(world)
        share = world.router.weight(size, size, 50) if root is None else 0
        return Shape(sizes=sizes, weights={course.serving: 100 - share, canary: share}, root=root)
    beside = _left_on(world, course)
    if not (complete or _routed(world, canary) == 100):
        return Shape(sizes=sizes, weights=None, root=beside)
    # A pod that was lost since is waited for: the Service's users are still well served where they are (I1).
    moved = complete and _routed(world, canary) == 100 and rollout.confirmed_at is not None
    return Shape(
        sizes=sizes,
        weights={course.serving: 0, canary: 100},
        root=canary if moved or _selected(world) == canary else beside,
    )


def _left_on(world: World, course: Course) -> RevisionHash | None:
    """Whom the root Service selects until it follows the route: where an attempt before could not return, who
    answers there still, and nobody who is dead (I1).
    """
    selected = _selected(world)
    if selected is not None and (world.ready(selected) or not world.ready(course.stable)):
        return selected
    return course.stable


def _baking(world: World, course: Course, rollout: Rollout) -> Shape:
    size = size_of(world, rollout)
    if rollout.previous is None:
        return Shape(sizes={course.serving: size}, weights={course.serving: 100}, root=course.serving)
    before = hash_of(world.intent, rollout.previous.revision)
    return Shape(
        sizes={course.serving: size, before: world.desired(before)},
        weights={course.serving: 100, before: 0},
        root=course.stable,
    )


def _rolling_back(world: World, course: Course, rollout: Rollout) -> Shape:
    canary = canary_of(world.intent, rollout)
    if course.stable is None:
        return Shape(sizes={}, weights=None, root=_selected(world))
    returning = _can_return(world, course, rollout)
    return Shape(
        sizes={course.serving: size_of(world, rollout), canary: world.desired(canary)},
        weights={course.serving: 100, canary: 0} if returning else None,
        root=course.stable if returning else _selected(world),
    )


def _can_return(world: World, course: Course, rollout: Rollout) -> bool:
    """Whether all traffic may go to the stable revision: it has ready pods for it (I1, I4).

    One is enough where the others are harmful or dead, and after the progress deadline: better few than
    waiting for ever for pods that do not come.
    """
    serving = {revision for revision, weight in world.shown.items() if weight} | {world.selected}
    others = serving - {course.stable, None}
    size = size_of(world, rollout)
    widened = _widened(world)
    if not (others or widened) or not size:
        return True
    if widened and not any(world.observed.ready_endpoints.values()):
        # Nobody answers: the Service waits for the stable revision rather than for whoever comes first.
        return True
    alive = any(world.ready(revision) for revision in others)
    waited = world.now - rollout.since >= world.intent.rollout.progress_deadline
    hasty = rollout.reason in HARMFUL or not alive or waited
    return world.ready(course.stable) >= (1 if hasty else size)


def _widened(world: World) -> bool:
    """Whether the root Service selects every revision, as no other router's ever does."""
    return world.router.widens_root() and world.observed.root is not None and world.selected is None


def _standing_in(world: World, canary: RevisionHash) -> RevisionHash | None:
    """Whom the root Service selects while the stable revision cannot be: as today, but never a pod unproved.

    A widened one would take in the canary as soon as it is ready, so it is narrowed to the revision that
    answers.
    """
    selected = _selected(world)
    if selected is not None or world.observed.root is None:
        return selected
    ready = {
        revision: count
        for revision, count in world.observed.ready_endpoints.items()
        if count and revision != canary
    }
    return max(sorted(ready), key=lambda revision: ready[revision], default=None)


NAMING: Final = frozenset({State.PREPARING, State.PROMOTING})
"""States whose route names at 0 those that drain: a proxy must not drop a cluster that still answers (I3)."""


def _with_draining(world: World, rollout: Rollout, made: Shape) -> Shape:
    """The same, with revisions of earlier attempts kept as they are while they drain, at weight 0."""
    earlier = {hash_of(world.intent, entry.revision) for entry in rollout.draining} - set(made.sizes)
    if not earlier:
        return made
    sizes = {**made.sizes, **{revision: world.desired(revision) for revision in earlier}}
    weights = made.weights
    if rollout.state is State.PROMOTING and world.observed.route is not None:
        # Past a dead stable revision the promotion is the first write that takes their weight from them.
        named = world.observed.route.weights
        earlier = {one for one in earlier if revision_name(world.intent, one) in named}
    if weights is not None and rollout.state in NAMING:
        weights = {**weights, **dict.fromkeys(sorted(earlier), 0)}
    return replace(made, sizes=sizes, weights=weights)


def _without(made: Shape, released: frozenset[RevisionHash]) -> Shape:
    sizes = {revision: (0 if revision in released else size) for revision, size in made.sizes.items()}
    return replace(made, sizes=sizes)


def _nameable(world: World, made: Shape) -> Shape:
    """Without naming for nothing what has no Service and cannot get one: no router accepts such a backend."""
    if made.weights is None:
        return made
    coming = {revision for revision, size in made.sizes.items() if size or not world.intent.replicas}
    there = world.observed.services.keys() | coming
    weights = {revision: weight for revision, weight in made.weights.items() if weight or revision in there}
    return replace(made, weights=weights)


def _routed(world: World, revision: RevisionHash | None) -> int:
    return world.shown.get(revision, 0) if revision else 0


def _selected(world: World) -> RevisionHash | None:
    """Whom the root Service selects today; the canary of a first deployment where there is none."""
    return world.selected if world.observed.root else world.wanted
