"""Whoever waits for a ModelDeployment concludes the same, in every state that the operator has written."""

from collections.abc import Mapping
from typing import Final

import pytest
import yaml

from serin.domain.conditions import BLOCKING, SPEAKING
from serin.domain.status import State as RolloutState
from serin.plugin.models import Model
from tests.cluster.resources import Object
from tests.gitops.generated import FOLDER, script
from tests.gitops.normal import recorded
from tests.gitops.program import Question, asked
from tests.gitops.truth import STATES, State

OBJECTS: Final = recorded()
[EXPRESSIONS] = yaml.safe_load((FOLDER.parent / "flux" / "health-check-exprs.yaml").read_text())


def statuses(
    reader: str, *, script: str = "", expressions: Mapping[str, str] | None = None
) -> dict[str, str]:
    """What a reader says of every recorded object."""
    questions = [
        Question(reader=reader, object=body, script=script, expressions=expressions)
        for body in OBJECTS.values()
    ]
    return {name: answer.status for name, answer in zip(OBJECTS, asked(questions), strict=True)}


def condition(body: Object, kind: str) -> Object | None:
    found = [one for one in body["status"].get("conditions", []) if one["type"] == kind]
    return found[0] if found else None


def test_every_state_is_recorded() -> None:
    assert OBJECTS.keys() == STATES.keys()


def test_every_reason_that_a_waiter_reads_has_a_state() -> None:
    known = {state.reason for state in STATES.values()}

    assert {reason.value for reason in SPEAKING | BLOCKING} <= known
    assert {state.value for state in RolloutState if state is not RolloutState.IDLE} <= known


@pytest.mark.parametrize(("name", "state"), STATES.items(), ids=STATES)
def test_the_operator_has_written_the_row(name: str, state: State) -> None:
    body, row = OBJECTS[name], state.row

    said = {kind: condition(body, kind) for kind in ("Ready", "Available", "Progressing")}
    assert {kind: one and one["status"] for kind, one in said.items()} == {
        "Ready": row.ready,
        "Available": row.available,
        "Progressing": row.progressing,
    }
    assert (said["Ready"] or {}).get("reason") == state.reason
    assert (condition(body, "Reconciling") is not None) is row.reconciling
    assert (condition(body, "Stalled") is not None) is row.stalled
    assert (body["status"]["observedGeneration"] == body["metadata"]["generation"]) is row.seen


@pytest.mark.parametrize("name", OBJECTS)
def test_what_is_abnormal_is_told_only_while_it_is_true(name: str) -> None:
    found = [condition(OBJECTS[name], kind) for kind in ("Reconciling", "Stalled")]

    assert {one["status"] for one in found if one} <= {"True"}
    assert not all(found)


@pytest.mark.parametrize("edition", ["kstatus", "flux-kstatus"])
def test_kstatus_concludes_what_the_row_says(edition: str) -> None:
    assert statuses(edition) == {name: STATES[name].row.kstatus for name in OBJECTS}


def test_the_expressions_for_flux_conclude_what_kstatus_does() -> None:
    """But for a deletion, which Flux looks for before it evaluates them."""
    chosen = {key: EXPRESSIONS[key] for key in ("inProgress", "failed", "current")}

    said = statuses("flux-cel", expressions=chosen)

    assert said | {"deleting": "Terminating"} == {name: STATES[name].row.kstatus for name in OBJECTS}


def test_argo_cd_concludes_what_the_table_says() -> None:
    said = statuses("argo-lua", script=script("health.lua"))

    assert said == {name: STATES[name].argo for name in OBJECTS}


def test_argo_cd_agrees_with_kstatus_but_where_it_knows_more() -> None:
    words = {
        "Current": "Healthy",
        "Failed": "Degraded",
        "InProgress": "Progressing",
        "Terminating": "Progressing",
    }

    apart = {name for name, state in STATES.items() if state.argo != words[state.row.kstatus]}

    waits = {name for name, state in STATES.items() if state.argo == "Suspended"}
    assert apart == waits | {"stable-down"}
    assert {STATES[name].reason for name in waits} == {"Paused", "AwaitingPromotion", "Inconclusive"}


def test_the_plugin_agrees_with_kstatus_and_knows_who_waits_for_a_person() -> None:
    words = {"Current": "Healthy", "Failed": "Degraded"}

    for name, state in STATES.items():
        usual = "Paused" if state.argo == "Suspended" else words.get(state.row.kstatus, "Progressing")
        assert Model.of(OBJECTS[name]).health == usual, name
