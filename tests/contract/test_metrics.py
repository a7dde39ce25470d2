"""The operator's metrics are as Prometheus' own tool wants them: names, help, types, units."""

import subprocess
from pathlib import Path

import pytest

from serin.domain.analysis.verdict import Assessment, Counts, SignalAssessment, Verdict
from serin.domain.names import Key
from serin.runtime.gauges import RolloutPage
from serin.runtime.telemetry import Telemetry
from tests.cluster.needed import needed
from tests.cluster.prometheus import find_prometheus

FRAUD = Key("ml", "fraud")
ERRORS = SignalAssessment(
    name="errors",
    verdict=Verdict.SAFE,
    canary=Counts(events=811.6, bad=4.0),
    stable=Counts(events=7730.0, bad=31.0),
    log_evidence=-1.5e-7,
    log_safety=3.5,
    ratio=1.23,
    note="",
    lower=0.5,
    upper=float("inf"),
)
WORD = Assessment(
    attempt="fraud-r2.1",
    step=0,
    policy_hash="p",
    verdict=Verdict.SAFE,
    signals=(ERRORS,),
    boundary=15.0,
    reason="Safe",
    message="",
    available=True,
)


@pytest.fixture
def promtool() -> Path:
    return needed(find_prometheus).with_name("promtool")


def test_promtool_has_nothing_to_say_of_the_page(promtool: Path) -> None:
    telemetry = Telemetry()
    rollouts = RolloutPage(
        words=lambda: {FRAUD: WORD},
        statuses=lambda: [(FRAUD, {"canary": {"weight": 5}, "rollout": {"step": 0}})],
        ended=lambda: {("Promoted", ""): 1, ("RolledBack", "Harm"): 1},
    )
    telemetry.show(rollouts.text)

    done = subprocess.run([promtool, "check", "metrics"], input=telemetry.page(), capture_output=True)

    assert (done.returncode, done.stdout + done.stderr) == (0, b"")
