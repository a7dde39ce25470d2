"""What is told of each rollout as metrics: bounded, documented, there for as long as it means something."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from time import process_time
from typing import Any

import promql_parser
import pytest
from prometheus_client.parser import text_string_to_metric_families

from serin.domain.analysis.verdict import Assessment, Counts, SignalAssessment, Verdict
from serin.domain.names import Key
from serin.domain.rollout.world import REJECTING
from serin.domain.status import State
from serin.runtime.gauges import FAMILIES, RESULTS, UNDER_WAY, RolloutPage
from serin.runtime.judging import Judging
from serin.runtime.metered import QueryMeters
from serin.runtime.telemetry import Telemetry

REPOSITORY = Path(__file__).parents[3]
DOCUMENTED = (REPOSITORY / "docs" / "metrics.md").read_text(encoding="utf-8")
FRAUD = Key("ml", "fraud")
ERRORS = SignalAssessment(
    name="errors",
    verdict=Verdict.UNDECIDED,
    canary=Counts(events=811.6, bad=4.0),
    stable=Counts(events=7730.0, bad=0.0),
    log_evidence=1.5,
    log_safety=-0.25,
    ratio=None,
    note="",
    lower=0.5,
    upper=7.75,
)
WORD = Assessment(
    attempt="fraud-r2.1",
    step=0,
    policy_hash="p",
    verdict=Verdict.UNDECIDED,
    signals=(ERRORS,),
    boundary=15.0,
    reason="Undecided",
    message="",
    available=True,
)
STEPPING: dict[str, Any] = {
    "stable": {"revision": "fraud-r1", "weight": 75, "replicas": 4, "readyReplicas": 3},
    "canary": {"revision": "fraud-r2", "weight": 25, "replicas": 1, "readyReplicas": 1},
    "rollout": {
        "step": 1,
        "state": "Stepping",
        "startedAt": "2026-11-22T10:00:00Z",
        "since": "2026-11-22T10:01:00Z",
        "stepStartedAt": "2026-11-22T10:05:00Z",
    },
    "conditions": [
        {"type": "Ready", "status": "Unknown", "reason": "NoData"},
        {"type": "Available", "status": "True", "reason": "EndpointsReady"},
        {"type": "Progressing", "status": "True", "reason": "NoData"},
    ],
}
TEN = datetime(2026, 11, 22, 10, tzinfo=UTC).timestamp()
GUARDED: dict[str, Any] = {
    **STEPPING,
    "rollout": {
        **STEPPING["rollout"],
        "gates": [{"name": "eval", "step": "to-60", "tries": 3, "result": "Running"}],
    },
    "analysis": {
        "guards": [
            {"name": "cpu", "value": "0.93", "limit": "0.9", "failures": 2, "verdict": "Undecided"},
            {"name": "quiet", "limit": "5", "failures": 0, "verdict": "NoData"},
        ]
    },
}

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


UNTOUCHED: Series = {
    **{("serin_rollouts_total", (("result", result),)): 0 for result in RESULTS},
    **{("serin_rollbacks_total", (("reason", reason),)): 0 for reason in REJECTING},
}
"""What is told before anything has happened."""


def page(
    words: dict[Key, Assessment] | None = None,
    statuses: dict[Key, dict[str, Any]] | None = None,
    ended: dict[tuple[str, str], int] | None = None,
) -> str:
    return RolloutPage(
        words=lambda: words or {},
        statuses=lambda: (statuses or {}).items(),
        ended=lambda: ended or {},
    ).text()


def series(text: str) -> Series:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of(name: str, **labels: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    return name, tuple(sorted({"namespace": "ml", "name": "fraud", **labels}.items()))


def test_signal_shows_evidence_counts_and_bounds() -> None:
    found = series(page({FRAUD: WORD}))

    assert found[of("serin_signal_log_evidence", signal="errors")] == 1.5
    assert found[of("serin_signal_log_safety", signal="errors")] == -0.25
    assert found[of("serin_signal_ratio_lower", signal="errors")] == 0.5
    assert found[of("serin_signal_ratio_upper", signal="errors")] == 7.75
    assert found[of("serin_signal_events", signal="errors", arm="canary")] == pytest.approx(811.6)
    assert found[of("serin_signal_bad_events", signal="errors", arm="stable")] == 0.0
    assert of("serin_signal_ratio", signal="errors") not in found, "the stable has no bad request yet"


def test_one_verdict_of_four_is_one() -> None:
    found = series(page({FRAUD: WORD}))

    for name, labels in (("serin_analysis_verdict", {}), ("serin_signal_verdict", {"signal": "errors"})):
        told = {verdict: found[of(name, **labels, verdict=verdict)] for verdict in Verdict}
        assert told == {"Harm": 0, "Safe": 0, "Undecided": 1, "NoData": 0}


def test_samples_that_cannot_be_read_are_told() -> None:
    found = series(page({FRAUD: replace(WORD, available=False)}))

    assert found[of("serin_analysis_available")] == 0


def test_obstacle_is_told_by_its_reason_and_only_while_it_is_one() -> None:
    blind = replace(WORD, available=False, reason="NoSamples")

    assert series(page({FRAUD: blind}))[of("serin_analysis_obstacle", reason="NoSamples")] == 1
    assert "serin_analysis_obstacle" not in page({FRAUD: WORD})


def test_canary_shows_its_weight_and_step() -> None:
    found = series(page(statuses={FRAUD: STEPPING}))

    assert found[of("serin_canary_weight_percent")] == 25
    assert found[of("serin_rollout_step")] == 1


def test_rollout_shows_its_state_and_since_when() -> None:
    found = series(page(statuses={FRAUD: STEPPING}))

    told = {state: found[of("serin_rollout_state", state=state)] for state in UNDER_WAY}
    assert {state for state, value in told.items() if value} == {State.STEPPING}
    assert found[of("serin_rollout_started_timestamp_seconds")] == TEN
    assert found[of("serin_rollout_state_started_timestamp_seconds")] == TEN + 300, "the step began later"


def test_standing_is_told_of_every_model() -> None:
    steady = {"stable": {"replicas": 4, "readyReplicas": 3}, "conditions": STEPPING["conditions"]}

    assert series(page(statuses={FRAUD: steady})) == UNTOUCHED | {
        of("serin_model_ready", reason="NoData"): 0,
        of("serin_model_available"): 1,
        of("serin_replicas", arm="stable"): 4,
        of("serin_ready_replicas", arm="stable"): 3,
    }


def test_status_that_somebody_has_emptied_spoils_no_page() -> None:
    emptied: list[dict[str, Any]] = [{}, {"rollout": {}}, {"rollout": {"attempt": "fraud-r2.1"}}]

    told = {Key("ml", f"m{number}"): status for number, status in enumerate(emptied)}

    assert series(page(statuses=told)).items() >= UNTOUCHED.items()


def test_guards_and_gates_are_told_as_in_the_status() -> None:
    found = series(page(statuses={FRAUD: GUARDED}))

    assert found[of("serin_guard_value", guard="cpu")] == 0.93
    assert found[of("serin_guard_limit", guard="cpu")] == 0.9
    assert found[of("serin_guard_failures", guard="cpu")] == 2
    assert found[of("serin_guard_verdict", guard="cpu", verdict="Undecided")] == 1
    assert found[of("serin_guard_verdict", guard="cpu", verdict="Harm")] == 0
    assert of("serin_guard_value", guard="quiet") not in found
    assert found[of("serin_gate_result", gate="eval", step="to-60", result="Running")] == 1
    assert found[of("serin_gate_result", gate="eval", step="to-60", result="Failed")] == 0
    assert found[of("serin_gate_tries", gate="eval", step="to-60")] == 3


def test_series_of_a_model_go_with_it() -> None:
    judging = Judging(changed=lambda key, seconds: None)
    shown = RolloutPage(words=judging.words, statuses=lambda: (), ended=lambda: {})
    judging.take(FRAUD, WORD)
    assert 'name="fraud"' in shown.text()

    judging.forget(FRAUD)

    assert 'name="fraud"' not in shown.text()


def test_rollouts_are_counted_by_result_and_rollbacks_by_reason() -> None:
    ended = {("Promoted", ""): 3, ("RolledBack", "Harm"): 2, ("RolledBack", "Aborted"): 1}

    found = series(page(ended=ended))

    assert found == UNTOUCHED | {
        ("serin_rollouts_total", (("result", "Promoted"),)): 3,
        ("serin_rollouts_total", (("result", "RolledBack"),)): 3,
        ("serin_rollbacks_total", (("reason", "Aborted"),)): 1,
        ("serin_rollbacks_total", (("reason", "Harm"),)): 2,
    }


def full() -> str:
    return page(
        {FRAUD: replace(WORD, signals=(replace(ERRORS, ratio=2.0),), available=False, reason="NoSamples")},
        {FRAUD: GUARDED},
        {("Promoted", ""): 1, ("RolledBack", "Harm"): 1},
    )


def test_every_family_is_told_with_its_labels_and_meaning() -> None:
    told = {
        (family.name + ("_total" if family.type == "counter" else ""), family.type, family.documentation): {
            tuple(sample.labels) for sample in family.samples
        }
        for family in text_string_to_metric_families(full())
    }

    assert told == {(one.name, one.kind, one.meaning): {one.labels} for one in FAMILIES}


def test_page_shows_what_was_added_below_its_own() -> None:
    telemetry = Telemetry()
    telemetry.show(lambda: full())

    names = {family.name for family in text_string_to_metric_families(telemetry.page().decode())}

    assert {"serin_reconciles", "serin_signal_log_evidence", "serin_rollouts"} <= names


def in_code() -> set[str]:
    """Every metric of the operator's: of its registry, of the page, and of what is watched by name."""
    found = {one.name for one in FAMILIES}
    telemetry = Telemetry()
    QueryMeters(telemetry.registry)
    for family in text_string_to_metric_families(telemetry.page().decode()):
        found.add(family.name + ("_total" if family.type == "counter" else ""))
    for file in (REPOSITORY / "operator" / "serin").rglob("*.py"):
        found |= set(re.findall(r'\.watch\(\s*"(\w+)"', file.read_text(encoding="utf-8")))
    return found


