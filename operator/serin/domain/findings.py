"""What the judge found, as the status tells it: of each signal, of a rejected revision, and of the analysis
itself. The sentences are the judge's.
"""

from datetime import UTC, datetime
from typing import Final

from serin.domain.analysis.judge import Reason as Missing
from serin.domain.analysis.policy import Mode
from serin.domain.analysis.queries import Window, query
from serin.domain.analysis.verdict import Assessment, SignalAssessment, Verdict
from serin.domain.conditions import Word
from serin.domain.figures import counted, figure, figure_of_log, moment
from serin.domain.rollout.world import Decision, World, canary_of, revision_name
from serin.domain.status import AnalysisStatus, Rollout, SignalStatus, State

AVAILABLE: Final = "AnalysisAvailable"
"""The condition's type."""
READABLE: Final = "SamplesReadable"
OFF: Final = "Off"
NOT_CONFIGURED: Final = "NotConfigured"
UNASKED: Final = frozenset({OFF, NOT_CONFIGURED})
"""Reasons that are a person's own choice."""
MISSING: Final = frozenset(
    {
        Missing.NO_SAMPLES,
        Missing.SAMPLES_STALE,
        Missing.SCRAPES_MISSING,
        Missing.SAMPLES_SPOILT,
        Missing.TOO_MANY_SERIES,
        Missing.BUCKET_MISSING,
        Missing.SPLIT_MISMATCH,
    }
)
"""Reasons for which nothing can be concluded until somebody mends something. Warming up, or waiting for
traffic, is none of them.
"""


def analysis_status(world: World, decision: Decision) -> AnalysisStatus | None:
    """The judge's latest word; the one before while it has none on this attempt."""
    word = word_of(world, decision)
    rollout = decision.rollout
    if word is None or rollout is None:
        return world.status.analysis
    window = window_of(world, rollout, word)
    return AnalysisStatus(
        verdict=word.verdict.value,
        late_samples=word.late or None,
        signals=[_signal(world, signal, window) for signal in word.signals],
    )


def word_of(world: World, decision: Decision) -> Assessment | None:
    """The judge's word, if it is about this attempt under the policy that is in force for it."""
    word, rollout = world.assessment, decision.rollout
    if word is None or rollout is None:
        return None
    return word if (word.attempt, word.policy_hash) == (rollout.attempt, rollout.policy_hash) else None


def condemning(word: Assessment | None) -> SignalAssessment | None:
    """The signal on which a verdict of harm rests."""
    if word is None or word.verdict is not Verdict.HARM:
        return None
    judged = [signal for signal in word.signals if not signal.dry_run]
    named = [signal for signal in judged if signal.verdict is Verdict.HARM]
    return max(named or judged, key=lambda signal: signal.log_evidence, default=None)


def window_of(world: World, rollout: Rollout, word: Assessment | None) -> Window | None:
    """The time a word's numbers are from; None before there are any."""
    start, stable = rollout.analysis_start, world.stable
    if start is None or stable is None or word is None or word.boundary is None:
        return None
    if word.boundary < start.timestamp() + 1:
        return None
    return Window(
        namespace=world.intent.key.namespace,
        stable=revision_name(world.intent, stable),
        canary=revision_name(world.intent, canary_of(world.intent, rollout)),
        labels=world.intent.samples.labels,
        start=int(start.timestamp()),
        end=int(word.boundary),
    )


def interval(window: Window | None) -> str | None:
    """A window as ISO 8601 writes it: two moments and a slash."""
    if window is None:
        return None
    ends = (datetime.fromtimestamp(end, UTC) for end in (window.start, window.end))
    return "/".join(end.strftime("%Y-%m-%dT%H:%M:%SZ") for end in ends)


def query_of(world: World, name: str, window: Window | None) -> str | None:
    """How a person sees a signal's numbers; None where the spec has no such signal any more."""
    if window is None:
        return None
    signal = next((one for one in world.intent.analysis.signals if one.name == name), None)
    return query(signal, window) if signal is not None else None


def _signal(world: World, signal: SignalAssessment, window: Window | None) -> SignalStatus:
    return SignalStatus(
        name=signal.name,
        verdict=signal.verdict.value,
        canary=counted(signal.canary),
        stable=counted(signal.stable),
        ratio=figure(signal.ratio),
        ratio_lower=figure(signal.lower),
        ratio_upper=figure(signal.upper),
        since=moment(signal.since),
        evidence=figure_of_log(signal.log_evidence),
        dry_run=True if signal.dry_run else None,
        note=signal.note[:1024] or None,
        window=interval(window),
        query=query_of(world, signal.name, window),
    )


def analysis_available(world: World, decision: Decision) -> Word | None:
    """The condition AnalysisAvailable; None while nothing is known of it."""
    if world.intent.analysis.mode is Mode.OFF:
        return "False", OFF, "analysis is switched off; steps advance on readiness and time"
    if not world.prometheus:
        return "False", NOT_CONFIGURED, "no Prometheus is configured; steps advance on readiness and time"
    word = word_of(world, decision)
    if word is None or decision.rollout is None:
        return _known(world)
    if not word.available or (
        word.reason in MISSING and not _first_samples_due(world, decision.rollout, word)
    ):
        return "False", word.reason, word.message
    if word.reason == Missing.SHARED_INCIDENT:
        return "True", word.reason, word.message
    return "True", READABLE, "samples are read from Prometheus"


def _known(world: World) -> Word | None:
    known = next((entry for entry in world.status.conditions if entry.type == AVAILABLE), None)
    if known is None or known.reason in UNASKED:
        return None
    return known.status, known.reason, known.message


def _first_samples_due(world: World, rollout: Rollout, word: Assessment) -> bool:
    """Whether pods are just beginning to answer and may not have been scraped yet: every step begins so."""
    if word.reason != Missing.NO_SAMPLES or rollout.state is State.PREPARING:
        return word.reason == Missing.NO_SAMPLES
    start = rollout.step_started_at
    return start is not None and world.now - start < world.freshness
