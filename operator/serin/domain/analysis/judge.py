"""The verdict on an attempt, in four words and in sentences. Every sentence a person reads of a judgement
is made here.

Harm first, and it stays. Then what keeps from judging (I6): a missing signal is neither good nor bad. Safe
only when every signal is, at the step that is asked about (I5).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import log
from typing import Final

from serin.domain.analysis.counters import Arm, Cell, Role
from serin.domain.analysis.evidence import NOTHING, ArmCounts
from serin.domain.analysis.ledger import LONE_POD_RATIO, Ledger
from serin.domain.analysis.policy import SignalPolicy
from serin.domain.analysis.request import TrialRequest
from serin.domain.analysis.verdict import Assessment, Counts, SignalAssessment, Verdict

STALE_INTERVALS: Final = 6
"""Intervals after which the last decided boundary is too old to promote on (I5)."""


class Reason(StrEnum):
    """Why there is no verdict. For conditions: added to, never renamed."""

    PROMETHEUS_UNREACHABLE = "PrometheusUnreachable"
    QUERY_REFUSED = "QueryRefused"
    PARTIAL_ANSWER = "PartialAnswer"
    NO_SAMPLES = "NoSamples"
    SAMPLES_STALE = "SamplesStale"
    SCRAPES_MISSING = "ScrapesMissing"
    SAMPLES_SPOILT = "SamplesSpoilt"
    BUCKET_MISSING = "BucketMissing"
    WEIGHT_UNCONFIRMED = "WeightUnconfirmed"
    WARMING_UP = "WarmingUp"
    AWAITING_TRAFFIC = "AwaitingTraffic"
    ANALYSIS_FAULT = "AnalysisFault"


@dataclass(frozen=True, slots=True)
class Hold:
    """What is in the way of a verdict, as a fact."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Harmed:
    """When harm was found, by which signal, on which numbers. It is never taken back."""

    boundary: float
    signal: str
    ledger: Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """All that a verdict rests on.

    Attributes:
        heard: Which series have been seen at all, by signal, role and arm.
        boundary: The last boundary that was decided.
        live, missing, spoilt: By arm: whether some target is being scraped, whether more than half of its
            scrapes are missing, whether more than a fifth of its samples are no counter's values.
        warm_at: When the first canary pod that is scraped counts, in Unix seconds.
    """

    request: TrialRequest
    ledgers: Mapping[str, Ledger]
    heard: frozenset[Cell]
    boundary: float | None
    harmed: Harmed | None
    live: Mapping[Arm, bool]
    missing: Mapping[Arm, bool]
    spoilt: Mapping[Arm, bool]
    warm_at: float | None


def assess(sight: Sight, *, now: float) -> Assessment:
    """The verdict on what is in sight."""
    signals = tuple(_signal(sight, signal) for signal in sight.request.policy.signals)
    if sight.harmed is not None:
        return _assessment(sight, Verdict.HARM, signals, str(Verdict.HARM), harm_sentence(sight))
    if (hold := first_hold(sight, now=now)) is not None:
        return _assessment(sight, Verdict.NO_DATA, signals, hold.reason, hold.message)
    judged = [one for one in signals if one.verdict is not Verdict.NO_DATA]
    if all(one.verdict is Verdict.SAFE for one in judged):
        return _assessment(
            sight, Verdict.SAFE, signals, str(Verdict.SAFE), "; ".join(one.note for one in judged)
        )
    open_ones = [one for one in judged if one.verdict is not Verdict.SAFE]
    slowest = min(open_ones, key=lambda one: one.log_safety)
    return _assessment(sight, Verdict.UNDECIDED, signals, str(Verdict.UNDECIDED), slowest.note)


def blind(sight: Sight, hold: Hold) -> Assessment:
    """The verdict when samples cannot be read: what is known stays so, and nothing new is concluded (I6)."""
    seen = assess(sight, now=0.0)
    if seen.verdict is Verdict.HARM:
        return seen
    return _assessment(sight, Verdict.NO_DATA, seen.signals, hold.reason, hold.message, available=False)


