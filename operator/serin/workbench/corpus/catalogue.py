"""Which rollouts the corpus has: healthy ones under all that disturbs a cluster, and faults of all sizes.

The order is part of the corpus: a rollout's number is all that its dice depend on. Add at the end of a list.
"""

from collections.abc import Iterator
from functools import cache
from itertools import count, cycle, product
from typing import Any, Final

from serin.workbench.corpus.described import Described
from serin.workbench.recorded import Kind

Fields = dict[str, Any]
"""Of `Described`, by name."""
_ONE_STEP = ((0, 5),)
_WEIGHTS: Final = (_ONE_STEP, _ONE_STEP, ((0, 5), (900, 10), (1500, 25)), ((0, 25),))
_PODS: Final = ((4, 1), (4, 2), (2, 1), (1, 1), (6, 2))
_RATES: Final = (10, 100, 1000)
_ONSETS: Final = (0, 600, 1200)


@cache
def corpus() -> tuple[Described, ...]:
    """All of it."""
    numbers, weights, pods = count(1), cycle(_WEIGHTS), cycle(_PODS)

    def made(fields: Fields) -> Described:
        stables, canaries = next(pods)
        given: Fields = {"weights": next(weights), "stables": stables, "canaries": canaries} | fields
        return Described(number=next(numbers), **given)

    return tuple(made(fields) for kinds in (_healthy(), _faulty()) for fields in kinds)


def _healthy() -> Iterator[Fields]:
    errors: Fields = {"kind": Kind.ERRORS}
    for rate, usual, _ in product((3, 10, 30, 100, 300, 1000), (0.0, 0.001, 0.005, 0.01, 0.05), range(6)):
        yield errors | {"per_second": rate, "usual": usual}
    for disturbance, repeats in _DISTURBANCES.items():
        for rate, usual, _ in product(_RATES, (0.001, 0.01), range(repeats)):
            yield errors | {"per_second": rate, "usual": usual, "disturbance": disturbance}
    for rate, interval, _ in product(_RATES, (5, 30), range(4)):
        yield errors | {"per_second": rate, "usual": 0.01, "interval": interval}
    for kind, fault in _UNSEEN:
        for rate, disturbance, _ in product(
            _RATES, ("calm", "incident", "missing-scrapes", "idle"), range(2)
        ):
            yield {"kind": kind, "per_second": rate, "disturbance": disturbance, "fault": fault}
    for rate, disturbance in product(_RATES, ("calm", "calm", "incident", "missing-scrapes", "noisy-pods")):
        yield {"kind": Kind.COUNTERS, "per_second": rate, "usual": 0.005, "disturbance": disturbance}


def _faulty() -> Iterator[Fields]:
    errors: Fields = {"kind": Kind.ERRORS}
    for fault, onset, rate, usual, _ in product(_TIMES, _ONSETS, _RATES, (0.001, 0.01), range(3)):
        yield errors | {"per_second": rate, "usual": usual, "fault": fault, "onset": onset}
    points = ("+1pp", "+5pp", "100%")
    for fault, onset, rate, usual, _ in product(points, _ONSETS, _RATES, (0.0, 0.001, 0.01), range(2)):
        yield errors | {"per_second": rate, "usual": usual, "fault": fault, "onset": onset}
    for fault, ramp, onset, rate in product(("x10", "x50"), (600, 1200), (0, 600), _RATES):
        ramped = {"fault": fault, "onset": onset, "ramp": ramp}
        yield errors | {"per_second": rate, "usual": 0.01} | ramped
    for disturbance, fault, onset, rate in product(_DISTURBANCES, ("x10", "100%"), (0, 900), _RATES):
        disturbed = {"disturbance": disturbance, "fault": fault, "onset": onset}
        yield errors | {"per_second": rate, "usual": 0.01} | disturbed
    for kind, fault in _SEEN:
        for disturbance, onset, rate in product(("calm", "missing-scrapes"), (0, 900), _RATES):
            late = {"fault": fault, "onset": onset, "disturbance": disturbance}
            yield {"kind": kind, "per_second": rate} | late
    for fault, onset, rate in product(("x3", "x10", "x50"), _ONSETS, _RATES):
        late = {"fault": fault, "onset": onset}
        yield {"kind": Kind.COUNTERS, "per_second": rate, "usual": 0.005} | late


_TIMES: Final = ("x2", "x3", "x5", "x10", "x20", "x50", "x100")
_DISTURBANCES: Final = {
    "incident": 4,
    "short-incident": 4,
    "clusters": 3,
    "noisy-pods": 4,
    "unequal-pods": 3,
    "missing-scrapes": 5,
    "outage": 4,
    "idle": 4,
    "cold-start": 5,
}
"""What disturbs, and how many healthy rollouts there are of each rate and share."""
_UNSEEN: Final = (
    (Kind.LATENCY, "none"),
    (Kind.LATENCY, "slower-by-a-tenth"),
    (Kind.SCORES, "none"),
    (Kind.SCORES, "shifted-a-little"),
)
_SEEN: Final = (
    (Kind.LATENCY, "slower-by-half"),
    (Kind.LATENCY, "twice-as-slow"),
    (Kind.LATENCY, "thrice-as-slow"),
    (Kind.LATENCY, "slow-tail"),
    (Kind.SCORES, "shifted"),
    (Kind.SCORES, "shifted-far"),
    (Kind.SCORES, "collapsed"),
    (Kind.SCORES, "stuck"),
)


def examples() -> dict[str, Described]:
    """A few small ones that are kept as files, by the name of the file."""
    return {
        name: Described(number=number, **(_SMALL | fields))
        for number, (name, fields) in enumerate(_EXAMPLES.items(), 9001)
    }


_SMALL: Final[Fields] = {
    "kind": Kind.ERRORS,
    "usual": 0.01,
    "per_second": 100,
    "seconds": 1200,
    "history": 900,
    "stables": 2,
}
_EXAMPLES: Final[dict[str, Fields]] = {
    "healthy": {},
    "five-times-the-errors": {"fault": "x5"},
    "five-times-the-errors-after-ten-minutes": {"fault": "x5", "onset": 600},
    "twice-as-slow": {"kind": Kind.LATENCY, "fault": "twice-as-slow"},
    "scores-shifted": {"kind": Kind.SCORES, "fault": "shifted", "onset": 300},
    "shared-incident": {"disturbance": "incident"},
    "restarts-and-missing-scrapes": {"disturbance": "missing-scrapes"},
    "prometheus-away": {"disturbance": "outage"},
}
