"""A failed request is excused by what hit it, and by nothing else."""

from typing import Any

import pytest

from tests.endurance.causes import SETTLED, Failed, Injected, told_apart

VERSIONS = {"fraud-good": "good-1", "fraud-bad": "bad-2"}


def failed(**changed: Any) -> Failed:
    made: dict[str, Any] = {"model": "fraud", "revision": "fraud-good", "pod": "10.244.1.1", "status": 503}
    return Failed(at=100.0, seconds=0.1, **(made | changed))


def killed(**changed: Any) -> Injected:
    made: dict[str, Any] = {"model": "fraud", "pods": frozenset({"10.244.1.1"}), "at": 99.0, "until": 99.0}
    return Injected(what="container killed", **(made | changed))


def test_a_failure_without_a_fault_is_lost_to_a_rollout() -> None:
    told = told_apart([failed()], [], VERSIONS)

    assert told.lost == [failed()]
    assert not told.by_cause


def test_a_bad_version_fails_by_itself() -> None:
    told = told_apart([failed(revision="fraud-bad", status=500)], [], VERSIONS)

    assert told.lost == []
    assert told.by_cause == {"a bad version's own": 1}


def test_a_killed_pod_excuses_what_failed_at_its_address() -> None:
    assert told_apart([failed()], [killed()], VERSIONS).by_cause == {"container killed": 1}


@pytest.mark.parametrize(
    "another",
    [
        killed(pods=frozenset({"10.244.1.2"})),
        killed(at=101.0, until=101.0),
        killed(at=99.0 - SETTLED - 5, until=99.0 - SETTLED),
        Injected(what="route edited", at=99.0, until=99.0, model="other", route=True),
        Injected(what="readiness lost", at=99.0, model="fraud", revisions=frozenset({"fraud-other"})),
        Injected(what="API server killed", at=99.0, until=105.0),
    ],
    ids=["another pod", "later", "long ago", "another model", "another revision", "nobody's pod"],
)
def test_a_fault_elsewhere_excuses_nothing(another: Injected) -> None:
    assert told_apart([failed()], [another], VERSIONS).lost == [failed()]


def test_a_revision_without_endpoints_excuses_what_was_meant_for_it() -> None:
    gone = killed(pods=frozenset(), revisions=frozenset({"fraud-good"}))

    assert told_apart([failed(pod="")], [gone], VERSIONS).lost == []


def test_an_edited_route_excuses_what_its_users_asked() -> None:
    edited = Injected(what="route edited", at=99.0, until=99.5, model="fraud", route=True)

    assert told_apart([failed(pod="", revision="")], [edited], VERSIONS).lost == []
