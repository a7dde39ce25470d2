"""The schema for editors takes what the server takes, and marks what it refuses."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from tests.chart.editors import FILE
from tests.chart.manifests import FOLDER
from tests.chart.rendering import objects

SAMPLES = sorted((FOLDER / "samples").rglob("*.yaml"))


@pytest.fixture(scope="module")
def validator() -> Draft7Validator:
    schema = json.loads(FILE.read_text(encoding="utf-8"))
    Draft7Validator.check_schema(schema)
    return Draft7Validator(schema)


@pytest.mark.parametrize("sample", SAMPLES, ids=[path.stem for path in SAMPLES])
def test_samples_are_valid(validator: Draft7Validator, sample: Path) -> None:
    [body] = objects(sample.read_text())

    assert [error.message for error in validator.iter_errors(body)] == []


def test_typos_and_wrong_types_are_marked(validator: Draft7Validator) -> None:
    [body] = objects((FOLDER / "samples" / "iris.yaml").read_text())
    body["spec"]["modle"] = {}
    body["spec"]["replicas"] = "three"
    body["spec"]["template"] = {"spec": {"containers": [{"name": "model", "imgae": "x"}]}}

    marked = {error.json_path for error in validator.iter_errors(body)}

    assert marked == {"$.spec", "$.spec.replicas", "$.spec.template.spec.containers[0]"}
