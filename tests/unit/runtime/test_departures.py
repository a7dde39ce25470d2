"""What is remembered of objects that are gone: enough, and no more than that."""

from serin.domain.names import Key
from serin.runtime.departures import REMEMBERED, Departures
from serin.runtime.store import Store
from tests.unit.runtime.objects import deployment, pod, seen

FRAUD = Key("ml", "fraud")


def test_news_from_before_a_deletion_is_late() -> None:
    departures = Departures()
    departures.went("c-1", 25)

    versions = (24, 25, 26)
    assert [departures.late(deployment(version=version)) for version in versions] == [True, True, False]
    assert not departures.late(deployment(uid="c-2", version=24))


def test_only_the_last_deletions_are_remembered() -> None:
    departures = Departures()

    for number in range(REMEMBERED + 1):
        departures.went(f"c-{number}", 25)
        departures.child_went(FRAUD, "Deployment", f"fraud-{number}")

    assert (departures.until("c-0"), departures.until("c-1")) == (-1, 25)
    assert not departures.lost(FRAUD, "Deployment", "fraud-0")
    assert departures.lost(FRAUD, "Deployment", "fraud-1")


def test_of_what_others_make_no_name_is_kept() -> None:
    """Pods come and go by the thousand, and would push out what counts."""
    store = Store()
    for kind, obj in (("Deployment", deployment()), ("Pod", pod(name="fraud-r1-x", uid="p-1"))):
        store.observe(kind, seen(obj))
        store.observe(kind, {**seen(obj), "type": "DELETED"})

    assert store.lost(FRAUD, "Deployment", "fraud-r1")
    assert not store.lost(FRAUD, "Pod", "fraud-r1-x")
