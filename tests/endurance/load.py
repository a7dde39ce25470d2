"""How much each pod really got: nobody above what a complete revision's pods would share (T4, I4).

With capacity before weight, a pod never gets more than the whole traffic divided by the model's size,
whatever the weights are. That is asked of every window of the answers the users got.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import sqrt
from typing import Final

from tests.cluster.traffic import Sent

WINDOW_SECONDS: Final = 2.0
TELLING: Final = 20
"""Requests of a share from which on its multiple is more than chance."""
SIGMAS: Final = 5.0
"""Envoy draws the backend of each request, so a share is met as a binomial's mean is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overload:
    """A pod that got more than its share in a window."""

    at: float
    pod: str
    requests: int
    share: float

    def __str__(self) -> str:
        return f"{self.at:.1f} {self.pod} got {self.requests} requests, {self.share:.0f} are its share"


def overloads(sent: Iterable[Sent], *, size: int) -> Iterator[Overload]:
    """Every window in which a pod got more than chance explains."""
    for at, counts in _windows(sent):
        share = counts.total() / size
        for pod, requests in counts.items():
            if requests > share + SIGMAS * sqrt(share) + 1:
                yield Overload(at=at, pod=pod, requests=requests, share=share)


def heaviest(sent: Iterable[Sent], *, size: int) -> float:
    """The most that a pod got of its share in any window that is full enough to tell, as a multiple of it."""
    ratios = (
        requests * size / counts.total()
        for _, counts in _windows(sent)
        if counts.total() >= TELLING * size
        for requests in counts.values()
    )
    return max(ratios, default=0.0)


def _windows(sent: Iterable[Sent]) -> Iterator[tuple[float, Counter[str]]]:
    found: dict[int, Counter[str]] = defaultdict(Counter)
    for one in sent:
        if one.served_by is not None:
            found[int(one.at / WINDOW_SECONDS)][one.served_by] += 1
    for number, counts in sorted(found.items()):
        yield number * WINDOW_SECONDS, counts
