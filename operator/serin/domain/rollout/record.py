"""What is kept of attempts that have ended: their names, versions, and why a revision was rejected.

Names are never used twice, so that a person's request for one attempt does nothing to another (I18).
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from serin.domain.analysis.verdict import SignalAssessment
from serin.domain.figures import counted, figure, figure_of_log, moment
from serin.domain.findings import condemning, interval, query_of, window_of
from serin.domain.intent import Intent
from serin.domain.names import RevisionHash
from serin.domain.rollout.world import Reason, World, canary_of, revision_name
from serin.domain.status import Rejection, Rollout

NUMBERED = re.compile(r"(?P<of>.+)\.(?P<number>[0-9]{1,9})")
"""An attempt's name: the revision's, and the number of the attempt at it."""
FARTHEST = 1_000_000
"""Requests for attempts beyond this are nobody's: counting on from them would outgrow `NUMBERED`."""


def next_attempt(world: World, revision: RevisionHash) -> str:
    """A name that no earlier attempt at a revision had and no request names, so that old ones never match
    (I18).
    """
    name = revision_name(world.intent, revision)
    earlier = [entry.attempt for entry in world.status.rejected]
    earlier += [entry.attempt for entry in world.status.history]
    if world.status.rollout:
        earlier.append(world.status.rollout.attempt)
    asked = [number for number in _numbers(name, requested_attempts(world.intent)) if number <= FARTHEST]
    return f"{name}.{max([*_numbers(name, earlier), *asked], default=0) + 1}"


def _numbers(name: str, attempts: Iterable[str]) -> list[int]:
    """Which attempts at a revision are among these."""
    found = [NUMBERED.fullmatch(attempt) for attempt in attempts]
    return [int(one["number"]) for one in found if one is not None and one["of"] == name]


def requested_attempts(intent: Intent) -> Iterator[str]:
    """The attempts that requests by annotation name. They outlive the history, and the status where it is
    lost.
    """
    asked = intent.requests
    promoted = (asked.promote or "").rpartition(":")[0]
    yield from (attempt for attempt in (promoted, asked.abort, asked.retry, asked.pause) if attempt)


def version_of(world: World, revision: str) -> str | None:
    """What people call a revision: the spec tells it of the wanted one, the status of those that had
    traffic; of one that comes back from a bake, or after the status was lost, its own attempt's entry.
    """
    if revision == revision_name(world.intent, world.wanted):
        return world.intent.version or None
    known = (world.status.canary, world.status.stable, *reversed(world.status.history))
    return next((one.version for one in known if one and one.revision == revision and one.version), None)


def rejection(world: World, rollout: Rollout, reason: Reason, message: str) -> Rejection:
    """Why a revision is not tried again by itself, with the numbers that condemned it."""
    canary = canary_of(world.intent, rollout)
    signal = condemning(world.assessment) if reason is Reason.HARM else None
    numbers = _condemned_on(world, rollout, signal) if signal is not None else {}
    return Rejection(
        hash=canary,
        revision=revision_name(world.intent, canary),
        attempt=rollout.attempt,
        reason=reason.value,
        message=message[:1024],
        at=world.now,
        **numbers,
    )


def _condemned_on(world: World, rollout: Rollout, signal: SignalAssessment) -> dict[str, Any]:
    """What a signal's verdict rests on, and how a person sees it."""
    window = window_of(world, rollout, world.assessment)
    return {
        "signal": signal.name,
        "ratio": figure(signal.ratio),
        "ratio_lower": figure(signal.lower),
        "ratio_upper": figure(signal.upper),
        "since": moment(signal.since),
        "evidence": figure_of_log(signal.log_evidence),
        "canary": counted(signal.canary),
        "stable": counted(signal.stable),
        "window": interval(window),
        "query": query_of(world, signal.name, window),
    }
