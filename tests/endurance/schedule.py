"""What goes wrong and what users want in a run of chaos, from a seed alone: the same seed, the same schedule.

Whom a fault hits depends on what there is at its time; it is chosen with the fault's own `dice`, so that the
choice too is the seed's as far as the world is the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final


class Fault(StrEnum):
    """What can go wrong."""

    OPERATOR_KILLED = "operator killed"
    OPERATOR_ENDED = "operator asked to end"
    OPERATOR_PAUSED = "operator paused"
    API_SERVER_KILLED = "API server killed"
    PROMETHEUS_KILLED = "Prometheus killed"
    CONNECTIONS_RESET = "connections reset"
    WATCH_FROZEN = "watch frozen"
    REQUESTS_REFUSED = "requests refused"
    ANSWERS_LOST = "answers lost"
    ANSWERS_LATE = "answers late"
    LEASE_DELETED = "Lease deleted"
    CONTAINER_KILLED = "container killed"
    REVISION_KILLED = "all containers of a revision killed"
    POD_DELETED = "pod deleted"
    READINESS_LOST = "readiness lost"
    ROUTE_EDITED = "route edited"
    SERVICE_EDITED = "Service edited"
    DEPLOYMENT_SCALED = "Deployment scaled"
    OWNER_REMOVED = "owner removed"


class Wish(StrEnum):
    """What a user does to a model."""

    GOOD = "good"
    BAD = "bad"
    CRASHING = "crashing"
    REVERT = "revert"
    ABORT = "abort"
    PAUSE = "pause"


@dataclass(frozen=True, slots=True)
class Spell:
    """How often a fault comes and for how long: its mean number in ten minutes, seconds from and to."""

    often: float
    least: float = 0.0
    most: float = 0.0


SPELLS: Final[dict[Fault, Spell]] = {
    Fault.OPERATOR_KILLED: Spell(4, 0, 10),
    Fault.OPERATOR_ENDED: Spell(2, 0, 5),
    Fault.OPERATOR_PAUSED: Spell(2, 2, 30),
    Fault.API_SERVER_KILLED: Spell(2, 0, 8),
    Fault.PROMETHEUS_KILLED: Spell(2, 2, 40),
    Fault.CONNECTIONS_RESET: Spell(4),
    Fault.WATCH_FROZEN: Spell(4, 2, 30),
    Fault.REQUESTS_REFUSED: Spell(6, 1, 10),
    Fault.ANSWERS_LOST: Spell(6, 1, 5),
    Fault.ANSWERS_LATE: Spell(3, 2, 10),
    Fault.LEASE_DELETED: Spell(2),
    Fault.CONTAINER_KILLED: Spell(15),
    Fault.REVISION_KILLED: Spell(4),
    Fault.POD_DELETED: Spell(10),
    Fault.READINESS_LOST: Spell(10, 4, 20),
    Fault.ROUTE_EDITED: Spell(5),
    Fault.SERVICE_EDITED: Spell(4),
    Fault.DEPLOYMENT_SCALED: Spell(6),
    Fault.OWNER_REMOVED: Spell(3),
}
WISHES: Final[dict[Wish, float]] = {
    Wish.GOOD: 45,
    Wish.BAD: 14,
    Wish.CRASHING: 8,
    Wish.REVERT: 12,
    Wish.ABORT: 11,
    Wish.PAUSE: 10,
}
FIRST_SECONDS: Final = 5.0
PATIENCE: Final = (30.0, 240.0)
"""Seconds from a user's wish to the next: some come in the middle of a rollout, some after it."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One fault of the schedule: seconds from the start, how long it lasts, and its dice."""

    at: float
    what: Fault
    seconds: float
    dice: int


@dataclass(frozen=True, slots=True)
class Wished:
    """One wish of a model's user."""

    at: float
    what: Wish
    dice: int


def faults(seed: int, *, minutes: float) -> tuple[Planned, ...]:
    """All faults of a run in the order of their times; the last has ended when the minutes are over."""
    found = (one for what in SPELLS for one in _spells(seed, what, seconds=60 * minutes))
    return tuple(sorted(found, key=lambda one: (one.at, one.what)))


def wishes(seed: int, model: str, *, minutes: float) -> tuple[Wished, ...]:
    """What a model's user wants, in order."""
    random = Random(f"{seed} {model}")
    found: list[Wished] = []
    at = random.uniform(FIRST_SECONDS, PATIENCE[1])
    while at < 60 * minutes:
        what = random.choices(list(WISHES), list(WISHES.values()))[0]
        found.append(Wished(at, what, random.getrandbits(32)))
        at += random.uniform(*PATIENCE)
    return tuple(found)


def _spells(seed: int, what: Fault, *, seconds: float) -> Iterator[Planned]:
    random, spell = Random(f"{seed} {what}"), SPELLS[what]
    at = FIRST_SECONDS
    while True:
        at += random.expovariate(spell.often / 600)
        lasts = random.uniform(spell.least, spell.most)
        if at + lasts > seconds:
            return
        yield Planned(at, what, lasts, random.getrandbits(32))
        at += lasts
