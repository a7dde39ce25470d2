"""The dashboards are what a Grafana takes, and ask for what there is. That answers come is `tests/e2e`'s."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.seeing.dashboards import FOLDER, documents, text
from tests.seeing.documented import metrics, selectors
from tests.seeing.panels import SOURCE

NAMES: Final = sorted(path.name for path in FOLDER.glob("*.json"))
PLACE: Final = {"job", "instance"}
"""Labels that scraping adds."""
PROCESS: Final = {"process_cpu_seconds_total", "process_resident_memory_bytes"}


def read(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return document


def panels(name: str) -> Iterator[dict[str, Any]]:
    yield from (panel for panel in read(name)["panels"] if panel["type"] != "row")


def queries() -> Iterator[Any]:
    for name in NAMES:
        for panel in panels(name):
            for target in panel["targets"]:
                yield pytest.param(panel, target, id=f"{name}-{panel['title']}-{target['refId']}")


def asked(expression: str) -> str:
    """As Grafana sends it, with something in the place of its variables."""
    for word, value in (("$__rate_interval", "1m"), ("$namespace", "ml"), ("$name", "fraud")):
        expression = expression.replace(word, value)
    assert "$" not in expression
    return expression


def test_files_are_what_is_written_for_them() -> None:
    made = {path.name: text(document) for path, document in documents()}

    assert made == {name: (FOLDER / name).read_text(encoding="utf-8") for name in NAMES}, (
        "run python -m tests.seeing.dashboards"
    )


@pytest.mark.parametrize("name", NAMES)
def test_dashboard_has_what_an_import_needs(name: str) -> None:
    document = read(name)
    ids = [panel["id"] for panel in document["panels"]]

    assert document["id"] is None, "it would replace another one"
    assert re.fullmatch(r"serin-[a-z]+", document["uid"])
    assert document["schemaVersion"] <= 39, "Grafana 10 reads no newer one"
    assert len(ids) == len(set(ids))
    assert "serin" in document["tags"], "the dashboards link to each other by it"
    assert next(one["name"] for one in document["templating"]["list"]) == "datasource"
    assert "__inputs" not in document, "a ConfigMap is read without a person to ask"


@pytest.mark.parametrize("name", NAMES)
def test_panels_lie_beside_each_other_and_none_on_another(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in read(name)["panels"]:
        place = panel["gridPos"]
        fields = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not fields & taken, panel["title"]
        assert max(x for x, _ in fields) < 24
        taken |= fields


@pytest.mark.parametrize("name", NAMES)
def test_every_panel_says_unit_meaning_and_the_source_a_person_chose(name: str) -> None:
    titles = [panel["title"] for panel in panels(name)]

    assert len(titles) == len(set(titles))
    for panel in panels(name):
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["datasource"] == SOURCE
        for target in panel["targets"]:
            assert target["datasource"] == SOURCE
    for variable in read(name)["templating"]["list"][1:]:
        assert variable["datasource"] == SOURCE


@pytest.mark.parametrize(("panel", "target"), list(queries()))
def test_query_asks_for_metrics_that_are_there_by_labels_they_have(
    panel: dict[str, Any], target: dict[str, Any]
) -> None:
    known = metrics()
    labels: set[str] = set(PLACE)

    for selector in selectors(asked(target["expr"])):
        if selector.name in PROCESS:
            continue
        wanted = {matcher.name for matcher in selector.matchers.matchers} - {"__name__"}
        assert wanted <= known[selector.name].labels, selector.name
        labels |= known[selector.name].labels
    for names in re.findall(r"(?:by|on) \(([\w, ]+)\)", target["expr"]):
        assert set(names.split(", ")) <= labels, panel["title"]
    assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= labels


def test_every_metric_is_shown_somewhere_or_told_why_not() -> None:
    texts = [target["expr"] for name in NAMES for panel in panels(name) for target in panel["targets"]]
    shown = {one.name for text in texts for one in selectors(asked(text))}
    series = {name for name in metrics() if not name.endswith(("_sum", "_count"))}

    assert series - shown == {
        "serin_build_info",  # for a person who asks
        "serin_conflicts_total",  # requests by outcome say so, too
        "serin_guard_failures",  # the value beside its limit shows it
        "serin_guard_verdict",
        "serin_rollout_step",  # the weight
        "serin_swept_total",  # how far watches are behind
    }
