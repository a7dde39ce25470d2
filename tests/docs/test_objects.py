"""Every object that a page shows is taken as it stands, and every piece of a spec within one."""

from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from serin.api.intent import intent_of
from serin.catalogue.loader import KIND
from serin.domain.intent import Intent
from serin.prom.config import ConfigError, read_config
from tests.chart import schemas
from tests.conftest import REPOSITORY
from tests.docs.pages import Block, blocks
from tests.gitops.strict import Schemas

OWN: Final = Schemas([REPOSITORY / "crds"])
KUBERNETES: Final = "1.37"
PIECES: Final = frozenset(OWN.properties("serin.dev/v1alpha1", "ModelDeployment", "spec"))
ELSEWHERE: Final = {
    "gitops.md": "tests/gitops/test_recipes.py",
    "replay.md": "tests/unit/workbench/test_documentation.py",
    "logs.md": "tests/seeing",
    "values.md": "tests/chart",
}
"""Pages whose blocks are of other tools, and who takes those."""


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_a_block_is_taken(block: Block, tmp_path: Path) -> None:
    for body in yaml.safe_load_all(block.text):
        if not isinstance(body, dict) or block.page.name in ELSEWHERE:
            assert block.page.name in ELSEWHERE, f"{block}: nobody takes it"
        elif "apiVersion" in body:
            _is_an_object(body)
        elif KIND in body:
            assert block.page.name == "signals.md"  # whose rows tests/unit/api/test_signals_page.py reads
        elif "prometheuses" in body:
            _is_a_list_of_prometheuses(block, tmp_path)
        else:
            assert set(body) <= PIECES, f"{block}: neither an object nor a piece of a spec"
            _is_an_object(_around(body))


def _is_an_object(body: dict[str, Any]) -> None:
    if body not in OWN:
        assert list(schemas.faults(body, KUBERNETES)) == []
        return
    assert OWN.faults(body) == []
    made = intent_of(body)
    assert isinstance(made, Intent), made


def _around(piece: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "serin.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "fraud"},
        "spec": {"model": {"format": "sklearn"}, **piece},
    }


def _is_a_list_of_prometheuses(block: Block, folder: Path) -> None:
    """Its fields are right; the files of secrets that it names are not here."""
    file = folder / "prometheuses.yaml"
    file.write_text(block.text, encoding="utf-8")

    with pytest.raises(ConfigError, match="/etc/serin/"):
        read_config(file)
