"""The verdict on an attempt, in four words.

Harm first, and it stays. Then what keeps from judging (I6): a missing signal is neither good nor bad. Safe
only when every signal is, at the step that is asked about (I5). The sentences are `words`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from math import isfinite
from typing import Final

from serin.domain.analysis import words
from serin.domain.analysis.counters import Arm, Cell, Role
from serin.domain.analysis.distribution import Account
from serin.domain.analysis.evidence import NOTHING, ArmCounts
from serin.domain.analysis.policy import SignalPolicy
from serin.domain.analysis.sight import Sight
from serin.domain.analysis.sources import MOST_SERIES
from serin.domain.analysis.verdict import Assessment, Counts, SignalAssessment, Verdict
from serin.domain.analysis.warming import Warming

STALE_INTERVALS: Final = 6
"""Intervals after which the last decided boundary is too old to promote on (I5)."""
SILENT_SECONDS: Final = 120.0
"""The same for an arm whose pods answer scrapes and count nothing: thin traffic has gaps of a minute."""
DEADLINE_SECONDS: Final = 600.0
"""Without anything to count for longer than this, what is missing is said with its time: a person should
look.
"""


class Reason(StrEnum):
    """Why there is no verdict. For conditions: added to, never renamed."""

    PROMETHEUS_UNREACHABLE = "PrometheusUnreachable"
    QUERY_REFUSED = "QueryRefused"
    PARTIAL_ANSWER = "PartialAnswer"
    NO_SAMPLES = "NoSamples"
    SAMPLES_STALE = "SamplesStale"
    SCRAPES_MISSING = "ScrapesMissing"
    SAMPLES_SPOILT = "SamplesSpoilt"
    TOO_MANY_SERIES = "TooManySeries"
    BUCKET_MISSING = "BucketMissing"
    WEIGHT_UNCONFIRMED = "WeightUnconfirmed"
    WARMING_UP = "WarmingUp"
    AWAITING_TRAFFIC = "AwaitingTraffic"
    SPLIT_MISMATCH = "SplitMismatch"
    SHARED_INCIDENT = "SharedIncident"
    ONLY_DRY_RUNS = "OnlyDryRuns"
    ANALYSIS_FAULT = "AnalysisFault"


@dataclass(frozen=True, slots=True)
class Hold:
    """What is in the way of a verdict, as a fact."""

    reason: Reason
    message: str


def assess(sight: Sight, *, now: float) -> Assessment:
    """The verdict on what is in sight."""
    signals = tuple(_signal(sight, signal) for signal in sight.request.policy.signals)
    if sight.harmed is not None:
        sentence = words.harm(sight.request, sight.harmed, canaries=sight.canaries)
        return _assessment(sight, Verdict.HARM, signals, str(Verdict.HARM), sentence)
    if (hold := first_hold(sight, now=now)) is not None:
        return _assessment(sight, Verdict.NO_DATA, signals, hold.reason, _with_time(sight, hold, now))
    judged = [one for one in signals if not one.dry_run and one.verdict is not Verdict.NO_DATA]
    if open_ones := [one for one in judged if one.verdict is not Verdict.SAFE]:
        slowest = min(open_ones, key=lambda one: one.log_safety)
        return _assessment(sight, Verdict.UNDECIDED, signals, str(Verdict.UNDECIDED), slowest.note)
    if sight.split is not None and not sight.split.settled:
        note = words.unproven(sight.split)
        return _assessment(sight, Verdict.UNDECIDED, signals, str(Verdict.UNDECIDED), note)
    return _assessment(sight, Verdict.SAFE, signals, str(Verdict.SAFE), "; ".join(_notes(sight, judged)))


def blind(sight: Sight, hold: Hold) -> Assessment:
    """The verdict when samples cannot be read: what is known stays so, and nothing new is concluded (I6)."""
    seen = assess(sight, now=0.0)
    if seen.verdict is Verdict.HARM:
        return seen
    return replace(
        seen, verdict=Verdict.NO_DATA, reason=str(hold.reason), message=hold.message, available=False
    )


def first_hold(sight: Sight, *, now: float) -> Hold | None:
    """What is in the way of judging at all, or None."""
    request = sight.request
    if sight.boundary is None or not any(sight.live.values()):
        return Hold(Reason.NO_SAMPLES, f"no samples of the pods of {request.canary} and {request.stable}")
    if (age := now - sight.boundary) > STALE_INTERVALS * request.interval:
        return Hold(Reason.SAMPLES_STALE, f"the newest samples of both sides are {age:.0f} s old")
    for arm in Arm:
        if (hold := _arm_hold(sight, arm)) is not None:
            return hold
    if not sight.judged:
        if any(signal.dry_run for signal in request.policy.signals):
            return Hold(Reason.ONLY_DRY_RUNS, "every signal that there is, is a dry run")
        return Hold(Reason.NO_SAMPLES, "none of the signals has a series on either side")
    if (hold := _astray(sight)) is not None:
        return hold
    for signal in sight.judged:
        if (hold := _signal_hold(sight, signal)) is not None:
            return hold
    return _incident(sight)


def _arm_hold(sight: Sight, arm: Arm) -> Hold | None:
    name, interval = words.name(sight.request, arm), sight.request.interval
    if not sight.live[arm]:
        return Hold(Reason.NO_SAMPLES, f"no pod of {name} is being scraped")
    if sight.missing[arm]:
        often = f"{name} is scraped less than half as often as every {interval:g} s"
        return Hold(Reason.SCRAPES_MISSING, often)
    if sight.spoilt[arm]:
        spoilt = f"more than a fifth of the samples of {name} are no counter's"
        return Hold(Reason.SAMPLES_SPOILT, f"{spoilt}: NaN, infinite, or lower than before")
    return None


def _astray(sight: Sight) -> Hold | None:
    """A router that sends something else; one that sends nothing looks like a canary without traffic."""
    if sight.split is None or sight.window is None or not sight.split.mismatch:
        return None
    return Hold(Reason.SPLIT_MISMATCH, words.mismatch(sight.request, sight.split, sight.window.weight or 0.0))


def _incident(sight: Sight) -> Hold | None:
    for signal in sight.judged:
        if signal.name in sight.incidents:
            both = f"{sight.request.canary} and {sight.request.stable} both fail far more often than before"
            return Hold(Reason.SHARED_INCIDENT, f"{signal.name}: {both}")
    return None


def _signal_hold(sight: Sight, signal: SignalPolicy) -> Hold | None:
    request, name = sight.request, signal.name
    if not any(cell.signal == name for cell in sight.heard):
        return Hold(Reason.NO_SAMPLES, f"{name}: no series of {signal.requests.metric} on either side")
    if name in sight.crowded:
        more = f"more than {MOST_SERIES:,} series of {signal.requests.metric}"
        return Hold(Reason.TOO_MANY_SERIES, f"{name}: {more}; count by fewer labels")
    if signal.within is not None and not _has_buckets(sight.heard, name):
        wanted = "buckets" if signal.at_most is None else f"bucket le={signal.at_most:g}"
        cure = "" if signal.at_most is None else "; choose one of its bounds"
        return Hold(Reason.BUCKET_MISSING, f"{name}: {signal.within.metric} has no {wanted}{cure}")
    if name in sight.lacking:
        apart = f"the histograms of {request.canary} and {request.stable} have no bounds in common"
        return Hold(Reason.BUCKET_MISSING, f"{name}: {apart} that could be compared")
    if name in sight.ledgers:
        return _silence(sight, signal)
    if not any(window.settled is not None for window in request.windows):
        return Hold(
            Reason.WEIGHT_UNCONFIRMED, f"the router has not confirmed a weight for {request.canary} yet"
        )
    boundary = sight.boundary or 0.0
    if sight.warm_at is not None and sight.warm_at > boundary:
        left = sight.warm_at - boundary
        how_long = f"{left:.0f} s to go" if isfinite(left) else "and no pod of it is Ready yet"
        return Hold(Reason.WARMING_UP, f"{request.canary} is warming up, {how_long}")
    served = {cell.arm for cell in sight.heard if cell.signal == name and _counts_requests(cell)}
    silent = next((arm for arm in Arm if arm not in served), Arm.CANARY)
    return Hold(Reason.AWAITING_TRAFFIC, f"{name}: no counted request on {words.name(request, silent)} yet")


def _silence(sight: Sight, signal: SignalPolicy) -> Hold | None:
    """Where nothing is counted any more, what was safe may not be: the metric may have gone."""
    for arm in Arm:
        silent = (sight.boundary or 0.0) - sight.served[signal.name][arm]
        if silent > max(SILENT_SECONDS, STALE_INTERVALS * sight.request.interval):
            where = f"on {words.name(sight.request, arm)} for {words.duration(silent)}"
            return Hold(Reason.AWAITING_TRAFFIC, f"{signal.name}: no counted request {where}")
    return None


def _has_buckets(heard: Iterable[Cell], name: str) -> bool:
    return any(cell.signal == name and cell.role in (Role.WITHIN, Role.NATIVE) for cell in heard)


def _counts_requests(cell: Cell) -> bool:
    return cell.role in (Role.REQUESTS, Role.NATIVE)


def _signal(sight: Sight, signal: SignalPolicy) -> SignalAssessment:
    """One signal's verdict and numbers; those that decided, once it was found harmful."""
    request = sight.request
    deciding = sight.harmed is not None and sight.harmed.signal == signal.name
    harmed = sight.harmed if deciding else sight.tried.get(signal.name)
    if harmed:
        return _told(signal, Verdict.HARM, harmed.found, words.harm(request, harmed, canaries=sight.canaries))
    ledger, hold = sight.ledgers.get(signal.name), _signal_hold(sight, signal)
    if sight.left_out(signal):
        return _told(signal, Verdict.NO_DATA, None, f"{signal.name}: no series on either side, left out")
    if ledger is None or hold is not None:
        return _told(signal, Verdict.NO_DATA, ledger, hold.message if hold else "")
    score = words.score(request, ledger)
    if ledger.safe and ledger.step == request.step:
        return _told(signal, Verdict.SAFE, ledger, f"{score}: safe")
    outlook = words.outlook(request, ledger, boundary=sight.boundary or 0.0, canaries=sight.canaries)
    return _told(signal, Verdict.UNDECIDED, ledger, f"{score}: {outlook}")


