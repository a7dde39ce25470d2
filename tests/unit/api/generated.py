"""Files of the repository that are made from others.

After a change of their sources run `python -m tests.unit.api.generated`, which makes those of `tests.chart`,
too.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from serin.api.crd import crd_yaml
from tests.chart import generated as chart
from tests.unit.api import podtemplate_source, resource_page

REPOSITORY: Final = Path(__file__).parents[3]


def definition() -> str:
    """`crds/`: what `serin crd` prints."""
    return crd_yaml()


FILES: Final[Mapping[Path, Callable[[], str]]] = {
    podtemplate_source.TARGET: podtemplate_source.text,
    REPOSITORY / "crds" / "serin.dev_modeldeployments.yaml": definition,
    REPOSITORY / "docs" / "resource.md": resource_page.text,
}

if __name__ == "__main__":
    for path, text in FILES.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text(), encoding="utf-8")
    chart.write()
