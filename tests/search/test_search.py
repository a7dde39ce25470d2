"""The search in small, and what it rests on: that it finds what is wrong, and tells it as a story."""

from collections import Counter

import pytest

from tests.search.equivalent import EQUIVALENT
from tests.search.mutants import mutants
from tests.search.scope import Scope
from tests.search.scopes import QUICK, UNLICENSED
from tests.search.searching import Search
from tests.search.telling import told_story


@pytest.mark.parametrize("scope", QUICK, ids=lambda scope: scope.name)
def test_no_course_of_events_breaks_an_invariant(scope: Scope) -> None:
    found = Search(scope).run()

    assert not found.counterexamples, "\n".join(told_story(found.counterexamples[0]))
    assert found.states > 40


@pytest.mark.parametrize("scope", UNLICENSED, ids=lambda scope: scope.name)
def test_without_a_licence_an_old_leader_would_act_beside_the_new_one(scope: Scope) -> None:
    """What the licence is for, and that the search would see it missing (I12)."""
    found = Search(scope).run().counterexamples[0]

    assert any("the old process writes" in line for line in told_story(found))


def test_what_is_taken_for_no_fault_is_a_mutant_still() -> None:
    assert EQUIVALENT.keys() <= {str(mutant) for mutant in mutants()}
    assert all(EQUIVALENT.values())


def test_no_two_mutants_are_called_alike() -> None:
    names = Counter(map(str, mutants()))

    assert [name for name, count in names.items() if count > 1] == []
