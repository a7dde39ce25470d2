"""Rules of fixed thresholds, as other controllers have them, for comparison on the same samples.

Each minute they ask Prometheus for the canary's share of bad requests in the last minute, by `rate`, and
compare it with a number that somebody chose. `failing` and `measuring` follow the sources of Flagger (checks
that failed are counted for good, and no data is a failed check) and of Argo Rollouts (NaN is a failed
measurement, more than so many of which end it; so do more than four errors in a row).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from math import inf, nan
from typing import Final

from serin.domain.analysis.counters import Arm, Role, Series
from serin.domain.analysis.request import Channel
from serin.workbench.recording import Recording

LOOK_SECONDS: Final = 60.0
"""How often a rule looks, and how far back: the interval that the manuals of both recommend."""
CONSECUTIVE_ERRORS: Final = 4
"""Argo Rollouts' default of errors in a row that are borne."""


class Style(StrEnum):
    """Whose way of counting failures."""

    FLAGGER = "Flagger"
    ARGO = "Argo Rollouts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A threshold for the canary's bad share.

    Attributes:
        allowed: The largest bad share that passes.
        failures: Flagger: the number of failed checks that rolls back. Argo: the number that is borne.
        delay: Seconds after the start before the first look, as a careful user sets it.
    """

    style: Style
    allowed: float
    failures: int
    delay: float = 120.0


_ROLES: Final = (Role.REQUESTS, Role.BAD, Role.WITHIN)


def rolls_back_at(rule: Rule, recording: Recording) -> float | None:
    """When the rule would have taken the canary back, in Unix seconds; None: it would not have."""
    requests, bad, within = (_of_canary(recording, role) for role in _ROLES)
    end = max((one.samples[-1][0] for one in requests if one.samples), default=0.0)
    looks = _looks(recording.request.started + rule.delay, end)
    shares = ((t, _share(requests, bad, within, t)) for t in looks)
    match rule.style:
        case Style.FLAGGER:
            return _failing(rule, shares)
        case Style.ARGO:
            return _measuring(rule, shares)


def _of_canary(recording: Recording, role: Role) -> list[Series]:
    name = recording.request.policy.signals[0].name
    return [one for one in recording.answers.get(Channel(name, role), ()) if one.arm is Arm.CANARY]


def _looks(first: float, end: float) -> Iterator[float]:
    moment = first
    while moment <= end:
        yield moment
        moment += LOOK_SECONDS


def _share(
    requests: Iterable[Series], bad: Iterable[Series], within: Iterable[Series], at: float
) -> float | None:
    """The bad share of the last minute as PromQL has it: None without a result, NaN for nought by nought."""
    served, failed, fast = (_rate(series, at) for series in (requests, bad, within))
    if served is None:
        return None
    if fast is not None:
        failed = max(0.0, served - fast)
    return (failed or 0.0) / served if served > 0 else nan


def _rate(series: Iterable[Series], at: float) -> float | None:
    found = [one for each in series if (one := rate(each, at, LOOK_SECONDS)) is not None]
    return sum(found) if found else None


def _failing(rule: Rule, shares: Iterable[tuple[float, float | None]]) -> float | None:
    """Flagger: failures add up, a pass resets nothing, and the one that is too many acts a look later."""
    failed = 0
    for t, share in shares:
        if failed >= rule.failures:
            return t
        failed += share is None or not share <= rule.allowed
    return None


def _measuring(rule: Rule, shares: Iterable[tuple[float, float | None]]) -> float | None:
    """Argo Rollouts: a measurement fails or is an error; each kind has its own limit."""
    failed = errors = 0
    for t, share in shares:
        errors = errors + 1 if share is None else 0
        failed += share is not None and not share <= rule.allowed
        if failed > rule.failures or errors > CONSECUTIVE_ERRORS:
            return t
    return None


def rate(series: Series, at: float, window: float) -> float | None:
    """PromQL's `rate(series[window])` at a moment; None with fewer than two samples.

    Source: extrapolatedRate in Prometheus' promql/functions.go: growth is extrapolated to the window's edges,
    unless a sample is farther from one than is usual, and never to below zero.
    """
    first = bisect_right(series.samples, (at - window, inf))
    samples = series.samples[first : bisect_left(series.samples, (at, inf))]
    if len(samples) < 2:
        return None
    grown = samples[-1][1] - samples[0][1]
    grown += sum(one for (_, one), (_, other) in pairwise(samples) if other < one)
    sampled = samples[-1][0] - samples[0][0]
    usual = sampled / (len(samples) - 1)
    before, after = samples[0][0] - (at - window), at - samples[-1][0]
    before = before if before < 1.1 * usual else usual / 2
    after = after if after < 1.1 * usual else usual / 2
    if grown > 0 and samples[0][1] >= 0:
        before = min(before, sampled * samples[0][1] / grown)
    return grown * (sampled + before + after) / sampled / window
