"""How long what is not urgent may wait to be written, alone and in a crowd."""

from datetime import timedelta
from typing import NoReturn

from serin.domain.names import Key
from serin.domain.status import Status
from serin.runtime.reporter import WORDS_EVERY, Reporter
from tests.component.cluster_in_memory import Clock, ClusterInMemory

FRAUD = Key("ml", "fraud")
BEFORE, AFTER = Status(), Status(message="2 of 3 pods are ready")


class Unasked:
    """Tells nobody of anything, since nothing happens here."""

    def record(self, model: object, notice: object) -> NoReturn:
        raise AssertionError(notice)


def reporter(clock: Clock) -> Reporter:
    return Reporter(clock.cluster, clock.cluster.store, recorder=Unasked(), clock=clock)


def test_words_wait_a_minute_from_when_they_first_differed() -> None:
    clock = Clock(ClusterInMemory())
    told = reporter(clock)

    assert told.wait(FRAUD, BEFORE, AFTER) == WORDS_EVERY
    clock.move(45)
    assert told.wait(FRAUD, BEFORE, AFTER) == WORDS_EVERY - timedelta(seconds=45)
    clock.move(45)
    assert told.wait(FRAUD, BEFORE, AFTER) == timedelta(0)


def test_in_a_crowd_words_wait_longer_and_no_longer_once_it_is_gone() -> None:
    """A thousand that wait for pods are five writes a second, and not seventeen."""
    clock = Clock(ClusterInMemory())
    told = reporter(clock)
    crowd = [Key("ml", f"model-{number}") for number in range(999)]

    for key in crowd:
        told.wait(key, BEFORE, AFTER)
    assert told.wait(FRAUD, BEFORE, AFTER) == timedelta(seconds=200)

    for key in crowd:
        told.wait(key, AFTER, AFTER)
    assert told.wait(FRAUD, BEFORE, AFTER) == WORDS_EVERY
