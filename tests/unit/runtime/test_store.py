"""The store: what it keeps, what it drops, and whom it wakes."""

import pytest

from serin.domain.names import Key, RevisionHash
from serin.runtime.store import Store
from tests.unit.runtime.objects import (
    Object,
    child,
    deployment,
    endpoints,
    model,
    pod,
    route,
    seen,
    service,
)

FRAUD = Key("ml", "fraud")
R1 = RevisionHash("r1")


@pytest.fixture
def store() -> Store:
    return Store()


def test_a_new_model_is_looked_at(store: Store) -> None:
    assert store.put(seen(model(), "ADDED")) == FRAUD
    assert store.keys() == (FRAUD,)


CHANGES = {
    "a new spec": model(version=11, generation=2),
    "a deletion": model(version=11, deletionTimestamp="2026-01-01T00:00:00Z"),
    "an object made anew": model(version=11, uid="m-2"),
    "a request by annotation": model(version=11, annotations={"serin.dev/promote": "fraud-r1.1"}),
    "a status written by others": model(
        version=11, status={"observedGeneration": 1, "phase": "X"}, status_managers=("serin", "kubectl-edit")
    ),
    "a status that is gone": model(version=11, status={"observedGeneration": -1}, status_managers=()),
}


@pytest.mark.parametrize("changed", CHANGES.values(), ids=CHANGES.keys())
def test_a_model_is_looked_at_after(store: Store, changed: Object) -> None:
    store.put(seen(model()))

    assert store.put(seen(changed)) == FRAUD


NO_CHANGES = {
    "the same again": model(version=10),
    "a status patch of our own": model(version=11, status={"observedGeneration": 1, "phase": "Stepping"}),
    "somebody's label": model(version=11, labels={"team": "ml"}),
    "somebody's annotation": model(version=11, annotations={"team": "ml"}),
}


@pytest.mark.parametrize("changed", NO_CHANGES.values(), ids=NO_CHANGES.keys())
def test_a_model_is_not_looked_at_after(store: Store, changed: Object) -> None:
    store.put(seen(model()))

    assert store.put(seen(changed)) is None


def test_a_model_is_kept_without_what_nobody_reads(store: Store) -> None:
    store.put(seen(model(annotations={"kubectl.kubernetes.io/last-applied-configuration": "{}", "a": "b"})))

    kept = store.model(FRAUD)

    assert kept is not None
    assert "managedFields" not in kept["metadata"]
    assert kept["metadata"]["annotations"] == {"a": "b"}


def test_the_answer_to_our_write_is_read_at_once(store: Store) -> None:
    store.put(seen(model()))

    store.remember(
        "ModelDeployment", model(version=12, status={"observedGeneration": 1, "phase": "Stepping"})
    )

    kept = store.model(FRAUD)
    assert kept is not None
    assert kept["status"]["phase"] == "Stepping"


def test_an_event_from_before_our_write_is_dropped(store: Store) -> None:
    store.put(seen(model()))
    store.remember(
        "ModelDeployment", model(version=12, status={"observedGeneration": 1, "phase": "Stepping"})
    )

    assert store.put(seen(model(version=11, generation=2))) is None

    kept = store.model(FRAUD)
    assert kept is not None
    assert kept["status"]["phase"] == "Stepping"


def test_versions_are_compared_as_numbers(store: Store) -> None:
    store.put(seen(model(version=999)))

    assert store.put(seen(model(version=1000, generation=2))) == FRAUD


def test_a_deleted_model_is_gone_and_looked_at_once(store: Store) -> None:
    store.put(seen(model()))

    assert store.put(seen(model(version=11), "DELETED")) == FRAUD
    assert store.model(FRAUD) is None
    assert store.put(seen(model(version=11), "DELETED")) is None


def test_a_late_deletion_spares_the_model_made_anew(store: Store) -> None:
    store.put(seen(model(uid="m-2", version=30)))

    assert store.put(seen(model(uid="m-1", version=20), "DELETED")) is None
    assert store.model(FRAUD) is not None


def test_an_answer_after_the_deletion_brings_nothing_back(store: Store) -> None:
    store.put(seen(model()))
    store.observe("Deployment", seen(deployment()))
    store.put(seen(model(version=31), "DELETED"))
    store.observe("Deployment", seen(deployment(version=32), "DELETED"))

    store.remember("ModelDeployment", model(version=30))
    store.remember("Deployment", deployment(version=30))

    assert store.model(FRAUD) is None
    assert store.observed(FRAUD).workloads == {}


