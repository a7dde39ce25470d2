"""A watch that does not show what we wrote or read is named; an outage and a slow watch are not taken for
it.
"""

import pytest

from serin.kube.errors import Request, Unavailable
from serin.runtime.echoes import PATIENCE_SECONDS, EchoedStore
from serin.runtime.rereading import READ
from tests.unit.runtime.objects import deployment, seen

ASKED = Request("apply", "Deployment", "ml", "fraud-r1")
LATE = PATIENCE_SECONDS + 1


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> EchoedStore:
    store = EchoedStore(clock)
    store.observe("Deployment", seen(deployment(version=10)))
    return store


def test_a_write_that_no_watch_shows_is_a_fault(store: EchoedStore, clock: Clock) -> None:
    store.remember("Deployment", deployment(version=11))
    clock.now += LATE
    store.answered(ASKED, None)

    assert "has not shown for 46 s what became of Deployment ml/fraud" in (store.stalled() or "")
    assert store.behind() == LATE


def test_what_was_read_must_be_shown_as_well(store: EchoedStore, clock: Clock) -> None:
    store.remember("Deployment", deployment(version=11))
    clock.now += 10
    store.observe("Deployment", {"type": READ, "object": deployment(version=12)})
    clock.now += LATE - 10
    store.answered(ASKED, None)
    assert store.behind() == LATE

    store.observe("Deployment", seen(deployment(version=12)))
    assert store.stalled() is None
    store.observe("Deployment", {"type": READ, "object": deployment(version=12)})
    assert store.behind() == 0


@pytest.mark.parametrize("shown", [11, 12])
def test_a_write_that_is_shown_is_none(store: EchoedStore, clock: Clock, shown: int) -> None:
    store.remember("Deployment", deployment(version=11))
    store.observe("Deployment", seen(deployment(version=shown)))
    clock.now += LATE
    store.answered(ASKED, None)

    assert store.stalled() is None
    assert store.behind() == 0


def test_a_write_that_changed_nothing_or_was_shown_before_is_none(store: EchoedStore, clock: Clock) -> None:
    store.remember("Deployment", deployment(version=10))
    clock.now += LATE
    store.answered(ASKED, None)

    assert store.stalled() is None


def test_a_deletion_shows_all_writes(store: EchoedStore, clock: Clock) -> None:
    store.remember("Deployment", deployment(version=11))
    store.observe("Deployment", {**seen(deployment(version=12)), "type": "DELETED"})
    clock.now += LATE
    store.answered(ASKED, None)

    assert store.stalled() is None


def test_an_outage_is_no_fault_of_the_watch(store: EchoedStore, clock: Clock) -> None:
    store.remember("Deployment", deployment(version=11))
    clock.now += LATE
    store.answered(ASKED, Unavailable(ASKED, "connection refused"))

    assert store.stalled() is None
