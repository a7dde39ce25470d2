"""When a status is taken for lost, and what of it and of the children is kept then."""

from dataclasses import replace

from serin.domain.observed import Observed
from serin.domain.rollout.rebuild import recovered
from serin.domain.rollout.world import Notice
from serin.domain.routers.choice import ROUTERS
from serin.domain.status import Condition, Finished, RevisionStatus, Status
from tests.search.observing import Observing
from tests.search.one_look import LEFT, NEW, OLD, ROUTED, SERVED, observed
from tests.search.scope import NOW, TICK, Asked, Spec, intent_of
from tests.search.state import Child, Pods

READY = Condition(
    type="Ready",
    status="True",
    observed_generation=1,
    reason="Complete",
    message="",
    last_transition_time=NOW - TICK,
)
ENDED = Finished(
    attempt=f"m-{OLD}.3", revision=f"m-{OLD}", result="Promoted", started_at=NOW - TICK, finished_at=NOW
)
INTENT = intent_of(ROUTED, Spec(OLD, 2), Asked())


def read(status: Status, seen: Observed) -> tuple[Status, tuple[Notice, ...]]:
    """The status to go by where the old revision is wanted, and what is told of it."""
    return recovered(INTENT, status, seen, router=ROUTERS[ROUTED.router], now=NOW)


def test_a_status_outlives_the_record_of_the_wanted_revision() -> None:
    """The record can be made again from the spec: nothing is lost with it."""
    stable = RevisionStatus(revision=f"m-{OLD}", weight=100, replicas=2, ready_replicas=2)
    status = Status(stable=stable, phase="Ready", history=[ENDED])

    assert read(status, replace(observed(), revisions={})) == (status, ())


def test_what_is_left_of_a_lost_status_is_kept() -> None:
    """Names of attempts count on from the history (I18), and a condition began when it began."""
    found, _ = read(Status(conditions=[READY], history=[ENDED]), observed())

    assert found.stable is not None
    assert (found.conditions, found.history) == ([READY], [ENDED])


def test_of_two_revisions_without_traffic_the_newer_is_taken_for_the_canary() -> None:
    """The older one was left draining, whatever order they are listed in."""
    waiting = Child(service=True, pods=Pods(1, 1))
    cluster = SERVED.with_child(NEW, waiting).with_child(LEFT, waiting)
    seen = Observing(INTENT, reports=True).of(cluster, None)

    for order in (seen.workloads, dict(reversed(list(seen.workloads.items())))):
        rollout = read(Status(), replace(seen, workloads=order))[0].rollout
        assert rollout is not None
        assert rollout.attempt == f"m-{LEFT}.1"
