"""What is committed is what the sources make, byte for byte, by either Helm."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chart.generated import FILES
from tests.chart.manifests import FOLDER

ROOT = FOLDER.parent


@pytest.mark.parametrize(
    ("path", "text"), [pytest.param(*one, id=str(one[0].relative_to(ROOT))) for one in FILES.items()]
)
def test_committed_file_is_what_its_sources_make(path: Path, text: Callable[[], str]) -> None:
    assert path.read_text(encoding="utf-8") == text(), "run python -m tests.chart.generated"
