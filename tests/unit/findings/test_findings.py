"""What the status tells of the judge's findings: numbers in few digits, and how to see them."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import promql_parser
import pytest

from serin.api.intent import intent_of
from serin.domain.analysis.judge import Reason as Missing
from serin.domain.analysis.verdict import Assessment, Counts, SignalAssessment, Verdict
from serin.domain.figures import figure, figure_of_log
from serin.domain.findings import (
    MISSING,
    READABLE,
    UNASKED,
    analysis_available,
    analysis_status,
    condemning,
)
from serin.domain.intent import Intent
from serin.domain.observed import Observed
from serin.domain.rollout.record import rejection
from serin.domain.rollout.world import Decision, Memo, Reason, World
from serin.domain.routers.choice import ROUTERS
from serin.domain.status import Rollout, State, Status

STARTED = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
NOW = STARTED + timedelta(minutes=14)
STABLE, CANARY = "fraud-aaaaaaaaaa", "fraud-bbbbbbbbbb"

HARMFUL = SignalAssessment(
    name="errors",
    verdict=Verdict.HARM,
    canary=Counts(events=811.6, bad=38.2),
    stable=Counts(events=7730.0, bad=71.0),
    log_evidence=12.0,
    log_safety=0.0,
    ratio=5.0948,
    lower=3.2,
    upper=7.777,
    since=(STARTED + timedelta(minutes=5)).timestamp() + 0.7,
    note="errors: 38 bad of 812",
)
TRIED = replace(HARMFUL, name="scores", log_evidence=90.0, dry_run=True, since=None, lower=None, upper=None)
ROLLOUT = Rollout(
    attempt=f"{CANARY}.1",
    state=State.STEPPING,
    since=STARTED,
    started_at=STARTED - timedelta(minutes=1),
    step_started_at=STARTED,
    analysis_start=STARTED,
    policy_hash="p",
)


def word(verdict: Verdict = Verdict.HARM, *signals: SignalAssessment, **changes: Any) -> Assessment:
    given = Assessment(
        attempt=ROLLOUT.attempt,
        step=0,
        policy_hash="p",
        verdict=verdict,
        signals=signals or (HARMFUL, TRIED),
        boundary=NOW.timestamp(),
        reason=verdict.value,
        message="as the judge says",
        available=True,
    )
    return replace(given, **changes)


def world(said: Assessment | None, **changes: Any) -> World:
    raw = {
        "metadata": {"name": "fraud", "namespace": "ml"},
        "spec": {
            "model": {"format": "sklearn"},
            "analysis": {"signals": [{"name": "errors"}, {"name": "scores", "histogram": "s_bucket"}]},
        },
    }
    intent = intent_of(raw)
    assert isinstance(intent, Intent)
    known: dict[str, Any] = {"stable": {"revision": STABLE, "weight": 80, "replicas": 1, "readyReplicas": 1}}
    given = World(
        intent=intent,
        status=Status.model_validate(known),
        observed=Observed(),
        assessment=said,
        memo=Memo(),
        router=ROUTERS[intent.traffic.router],
        now=NOW,
        prometheus=True,
        runtime_pin="mlserver@2026.11",
    )
    return replace(given, **changes)


def decision(of: World) -> Decision:
    return Decision(
        stable=of.stable,
        rollout=ROLLOUT,
        sizes={},
        weights=None,
        root=None,
        rejected=(),
        history=(),
        memo=of.memo,
    )


def test_signal_carries_its_numbers_and_how_to_see_them() -> None:
    seen = world(word())

    shown = analysis_status(seen, decision(seen))

    assert shown is not None
    errors = shown.signals[0].model_dump(mode="json", by_alias=True, exclude_none=True)
    query = errors.pop("query")
    assert errors == {
        "name": "errors",
        "verdict": "Harm",
        "canary": {"events": 812, "bad": 38},
        "stable": {"events": 7730, "bad": 71},
        "ratio": "5.09",
        "ratioLower": "3.2",
        "ratioUpper": "7.78",
        "since": "2026-11-23T08:05:00Z",
        "evidence": "1e+5",
        "note": "errors: 38 bad of 812",
        "window": "2026-11-23T08:00:00Z/2026-11-23T08:14:00Z",
    }
    promql_parser.parse(query)
    assert "rest_server_requests_total" in query
    assert "[840s] @ 1795421640" in query


def test_dry_run_is_marked_and_others_are_not() -> None:
    seen = world(word())

    shown = analysis_status(seen, decision(seen))

    assert shown is not None
    assert [signal.dry_run for signal in shown.signals] == [None, True]


def test_samples_that_came_too_late_are_told() -> None:
    seen = world(word(late=3))

    late, punctual = analysis_status(seen, decision(seen)), analysis_status(world(word()), decision(seen))

    assert late is not None
    assert punctual is not None
    assert (late.late_samples, punctual.late_samples) == (3, None)


def test_signal_that_the_spec_has_no_more_has_no_query() -> None:
    seen = world(word(Verdict.HARM, replace(HARMFUL, name="gone")))

    shown = analysis_status(seen, decision(seen))

    assert shown is not None
    assert shown.signals[0].query is None


def test_numbers_without_a_boundary_have_no_time() -> None:
    seen = world(word(boundary=None))

    shown = analysis_status(seen, decision(seen))

    assert shown is not None
    assert (shown.signals[0].window, shown.signals[0].query) == (None, None)


def test_word_on_another_attempt_changes_nothing() -> None:
    seen = world(word(attempt="fraud-cccccccccc.1"))

    assert analysis_status(seen, decision(seen)) is seen.status.analysis is None


def test_rejection_keeps_what_condemned_the_revision() -> None:
    entry = rejection(world(word()), ROLLOUT, Reason.HARM, "errors: 38 bad of 812")

    kept = entry.model_dump(mode="json", by_alias=True, exclude_none=True)
    query = kept.pop("query")
    assert kept == {
        "hash": "bbbbbbbbbb",
        "revision": CANARY,
        "attempt": f"{CANARY}.1",
        "reason": "Harm",
        "message": "errors: 38 bad of 812",
        "signal": "errors",
        "at": "2026-11-23T08:14:00Z",
        "ratio": "5.09",
        "ratioLower": "3.2",
        "ratioUpper": "7.78",
        "since": "2026-11-23T08:05:00Z",
        "evidence": "1e+5",
        "canary": {"events": 812, "bad": 38},
        "stable": {"events": 7730, "bad": 71},
        "window": "2026-11-23T08:00:00Z/2026-11-23T08:14:00Z",
    }
    promql_parser.parse(query)


def test_rejection_for_another_reason_blames_no_signal() -> None:
    entry = rejection(world(word()), ROLLOUT, Reason.CRASH_LOOP, "it crashes")

    assert (entry.signal, entry.evidence, entry.query) == (None, None, None)


def test_dry_run_never_condemns() -> None:
    undecided = replace(HARMFUL, name="slow", verdict=Verdict.UNDECIDED, log_evidence=20.0)

    found = condemning(word(Verdict.HARM, TRIED, undecided, HARMFUL))

    assert found is HARMFUL, "neither the dry run with more evidence nor the signal that is undecided"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (word(Verdict.SAFE), ("True", "SamplesReadable", "samples are read from Prometheus")),
        (
            word(Verdict.NO_DATA, available=False, reason="PrometheusUnreachable"),
            ("False", "PrometheusUnreachable", "as the judge says"),
        ),
        (
            word(Verdict.NO_DATA, reason=Missing.SPLIT_MISMATCH),
            ("False", "SplitMismatch", "as the judge says"),
        ),
        (word(Verdict.NO_DATA, reason=Missing.NO_SAMPLES), ("False", "NoSamples", "as the judge says")),
        (
            word(Verdict.NO_DATA, reason=Missing.SHARED_INCIDENT),
            ("True", "SharedIncident", "as the judge says"),
        ),
        (
            word(Verdict.NO_DATA, reason=Missing.WARMING_UP),
            ("True", "SamplesReadable", "samples are read from Prometheus"),
        ),
        (
            word(Verdict.NO_DATA, reason=Missing.AWAITING_TRAFFIC),
            ("True", "SamplesReadable", "samples are read from Prometheus"),
        ),
    ],
    ids=lambda value: value.reason if isinstance(value, Assessment) else "",
)
def test_analysis_is_available_unless_somebody_has_to_mend_it(
    said: Assessment, shown: tuple[str, str, str]
) -> None:
    seen = world(said)

    assert analysis_available(seen, decision(seen)) == shown


@pytest.mark.parametrize(
    ("state", "after", "available"),
    [
        (State.STEPPING, timedelta(seconds=119), "True"),
        (State.STEPPING, timedelta(seconds=120), "False"),
        (State.PREPARING, timedelta(hours=1), "True"),
    ],
)
def test_pods_that_have_just_begun_are_not_missed_yet(state: State, after: timedelta, available: str) -> None:
    early = world(word(Verdict.NO_DATA, reason=Missing.NO_SAMPLES), now=STARTED + after)
    rollout = ROLLOUT.model_copy(update={"state": state})

    shown = analysis_available(early, replace(decision(early), rollout=rollout))

    assert shown is not None
    assert shown[0] == available


@pytest.mark.parametrize(
    ("value", "text"), [(None, None), (0.0, "0"), (1.2345, "1.23"), (123.45, "123"), (12345.0, "1.23e+04")]
)
def test_ratio_is_told_in_three_digits(value: float | None, text: str | None) -> None:
    assert figure(value) == text


@pytest.mark.parametrize(
    ("logarithm", "text"), [(0.0, "1"), (2.302585092994046, "10"), (-4.7, "0.0091"), (700.0, "1e+304")]
)
def test_evidence_is_told_in_few_digits_whatever_its_size(logarithm: float, text: str) -> None:
    assert figure_of_log(logarithm) == text


def test_every_reason_of_the_condition_is_explained() -> None:
    page = (Path(__file__).parents[3] / "docs" / "operating.md").read_text(encoding="utf-8")
    [table] = re.findall(r"\| AnalysisAvailable \|.*?\n\n", page, re.DOTALL)
    unreadable = {Missing.PROMETHEUS_UNREACHABLE, Missing.QUERY_REFUSED, Missing.PARTIAL_ANSWER}

    explained = set(re.findall(r"`([A-Z]\w+)`", table)) | set(re.findall(r"False/`(\w+)`", table))

    assert explained == {
        *(READABLE, Missing.SHARED_INCIDENT),
        *(MISSING | unreadable | {Missing.ANALYSIS_FAULT}),
        *UNASKED,
    }
