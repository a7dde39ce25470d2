"""A user's counter, from PromQL to `policy.Counter`.

Parsed, never pasted: what is not a plain selector is refused here, so that `prom.selectors` can build every
query from parts it knows, with the namespace and the pods of one model among them.
"""

from typing import Final

import promql_parser

from serin.domain.analysis.policy import Counter

_OPERATORS: Final = {
    "MatchOp.Equal": "=",
    "MatchOp.NotEqual": "!=",
    "MatchOp.Re": "=~",
    "MatchOp.NotRe": "!~",
}
_KINDS: Final = {
    "Call": "a function call",
    "AggregateExpr": "an aggregation",
    "BinaryExpr": "a calculation",
    "MatrixSelector": "a range",
    "SubqueryExpr": "a subquery",
}
_CURE: Final = 'name a counter and its matchers, such as app_predictions_total{outcome="fallback"}'


class NotACounter(ValueError):
    """The text does not select raw counters. The message says what was found and what to write instead."""


def parse_counter(text: str) -> Counter:
    """The counter that a plain vector selector names.

    Raises:
        NotACounter: It is something else: a function, a range, an offset, a pattern of names, a syntax error.
    """
    found = _parsed(text)
    if not isinstance(found, promql_parser.VectorSelector):
        kind = _KINDS.get(type(found).__name__, "no selector")
        raise NotACounter(f"{text!r} is {kind}, and Serin takes differences of raw counters itself; {_CURE}")
    if found.offset is not None or found.at is not None:
        raise NotACounter(f"{text!r} moves in time by offset or @; leave that out")
    if found.matchers.or_matchers:
        raise NotACounter(f"{text!r} joins matchers by 'or'; name one set, with =~ where values vary")
    return _counter(text, found)


def _parsed(text: str) -> object:
    try:
        return promql_parser.parse(text)
    except BaseException as error:
        # Where the parser panics, as on an infinite offset, it raises what is no Exception: one user's text
        # would end the process, again and again.
        if isinstance(error, ValueError) or type(error).__name__ == "PanicException":
            raise NotACounter(f"{text!r} is not PromQL ({error}); {_CURE}") from error
        raise


def _counter(text: str, found: promql_parser.VectorSelector) -> Counter:
    matchers = tuple((m.name, _OPERATORS[str(m.op)], m.value) for m in found.matchers.matchers)
    named = [operator for label, operator, _ in matchers if label == "__name__"]
    exact = [value for label, operator, value in matchers if (label, operator) == ("__name__", "=")]
    name = found.name or (exact[0] if exact else None)
    if not name or len(named) > len(exact) or set(exact) - {name}:
        raise NotACounter(f"{text!r} does not name one metric; {_CURE}")
    return Counter(metric=name, matchers=tuple(m for m in matchers if m[0] != "__name__"))
