"""A judge that is killed at any time finds the evidence that was there (I7)."""

from itertools import pairwise
from typing import Any

import pytest

from tests.truth.stage import Played

UNKNOWN = -1.0
FIGURES = ("log_evidence", "log_safety", "ratio", "lower", "upper")


def figures(assessment: dict[str, Any]) -> dict[str, Any]:
    """All that was learnt from the samples, by signal; what a verdict says of the present moment is not."""
    found: dict[str, Any] = {}
    for signal in assessment["signals"]:
        for arm in ("canary", "stable"):
            found |= {f"{signal['name']} {arm} {key}": value for key, value in signal[arm].items()}
        found |= {f"{signal['name']} {figure}": signal[figure] for figure in FIGURES}
    return {name: UNKNOWN if value is None else value for name, value in found.items()}


def test_the_evidence_after_each_kill_is_that_of_an_undisturbed_judge(played: Played) -> None:
    undisturbed = {
        (one["canary"], one["boundary"]): figures(one)
        for one in played.said["undisturbed"]
        if one["boundary"] is not None
    }
    compared: list[float] = []
    for one in played.said["killed"]:
        if (expected := undisturbed.get((one["canary"], one["boundary"]))) is not None:
            assert figures(one) == pytest.approx(expected, rel=1e-9, abs=1e-9), one["canary"]
            compared.append(one["at"])

    for began, ended in pairwise([*played.lives, max(compared) + 1]):
        assert any(began < at < ended for at in compared), "a life without a word"
    found = [signal["log_evidence"] for one in played.said["killed"] for signal in one["signals"]]
    assert max(found) > 1, "nothing was found that could differ"