def _told(
    signal: SignalPolicy, verdict: Verdict, found: Account | Warming | None, note: str
) -> SignalAssessment:
    """A verdict with the numbers it rests on."""
    ledger = None if isinstance(found, Warming) else found
    evidence = found.log_value if isinstance(found, Warming) else ledger.log_harm if ledger else 0.0
    bounds = ledger.bounds.told() if ledger and ledger.bounds else None
    return SignalAssessment(
        name=signal.name,
        verdict=verdict,
        canary=_counts(found.canary if found else NOTHING),
        stable=_counts(found.stable if found else NOTHING),
        log_evidence=float(evidence),
        log_safety=float(ledger.log_safety) if ledger else 0.0,
        ratio=ledger.ratio if ledger else None,
        note=note,
        lower=bounds.lower if bounds else None,
        upper=bounds.upper if bounds else None,
        since=bounds.since if bounds else None,
        pin=ledger.pin if ledger else None,
        dry_run=signal.dry_run,
    )


def _notes(sight: Sight, judged: Iterable[SignalAssessment]) -> list[str]:
    """What is said of a safe canary: each signal's word, and what the word does not cover."""
    unsaid = []
    if sight.split is None:
        unsaid = ["what the router sends is not tested: its weight is not known"]
    elif sight.split.blind:
        unsaid = ["what the router sends is hardly tested: requests come in few long connections"]
    return [*(one.note for one in judged), *unsaid]


