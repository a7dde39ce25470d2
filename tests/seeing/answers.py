"""What a Prometheus answers to the queries of the dashboards, and what a panel needs of an answer."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

from tests.seeing.dashboards import FOLDER

LABELS: Final = re.compile(r"{{(\w+)}}|\$\{__field\.labels\.(\w+)\}")


@dataclass(frozen=True, slots=True)
class Question:
    """One query of a panel, as Grafana sends it.

    Attributes:
        labels: What the panel needs of each series, to name it.
        legend: How a series is named.
    """

    panel: str
    expr: str
    labels: frozenset[str]
    legend: str
    kind: str

    def name(self, metric: dict[str, str]) -> str:
        """What the legend says of a series."""
        named = re.sub(r"{{(\w+)}}", lambda found: metric.get(found[1], "?"), self.legend)
        return named or ", ".join(value for key, value in metric.items() if key != "__name__")

    def unmet(self, answer: list[dict[str, Any]]) -> str | None:
        """What is wrong with an answer, in words; None where the panel shows something with a name."""
        if not any(isfinite(float(one["value"][1])) for one in answer):
            return "nothing"
        lacking = [one["metric"] for one in answer if not self.labels <= set(one["metric"])]
        return f"series without {sorted(self.labels)}: {lacking}" if lacking else None


def questions(*, namespace: str, name: str, rate_interval: str) -> Iterator[Question]:
    """All of both dashboards, for one model."""
    given = {"$__rate_interval": rate_interval, "$namespace": namespace, "$name": name}
    for path in sorted(FOLDER.glob("*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        for panel in document["panels"]:
            for target in panel.get("targets", ()):
                named = panel["fieldConfig"]["defaults"].get("displayName", "")
                expr, legend = target["expr"], target["legendFormat"]
                for word, value in given.items():
                    expr = expr.replace(word, value)
                labels = frozenset("".join(found) for found in LABELS.findall(legend + named))
                yield Question(f"{path.stem}: {panel['title']}", expr, labels, legend, panel["type"])
