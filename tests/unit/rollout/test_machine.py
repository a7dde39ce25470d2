"""Single looks: what is remembered of a transition, and what pods, route and words follow from it."""

from dataclasses import replace
from datetime import timedelta

from serin.domain.names import RevisionHash
from serin.domain.rollout.machine import advance
from serin.domain.rollout.world import Reason
from serin.domain.status import Draining, Rejection, Shift, State
from tests.search.one_look import BY_PODS, LEFT, NEW, OLD, ROUTED, SERVED, attempt, looked
from tests.search.scope import NOW, TICK, Spec
from tests.search.state import Child, Cluster, Pods, Route
from tests.unit.rollout.worlds import READY_FOR_MORE, beside, safe, stepping, world

FULL = Child(service=True, pods=Pods(2, 2))
TAKEN_OVER = attempt(State.PROMOTING, shifts=[Shift(step=0, weight=100, at=NOW)])
FOURTH = RevisionHash("d" * 10)


def test_a_weight_is_in_place_from_its_confirmation_to_the_next() -> None:
    """What happened before is no evidence, and what happened since is: not only from the next step on."""
    before = world(READY_FOR_MORE, beside(stepping()), word=safe(stepping()))

    rollout = advance(before).rollout

    assert rollout is not None
    assert rollout.step == 1
    assert [(shift.weight, shift.confirmed_at) for shift in rollout.shifts] == [(50, NOW - TICK), (75, None)]


def test_a_transition_is_looked_at_again_at_once() -> None:
    """What it makes possible is not waited for."""
    moved = advance(world(READY_FOR_MORE, beside(stepping()), word=safe(stepping())))

    assert moved.look_again == timedelta(0)


def test_a_first_attempt_ends_where_a_rejected_revision_is_wanted_instead() -> None:
    """There is nothing to go back to, and nothing to go on to."""
    first = attempt(State.PREPARING, capacity_floor=0)
    known_bad = Rejection(hash=LEFT, revision=f"m-{LEFT}", attempt=f"m-{LEFT}.1", reason="Aborted", at=NOW)
    status = beside(first, stable=None).model_copy(update={"rejected": [known_bad]})

    decision = advance(world(Cluster(), status, spec=Spec(LEFT, 2)))

    assert decision.rollout is None
    assert [(entry.attempt, entry.result) for entry in decision.history] == [(first.attempt, "Superseded")]


def test_a_new_revision_gets_no_pods_before_the_stable_one_is_whole_that_users_return_to() -> None:
    """A promotion was superseded when the Service was on its canary, and a pod of the stable revision lacks:
    where room is scarce it comes first (I4).
    """
    cluster = Cluster((Child(service=True, pods=Pods(2, 1)), None, FULL), LEFT)
    left = [Draining(revision=f"m-{LEFT}", since=NOW)]

    decision = advance(
        world(cluster, beside(attempt(State.PREPARING, draining=left)), scope=BY_PODS, spec=Spec(NEW, 2))
    )

    assert decision.sizes == {OLD: 2, NEW: 0, LEFT: 2}
    assert decision.root == LEFT


def test_a_promotion_does_not_name_again_who_had_left_the_route() -> None:
    """Who drains there was last named at an earlier step: the gateway has let go of it."""
    cluster = Cluster((FULL, FULL, FULL), OLD, SERVED.route)
    draining = [Draining(revision=f"m-{LEFT}", since=NOW)]

    ops = looked(ROUTED, cluster, TAKEN_OVER.model_copy(update={"draining": draining})).ops

    assert [op.weights for op in ops if op.kind == "route"] == [((OLD, 0), (NEW, 100))]


def test_a_promotion_whose_route_is_refused_says_so() -> None:
    refused = Cluster((FULL, FULL, None), OLD, Route(((OLD, 0), (NEW, 100)), "refused"))

    hold = advance(world(refused, beside(TAKEN_OVER))).hold

    assert hold is not None
    assert hold.reason is Reason.ROUTER_UNAVAILABLE
    assert "NoMatchingParent" in hold.message


def test_a_bake_with_nothing_before_it_ends_where_another_spec_comes() -> None:
    """Somebody has taken from the status what is kept warm."""
    bare = TAKEN_OVER.model_copy(update={"state": State.BAKING, "previous": None})
    cluster = Cluster((FULL, FULL, None), NEW, Route(((NEW, 100),), "yes"))

    decision = advance(world(cluster, beside(bare, stable=NEW), spec=Spec(OLD, 2)))

    assert [(entry.attempt, entry.result) for entry in decision.history] == [(bare.attempt, "Promoted")]
    assert decision.rollout is not None
    assert decision.rollout.attempt == f"m-{OLD}.1"


def test_a_rollback_tells_of_whoever_drains_last() -> None:
    """And looks again when the first is through."""
    sooner = timedelta(seconds=10)
    draining = [
        Draining(revision=f"m-{LEFT}", since=NOW),
        Draining(revision=f"m-{FOURTH}", since=NOW - sooner),
    ]
    cluster = Cluster((FULL, Child(service=True, pods=Pods(0)), FULL), OLD, SERVED.route)
    three = world(cluster, beside(attempt(State.ROLLING_BACK, draining=draining, reason="Aborted")))
    seen = three.observed
    fourth = replace(seen.workloads[LEFT], revision=FOURTH)
    four = replace(three, observed=replace(seen, workloads={**seen.workloads, FOURTH: fourth}))

    decision = advance(four)

    assert decision.hold is not None
    assert (decision.hold.message, decision.hold.look_again) == (f"m-{LEFT} drains", TICK)
    assert decision.look_again == TICK - sooner