def _with_time(sight: Sight, hold: Hold, now: float) -> str:
    """A hold's sentence, and since when nothing was counted where that is long ago."""
    settled = sight.window.settled if sight.window else None
    since = max(sight.counted or 0.0, sight.request.started, settled or 0.0)
    if hold.reason not in _NOTHING_COUNTED or (quiet := now - since) <= DEADLINE_SECONDS:
        return hold.message
    deadline = words.duration(DEADLINE_SECONDS)
    return f"{hold.message}; nothing was counted for {words.duration(quiet)}, {deadline} are allowed"


_NOTHING_COUNTED: Final = frozenset(
    {Reason.NO_SAMPLES, Reason.SAMPLES_STALE, Reason.SCRAPES_MISSING, Reason.AWAITING_TRAFFIC}
)


def _counts(seen: ArmCounts) -> Counts:
    return Counts(events=float(seen.requests), bad=float(seen.bad))


def _assessment(
    sight: Sight, verdict: Verdict, signals: tuple[SignalAssessment, ...], reason: str, message: str
) -> Assessment:
    return Assessment(
        attempt=sight.request.attempt,
        step=sight.request.step,
        policy_hash=sight.policy_hash,
        verdict=verdict,
        signals=signals,
        boundary=sight.boundary,
        reason=str(reason),
        message="".join([message, *(f" ({reserve})" for reserve in words.reserves(sight))]),
        available=True,
        late=sight.late,
    )
