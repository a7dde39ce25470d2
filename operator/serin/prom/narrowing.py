"""A question that another one's answer holds: bad requests are among the requests, most of the time.

Then it is not asked, and the answer is narrowed here. Only for matchers that mean the same in Python as in
Prometheus' regular expressions: anything else is left to Prometheus, which also says what is wrong with it.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from serin.domain.analysis.counters import Series
from serin.prom.selectors import Matcher, Question

_ALIKE: Final = re.compile(r"[-\w .|()*+?:/]*", re.ASCII)
_UNLIKE: Final = re.compile(r"\(\?|[*+?]{2}")
"""Groups with a meaning, and operators on operators: Python has some that Prometheus refuses."""


class Narrowed(NamedTuple):
    """What is asked, and which series of the answer are meant."""

    asked: Question
    matchers: tuple[Matcher, ...] = ()

    def of(self, answer: tuple[Series, ...]) -> tuple[Series, ...]:
        """The series that are meant."""
        if not self.matchers:
            return answer
        tests = [_test(matcher) for matcher in self.matchers]
        return tuple(series for series in answer if all(test(series.labels) for test in tests))


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
    if not _ALIKE.fullmatch(value) or _UNLIKE.search(value):
        return False
    try:
        re.compile(value)
    except re.error:
        return False
    return True


@lru_cache(maxsize=10_000)
def _test(matcher: Matcher) -> Callable[[Mapping[str, str]], bool]:
    """A label that is not there matches as an empty one, as in Prometheus."""
    label, operator, value = matcher
    pattern = re.compile(re.escape(value) if operator in ("=", "!=") else value, re.DOTALL)
    wanted = operator in ("=", "=~")
    return lambda labels: (pattern.fullmatch(labels.get(label, "")) is not None) is wanted
