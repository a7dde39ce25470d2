"""What lint finds in files, where, and in whose words."""

import json
from pathlib import Path

import pytest
import yaml

from serin.plugin.exits import Exit
from serin.plugin.lines import NotYaml, documents
from serin.plugin.lint import Severity, check
from tests.plugin.typed import typed

HEAD = "apiVersion: serin.dev/v1alpha1\nkind: ModelDeployment\nmetadata: {name: fraud}\n"
GOOD = HEAD + "spec:\n  model: {format: sklearn}\n  runtime: mlserver\n  replicas: 20\n"


def faults(text: str) -> list[str]:
    """Line, column and words of all that is found."""
    return [f"{one.line}:{one.column} {one.message}" for one in check(text, file="f").findings]


def test_a_good_file_is_left_in_peace() -> None:
    checked = check(GOOD, file="f")

    assert (checked.models, checked.findings) == (1, ())


def test_every_fault_is_found_at_its_line() -> None:
    text = HEAD + (
        "spec:\n"
        "  model: {format: sklearn}\n"
        "  resources:\n"
        "    limits:\n"
        "      nvidia.com/gpu: one\n"
        "  rollout:\n"
        "    canary:\n"
        "      steps:\n"
        "      - {name: first, weight: 5}\n"
        "      - {name: half, weight: 500}\n"
        "    bakeSecond: 3\n"
    )

    assert faults(text) == [
        '8:7 spec.resources.limits.nvidia.com/gpu is "one"; need a quantity, for example "2" or "4Gi"',
        "13:22 spec.rollout.canary.steps[1].weight is 500; need at most 99",
        "14:5 spec.rollout.bakeSecond is not a field of this version",
    ]


def test_a_missing_field_is_told_where_its_parent_is() -> None:
    assert faults(HEAD + "spec:\n  model: {name: x}\n") == ["5:3 spec.model.format is needed"]


def test_what_only_the_operator_knows_is_found_too() -> None:
    text = HEAD + "spec:\n  model: {format: sklearn}\n  runtime: mlserve\n"

    assert faults(text)[0].startswith('6:3 spec.runtime is "mlserve"; need one of bentoml')


def test_rules_between_fields_are_kept() -> None:
    steps = "[{name: a, weight: 50}, {name: b, weight: 20}]"
    text = GOOD + f"  rollout:\n    canary:\n      steps: {steps}\n"

    assert faults(text) == ["10:7 spec.rollout.canary.steps: weights rise from step to step"]


def test_lines_count_through_all_documents() -> None:
    other = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {replicas: none}\n"
    text = f"{other}---\n{GOOD}---\n{HEAD}spec: {{}}\n"

    checked = check(text, file="f")

    assert [(one.line, one.model) for one in checked.findings] == [(17, "fraud")]
    assert checked.models == 2


def test_models_in_a_list_are_looked_at() -> None:
    items = "\n".join(f"  {line}" for line in (HEAD + "spec: {}").splitlines())
    text = f"apiVersion: v1\nkind: List\nitems:\n- {items.strip()}\n"

    assert faults(text) == ["7:3 spec.model is needed"]


def test_a_key_that_is_there_twice_is_told() -> None:
    assert faults(GOOD + "  replicas: 21\n") == ["8:3 replicas is here twice; only the last one would count"]


def test_another_version_of_the_api_is_told() -> None:
    text = GOOD.replace("v1alpha1", "v1")

    assert faults(text) == ["1:1 apiVersion is serin.dev/v1; need serin.dev/v1alpha1"]


@pytest.mark.parametrize("text", ["a: [", "a: b: c", "\t- x", "{{ .Values.model }}: 1\n  - b"])
def test_what_is_no_yaml_is_told_with_its_line(text: str) -> None:
    assert "this is not YAML" in faults(text)[0]
    with pytest.raises(NotYaml):
        list(documents(text))


def test_a_weight_that_pods_cannot_be_is_a_warning() -> None:
    text = GOOD.replace("replicas: 20", "replicas: 1")

    found = check(text, file="f").findings

    assert {one.severity for one in found} == {Severity.WARNING}
    assert "one pod beside 1 is 50 % of the traffic, more than the 5 % of step first" in found[0].message
    assert "comes to as many pods as step quarter" in found[2].message


def test_a_request_in_a_file_is_a_warning() -> None:
    text = GOOD.replace("{name: fraud}", "{name: fraud, annotations: {serin.dev/abort: x.1}}")

    found = check(text, file="f").findings

    assert [(one.line, one.column, one.severity) for one in found] == [(3, 39, Severity.WARNING)]


def test_a_step_that_cannot_end_in_time_is_a_warning() -> None:
    text = GOOD + "  rollout: {stepDeadlineSeconds: 60}\n"

    assert "would be overdue before it may end" in faults(text)[0]


async def test_folders_are_searched_and_the_exit_code_tells(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "bad.yml").write_text(HEAD + "spec: {}\n")
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "notes.txt").write_text("a: [")

    bad = await typed("lint", tmp_path)
    good = await typed("lint", "-f", tmp_path / "good.yaml")

    assert (bad.code, bad.err) == (Exit.FAILED, "2 models in 2 files: 1 error, 0 warnings\n")
    assert bad.out == f"{tmp_path}/deep/bad.yml:4:1: error: spec.model is needed\n"
    assert (good.code, good.out) == (Exit.OK, "")


async def test_warnings_fail_only_where_that_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "coarse.yaml"
    path.write_text(GOOD.replace("replicas: 20", "replicas: 1"))

    assert (await typed("lint", path)).code == Exit.OK
    assert (await typed("lint", "--strict", path)).code == Exit.FAILED


async def test_findings_for_programs_are_json_or_yaml(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(HEAD + "spec: {}\n")

    found = json.loads((await typed("lint", path, "-o", "json")).out)
    same = yaml.safe_load((await typed("lint", path, "-o", "yaml")).out)

    assert same == found
    assert found == [
        {
            "file": str(path),
            "line": 4,
            "column": 1,
            "severity": "error",
            "path": "spec.model",
            "message": "spec.model is needed",
            "model": "fraud",
        }
    ]


async def test_a_file_that_is_missing_is_no_clean_bill(tmp_path: Path) -> None:
    answer = await typed("lint", tmp_path / "none.yaml")

    assert (answer.code, "cannot be read: No such file or directory" in answer.err) == (Exit.CANNOT, True)
