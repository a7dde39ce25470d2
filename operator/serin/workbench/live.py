"""A recording made from a Prometheus and a stretch of its past.

Raw samples are read by range selectors, an hour at a time, and the hour before the rollout too: noise is
learnt from it. What is read becomes a document as `recording` reads them, so that it can be saved, shared and
judged again without that Prometheus.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from json import dumps
from math import inf, nextafter
from typing import Any, Final

import aiohttp

from serin.domain.analysis.counters import Arm, Series
from serin.domain.analysis.dispersion import LONGEST_HISTORY
from serin.domain.analysis.policy import Counter
from serin.prom.client import PrometheusClient, PrometheusError
from serin.prom.credentials import Credentials
from serin.workbench.matrices import InvalidRecording

STRETCH: Final = 3600
"""Seconds that one query reaches back."""
PATIENCE: Final = 60.0
"""Seconds that an answer may take: nobody's rollout waits for it."""
_OF_TARGETS: Final = {"up": Counter(metric="up"), "start": Counter(metric="process_start_time_seconds")}
"""Recorded where there are any with the labels of an arm."""

Matchers = tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be recorded.

    Attributes:
        start, end: Of the rollout, in Unix seconds.
        arms: What tells an arm's series from the others'.
        signal: The recording's `signal`.
        counters: What is read, by its key in the recording.
    """

    address: str
    start: float
    end: float
    interval: float
    arms: Mapping[Arm, Matchers]
    signal: Mapping[str, Any]
    counters: Mapping[str, Counter]
    credentials: Credentials | None = field(default=None, repr=False)


def recorded(wanted: Wanted) -> dict[str, Any]:
    """The recording.

    Raises:
        InvalidRecording: Prometheus cannot be asked, or has no such series.
    """
    try:
        return asyncio.run(_recorded(wanted))
    except PrometheusError as error:
        raise InvalidRecording(str(error)) from error


async def _recorded(wanted: Wanted) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session:
        client = PrometheusClient(session, wanted.address, credentials=wanted.credentials, timeout=PATIENCE)
        arms: dict[str, dict[str, Any]] = {}
        for arm in (Arm.STABLE, Arm.CANARY):
            arms[str(arm)] = {}
            for key, counter in {**_OF_TARGETS, **wanted.counters}.items():
                series = await _series(client, wanted, _selector(counter, wanted.arms[arm]))
                if series or key in wanted.counters:
                    arms[str(arm)][key] = {"resultType": "matrix", "result": result_of(series)}
    for arm_name, found in arms.items():
        _check_found(wanted, Arm(arm_name), found)
    head = {"scrapeIntervalSeconds": wanted.interval, "rolloutStart": wanted.start}
    return {"signal": dict(wanted.signal), **head, **arms}


async def _series(client: PrometheusClient, wanted: Wanted, selector: str) -> list[Series]:
    found: list[Series] = []
    moment = wanted.start - LONGEST_HISTORY
    while moment < wanted.end:
        reach = min(STRETCH, int(wanted.end - moment) + 1)
        moment += reach
        answer = await client.query(f"{selector}[{reach}s]", moment)
        if answer.warnings:
            raise InvalidRecording(f"{wanted.address} answers in part only: {answer.warnings[0]}")
        found += answer.series
    return found


def _check_found(wanted: Wanted, arm: Arm, found: Mapping[str, Any]) -> None:
    key, counter = next((k, c) for k, c in wanted.counters.items() if k != "bad")
    if not found[key]["result"]:
        where = _selector(counter, wanted.arms[arm])
        raise InvalidRecording(f"--{arm}: no series of {where} in that time; try it in Prometheus' own page")


def _selector(counter: Counter, matchers: Matchers) -> str:
    """PromQL; several metrics joined by | are one pattern."""
    several = "|" in counter.metric
    named: Matchers = (("__name__", "=~", counter.metric),) if several else ()
    told = [
        f"{label}{operator}{dumps(value)}" for label, operator, value in named + counter.matchers + matchers
    ]
    return f"{'' if several else counter.metric}{{{','.join(told)}}}"


def result_of(series: Iterable[Series]) -> list[dict[str, Any]]:
    """Series as Prometheus answers them; of native histograms, the buckets that the judge would read."""
    classic: list[dict[str, Any]] = []
    native: list[Series] = []
    for one in series:
        if one.native:
            native.append(one)
        else:
            values = [[t, _number(value)] for t, value in one.samples]
            classic.append({"metric": dict(one.labels), "values": values})
    native.sort(key=_rest)
    for labels, buckets in groupby(native, key=_rest):
        classic.append({"metric": dict(labels), "histograms": _histograms(buckets)})
    return classic


def _rest(bucket: Series) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, value) for name, value in bucket.labels.items() if name != "le"))


def _histograms(buckets: Iterable[Series]) -> list[list[Any]]:
    moments: dict[float, dict[float, float]] = {}
    for bucket in buckets:
        for t, value in bucket.samples:
            moments.setdefault(t, {})[float(bucket.labels["le"])] = value
    return [
        [
            t,
            {
                "count": _number(held.pop(inf, sum(held.values()))),
                "buckets": [[0, *_edges(bound), _number(held[bound])] for bound in sorted(held)],
            },
        ]
        for t, held in sorted(moments.items())
    ]


def _edges(bound: float) -> tuple[str, str]:
    """Of a bucket as wide as the judge's: a fourth of an octave, or what lies around zero."""
    if bound == 0:
        least = nextafter(0.0, 1.0)
        return repr(-least), repr(least)
    quarter = 2**0.25
    return repr(bound / quarter if bound > 0 else bound * quarter), repr(bound)


def _number(value: float) -> str:
    return str(int(value)) if value == value and abs(value) < 2**53 and value == int(value) else repr(value)