def first_hold(sight: Sight, *, now: float) -> Hold | None:
    """What is in the way of judging at all, or None."""
    request = sight.request
    if sight.boundary is None or not any(sight.live.values()):
        return Hold(Reason.NO_SAMPLES, f"no samples of the pods of {request.canary} and {request.stable}")
    if (age := now - sight.boundary) > STALE_INTERVALS * request.interval:
        return Hold(Reason.SAMPLES_STALE, f"the newest samples of both sides are {age:.0f} s old")
    for arm in Arm:
        name = _name(request, arm)
        if not sight.live[arm]:
            return Hold(Reason.NO_SAMPLES, f"no pod of {name} is being scraped")
        if sight.missing[arm]:
            return Hold(
                Reason.SCRAPES_MISSING,
                f"{name} is scraped less than half as often as every {request.interval:g} s",
            )
        if sight.spoilt[arm]:
            return Hold(
                Reason.SAMPLES_SPOILT, f"more than a fifth of the samples of {name} are NaN or infinite"
            )
    holds = {signal.name: _signal_hold(sight, signal) for signal in request.policy.signals}
    needed = [s for s in request.policy.signals if not _left_out(sight, s)]
    if not needed:
        return Hold(Reason.NO_SAMPLES, "none of the signals has a series on either side")
    return next((hold for s in needed if (hold := holds[s.name]) is not None), None)


def _left_out(sight: Sight, signal: SignalPolicy) -> bool:
    """A default signal that neither side has: its absence says nothing about the canary."""
    return not signal.required and not any(cell.signal == signal.name for cell in sight.heard)


def _signal_hold(sight: Sight, signal: SignalPolicy) -> Hold | None:
    request, name = sight.request, signal.name
    if not any(cell.signal == name for cell in sight.heard):
        return Hold(Reason.NO_SAMPLES, f"{name}: no series of {signal.requests.metric} on either side")
    if signal.within is not None and not any(c.signal == name and c.role is Role.WITHIN for c in sight.heard):
        bucket = f"{signal.within.metric} has no bucket le={signal.at_most:g}"
        return Hold(Reason.BUCKET_MISSING, f"{name}: {bucket}; choose one of its bounds")
    if name in sight.ledgers:
        return None
    if not any(window.settled is not None for window in request.windows):
        return Hold(
            Reason.WEIGHT_UNCONFIRMED, f"the router has not confirmed a weight for {request.canary} yet"
        )
    boundary = sight.boundary or 0.0
    if sight.warm_at is not None and sight.warm_at > boundary:
        left = sight.warm_at - boundary
        return Hold(Reason.WARMING_UP, f"{request.canary} is warming up, {left:.0f} s to go")
    silent = next((arm for arm in Arm if Cell(name, Role.REQUESTS, arm) not in sight.heard), Arm.CANARY)
    return Hold(Reason.AWAITING_TRAFFIC, f"{name}: no counted request on {_name(request, silent)} yet")


def _signal(sight: Sight, signal: SignalPolicy) -> SignalAssessment:
    """One signal's verdict and numbers; those that decided, once it was found harmful."""
    harmed = sight.harmed if sight.harmed and sight.harmed.signal == signal.name else None
    ledger = harmed.ledger if harmed else sight.ledgers.get(signal.name)
    hold = _signal_hold(sight, signal)
    if harmed:
        verdict, note = Verdict.HARM, _harm_words(sight.request, harmed)
    elif _left_out(sight, signal):
        verdict, note = Verdict.NO_DATA, f"{signal.name}: no series on either side, left out"
    elif ledger is None or hold is not None:
        verdict, note = Verdict.NO_DATA, hold.message if hold else ""
    elif ledger.safe and ledger.step == sight.request.step:
        verdict, note = Verdict.SAFE, f"{_score(sight.request, ledger)}: safe"
    else:
        verdict, note = Verdict.UNDECIDED, f"{_score(sight.request, ledger)}: {_outlook(sight, ledger)}"
    return SignalAssessment(
        name=signal.name,
        verdict=verdict,
        canary=_counts(ledger.canary if ledger else NOTHING),
        stable=_counts(ledger.stable if ledger else NOTHING),
        log_evidence=ledger.log_harm if ledger else 0.0,
        log_safety=ledger.log_safety if ledger else 0.0,
        ratio=ledger.ratio if ledger else None,
        note=note,
    )


