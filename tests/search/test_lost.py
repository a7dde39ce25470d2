"""Statuses lost by half, and children that somebody took or edited."""

from dataclasses import replace
from typing import Any

from serin.domain.rollout.rebuild import recovered
from serin.domain.routers.choice import ROUTERS
from serin.domain.status import Rejection, Status
from tests.search.observing import Observing
from tests.search.one_look import (
    HALF,
    NEW,
    OLD,
    ROUTED,
    SERVED,
    observed,
    planned,
)
from tests.search.scope import NOW, Asked, Spec, intent_of
from tests.search.state import Child, Cluster, Pods, Route


def read_again(
    cluster: Cluster, status: Status | None = None, *, abort: str | None = None, **changes: Any
) -> Status:
    """The status that the children tell of, where the old revision is wanted."""
    intent = intent_of(ROUTED, Spec(OLD, 2), Asked(abort=abort))
    seen = replace(Observing(intent, reports=True).of(cluster, None), **changes)
    return recovered(intent, status or Status(), seen, router=ROUTERS[ROUTED.router], now=NOW)[0]


def test_who_has_traffic_is_taken_back_where_the_status_is_lost() -> None:
    """Not whoever came last."""
    child = Child(True, Pods(1, 1))
    three = Cluster((Child(True, Pods(2, 2)), child, child), OLD, Route(((OLD, 60), (NEW, 40)), "yes"))

    found = read_again(three)

    assert found.rollout is not None
    assert found.rollout.attempt == f"m-{NEW}.1"


def test_of_two_equal_shares_the_older_revision_has_the_stable_one() -> None:
    halves = HALF._replace(route=Route(((NEW, 50), (OLD, 50)), "yes"))

    found = read_again(halves)

    assert found.stable is not None
    assert found.stable.revision == f"m-{OLD}"


def test_a_revision_without_pods_is_no_attempt_where_the_status_is_lost() -> None:
    assert read_again(SERVED.with_child(NEW, Child(True, Pods(0)))).rollout is None


def test_a_request_that_names_no_attempt_does_not_keep_a_lost_status_from_being_read() -> None:
    found = read_again(HALF, abort="nonsense")

    assert found.rollout is not None
    assert found.rollout.attempt == f"m-{NEW}.1"


def test_the_newest_revision_with_pods_serves_where_only_pods_are_left() -> None:
    only = Cluster((Child(True, Pods(2, 2)), Child(True, Pods(2, 2)), None))

    found = read_again(only)

    assert found.stable is not None
    assert found.stable.revision == f"m-{NEW}"


def test_children_whose_owners_a_backup_dropped_are_still_the_models() -> None:
    workload = observed().workloads[OLD]
    orphan = replace(workload, identity=replace(workload.identity, owner_uid=None))

    found = read_again(SERVED, workloads={OLD: orphan})

    assert found.stable is not None
    assert found.stable.revision == f"m-{OLD}"


def test_rejections_that_are_left_outlive_the_rest_of_the_status() -> None:
    rejected = Rejection(
        hash=NEW, revision=f"m-{NEW}", attempt=f"m-{NEW}.3", reason="Harm", message="", at=NOW
    )

    assert [entry.attempt for entry in read_again(SERVED, Status(rejected=[rejected])).rejected] == [
        f"m-{NEW}.3"
    ]


def test_nothing_is_made_of_a_revision_that_nobody_remembers() -> None:
    """Its ControllerRevision was deleted, and with it what its pods were made from."""
    assert planned(observed(), {OLD: 2, NEW: 1}) == {}


def test_a_selector_is_put_back_whoever_wrote_it() -> None:
    """Even under our own name, where no other manager of the field tells of it."""
    seen = observed()
    edited = replace(seen.services[OLD], selector={"app": "other"})

    assert planned(replace(seen, services={OLD: edited}), {OLD: 2}).keys() == {("Service", f"m-{OLD}")}


def test_the_root_service_is_put_back_though_its_deployment_is_gone() -> None:
    seen = observed()
    assert seen.root is not None
    edited = replace(seen, workloads={}, root=replace(seen.root, selector={"app": "other"}))

    assert ("Service", "m") in planned(edited, {OLD: 2})
