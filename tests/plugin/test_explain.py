"""Every reason that can be shown is explained, with a cure that fits the state."""

import re
import shlex

import pytest

from serin.domain.analysis.judge import Reason as Missing
from serin.domain.conditions import BLOCKING, SPEAKING
from serin.domain.findings import NOT_CONFIGURED, OFF, READABLE
from serin.domain.rollout.world import REJECTING, Reason
from serin.domain.status import State
from serin.plugin.cures import ANALYSIS, READY, REJECTED
from serin.plugin.explain import explanation, explanation_document, findings
from serin.plugin.parsing import parser
from tests.plugin.seen import NAMES, model, text

REFUSED = {Reason.INVALID_SPEC, Reason.NAME_CONFLICT, Reason.HASH_COLLISION, Reason.WRITE_REFUSED}


def test_every_reason_of_ready_has_a_row() -> None:
    states = {Reason(state.value) for state in State if state is not State.IDLE}

    shown = {Reason.COMPLETE, Reason.DEPLOYING, Reason.ROLLED_BACK, *states, *SPEAKING, *BLOCKING, *REFUSED}

    assert set(READY) == shown


def test_every_reason_of_a_rejection_has_a_row() -> None:
    assert set(REJECTED) == REJECTING


def test_every_reason_of_the_analysis_has_a_row() -> None:
    assert set(ANALYSIS) == {*Missing, OFF, NOT_CONFIGURED, READABLE}


def test_every_command_in_a_cure_is_one() -> None:
    rows = [*READY.values(), *ANALYSIS.values()]
    cures = [cure for row in rows for cure in row.cures]
    found = [one for cure in cures for one in re.findall(r"kubectl serin .*", cure)]
    commands = [one.partition("    ")[0] for one in found]
    filled = {"name": "fraud", "flags": " -n ml", "step": "first", "attempt": "fraud-1.1"}

    assert len(commands) > 20
    for command in commands:
        parser("kubectl serin").parse_args(shlex.split(command.format_map(filled))[2:])


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_state_is_explained(name: str) -> None:
    first = findings(model(name))[0]

    assert first.reason == model(name).reason
    assert first.meaning
    assert bool(first.cures) is (name != "steady")


def test_the_cure_names_model_namespace_and_step() -> None:
    told = text(explanation(model("awaiting-promotion")))

    assert "Step to-60 waits for a person" in told
    assert "kubectl serin promote iris -n ml    go past step to-60 on your own word" in told


def test_why_a_revision_was_taken_back_is_told() -> None:
    document = explanation_document(model("rolled-back"))

    assert [one["reason"] for one in document["findings"]] == ["RolledBack", "Harm"]
    assert any("kubectl serin retry scores" in cure for cure in document["findings"][0]["cures"])


def test_an_operator_that_does_not_look_is_told() -> None:
    found = findings(model("steady", metadata={"generation": 9}))

    assert found[0].reason == "NotSeen"
    assert "is it running" in found[0].cures[1]


def test_nobody_being_served_comes_first() -> None:
    seen = model("rolled-back")
    conditions = [
        one | ({"status": "False", "reason": "NoReadyEndpoints"} if one["type"] == "Available" else {})
        for one in seen.raw["status"]["conditions"]
    ]

    found = findings(model("rolled-back", status={"conditions": conditions}))

    assert found[0].reason == "NoReadyEndpoints"