def harm_sentence(sight: Sight) -> str:
    """What was found, with the numbers it rests on."""
    if sight.harmed is None:
        raise ValueError("nothing harmful was found, so there is no sentence about it")
    return _harm_words(sight.request, sight.harmed)


def _harm_words(request: TrialRequest, harmed: Harmed) -> str:
    ledger = harmed.ledger
    head = f"{_compared(request, ledger.signal.name, ledger.canary, ledger.stable)} in the same time"
    points = 100 * ((ledger.canary.share or 0.0) - (ledger.stable.share or 0.0))
    if ledger.ratio is None:
        return f"{head}: {points:.1f} points more"
    pods = sum(pod.arm is Arm.CANARY and pod.ready is not None for pod in request.pods)
    allowed = ledger.signal.max_ratio if pods > 1 else max(LONE_POD_RATIO, ledger.signal.max_ratio)
    return f"{head}: {ledger.ratio:.1f} times as often, {allowed:g} allowed"


def _outlook(sight: Sight, ledger: Ledger) -> str:
    """What an undecided signal waits for, and about how long at the present pace."""
    if ledger.step != sight.request.step:
        return "nothing counted at this step's weight yet"
    served, wanted = ledger.step_canary.requests, ledger.promotion.min_requests
    if not ledger.leans_safe:
        return f"more often than {ledger.promotion.max_ratio:g} times the stable's share so far"
    since = [w.settled for w in sight.request.windows if w.step == ledger.step and w.settled is not None]
    elapsed = (sight.boundary or 0.0) - max(since[-1] if since else 0.0, ledger.began)
    needed = -log(1 - ledger.promotion.confidence)
    lacking = max(
        wanted / served - 1 if served else 0.0,
        needed / ledger.log_safety - 1 if ledger.log_safety > 0.1 else 0.0,
    )
    if ledger.log_safety < needed and ledger.log_safety <= 0.1:
        return "too few requests to tell"
    return f"safe in about {_duration(lacking * elapsed)}"


def _score(request: TrialRequest, ledger: Ledger) -> str:
    return _compared(request, ledger.signal.name, ledger.step_canary, ledger.step_stable)


def _compared(request: TrialRequest, signal: str, canary: ArmCounts, stable: ArmCounts) -> str:
    ours = f"{canary.bad:,.0f} bad of {canary.requests:,.0f} on {request.canary}"
    return f"{signal}: {ours}, {stable.bad:,.0f} of {stable.requests:,.0f} on {request.stable}"


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{max(seconds, 1):.0f} s"


def _name(request: TrialRequest, arm: Arm) -> str:
    return request.canary if arm is Arm.CANARY else request.stable


def _counts(seen: ArmCounts) -> Counts:
    return Counts(events=seen.requests, bad=seen.bad)


def _assessment(
    sight: Sight,
    verdict: Verdict,
    signals: tuple[SignalAssessment, ...],
    reason: str,
    message: str,
    *,
    available: bool = True,
) -> Assessment:
    return Assessment(
        attempt=sight.request.attempt,
        step=sight.request.step,
        policy_hash=sight.request.policy.fingerprint(),
        verdict=verdict,
        signals=signals,
        boundary=sight.boundary,
        reason=str(reason),
        message=message,
        available=available,
    )
