"""The alerts fire when they should, say what they should, and lead to a section that says what to do."""

import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

import pytest
import yaml

from tests.seeing.documented import DOCS, FILES, metrics, promtool, selectors

ALERTS: Final = FILES / "alerts.yaml"
TESTS: Final = DOCS.parent / "tests" / "seeing" / "alerts.test.yaml"
RUNBOOKS: Final = "https://serin.dev/runbooks/#"
OF_PROMETHEUS: Final = {"cluster", "namespace", "job", "instance"}
"""Labels that scraping adds."""


def rules() -> Iterator[dict[str, Any]]:
    for group in yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]:
        yield from group["rules"]


RULES: Final = [pytest.param(rule, id=rule["alert"]) for rule in rules()]


@pytest.mark.parametrize("arguments", [("check", "rules", ALERTS), ("test", "rules", TESTS)], ids=str)
def test_promtool_has_nothing_to_say_of_the_rules(arguments: tuple[Any, ...]) -> None:
    done = subprocess.run([promtool(), *arguments], capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_seen_to_fire_and_not_to_fire() -> None:
    seen: dict[str, set[bool]] = defaultdict(set)
    for case in yaml.safe_load(TESTS.read_text(encoding="utf-8"))["tests"]:
        for one in case["alert_rule_test"]:
            seen[one["alertname"]].add(bool(one["exp_alerts"]))

    assert seen == {rule["alert"]: {True, False} for rule in rules()}


@pytest.mark.parametrize("rule", RULES)
def test_alert_asks_for_metrics_that_are_there_by_labels_they_have(rule: dict[str, Any]) -> None:
    known, asked = metrics(), selectors(rule["expr"])

    assert len(asked) == len(re.findall(r"(?:serin|process)_\w+", rule["expr"]))
    for selector in asked:
        if selector.name == "process_start_time_seconds":
            continue
        assert selector.name in known
        wanted = {matcher.name for matcher in selector.matchers.matchers} - {"__name__"}
        assert wanted <= known[selector.name].labels, selector.name
    for names in re.findall(r"(?:by|on) \(([\w, ]+)\)", rule["expr"]):
        every = set().union(*(one.labels for one in known.values()))
        assert set(names.split(", ")) <= every | OF_PROMETHEUS


@pytest.mark.parametrize("rule", RULES)
def test_alert_says_how_grave_it_is_what_it_is_and_where_to_read_on(rule: dict[str, Any]) -> None:
    told = rule["annotations"]

    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert set(told) == {"summary", "description", "runbook_url"}
    assert told["runbook_url"] == RUNBOOKS + rule["alert"].lower()
    for words in (told["summary"], told["description"]):
        assert words[0].isupper() or words.startswith("{{")
        assert words.endswith(".")


def test_every_alert_has_its_runbook_and_every_runbook_its_alert() -> None:
    text = (DOCS / "runbooks.md").read_text(encoding="utf-8")
    sections = re.split(r"^## ", text, flags=re.MULTILINE)[1:]

    assert [part.partition("\n")[0] for part in sections] == list(
        dict.fromkeys(rule["alert"] for rule in rules())
    )
    for part in sections:
        for word in ("**Means**", "**Costs**", "**Find out**", "**Mend**"):
            assert part.count(word) == 1, part.partition("\n")[0]


def test_queries_of_the_runbooks_are_about_metrics_that_are_there() -> None:
    text = (DOCS / "runbooks.md").read_text(encoding="utf-8")
    for question in re.findall(r"`([^`]*serin_\w+[^`]*)`", text):
        assert {one.name for one in selectors(question)} <= set(metrics())
