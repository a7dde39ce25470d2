"""What an operation cost, for each object: requests of the operator by kind, its CPU, memory, and time."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tests.bench.crowd import Took
from tests.cluster.audit import Requests


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What the operator used, and how fast the machine was meanwhile."""

    looks: int
    cpu_seconds: float
    peak_bytes: int
    yardstick_milliseconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One operation on all objects.

    Attributes:
        writes: That changed something, Events and Leases left out.
        statuses: Those of a status.
        refused: Writes that a fence kept out.
        reads: GETs and LISTs.
        looks: Times that the operator looked at a model.
        peak_bytes: The most memory it had in this operation.
        yardstick_milliseconds: CPU of a piece of work that is always the same, meanwhile and on this machine.
        kinds: How often each `verb resource/subresource` was asked.
    """

    name: str
    objects: int
    writes: int
    statuses: int
    refused: int
    reads: int
    events: int
    looks: int
    cpu_seconds: float
    peak_bytes: int
    yardstick_milliseconds: float
    asking_seconds: float
    arriving_seconds: float
    kinds: Mapping[str, int]

    @classmethod
    def of(cls, name: str, objects: int, requests: Requests, *, spent: Spent, took: Took) -> "Figures":
        """Count what was asked."""
        work = requests.work
        done = work.writes.that(lambda one: one.code < 400)
        return cls(
            name=name,
            objects=objects,
            writes=len(done),
            statuses=len(done.that(lambda one: one.subresource == "status")),
            refused=len(work.writes.refused),
            reads=len(work.reads),
            events=len(requests.on("events").writes),
            looks=spent.looks,
            cpu_seconds=spent.cpu_seconds,
            peak_bytes=spent.peak_bytes,
            yardstick_milliseconds=spent.yardstick_milliseconds,
            asking_seconds=took.asking,
            arriving_seconds=took.arriving,
            kinds=dict(sorted(_kinds(requests).items())),
        )

    def each(self, amount: float) -> float:
        """For each object."""
        return amount / self.objects

    @property
    def cpu_milliseconds(self) -> float:
        """For each object."""
        return 1000 * self.each(self.cpu_seconds)

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


def _kinds(requests: Requests) -> Counter[str]:
    return requests.that(lambda one: one.verb != "watch").counts()
