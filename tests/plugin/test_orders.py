"""An order names the attempt in view, and nothing is ordered that would do nothing."""

import pytest

from serin.domain.names import REQUEST_ANNOTATIONS
from serin.plugin.orders import VERBS, NotNow, Order
from tests.plugin.seen import NAMES, model

GIVEN = {
    ("awaiting-promotion", "promote"): "iris-eaa1c2046f.1:to-60",
    ("awaiting-promotion", "promote --full"): "iris-eaa1c2046f.1:full",
    ("awaiting-promotion", "abort"): "iris-eaa1c2046f.1",
    ("awaiting-promotion", "pause"): "iris-eaa1c2046f.1",
    ("undecided", "promote"): "fraud-af14730d11.1:to-5",
    ("undecided", "promote --full"): "fraud-af14730d11.1:full",
    ("undecided", "abort"): "fraud-af14730d11.1",
    ("undecided", "pause"): "fraud-af14730d11.1",
    ("paused", "promote"): "fraud-af14730d11.1:to-5",
    ("paused", "promote --full"): "fraud-af14730d11.1:full",
    ("paused", "abort"): "fraud-af14730d11.1",
    ("paused", "resume"): None,
    ("pods-not-ready", "promote"): "churn-77a061902d.1:to-20",
    ("pods-not-ready", "promote --full"): "churn-77a061902d.1:full",
    ("pods-not-ready", "abort"): "churn-77a061902d.1",
    ("pods-not-ready", "pause"): "churn-77a061902d.1",
    ("baking", "abort"): "iris-eaa1c2046f.1",
    ("baking", "pause"): "iris-eaa1c2046f.1",
    ("deploying", "abort"): "iris-f5ee2e5bbb.1",
    ("deploying", "pause"): "iris-f5ee2e5bbb.1",
    ("rolled-back", "retry"): "scores-11d8110f92.1",
    ("aborted", "retry"): "churn-77a061902d.1",
}
"""All that is worth ordering, by state."""


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("name", NAMES)
def test_an_order_is_given_where_it_does_something(name: str, verb: str) -> None:
    answer = VERBS[verb](model(name))

    if (name, verb) in GIVEN:
        assert isinstance(answer, Order)
        assert answer.value == GIVEN[name, verb]
        assert answer.annotation in REQUEST_ANNOTATIONS
    else:
        assert isinstance(answer, NotNow)
        assert answer.why


@pytest.mark.parametrize("verb", ["promote", "promote --full", "abort", "pause"])
def test_an_order_that_was_given_is_not_given_twice(verb: str) -> None:
    first = VERBS[verb](model("undecided"))
    assert isinstance(first, Order)

    again = VERBS[verb](model("undecided", annotations={first.annotation: first.value}))

    assert isinstance(again, NotNow)
    assert again.done


def test_a_pause_of_the_spec_is_not_resumed_behind_gits_back() -> None:
    answer = VERBS["resume"](model("undecided", spec={"paused": True}))

    assert isinstance(answer, NotNow)
    assert "where the spec comes from" in answer.cure


def test_a_pause_that_is_over_is_removed_without_a_promise() -> None:
    answer = VERBS["resume"](model("steady", annotations={"serin.dev/pause": "iris-1.1"}))

    assert isinstance(answer, Order)
    assert answer.said == "the pause of iris-1.1, which is over, is removed"


def test_a_promote_under_a_pause_says_what_it_waits_for() -> None:
    answer = VERBS["promote"](model("paused"))

    assert isinstance(answer, Order)
    assert answer.said.endswith("as soon as it is not paused any more: kubectl serin resume fraud -n ml")


def test_an_abort_of_what_was_taken_back_is_done() -> None:
    answer = VERBS["abort"](model("rolled-back"))

    assert isinstance(answer, NotNow)
    assert answer.done


def test_a_retry_waits_for_the_operator_to_see_the_spec() -> None:
    answer = VERBS["retry"](model("rolled-back", metadata={"generation": 9}))

    assert isinstance(answer, NotNow)
    assert "has not seen" in answer.why
