"""The schema of the values, what is made from it, and the options of the operator that they stand for."""

import re
from typing import Final

import pytest
import yaml

from serin.__main__ import main
from tests.chart.reference import CHART, defaults, leaves, schema
from tests.conftest import REPOSITORY

TEMPLATES: Final = "\n".join(path.read_text() for path in (CHART / "templates").glob("**/*.*"))
NOT_READ: Final = {"enabled"}
"""What is for charts that have this one as a part."""
KNOWN_IN_A_POD: Final = {"help", "host", "kubeconfig", "lease-namespace"}


def test_values_are_the_schemas_defaults() -> None:
    assert yaml.safe_load((CHART / "values.yaml").read_text()) == defaults(schema())


def test_every_value_is_described_and_used() -> None:
    for path, node in leaves(schema()):
        assert node["description"].endswith("."), path
        if path not in NOT_READ:
            assert re.search(rf"\.{path.rpartition('.')[2]}\b", TEMPLATES), path


def test_every_option_of_the_operator_has_a_value(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["run", "--help"])

    options = set(re.findall(r"--(?:no-)?([a-z][a-z-]+)", capsys.readouterr().out))
    passed = set(re.findall(r"- --(?:no-)?([a-z-]+)", TEMPLATES))
    assert passed <= options
    assert options - passed <= KNOWN_IN_A_POD, "give it a value, or let extraArgs do"


def test_versions_agree() -> None:
    about = yaml.safe_load((CHART / "Chart.yaml").read_text())
    project = re.search(r'^version = "(.+)"', (REPOSITORY / "pyproject.toml").read_text(), re.MULTILINE)

    assert project is not None
    assert about["version"] == about["appVersion"] == project[1]
