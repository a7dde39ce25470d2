"""Absolute limits: what counts as a failure, what tells nothing, and how often is too often."""

from decimal import Decimal
from math import inf, nan

import pytest

from serin.domain.analysis.guards import GuardPolicy, GuardReading, GuardRequest
from serin.domain.analysis.request import LabelNames
from serin.domain.analysis.verdict import Verdict


def guard(*, maximum: str | None = "10", minimum: str | None = None, failure_limit: int = 3) -> GuardPolicy:
    return GuardPolicy(
        name="memory",
        query='max(memory{pod=~"$canary"})',
        maximum=None if maximum is None else Decimal(maximum),
        minimum=None if minimum is None else Decimal(minimum),
        failure_limit=failure_limit,
    )


def read(policy: GuardPolicy, *answers: list[float]) -> GuardReading:
    """The reading after these answers."""
    reading = GuardReading(attempt="fraud-1.1", guard=policy)
    for answer in answers:
        reading = reading.after(answer)
    return reading


@pytest.mark.parametrize(
    ("policy", "value", "fails"),
    [
        (guard(), 10.0, False),
        (guard(), 10.000001, True),
        (guard(), inf, True),
        (guard(), -inf, False),
        (guard(maximum=None, minimum="0"), 0.0, False),
        (guard(maximum=None, minimum="0"), -0.1, True),
        (guard(maximum="0", minimum="-1"), 0.5, True),
        (guard(maximum="0.1"), 0.1, False),
    ],
)
def test_beyond_a_limit_is_a_failure(policy: GuardPolicy, value: float, fails: bool) -> None:
    reading = read(policy, [value])

    assert reading.failures == fails
    assert reading.verdict is (Verdict.UNDECIDED if fails else Verdict.SAFE)


def test_one_series_beyond_the_limit_is_enough() -> None:
    reading = read(guard(), [1.0, 11.0, nan, 12.0])

    assert (reading.value, reading.failures) == (12.0, 1)


def test_the_failure_limit_in_a_row_is_harm() -> None:
    reading = read(guard(), [11.0], [12.0], [13.0])

    assert reading.verdict is Verdict.HARM
    assert reading.sentence == "guard memory: 13 is above 10, 3 times in a row"


def test_a_value_within_the_limits_starts_the_count_anew() -> None:
    assert read(guard(), [11.0], [11.0], [9.0], [11.0]).failures == 1


@pytest.mark.parametrize("nothing", [[], [nan], [nan, nan]])
def test_nothing_to_read_neither_counts_nor_resets(nothing: list[float]) -> None:
    assert read(guard(), nothing).failures == 0
    held = read(guard(), [11.0], [11.0], nothing)
    assert (held.failures, held.value, held.verdict) == (2, None, Verdict.NO_DATA)
    assert held.after([11.0]).verdict is Verdict.HARM


def test_harm_stands_while_nothing_can_be_read() -> None:
    harm = read(guard(failure_limit=1), [11.0])

    assert harm.without("Prometheus is down") == harm
    assert harm.after([]) == harm
    assert harm.after([1.0]).verdict is Verdict.SAFE


def test_the_words_for_the_revisions_are_the_names_of_their_pods() -> None:
    request = GuardRequest(
        attempt="fraud-7c9f1a2b3c.1",
        namespace="ml",
        canary="fraud-7c9f1a2b3c",
        stable="fraud-55d1a2b3c4",
        guards=(guard(),),
        interval=15.0,
        labels=LabelNames(namespace="ns"),
    )

    assert request.query(guard()) == (
        'max ({__name__="memory",pod=~"fraud-7c9f1a2b3c-[a-z0-9]+-[a-z0-9]{5}",ns="ml"})'
    )
