"""Writes the dashboards of the chart: `python -m tests.seeing.dashboards`.

A fleet's, from which one gets to a model's. They are made here, and not by hand, so that all panels are of a
kind; that the files are what is made here, and that Prometheus answers each query, is tested.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.seeing.documented import FILES
from tests.seeing.fleet import FLEET
from tests.seeing.model import MODEL
from tests.seeing.panels import Json, dashboard, variable

FOLDER: Final = FILES / "dashboards"


def documents() -> Iterator[tuple[Path, Json]]:
    """Each dashboard with the file it is in."""
    namespaces = variable(
        "namespace", "Namespace", "label_values(serin_model_ready, namespace)", several=True
    )
    yield (
        FOLDER / "fleet.json",
        dashboard("serin-fleet", "Serin / Fleet", "All models and the operator.", FLEET, [namespaces]),
    )
    one = variable("namespace", "Namespace", "label_values(serin_model_ready, namespace)", several=False)
    names = 'label_values(serin_model_ready{namespace="$namespace"}, name)'
    yield (
        FOLDER / "model.json",
        dashboard(
            "serin-model",
            "Serin / Model",
            "One model: the stable revision against the canary, and what the judge makes of it.",
            MODEL,
            [one, variable("name", "Model", names, several=False)],
        ),
    )


def text(document: Json) -> str:
    """As it is in the file."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for path, document in documents():
        path.write_text(text(document), encoding="utf-8")
