"""The search in small, and what it rests on: that it finds what is wrong, and tells it as a story."""

import pytest

from tests.search.scope import Scope
from tests.search.scopes import QUICK
from tests.search.searching import Search
from tests.search.telling import told_story


@pytest.mark.parametrize("scope", QUICK, ids=lambda scope: scope.name)
def test_no_course_of_events_breaks_an_invariant(scope: Scope) -> None:
    found = Search(scope).run()

    assert not found.counterexamples, "\n".join(told_story(found.counterexamples[0]))
    assert found.states > 50
