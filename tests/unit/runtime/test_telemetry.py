"""Log lines a machine can read, and figures with bounded labels."""

import io
import json
import logging
import sys

import pytest

from serin.kube.errors import Conflict, Request
from serin.runtime.telemetry import JsonLines, Telemetry


def line(message: str, **extra: object) -> dict[str, object]:
    record = logging.getLogger("serin.test").makeRecord(
        "serin.test", logging.INFO, "file.py", 1, message, (), None, extra=extra
    )
    read: dict[str, object] = json.loads(JsonLines().format(record))
    return read


def test_a_line_is_an_event_and_its_fields() -> None:
    read = line("step advanced", key="ml/fraud", weight=25)

    assert {name: read[name] for name in ("level", "event", "key", "weight")} == {
        "level": "info",
        "event": "step advanced",
        "key": "ml/fraud",
        "weight": 25,
    }
    assert set(read) == {"time", "level", "event", "key", "weight"}


def test_a_line_of_kopfs_tells_of_the_object_and_not_of_its_settings() -> None:
    read = line("handler failed", settings=object(), k8s_skip=False, k8s_ref={"name": "fraud"})

    assert set(read) == {"time", "level", "event", "k8s_ref"}


def test_a_fault_is_one_line_with_its_trace() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    try:
        raise ValueError("bug")
    except ValueError:
        handler.handle(
            logging.LogRecord("serin", logging.ERROR, "file.py", 1, "look failed", (), sys.exc_info())
        )

    (text,) = stream.getvalue().splitlines()
    assert "ValueError: bug" in json.loads(text)["trace"]


def test_requests_and_conflicts_are_counted_by_kind() -> None:
    telemetry = Telemetry()
    request = Request("apply", "Deployment", "ml", "fraud-r1")

    telemetry.answered(request, None)
    telemetry.answered(request, Conflict(request, "modified"))

    page = telemetry.page().decode()
    assert 'serin_kube_requests_total{kind="Deployment",outcome="Done",verb="apply"} 1.0' in page
    assert 'serin_kube_requests_total{kind="Deployment",outcome="Conflict",verb="apply"} 1.0' in page
    assert 'serin_conflicts_total{kind="Deployment"} 1.0' in page
    assert "fraud" not in page


def test_a_look_that_fails_is_counted_and_raised() -> None:
    telemetry = Telemetry()

    with pytest.raises(ValueError, match="bug"), telemetry.look():
        raise ValueError("bug")

    page = telemetry.page().decode()
    assert 'serin_reconciles_total{outcome="failed"} 1.0' in page
    assert 'serin_errors_total{error="ValueError"} 1.0' in page
