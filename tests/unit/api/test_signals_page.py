"""`docs/signals.md` promises nothing that is not so: each example is taken, each row of its table is true."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from serin.api.intent import intent_of
from serin.api.runtimes import catalogue_in
from serin.catalogue.loader import KIND, builtin
from serin.catalogue.rows import SignalRows
from serin.domain.analysis.judge import Reason as Missing
from serin.domain.intent import Intent

PAGE = (Path(__file__).parents[3] / "docs" / "signals.md").read_text(encoding="utf-8")
EXAMPLES: list[dict[str, Any]] = [
    yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
]
ROWS = [example for example in EXAMPLES if KIND in example]
SPECS = [example for example in EXAMPLES if KIND not in example]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec["analysis"]["signals"][-1]["name"])
def test_example_is_a_valid_spec(spec: dict[str, Any]) -> None:
    made = intent_of({"metadata": {"name": "fraud"}, "spec": {"model": {"format": "sklearn"}, **spec}})

    assert isinstance(made, Intent), made
    assert len(made.analysis.signals) == len(spec["analysis"]["signals"])


@pytest.mark.parametrize("signal", re.findall(r"\| `(\{name: .*?\})` \|", PAGE))
def test_line_of_the_table_is_a_signal(signal: str) -> None:
    counters = "requests: a_total, bad: b_total" if "requests: …" in signal else ""
    text = re.sub(r"requests: …, bad: …", counters, signal).replace("name: …", "name: x")
    body = yaml.safe_load(text.replace("histogram: …", "histogram: s_bucket"))

    made = intent_of(
        {
            "metadata": {"name": "fraud"},
            "spec": {"model": {"format": "sklearn"}, "analysis": {"signals": [body]}},
        }
    )

    assert isinstance(made, Intent), made


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_row_of_ones_own_is_taken(row: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "row.yaml").write_text(yaml.safe_dump(row), encoding="utf-8")

    known = catalogue_in(tmp_path)

    assert row["name"] in {*known.runtimes, *known.data_planes}


def test_table_of_presets_is_the_catalogue() -> None:
    told = set(
        re.findall(r"^\| (?:data plane )?`([\w-]+)` \| (yes|no) \| (yes|no) \| (\w*)", PAGE, re.MULTILINE)
    )

    assert told == {*_runtimes(), *_data_planes()}


def _runtimes() -> set[tuple[str, str, str, str]]:
    made = set()
    for row in builtin().runtimes.values():
        [container] = row.template["spec"]["containers"]
        made.add((row.name, *_offers(row.signals), "pinned" if "image" in container else "yours"))
    return made


def _data_planes() -> set[tuple[str, str, str, str]]:
    return {(row.name, *_offers(row.signals), "") for row in builtin().data_planes.values()}


def _offers(rows: SignalRows) -> tuple[str, str]:
    return "yes" if rows.errors else "no", "yes" if rows.latency else "no"


def test_events_named_are_those_that_are_told() -> None:
    table = PAGE.rpartition("| Event | means |")[2]

    assert set(re.findall(r"`([A-Z]\w+)`", table)) - {"Observe"} == {
        *("Harm", "HarmObserved", "AnalysisUnavailable", "AnalysisAvailable"),
        *(Missing.SPLIT_MISMATCH, Missing.SHARED_INCIDENT),
    }
