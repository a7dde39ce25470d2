"""A user's counter, from PromQL to `policy.Counter`.

Parsed, never pasted: what is not a plain selector is refused here, so that `prom.selectors` can build every query
from parts it knows, with the namespace and the pods of one model among them.
"""

from typing import Final

import promql_parser

from serin.domain.analysis.policy import Counter

_OPERATORS: Final = {
    promql_parser.MatchOp.Equal: "=",
    promql_parser.MatchOp.NotEqual: "!=",
    promql_parser.MatchOp.Re: "=~",
    promql_parser.MatchOp.NotRe: "!~",
}
_CURE: Final = (
    'write the name of a counter with label matchers, such as app_predictions_total{outcome="fallback"}'
)


class NotACounter(ValueError):
    """The text does not select raw counters. The message says what was found and what to write instead."""


def parse_counter(text: str) -> Counter:
    """The counter that a plain vector selector names.

    Raises:
        NotACounter: It is something else: a function, a range, an offset, a pattern of names, a syntax error.
    """
    try:
        found = promql_parser.parse(text)
    except ValueError as error:
        raise NotACounter(f"{text!r} is not PromQL ({error}); {_CURE}") from error
    if not isinstance(found, promql_parser.VectorSelector):
        raise NotACounter(
            f"{text!r} is a {type(found).__name__}, and raw counters are needed: Serin takes differences itself; {_CURE}"
        )
    if found.offset is not None or found.at is not None:
        raise NotACounter(f"{text!r} moves in time by offset or @; leave that out")
    if found.matchers.or_matchers:
        raise NotACounter(
            f"{text!r} joins matchers by 'or'; name one set of matchers, with =~ where values vary"
        )
    return _counter(text, found)


def _counter(text: str, found: promql_parser.VectorSelector) -> Counter:
    matchers = tuple((m.name, _operator(m.op), m.value) for m in found.matchers.matchers)
    names = [value for label, operator, value in matchers if label == "__name__" and operator == "="]
    name = found.name or (names[0] if names else None)
    if not name or sum(label == "__name__" for label, _, _ in matchers) > len(names):
        raise NotACounter(f"{text!r} does not name one metric; {_CURE}")
    return Counter(metric=name, matchers=tuple(m for m in matchers if m[0] != "__name__"))


def _operator(op: promql_parser.MatchOp) -> str:
    return next(text for known, text in _OPERATORS.items() if known == op)
