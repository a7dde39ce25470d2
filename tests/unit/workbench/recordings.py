"""Recordings written by hand: counters that grow by so much in every scrape interval."""

from typing import Any

START = 1_767_225_600.0
"""When rollouts begin: on every grid."""
INTERVAL = 15

Growth = tuple[float, float]
"""Requests and bad ones in an interval."""


def series(growth: float, *, first: int, last: int, **labels: str) -> dict[str, Any]:
    """A counter with a sample at each boundary from the first to the last; the rollout starts at the 0th."""
    values = [[START + k * INTERVAL, f"{(k - first) * growth:g}"] for k in range(first, last + 1)]
    return {"metric": {"__name__": "requests_total", **labels}, "values": values}


def matrix(*found: dict[str, Any]) -> dict[str, Any]:
    return {"resultType": "matrix", "result": list(found)}


def arm(growth: Growth, *, pod: str, first: int, last: int) -> dict[str, Any]:
    requests, bad = (series(one, first=first, last=last, pod=pod) for one in growth)
    return {"requests": matrix(requests), "bad": matrix(bad)}


def document(
    *,
    canary: Growth = (75, 0.75),
    stable: Growth = (1425, 14.25),
    last: int = 80,
    **changes: Any,
) -> dict[str, Any]:
    """A canary from the rollout's start on, beside a stable pod with a quarter of an hour of history."""
    return {
        "signal": {"kind": "errors"},
        "scrapeIntervalSeconds": INTERVAL,
        "rolloutStart": START,
        "stable": arm(stable, pod="old", first=-60, last=last),
        "canary": arm(canary, pod="new", first=0, last=last),
        "policy": {"warmUpSeconds": 0},
        **changes,
    }


def native_arm(buckets: dict[int, float], *, pod: str, first: int, last: int) -> dict[str, Any]:
    """A native histogram of resolution 2: its buckets, by powers of the fourth root of 2, grow by so much."""
    edges = {k: [0, repr(2 ** ((k - 1) / 4)), repr(2 ** (k / 4))] for k in buckets}
    histograms = [
        [
            START + k * INTERVAL,
            {
                "count": f"{(k - first) * sum(buckets.values()):g}",
                "buckets": [[*edges[place], f"{(k - first) * n:g}"] for place, n in buckets.items()],
            },
        ]
        for k in range(first, last + 1)
    ]
    return {"buckets": matrix({"metric": {"__name__": "score", "pod": pod}, "histograms": histograms})}
