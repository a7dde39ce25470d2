"""A4: every reason and every phase that is defined is one that some test waits for."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Final

import pytest

from serin.domain.analysis.judge import Reason as Missing
from serin.domain.analysis.verdict import Verdict
from serin.domain.observed import PodProblem
from serin.domain.rollout.world import Reason
from serin.domain.status import GateResult, State

TESTS: Final = Path(__file__).parents[2]
WORDS: Final = "\n".join(
    path.read_text(encoding="utf-8")
    for path in sorted(TESTS.rglob("test_*.py"))
    if path.name not in (Path(__file__).name, "test_rules.py")
)
"""What the tests say; those of the watcher make their stories up."""


@pytest.mark.parametrize("kind", [Reason, Missing, Verdict, PodProblem, GateResult, State])
def test_every_word_of_the_status_is_reached_by_a_test(kind: type[StrEnum]) -> None:
    named = {
        one.value
        for one in kind
        if re.search(
            rf"[\"'/]{one.value}\b|\b(?:{kind.__name__}|Missing)\.{one.name}\b|reason=\w*{one.value}", WORDS
        )
    }

    assert {one.value for one in kind} - named == set()
