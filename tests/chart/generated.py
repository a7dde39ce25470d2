"""Files of the chart and of `manifests/` that are made from others: `python -m tests.chart.generated`.

From the schema of the values come `values.yaml` and the README's table, from the API's models the chart's
CRD, and from the chart all manifests.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from serin.api.crd import crd_yaml
from tests.chart import editors, manifests
from tests.chart.reference import CHART, readme, values_yaml

README: Final = CHART / "README.md"


def _readme() -> str:
    return readme(README.read_text(encoding="utf-8"))


FILES: Final[Mapping[Path, Callable[[], str]]] = {
    CHART / "values.yaml": values_yaml,
    CHART / "files" / "crds" / "serin.dev_modeldeployments.yaml": crd_yaml,
    README: _readme,
    editors.FILE: editors.text,
    **manifests.FILES,
}
"""In this order: the manifests are rendered from what comes before them."""


def write() -> None:
    """Make all of them anew."""
    for path, text in FILES.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    write()
