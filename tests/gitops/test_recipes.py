"""What `docs/gitops.md` shows is what the tools take: objects by their own schemas, commands by parsers."""

import re
import shlex
import subprocess
from pathlib import Path
from typing import Final

import pytest
import yaml

from serin.plugin import parsing
from tests.chart import schemas
from tests.chart.rendering import rendered
from tests.cluster.resources import Object
from tests.conftest import REPOSITORY
from tests.gitops.generated import FOLDER
from tests.gitops.program import Question, Unreadable, ask
from tests.gitops.strict import Schemas

PAGE: Final = (REPOSITORY / "docs" / "gitops.md").read_text(encoding="utf-8")
KUBERNETES: Final = "1.37"


def blocks(language: str) -> list[str]:
    """The code of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


OBJECTS: Final[list[Object]] = [body for block in blocks("yaml") for body in yaml.safe_load_all(block)]


@pytest.fixture(scope="module")
def known(crds: list[Path]) -> Schemas:
    """Ours, Flux' and Argo CD's."""
    return Schemas([REPOSITORY / "crds", *crds])


@pytest.mark.parametrize("body", OBJECTS, ids=lambda body: f"{body['kind']}-{body['metadata']['name']}")
def test_every_object_is_taken_as_it_stands(known: Schemas, body: Object) -> None:
    if body["kind"] == "HelmRelease":
        ask(Question(reader="helmrelease", object=body))
    elif body in known:
        assert known.faults(body) == []
    else:
        assert list(schemas.faults(body, KUBERNETES)) == []


def test_a_typo_in_a_recipe_would_be_found(known: Schemas) -> None:
    """Of each kind that another tool brings."""
    for body in (one for one in OBJECTS if one["kind"] == "HelmRelease" or one in known):
        broken = {**body, "spec": {**body["spec"], "tiemout": "5m"}}
        if body["kind"] == "HelmRelease":
            with pytest.raises(Unreadable, match="tiemout"):
                ask(Question(reader="helmrelease", object=broken))
        else:
            assert known.faults(broken) == ["$.spec.tiemout: unknown field"]


def test_the_expressions_are_those_of_the_manifest() -> None:
    manifest = yaml.safe_load((FOLDER.parent / "flux" / "health-check-exprs.yaml").read_text())

    shown = [one["spec"]["healthCheckExprs"] for one in OBJECTS if "healthCheckExprs" in one.get("spec", {})]

    assert shown == [manifest]


def test_the_values_of_the_release_are_the_charts(tmp_path: Path) -> None:
    [release] = [one for one in OBJECTS if one["kind"] == "HelmRelease"]
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(release["spec"]["values"]))

    assert release["spec"]["values"]["prometheus"]["url"] in rendered(file)


@pytest.mark.parametrize("block", blocks("sh"))
def test_every_command_can_be_parsed(block: str) -> None:
    subprocess.run(["bash", "-n"], input=block, text=True, check=True)
    for line in block.splitlines():
        if line.startswith("kubectl serin "):
            parsing.parser("kubectl serin").parse_args(shlex.split(line)[2:])


def test_every_file_that_is_named_is_there() -> None:
    named = set(re.findall(r"\b(?:manifests|charts|tests)/[\w./-]+\w", PAGE))

    assert {path for path in named if not (REPOSITORY / path).exists()} == set()
