"""Figures with bounded labels."""

import pytest

from serin.kube.errors import Conflict, Request
from serin.runtime.telemetry import Telemetry


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
