"""How long the judge's word counts."""

from dataclasses import replace
from datetime import timedelta

import pytest

from serin.domain.rollout.machine import advance
from serin.domain.status import State
from tests.search.scope import NOW
from tests.unit.rollout.worlds import READY_FOR_MORE, beside, safe, stepping, world

FRESH = timedelta(seconds=30)


@pytest.mark.parametrize(("late", "step"), [(timedelta(0), 1), (timedelta(seconds=1), 0)])
def test_safe_raises_the_weight_as_long_as_it_is_fresh(late: timedelta, step: int) -> None:
    word = safe(stepping())
    assert word.assessment is not None
    decided = replace(word.assessment, boundary=(NOW - FRESH - late).timestamp())
    old = replace(world(READY_FOR_MORE, beside(stepping())), assessment=decided, freshness=FRESH)
    long_confirmed = replace(old.memo, confirmed_since=NOW - 3 * FRESH)

    rollout = advance(replace(old, memo=long_confirmed)).rollout

    assert rollout is not None
    assert (rollout.state, rollout.step) == (State.STEPPING, step)
