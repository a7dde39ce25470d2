"""What the search has found, each as the one look at which it went wrong."""

from dataclasses import replace

from serin.domain.intent import RouterKind
from serin.domain.names import RevisionHash
from serin.domain.status import Shift, State
from tests.search import one_look
from tests.search.looking import Outcome
from tests.search.one_look import LEFT, NEW, OLD, ROUTED, attempt, names, read_anew
from tests.search.scope import NOW, Spec
from tests.search.state import Child, Cluster, Pods, Route


def looked(
    router: RouterKind,
    state: State,
    *,
    old: Pods,
    new: Pods,
    root: RevisionHash,
    weights: dict[RevisionHash, int] | None = None,
    step: int = 0,
    given: int = 100,
    reason: str | None = None,
    losses: int = 0,
    left: Pods | None = None,
    down: int | None = None,
    gated: bool = False,
) -> Outcome:
    """What a look comes to in the middle of a rollout from the old revision to the new one; `left` are the
    pods of an attempt before.
    """
    scope = replace(ROUTED, router=router, weights=(34, 50), gated=gated)
    shifts = [Shift(step=step, weight=given, at=NOW)]
    rollout = attempt(state, step=step, shifts=shifts, reason=reason, losses=losses)
    route = Route(tuple(weights.items()), "yes") if weights else None
    cluster = Cluster((Child(True, old), Child(True, new), left and Child(True, left)), root, route)
    return one_look.looked(scope, cluster, rollout, down=down)


def roots(outcome: Outcome) -> list[RevisionHash | None]:
    """Whom the root Service is to select."""
    return names(outcome, "root")


def test_a_promoted_canary_gets_the_root_service_when_it_is_whole_again() -> None:
    """A pod was lost between the route's move and the Service's: the old revision still had both (I1)."""
    moved = {OLD: 0, NEW: 100}

    lacking, whole = (
        looked(
            RouterKind.GATEWAY_API,
            State.PROMOTING,
            step=1,
            old=Pods(2, 2),
            new=Pods(2, ready),
            root=OLD,
            weights=moved,
        )
        for ready in (1, 2)
    )

    assert roots(lacking) == []
    assert roots(whole) == [NEW]


def test_the_root_service_never_returns_to_a_revision_that_has_died_since() -> None:
    """The route had gone back already; the Service's users were still well served where they were (I1)."""
    back = {OLD: 100, NEW: 0}

    dead, alive = (
        looked(
            RouterKind.GATEWAY_API,
            State.ROLLING_BACK,
            step=1,
            old=Pods(2, ready),
            new=Pods(2, 2),
            root=NEW,
            weights=back,
            reason="Aborted",
        )
        for ready in (0, 1)
    )

    assert roots(dead) == []
    assert roots(alive) == [OLD]


def test_more_pods_than_a_steps_share_go_before_the_service_takes_them_in() -> None:
    """They were left from a promotion that lost its endpoints: two of four are more than 34 % (I5)."""
    many, right = (
        looked(RouterKind.REPLICAS, State.STEPPING, old=Pods(2, 2), new=Pods(pods, pods), root=OLD, given=34)
        for pods in (2, 1)
    )

    assert roots(many) == []
    assert [(op.name, op.pods and op.pods.desired) for op in many.ops if op.kind == "pods"] == [(NEW, 1)]
    assert roots(right) == [RevisionHash("*")]


def test_a_first_route_waits_for_a_pod_where_the_status_was_lost() -> None:
    """The first deployment waits for its pods; read again from the children, it was routed without (I1)."""

    def written(ready: int) -> list[str]:
        cluster = Cluster((Child(True, Pods(2, ready)), None, None), OLD)
        return [op.kind for op in read_anew(Spec(OLD, 2), cluster).ops]

    assert written(0) == ["status"]
    assert written(1) == ["status", "route"]


def test_a_step_is_taken_up_again_when_the_root_service_has_returned_too() -> None:
    """The promoted canary came back before the Service had left it; then the old one died (I1)."""
    away, back = (
        looked(
            RouterKind.GATEWAY_API,
            State.PREPARING,
            step=1,
            given=0,
            old=Pods(2, 2),
            new=Pods(2, 2),
            root=root,
            weights={OLD: 100, NEW: 0},
            losses=1,
        )
        for root in (NEW, OLD)
    )

    assert (away.memory.state, roots(away)) == (State.PREPARING, [OLD])
    assert (back.memory.state, roots(back)) == (State.STEPPING, [])


def test_pods_for_a_step_taken_up_again_come_when_the_service_is_narrow() -> None:
    """The process had died before it asked for the step's pods, and the canary's only one was lost (I5)."""
    wide, narrow = (
        looked(RouterKind.REPLICAS, State.PREPARING, step=1, old=Pods(2, 2), new=Pods(1), root=root, losses=1)
        for root in (RevisionHash("*"), OLD)
    )

    assert [op.kind for op in wide.ops] == ["root"]
    assert [(op.name, op.pods and op.pods.desired) for op in narrow.ops] == [(NEW, 2)]


def test_where_status_and_route_are_lost_the_root_service_tells_who_is_stable() -> None:
    """The newest revision with pods would be the canary, which nobody has judged (I5)."""
    cluster = Cluster((Child(True, Pods(2, 2)), Child(True, Pods(1, 1)), None), OLD)

    assert read_anew(Spec(NEW, 2), cluster).memory.stable == OLD


def test_users_left_on_a_canary_of_before_do_not_go_to_a_stable_revision_that_died() -> None:
    """There was no way back to it, and the next revision was promoted past it (I1)."""
    stays, leaves = (
        looked(
            RouterKind.GATEWAY_API,
            State.PROMOTING,
            step=1,
            old=Pods(2, old),
            new=Pods(2, 1),
            left=Pods(2, left),
            root=LEFT,
            weights={OLD: 0, NEW: 100},
        )
        for old, left in ((0, 2), (1, 0))
    )

    assert roots(stays) == []
    assert roots(leaves) == [OLD]


def test_a_gate_is_not_skipped_before_the_weight_that_goes_around_it() -> None:
    """The stable revision was down, and came back before the pods for more weight were ready (I5)."""
    waiting, ready = (
        looked(
            RouterKind.GATEWAY_API,
            State.STEPPING,
            old=Pods(2, 0),
            new=Pods(2, pods),
            root=OLD,
            weights={OLD: 66, NEW: 34},
            given=34,
            down=2,
            gated=True,
        )
        for pods in (1, 2)
    )

    assert waiting.memory.rollout is not None
    assert waiting.memory.rollout.gates == []
    assert ready.memory.rollout is not None
    assert ready.memory.state is State.PROMOTING
    assert [gate.result for gate in ready.memory.rollout.gates] == ["Skipped", "Skipped"]
