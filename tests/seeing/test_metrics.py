"""Every metric is documented with its labels, and every label with what bounds it."""

import re
from typing import Final

from prometheus_client import CollectorRegistry

from serin.kube.errors import Request, Throttled
from serin.runtime.gauges import FAMILIES
from serin.runtime.metered import QueryMeters
from serin.runtime.telemetry import Telemetry
from tests.seeing.documented import DOCS, metrics

TEXT: Final = (DOCS / "metrics.md").read_text(encoding="utf-8")


def labelled(registry: CollectorRegistry) -> dict[str, frozenset[str]]:
    """The labels of each series that a registry can have, whether or not it has any yet."""
    found = {}
    for collector, names in registry._collector_to_names.items():
        labels = frozenset(getattr(collector, "_labelnames", ()))
        for name in names:
            if name.startswith("serin_") and not name.endswith("_created"):
                found[name] = labels | ({"le"} if name.endswith("_bucket") else set())
    return found


def in_code() -> dict[str, frozenset[str]]:
    telemetry = Telemetry()
    QueryMeters(telemetry.registry)
    telemetry.answered(Request("apply", "Deployment", "ml", "fraud"), None)
    telemetry.swept("Pod")
    return {**labelled(telemetry.registry), **{one.name: frozenset(one.labels) for one in FAMILIES}}


def test_labels_are_those_that_are_documented() -> None:
    documented = {name: one.labels for name, one in metrics().items()}
    made = {name: labels for name, labels in in_code().items() if name in documented}

    assert made == {name: labels for name, labels in documented.items() if name in made}
    assert len(made) > 40


def test_every_label_says_what_bounds_it() -> None:
    section = TEXT.partition("## What bounds the labels")[2].partition("## ")[0]
    bounded = {name for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE) for name in _names(row)}

    assert bounded == set().union(*in_code().values())


def test_error_is_told_by_its_class_and_never_by_its_words() -> None:
    telemetry = Telemetry()
    asked = Request("apply", "Deployment", "ml", "fraud-secret")

    for number in range(50):
        telemetry.answered(asked, Throttled(asked, f"too many: {number}", retry_after=1.0))

    page = telemetry.page().decode()
    assert page.count("serin_kube_requests_total{") == 1
    assert "secret" not in page


def _names(cell: str) -> list[str]:
    return re.findall(r"`(\w+)`", cell)