def test_a_child_that_lost_our_label_is_known_again_once_it_is_put_back(store: Store) -> None:
    store.observe("Deployment", seen(deployment()))
    store.observe("Deployment", seen(deployment(version=30), "DELETED"))

    store.remember("Deployment", deployment(version=31))

    assert set(store.observed(FRAUD).workloads) == {R1}


def test_a_child_wakes_its_model_when_it_changes(store: Store) -> None:
    assert store.observe("Deployment", seen(deployment())) == FRAUD
    assert store.observe("Deployment", seen(deployment(version=21, ready=1))) == FRAUD
    assert store.observed(FRAUD).workloads[R1].ready == 1


def test_a_child_that_changed_in_nothing_we_read_wakes_nobody(store: Store) -> None:
    store.observe("Deployment", seen(deployment()))

    assert store.observe("Deployment", seen(deployment(version=21))) is None
    assert store.observed(FRAUD).workloads[R1].identity.resource_version == "21"


def test_an_older_child_is_dropped_after_our_write(store: Store) -> None:
    store.observe("Deployment", seen(deployment()))
    store.remember("Deployment", deployment(version=25, desired=3))

    assert store.observe("Deployment", seen(deployment(version=22))) is None
    assert store.observed(FRAUD).workloads[R1].desired == 3


def test_a_child_made_anew_replaces_the_old_one(store: Store) -> None:
    store.observe("Deployment", seen(deployment(uid="c-1", version=50)))

    assert store.observe("Deployment", seen(deployment(uid="c-2", version=60))) == FRAUD
    assert store.observe("Deployment", seen(deployment(uid="c-1", version=55), "DELETED")) is None
    assert store.observed(FRAUD).workloads[R1].identity.uid == "c-2"


def test_a_deleted_child_is_gone_and_wakes_its_model(store: Store) -> None:
    store.observe("Service", seen(service()))

    assert store.observe("Service", seen(service(version=21), "DELETED")) == FRAUD
    assert store.observed(FRAUD).services == {}


def test_the_root_service_is_told_from_those_of_revisions(store: Store) -> None:
    store.observe("Service", seen(service(revision=None, uid="root")))
    store.observe("Service", seen(service(uid="own")))

    shown = store.observed(FRAUD)

    assert shown.root is not None
    assert shown.root.identity.uid == "root"
    assert set(shown.services) == {R1}


def test_a_copy_is_not_taken_for_the_child_it_was_copied_from(store: Store) -> None:
    originals = {
        "ControllerRevision": child("ControllerRevision", uid="rev"),
        "Deployment": deployment(uid="dep"),
        "Service": service(uid="svc"),
        "HTTPRoute": route(uid="rte"),
    }
    copies = [
        ("ControllerRevision", child("ControllerRevision", name="copy", uid="c-1")),
        ("Deployment", deployment(name="copy", uid="c-2")),
        ("Service", service(name="copy", uid="c-3")),
        ("HTTPRoute", route(name="copy", uid="c-4")),
    ]

    for kind, obj in [("HTTPRoute", route(name="older", uid="c-0")), *originals.items(), *copies]:
        store.observe(kind, seen(obj))

    shown = store.observed(FRAUD)
    assert shown.route is not None
    assert (
        shown.revisions[R1].identity.uid,
        shown.workloads[R1].identity.uid,
        shown.services[R1].identity.uid,
        shown.route.identity.uid,
    ) == ("rev", "dep", "svc", "rte")


def test_endpoints_of_a_copied_service_are_not_the_revisions(store: Store) -> None:
    labels = {"serin.dev/model": "fraud", "serin.dev/revision": "r1"}
    own, copied = (
        endpoints(pod, name=pod, metadata={"labels": labels | {"kubernetes.io/service-name": service}})
        for pod, service in (("p1", "fraud-r1"), ("p2", "copy"))
    )

    store.observe("EndpointSlice", seen(copied))
    assert store.observed(FRAUD).ready_endpoints == {}
    store.observe("EndpointSlice", seen(own))

    assert store.observed(FRAUD).ready_endpoints == {R1: 1}


def test_endpoints_of_no_service_are_nobodys(store: Store) -> None:
    adrift = endpoints("p1")
    del adrift["metadata"]["labels"]["kubernetes.io/service-name"]

    assert store.observe("EndpointSlice", seen(adrift)) is None
    assert store.observed(FRAUD).ready_endpoints == {}