def test_every_metric_is_documented_and_every_documented_one_is_there() -> None:
    names = r"`((?:serin|process)_[a-z_]+)`"

    assert set(re.findall(names, DOCUMENTED)) == in_code()


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_documented_labels_are_those_of_the_metric(family: Any) -> None:
    row = next(line for line in DOCUMENTED.splitlines() if line.startswith(f"| `{family.name}` |"))
    _, _, kind, labels, *_ = row.split("|")

    assert kind.strip() == family.kind
    assert tuple(re.findall(r"`(\w+)`", labels)) == family.labels


def test_documented_questions_are_promql_about_metrics_that_are_there() -> None:
    [block] = re.findall(r"```promql\n(.*?)```", DOCUMENTED, re.DOTALL)

    for line in block.splitlines():
        question = line.partition("#")[0].strip()
        promql_parser.parse(question)
        assert set(re.findall(r"serin_\w+", question)) <= in_code()


def test_thousand_judged_rollouts_cost_little() -> None:
    signals = tuple(replace(ERRORS, name=name, ratio=2.0) for name in ("errors", "latency"))
    keys = [Key("ml", f"model-{number}") for number in range(1000)]
    words = {key: replace(WORD, signals=signals) for key in keys}
    shown = RolloutPage(
        words=lambda: words, statuses=lambda: ((key, STEPPING) for key in keys), ended=lambda: {}
    )

    began = process_time()
    text = shown.text()

    assert text.count("\n") > 30_000
    assert process_time() - began < 1.0, "a fifteenth of a core at most, were the machine ten times slower"
