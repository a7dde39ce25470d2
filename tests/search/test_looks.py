"""Single looks at what no scope has, or only far away."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from serin.domain.analysis.verdict import Verdict
from serin.domain.intent import OnInconclusive
from serin.domain.names import RevisionHash
from serin.domain.rollout.machine import advance
from serin.domain.status import Draining, Previous, Rollout, Shift, SignalPin, State
from tests.search.looking import Looking, Sight
from tests.search.memory import Memories, status_of
from tests.search.one_look import (
    BY_PODS,
    HALF,
    LEFT,
    NEW,
    OLD,
    ROUTED,
    SERVED,
    WANTED,
    attempt,
    decided,
    looked,
    names,
)
from tests.search.scope import NOW, STEP_DEADLINE, TICK, Asked, Spec, intent_of
from tests.search.state import ALL, Child, Cluster, Known, Pods, Route
from tests.search.words import SILENCE, words


def test_a_route_is_put_back_though_no_pod_answers() -> None:
    """Somebody gave a share to pods that never served."""
    child = Child(True, Pods(2, 0))
    edited = Cluster((child, child, None), OLD, Route(((OLD, 50), (NEW, 50)), "yes"))

    ops = looked(ROUTED, edited, None).ops

    assert [op.weights for op in ops if op.kind == "route"] == [((OLD, 100),)]


@pytest.mark.parametrize("state", [State.PREPARING, State.ROLLING_BACK])
def test_a_root_service_that_was_deleted_never_comes_back_for_the_canary(state: State) -> None:
    """Not even while the stable revision is down (I5)."""
    bare = Cluster((Child(True, Pods(2, 0)), Child(True, Pods(1, 1)), None), None, SERVED.route)

    assert names(looked(ROUTED, bare, attempt(state)), "root") == [OLD]


@pytest.mark.parametrize(("left", "root"), [(0, []), (1, [LEFT])])
def test_users_of_dead_pods_are_not_given_to_a_canary_that_waits(left: int, root: list[RevisionHash]) -> None:
    """The Service was still widened when the stable revision died: who else answers gets it (I5)."""
    pods = (Child(True, Pods(2, 0)), Child(True, Pods(1, 1)), Child(True, Pods(1, left)))

    assert names(looked(BY_PODS, Cluster(pods, ALL), attempt(State.PREPARING, losses=1)), "root") == root


def test_who_answers_most_gets_the_users_of_dead_pods() -> None:
    """Of two revisions that drain, the larger one bears more."""
    wide = Cluster((Child(True, Pods(2, 0)), Child(True, Pods(1, 1)), Child(True, Pods(1, 1))), ALL)
    memories = Memories()
    memory = memories.of(OLD, attempt(State.PREPARING, losses=1), (), ())
    world = Looking(BY_PODS, memories).world(
        Sight(Spec(NEW, 2), Asked(), memory, wide, None, Known()), SILENCE
    )
    ready = {NEW: 1, LEFT: 1, RevisionHash("d" * 10): 2}

    assert advance(replace(world, observed=replace(world.observed, ready_endpoints=ready))).root == "d" * 10


def test_all_that_drain_go_on_draining_when_another_spec_comes() -> None:
    """Once each, and the canary anew."""
    pods = Child(True, Pods(1, 1))
    three = Cluster((Child(True, Pods(2, 2)), pods, pods), OLD, Route(((OLD, 50), (NEW, 50)), "yes"))
    before = [Draining(revision=f"m-{revision}", since=NOW - TICK) for revision in (NEW, LEFT)]
    shift = Shift(step=0, weight=50, at=NOW)
    memories = Memories()
    memory = memories.of(OLD, attempt(State.STEPPING, shifts=[shift], draining=before), (), ())
    sight = Sight(Spec(RevisionHash("d" * 10), 2), Asked(), memory, three, None, Known(True, 0))

    rollout = advance(Looking(ROUTED, memories).world(sight, SILENCE)).rollout

    assert rollout is not None
    assert [(entry.revision, entry.since) for entry in rollout.draining] == [
        (f"m-{LEFT}", NOW - TICK),
        (f"m-{NEW}", NOW),
    ]


def began(state: State, asked: Asked, rollout: Rollout) -> Rollout:
    """What a look makes of an attempt that has all it waits for, the weights since a tick."""
    pods = Child(True, Pods(2, 2))
    if state is State.BAKING:
        cluster = Cluster((pods, pods, pods), NEW, Route(((OLD, 0), (NEW, 100)), "yes"))
    else:
        cluster = Cluster((pods, pods, pods), OLD, SERVED.route)
    after = decided(ROUTED, cluster, rollout, asked=asked).rollout
    assert after is not None
    assert after.state is state
    return after


def test_a_promotion_ends_the_canarys_own_drain() -> None:
    own = [Draining(revision=f"m-{NEW}", since=NOW)]
    prepared = attempt(State.PREPARING, draining=own)

    after = began(State.PROMOTING, Asked(promote=f"{prepared.attempt}:full"), prepared)

    assert after.draining == []


def test_in_the_bake_drains_count_from_when_the_promotion_was_in_place() -> None:
    """A gateway that took its time may have sent them requests until then (I3)."""
    left = [Draining(revision=f"m-{LEFT}", since=NOW - 3 * TICK)]
    promoted = attempt(State.PROMOTING, draining=left, shifts=[Shift(step=0, weight=100, at=NOW)])

    assert [entry.since for entry in began(State.BAKING, Asked(), promoted).draining] == [NOW - TICK]


@pytest.mark.parametrize("weight", [0, 50])
def test_a_promotion_past_a_dead_stable_revision_drops_nobody_who_drains(weight: int) -> None:
    """It took the weight of a canary of before and its name in one write (I3)."""
    route = Route(((OLD, 100 - weight), (LEFT, weight)), "yes")
    pods = (Child(True, Pods(2, 0)), Child(True, Pods(2, 2)), Child(True, Pods(1, 1)))
    draining = [Draining(revision=f"m-{LEFT}", since=NOW)]
    promoting = attempt(
        State.PROMOTING, shifts=[Shift(step=0, weight=100, at=NOW)], draining=draining, reason="Requested"
    )

    ops = looked(ROUTED, Cluster(pods, OLD, route), promoting).ops

    assert [op.weights for op in ops if op.kind == "route"] == [((OLD, 0), (NEW, 100), (LEFT, 0))]


@pytest.mark.parametrize(("lasted", "kept"), [(25, True), (36, False)])
def test_a_pause_takes_nothing_from_the_drain_of_a_bake_that_is_cut_short(lasted: int, kept: bool) -> None:
    """Another spec ended it; a pause of 20 s was taken off the drain of 30 s, too (I3)."""
    began = NOW - timedelta(seconds=lasted)
    baking = attempt(
        State.BAKING,
        since=began,
        paused_at=NOW - timedelta(seconds=20),
        previous=Previous(revision=f"m-{OLD}", until=NOW),
        shifts=[Shift(step=0, weight=100, at=began)],
    )
    both = Cluster((Child(True, Pods(2, 2)), Child(True, Pods(2, 2)), None), NEW)
    paused = Asked(pause=baking.attempt)

    decision = decided(BY_PODS, both, baking, spec=Spec(LEFT, 2), asked=paused, stable=NEW)

    assert decision.sizes[OLD] == (2 if kept else 0)


@pytest.mark.parametrize("shown", ["workloads", "ready_endpoints", "pods", ""])
def test_no_service_is_widened_over_pods_that_any_watch_shows(shown: str) -> None:
    """Only the pods themselves were asked for, and theirs is the watch with the most to tell (I5)."""
    old, new, left = (Child(True, Pods(size, size)) for size in (2, 1, 1))
    beside = Cluster((old, new, left), OLD)
    rollout = attempt(State.STEPPING, shifts=[Shift(step=0, weight=34, at=NOW)])
    sight = Sight(WANTED, Asked(), Memories().nothing, beside, None, Known(True, 1))
    world = Looking(BY_PODS, Memories()).world(sight, SILENCE)
    behind: dict[str, Any] = {
        "workloads": {one: view for one, view in world.observed.workloads.items() if one != LEFT},
        "ready_endpoints": {one: n for one, n in world.observed.ready_endpoints.items() if one != LEFT},
        "pods": tuple(pod for pod in world.observed.pods if pod.revision != LEFT),
    }
    seen = replace(world.observed, **{kind: view for kind, view in behind.items() if kind != shown})

    decision = advance(replace(world, observed=seen, status=status_of(OLD, rollout, (), ())))

    assert decision.root == (OLD if shown else None)


def test_a_drain_waits_for_the_root_service_too() -> None:
    """The route had gone back, and the Service could not be written (I3)."""
    half_back = HALF._replace(root=NEW, route=Route(((OLD, 100), (NEW, 0)), "yes"))
    rollout = attempt(State.ROLLING_BACK, shifts=[Shift(step=0, weight=100, at=NOW)])

    assert looked(ROUTED, half_back, rollout).known.confirmed is None


def test_a_canary_without_its_service_stays_named_and_gets_it_back() -> None:
    """Its last requests may be under way (I3)."""
    taken = HALF.with_child(NEW, Child(False, Pods(1, 1)))
    rollout = attempt(State.ROLLING_BACK, shifts=[Shift(step=0, weight=50, at=NOW)])
    back = looked(ROUTED, taken, rollout, wanted=OLD)

    assert [op.weights for op in back.ops if op.kind == "route"] == [((OLD, 100), (NEW, 0))]


@pytest.mark.parametrize("left", [None, Child(), Child(False, Pods(0))])
def test_a_canary_that_gets_no_service_any_more_is_not_named(left: Child | None) -> None:
    """Somebody has deleted it, and asked for its end: a router would refuse the route that names it."""
    rollout = attempt(State.ROLLING_BACK, reason="Aborted", shifts=[Shift(step=0, weight=50, at=NOW)])

    back = looked(ROUTED, HALF.with_child(NEW, left), rollout)

    assert [op.weights for op in back.ops if op.kind == "route"] == [((OLD, 100),)]


def test_an_undecided_judge_need_not_repeat_itself() -> None:
    """Only Safe has to be fresh: at the deadline it counts that nothing was decided, however long ago."""
    scope = replace(ROUTED, on_inconclusive=OnInconclusive.ROLLBACK)
    stepping = attempt(State.STEPPING, shifts=[Shift(step=0, weight=50, at=NOW)])
    intent = intent_of(scope, Spec(NEW, 2), Asked())
    word = next(one for one in words(scope, intent, stepping) if one.verdict is Verdict.UNDECIDED)
    assert word.assessment is not None
    long_ago = (NOW - timedelta(minutes=10)).timestamp()
    old = replace(word, assessment=replace(word.assessment, boundary=long_ago))

    outcome = looked(scope, HALF, stepping, old, confirmed=STEP_DEADLINE)

    assert outcome.memory.state is State.ROLLING_BACK


@pytest.mark.parametrize("policy", [0, 1])
def test_what_the_judge_learnt_is_forgotten_with_its_policy_alone(policy: int) -> None:
    known = SignalPin(name="errors", phi="1.5", usual="0.01")
    pinned = attempt(State.STEPPING, pins=[known], shifts=[Shift(step=0, weight=50, at=NOW)])

    rollout = decided(ROUTED, HALF, pinned, spec=Spec(NEW, 2, policy=policy)).rollout

    assert rollout is not None
    assert rollout.pins == ([] if policy else [known])
