"""A question that another one's answer holds: bad requests are among the requests, most of the time.

Then it is not asked, and the answer is narrowed here. Only for matchers that mean the same in Python as in
Prometheus' regular expressions, and that take no longer: patterns and labels are a user's, and Python's
search goes back and tries again, for ever with `(a*)*b`, while everybody's operator stands still. Anything
else is left to Prometheus, which also says what is wrong with it.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final, NamedTuple

from serin.domain.analysis.counters import Series
from serin.prom.selectors import Matcher, Question

_ALIKE: Final = re.compile(r"[-\w .:/]*(\.[*+][-\w .:/]*)?", re.ASCII)
"""An alternative with at most one repetition, so that there is one place to go back to."""


class Narrowed(NamedTuple):
    """What is asked, and which series of the answer are meant."""

    asked: Question
    matchers: tuple[Matcher, ...] = ()

    def of(self, answer: tuple[Series, ...]) -> tuple[Series, ...]:
        """The series that are meant."""
        for matcher in self.matchers:
            label, matches = matcher[0], _test(matcher)
            answer = tuple([series for series in answer if matches(series.labels.get(label, ""))])
        return answer


def narrowed(question: Question, before: Iterable[Question]) -> Narrowed:
    """How to learn what is asked, where other questions were asked before."""
    mine = set(question.counter.matchers)
    for other in before:
        if _place(other) == _place(question):
            rest = tuple(m for m in question.counter.matchers if m not in other.counter.matchers)
            if mine.issuperset(other.counter.matchers) and all(map(_evaluable, rest)):
                return Narrowed(other, rest)
    return Narrowed(question)


def _place(question: Question) -> tuple[object, ...]:
    """All but the matchers."""
    return question.counter.metric, question.bucket, question.data_plane, question.labels


def _evaluable(matcher: Matcher) -> bool:
    _, operator, value = matcher
    if operator in ("=", "!="):
        return True
    return all(map(_ALIKE.fullmatch, value.split("|")))


@lru_cache(maxsize=10_000)
def _test(matcher: Matcher) -> Callable[[str], bool]:
    """Of a label's value: one that is not there matches as an empty one, as in Prometheus."""
    _, operator, value = matcher
    pattern = re.compile(re.escape(value) if operator in ("=", "!=") else value, re.DOTALL)
    wanted = operator in ("=", "=~")
    return lambda text: (pattern.fullmatch(text) is not None) is wanted
