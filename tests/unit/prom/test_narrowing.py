"""What is learnt from another question's answer is what Prometheus would have answered."""

from typing import Final

import pytest

from serin.domain.analysis.counters import Series
from serin.domain.analysis.policy import Counter
from serin.domain.analysis.request import LabelNames
from serin.prom.narrowing import Narrowed, narrowed
from serin.prom.selectors import Matcher, Question

LABELS: Final = LabelNames()


def asked(metric: str, *matchers: Matcher, bucket: float | None = None) -> Question:
    return Question.of(Counter(metric=metric, matchers=matchers), bucket, None, LABELS)


def series(**labels: str) -> Series:
    return Series(labels, ((1.0, 1.0),))


ALL: Final = asked("x_total", ("path", "=", "/infer"))


def bad(*matchers: Matcher) -> Question:
    return asked("x_total", ("path", "=", "/infer"), *matchers)


@pytest.mark.parametrize(
    ("matcher", "codes"),
    [
        (("code", "=", "500"), ["500"]),
        (("code", "!=", "200"), ["500", "503", "404", ""]),
        (("code", "=~", "5.."), ["500", "503"]),
        (("code", "=~", "5.*|404"), ["500", "503", "404"]),
        (("code", "!~", "2.."), ["500", "503", "404", ""]),
        (("code", "=~", "5."), []),
        (("code", "=", ""), [""]),
        (("code", "=", "5.."), []),
    ],
)
def test_bad_requests_are_taken_from_among_all(matcher: Matcher, codes: list[str]) -> None:
    answer = tuple(series(code=code) if code else series() for code in ("200", "500", "503", "404", ""))

    learnt = narrowed(bad(matcher), [ALL])

    assert learnt.asked == ALL
    assert [one.labels.get("code", "") for one in learnt.of(answer)] == codes


@pytest.mark.parametrize(
    "question",
    [
        asked("y_total", ("path", "=", "/infer"), ("code", "=", "500")),
        asked("x_total", ("code", "=", "500")),
        asked("x_total", ("path", "=", "/infer"), bucket=0.5),
        bad(("code", "=~", "5[0-9]{2}")),
        bad(("code", "=~", r"5\d\d")),
        bad(("code", "=~", "(?i)error")),
        bad(("code", "=~", "5.*+")),
        bad(("code", "=~", "(5..")),
        bad(("code", "=~", "5..$")),
        bad(("code", "=~", "(a*)*b")),
        bad(("code", "=~", "(a|a)(a|a)b")),
        bad(("code", "=~", "a?a?aa")),
        bad(("code", "=~", ".*a.*a.*b")),
        bad(("code", "=~", "5.*.+")),
        bad(("code", "=~", "5*+")),
    ],
)
def test_what_is_not_among_them_or_could_mean_something_else_is_asked(question: Question) -> None:
    assert narrowed(question, [ALL]) == Narrowed(question)


def test_the_same_question_is_asked_once() -> None:
    learnt = narrowed(ALL, [ALL])

    assert learnt == Narrowed(ALL)
    assert learnt.of((series(code="200"),)) == (series(code="200"),)