STOLEN = {"labels": {"serin.dev/model": "other", "serin.dev/revision": "r1"}}


def test_a_child_labelled_as_another_models_is_missed_by_its_own(store: Store) -> None:
    store.observe("Deployment", seen(deployment()))

    assert store.observe("Deployment", seen(deployment(version=30, metadata=STOLEN))) == FRAUD
    assert store.observed(FRAUD).workloads == {}
    assert store.observed(Key("ml", "other")).workloads == {}


def test_a_late_word_of_the_theft_takes_nothing_away_again(store: Store) -> None:
    store.observe("Deployment", seen(deployment()))
    store.remember("Deployment", deployment(version=31))

    stolen = deployment(version=30, metadata={**STOLEN, "resourceVersion": "30"})
    assert store.observe("Deployment", seen(stolen)) is None

    assert store.observed(FRAUD).workloads.keys() == {R1}


def test_what_carries_an_empty_label_is_known_by_name(store: Store) -> None:
    store.observe("Pod", seen(pod(name="stray", metadata={"labels": {"serin.dev/model": ""}})))

    assert [row.name for row in store.names("Pod")] == ["stray"]


def test_ready_endpoints_are_counted_over_slices_and_once_a_pod(store: Store) -> None:
    store.observe("EndpointSlice", seen(endpoints("p1", "p2", name="v4", uid="s1")))
    store.observe("EndpointSlice", seen(endpoints("p2", "p3", name="v6", uid="s2")))

    assert store.observed(FRAUD).ready_endpoints == {R1: 3}


@pytest.mark.parametrize(("ready", "count"), [(True, 1), (None, 1), (False, 0)])
def test_an_endpoint_is_ready_unless_it_is_said_not_to_be(
    store: Store, ready: bool | None, count: int
) -> None:
    store.observe("EndpointSlice", seen(endpoints("p1", ready=ready)))

    assert store.observed(FRAUD).ready_endpoints == {R1: count}


def test_slices_of_the_root_service_count_for_no_revision(store: Store) -> None:
    assert store.observe("EndpointSlice", seen(endpoints("p1", revision=None))) is None
    assert store.observed(FRAUD).ready_endpoints == {}


def test_what_a_list_no_longer_shows_is_dropped_by_uid(store: Store) -> None:
    store.observe("Pod", seen(pod(uid="p-1")))
    (row,) = store.names("Pod")

    assert store.drop("Pod", row.namespace, row.name, "p-0", at=1) is None
    assert store.drop("Pod", row.namespace, row.name, row.uid, at=1) == FRAUD
    assert list(store.names("Pod")) == []


@pytest.mark.parametrize("version", [19, 25])
def test_what_was_not_there_any_more_is_not_brought_back_by_an_older_event(
    store: Store, version: int
) -> None:
    store.put(seen(model(version=18)))
    store.observe("Deployment", seen(deployment(version=18)))
    store.drop("ModelDeployment", "ml", "fraud", "m-1", at=25)
    store.drop("Deployment", "ml", "fraud-r1", "c-1", at=25)

    assert store.put(seen(model(version=version))) is None
    assert store.observe("Deployment", seen(deployment(version=version))) is None

    assert store.model(FRAUD) is None
    assert store.observed(FRAUD).workloads == {}


def test_what_got_its_label_back_after_a_list_without_it_is_known_again(store: Store) -> None:
    store.observe("Deployment", seen(deployment(version=18)))
    store.drop("Deployment", "ml", "fraud-r1", "c-1", at=25)

    assert store.observe("Deployment", seen(deployment(version=26))) == FRAUD


def test_an_object_made_anew_is_not_replaced_by_the_one_before(store: Store) -> None:
    store.put(seen(model(uid="m-2", version=30)))
    store.observe("Deployment", seen(deployment(uid="c-2", version=30)))

    assert store.put(seen(model(uid="m-1", version=29))) is None
    assert store.observe("Deployment", seen(deployment(uid="c-1", version=29))) is None

    assert (store.model(FRAUD) or {})["metadata"]["uid"] == "m-2"
    assert store.observed(FRAUD).workloads[R1].identity.uid == "c-2"


def test_a_forgotten_model_leaves_its_children_to_their_own_deletion(store: Store) -> None:
    store.put(seen(model()))
    store.observe("HTTPRoute", seen(route()))

    store.forget(FRAUD)

    assert store.model(FRAUD) is None
    assert store.observed(FRAUD).route is not None
