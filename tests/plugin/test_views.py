"""What is shown of models in every state, held to objects that were recorded from real rollouts."""

import re

import pytest

from serin.plugin.evidence import evidence, evidence_document
from serin.plugin.history import history
from serin.plugin.listing import listing
from serin.plugin.models import Health
from serin.plugin.tree import tree
from tests.plugin.seen import NAMES, NOW, family, model, text

HEALTH = {
    "aborted": Health.DEGRADED,
    "awaiting-promotion": Health.PAUSED,
    "baking": Health.PROGRESSING,
    "deploying": Health.PROGRESSING,
    "invalid-spec": Health.DEGRADED,
    "paused": Health.PAUSED,
    "pods-not-ready": Health.DEGRADED,
    "rolled-back": Health.DEGRADED,
    "steady": Health.HEALTHY,
    "undecided": Health.PROGRESSING,
}


def test_every_recording_is_shown() -> None:
    assert set(NAMES) == set(HEALTH)


@pytest.mark.parametrize("name", NAMES)
def test_the_tree_has_every_revision_and_pod_once(name: str) -> None:
    seen = family(name)

    shown = text(tree(seen, NOW))

    for workload in seen.workloads:
        assert len(re.findall(rf"⧉ {workload.view.identity.name}\b", shown)) == 1
        for pod in workload.pods:
            assert len(re.findall(rf"□ {pod.view.name}\b", shown)) == 1
    assert f"Status:          {'✔◌॥✖'[list(Health).index(HEALTH[name])]} {HEALTH[name]}" in shown


@pytest.mark.parametrize("name", NAMES)
def test_health_is_what_conditions_say(name: str) -> None:
    assert model(name).health is HEALTH[name]


def test_the_tree_tells_weights_step_and_verdicts() -> None:
    shown = text(tree(family("undecided"), NOW))

    assert "Step:            1/3 to-5 (5 %)" in shown
    assert re.search(r"Stable: +fraud-\w+ \(version 1\), 95 % of the traffic", shown)
    assert re.search(r"Canary: +fraud-\w+ \(version 2\), 5 % of the traffic", shown)
    assert re.search(r"Signals: +errors +◌ Undecided +0 bad of 202 +stable 0 of 3,558", shown)
    assert re.search(r"⧉ fraud-\w+ +Deployment +✔ Healthy +\S+ +canary, 5 %, ready 1/1", shown)


def test_the_tree_names_the_pod_that_does_not_come() -> None:
    shown = text(tree(family("pods-not-ready"), NOW))

    assert re.search(r"□ churn-\S+ +Pod +✖ ImagePull +\S+ +container model: Back-off pulling image", shown)


def test_the_newest_revision_comes_first() -> None:
    shown = text(tree(family("baking"), NOW))

    assert shown.index("# revision:2") < shown.index("# revision:1")
    assert "kept warm, ready 2/2" in shown


def test_words_of_others_do_not_move_the_cursor() -> None:
    seen = model("steady", status={"message": "fine\x1b[2J\nerror: none"})

    assert seen.message == "fine\x1b[2J\nerror: none"
    assert "fine [2J error: none" in text(listing([seen], NOW, namespaces=False, wide=True))


def test_a_change_that_was_not_looked_at_is_not_called_healthy() -> None:
    seen = model("steady", metadata={"generation": 9})

    assert (seen.health, seen.message) == (
        Health.PROGRESSING,
        "the operator has not seen the latest change yet (generation 9, seen 1)",
    )


def test_a_model_without_status_is_shown() -> None:
    seen = model("steady")
    bare = {**seen.raw, "status": {"observedGeneration": -1}}

    shown = text(listing([type(seen).of(bare)], NOW, namespaces=True))

    assert shown.splitlines()[1].split()[:4] == ["ml", "iris", "◌", "Progressing"]


def test_the_list_has_a_line_for_each_model() -> None:
    models = [model(name) for name in NAMES]

    rows = text(listing(models, NOW, namespaces=False)).splitlines()

    assert len(rows) == 1 + len(NAMES)
    assert rows[1 + NAMES.index("undecided")].split()[:7] == [
        "fraud",
        "◌",
        "Stepping",
        "1/3",
        "5",
        "%",
        "3/3",
    ]


def test_evidence_has_the_numbers_that_condemned() -> None:
    shown = text(evidence(model("rolled-back")))

    assert "No rollout of scores is under way." in shown
    assert "scores-11d8110f92.1 was taken back: Harm" in shown
    assert "canary   26 requests, 5 of them bad (19.2 %)" in shown
    assert "stable  374 requests, 0 of them bad (0 %)" in shown
    assert shown.count("26 requests") == 1
    assert "in Prometheus" not in shown


def test_evidence_can_be_checked_in_prometheus() -> None:
    shown = text(evidence(model("rolled-back"), queries=True))

    assert "in Prometheus: label_replace(" in shown


def test_evidence_says_at_what_a_rollout_is_taken_back() -> None:
    assert "evidence for harm: 0.692; 1 says nothing; taken back at 100" in text(evidence(model("undecided")))


def test_evidence_without_analysis_says_so() -> None:
    assert "Nothing is judged: analysis is switched off" in text(evidence(model("awaiting-promotion")))


def test_evidence_for_programs_is_the_status() -> None:
    document = evidence_document(model("rolled-back"))

    assert document["rejected"][0]["reason"] == "Harm"
    assert document["analysis"]["signals"][0]["verdict"] == "Harm"


def test_history_is_newest_first_and_says_who_serves() -> None:
    rows = text(history(model("rolled-back"))).splitlines()

    assert [row.split()[:3] for row in rows[1:]] == [
        ["scores-11d8110f92.1", "RolledBack", "Harm"],
        ["scores-6cd136dc40.1", "Promoted", "-"],
    ]
    assert rows[2].endswith("serves")


def test_history_begins_with_what_is_under_way() -> None:
    rows = text(history(model("baking"))).splitlines()

    assert rows[1].split()[:4] == ["iris-eaa1c2046f.1", "Baking", "-", "2"]
