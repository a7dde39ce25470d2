"""A user's PromQL, held to one namespace: parsed, and written anew from the tree, never pasted.

Every selector gets the namespace among its matchers, so that whatever functions and operators do with it,
what they are given comes from there. What this module does not know how to write is refused: a query that
Prometheus reads otherwise than this parser would otherwise read what belongs to others. So is one that would
take Prometheus from others by its cost: how far it reaches back, how often, and in how many places.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import Final

import promql_parser as promql

LONGEST_QUERY: Final = 1024
DEEPEST: Final = 64
"""Parts within parts; what is nested deeper is no query of a person's, and would exhaust the stack."""
LONGEST_RANGE: Final = timedelta(days=1)
"""Of a range or subquery. A guard is about now; `offset`, which costs nothing, leads to a week ago."""
MOST_SAMPLES: Final = 100_000
"""Read for each series, all selectors and all steps of subqueries together: a day by the minute of five
minutes each, three times over."""
SPACING: Final = timedelta(seconds=15)
"""Between samples, and between steps that the query does not space itself: what most Prometheuses have."""
MOST_SELECTORS: Final = 32

_FUNCTIONS: Final = """
    abs absent absent_over_time acos acosh asin asinh atan atanh avg_over_time ceil changes clamp clamp_max
    clamp_min cos cosh count_over_time day_of_month day_of_week day_of_year days_in_month deg delta deriv exp
    floor histogram_avg histogram_count histogram_fraction histogram_quantile histogram_stddev
    histogram_stdvar histogram_sum hour idelta increase irate label_join label_replace last_over_time ln log10
    log2 mad_over_time max_over_time min_over_time minute month pi predict_linear present_over_time
    quantile_over_time rad rate resets round scalar sgn sin sinh sort sort_desc sqrt stddev_over_time
    stdvar_over_time sum_over_time tan tanh time timestamp vector year
"""
"""Functions of what they are given. `info` is not among them: it reads series that no selector names."""
_AGGREGATIONS: Final = "avg bottomk count count_values group max min quantile stddev stdvar sum topk"
_OPERATORS: Final = "+ - * / % ^ atan2 == != > < >= <= and or unless"

_MATCHES: Final = {
    "MatchOp.Equal": "=",
    "MatchOp.NotEqual": "!=",
    "MatchOp.Re": "=~",
    "MatchOp.NotRe": "!~",
}
_SIDES: Final = {
    "VectorMatchCardinality.ManyToOne": "group_left",
    "VectorMatchCardinality.OneToMany": "group_right",
}
_LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_METRICS: Final = re.compile(r"[a-zA-Z0-9_:|]+")
_PLACEHOLDER: Final = re.compile(r"\$([a-zA-Z_]+)")


class NotConfinable(ValueError):
    """The query cannot be held to a namespace, or yields no number. The message says why, and the cure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a query may read.

    Attributes:
        label: The label that holds a series' namespace.
        words: What `$canary` and `$stable` stand for: regular expressions.
    """

    namespace: str
    words: Mapping[str, str]
    label: str = "namespace"


def confined(text: str, place: Place) -> str:
    """The query with every selector held to the place.

    Raises:
        NotConfinable: It is no query, or has a part that cannot be written anew as it was meant.
    """
    if len(text) > LONGEST_QUERY:
        raise NotConfinable(f"a query has at most {LONGEST_QUERY} characters, found {len(text)}")
    try:
        found = promql.parse(text)
        _ask_for_numbers(found)
        return _Writer(place).written(found)
    except NotConfinable:
        raise
    except BaseException as error:
        # The parser panics on some texts, as on an infinite offset, and that is no Exception: one user's text
        # would end the process, again and again.
        if isinstance(error, ValueError | OverflowError) or type(error).__name__ == "PanicException":
            raise NotConfinable(f"not PromQL: {error}") from error
        raise


def _ask_for_numbers(found: object) -> None:
    while isinstance(found, promql.ParenExpr):
        found = found.expr
    kinds = {"MatrixSelector": "a range", "SubqueryExpr": "a subquery", "StringLiteral": "a text"}
    if kind := kinds.get(type(found).__name__):
        raise NotConfinable(f"{kind} is no number; take one from it, as max_over_time(...) does")


class _Writer:
    """Writes a tree as PromQL, with brackets around every operand so that no rank of operators matters."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._depth = 0
        self._steps = 1
        self._selectors = 0
        self._samples = 0
        self._kinds: Mapping[str, Callable[..., str]] = {
            "AggregateExpr": self._aggregate,
            "BinaryExpr": self._binary,
            "Call": self._call,
            "MatrixSelector": self._matrix,
            "NumberLiteral": self._number,
            "ParenExpr": self._paren,
            "StringLiteral": self._string,
            "SubqueryExpr": self._subquery,
            "UnaryExpr": self._unary,
            "VectorSelector": self._vector,
        }

    def written(self, node: object) -> str:
        kind = type(node).__name__
        if kind not in self._kinds:
            raise NotConfinable(f"{kind} is not supported in a guard")
        if self._depth == DEEPEST:
            raise NotConfinable(f"it is nested more than {DEEPEST} deep")
        self._depth += 1
        text = self._kinds[kind](node)
        self._depth -= 1
        return text

    def _aggregate(self, node: promql.AggregateExpr) -> str:
        if str(node.op) not in _AGGREGATIONS.split():
            raise NotConfinable(f"the aggregation {node.op} is not supported in a guard")
        inside = [self.written(part) for part in (node.param, node.expr) if part is not None]
        grouping = ""
        if node.modifier is not None:
            word = "by" if node.modifier.type == promql.AggModifierType.By else "without"
            grouping = f" {word} ({_names(node.modifier.labels)})"
        return f"{node.op}{grouping} ({', '.join(inside)})"

    def _binary(self, node: promql.BinaryExpr) -> str:
        if str(node.op) not in _OPERATORS.split():
            raise NotConfinable(f"the operator {node.op} is not supported in a guard")
        how = "" if node.modifier is None else "".join(_matching(node.modifier))
        return f"({self.written(node.lhs)}) {node.op}{how} ({self.written(node.rhs)})"

    def _call(self, node: promql.Call) -> str:
        if node.func.name not in _FUNCTIONS.split():
            raise NotConfinable(f"the function {node.func.name} is not supported in a guard")
        return f"{node.func.name}({', '.join(map(self.written, node.args))})"

    def _matrix(self, node: promql.MatrixSelector) -> str:
        selector = node.vector_selector
        return f"{self._selected(selector, _reach(node.range))}[{_duration(node.range)}]{_shift(selector)}"

    def _number(self, node: promql.NumberLiteral) -> str:
        return repr(float(node.val)).replace("inf", "Inf").replace("nan", "NaN")

    def _paren(self, node: promql.ParenExpr) -> str:
        return f"({self.written(node.expr)})"

    def _string(self, node: promql.StringLiteral) -> str:
        return _quoted(node.val)

    def _subquery(self, node: promql.SubqueryExpr) -> str:
        if node.range is None:
            raise NotConfinable("a subquery needs a range")
        step = "" if node.step is None else _duration(node.step)
        steps, self._steps = self._steps, self._steps * _times(_reach(node.range), node.step or SPACING)
        inside = self.written(node.expr)
        self._steps = steps
        return f"({inside})[{_duration(node.range)}:{step}]{_shift(node)}"

    def _unary(self, node: promql.UnaryExpr) -> str:
        return f"-({self.written(node.expr)})"

    def _vector(self, node: promql.VectorSelector) -> str:
        return f"{self._selected(node)}{_shift(node)}"

    def _selected(self, node: promql.VectorSelector, reach: timedelta = SPACING) -> str:
        if node.matchers.or_matchers:
            raise NotConfinable("matchers are joined by 'or'; name one set, with =~ where values vary")
        if not _named(node):
            raise NotConfinable('a selector names its metric, or several as in {__name__=~"a|b"}')
        self._count(reach)
        matchers = [("__name__", "=", node.name)] if node.name is not None else []
        matchers += [self._matcher(one) for one in node.matchers.matchers]
        matchers.append((self._place.label, "=", self._place.namespace))
        return f"{{{','.join(f'{_name(label)}{how}{_quoted(value)}' for label, how, value in matchers)}}}"

    def _count(self, reach: timedelta) -> None:
        """Add up what a selector costs."""
        self._selectors += 1
        self._samples += self._steps * _times(reach, SPACING)
        if self._selectors > MOST_SELECTORS:
            raise NotConfinable(f"it has more than {MOST_SELECTORS} selectors")
        if self._samples > MOST_SAMPLES:
            need = "shorten a range, or lengthen a subquery's step"
            raise NotConfinable(f"it reads more than {MOST_SAMPLES} samples of a series; {need}")

    def _matcher(self, one: promql.Matcher) -> tuple[str, str, str]:
        how, place = _MATCHES[str(one.op)], self._place
        if (one.name, how) == (place.label, "=") and one.value != place.namespace:
            raise NotConfinable(
                f"it reads {place.label} {one.value!r}, and may read {place.namespace!r} only"
            )
        if not _PLACEHOLDER.search(one.value):
            return one.name, how, one.value
        if how not in ("=~", "!~"):
            raise NotConfinable(f"{one.name}{how}{one.value!r}: $canary and $stable are patterns; write =~")
        return one.name, how, _PLACEHOLDER.sub(self._word, one.value)

    def _word(self, found: re.Match[str]) -> str:
        known = self._place.words
        if found[1] not in known:
            words = " and ".join(f"${word}" for word in known)
            raise NotConfinable(f"${found[1]} stands for nothing; {words} do")
        return known[found[1]]


def _matching(modifier: promql.BinModifier) -> Iterator[str]:
    fill = modifier.fill_values
    if fill.lhs is not None or fill.rhs is not None:
        raise NotConfinable("fill() is not supported in a guard")
    if modifier.return_bool:
        yield " bool"
    if modifier.matching is not None:
        word = "on" if modifier.matching.type == promql.LabelModifierType.Include else "ignoring"
        yield f" {word} ({_names(modifier.matching.labels)})"
    side = _SIDES.get(str(modifier.card))
    if side is not None:
        yield f" {side} ({_names(modifier.group_labels or [])})"


def _shift(node: promql.VectorSelector | promql.SubqueryExpr) -> str:
    if node.at is not None:
        raise NotConfinable("@ pins a moment, and a guard is about now; leave it out")
    return "" if node.offset is None else f" offset {_duration(node.offset)}"


def _named(node: promql.VectorSelector) -> bool:
    """Whether metrics are named: all those of a namespace are too many to look through."""
    return bool(node.name) or any(
        one.name == "__name__"
        and (
            (_MATCHES[str(one.op)] == "=" and one.value)
            or (_MATCHES[str(one.op)] == "=~" and _METRICS.fullmatch(one.value))
        )
        for one in node.matchers.matchers
    )


def _reach(length: timedelta) -> timedelta:
    if length > LONGEST_RANGE:
        raise NotConfinable(f"a range is at most {LONGEST_RANGE.days}d; for an earlier time use offset")
    return length


def _times(length: timedelta, step: timedelta) -> int:
    if step <= timedelta(0):
        raise NotConfinable("a subquery's step is more than 0")
    return max(1, ceil(length / step))


def _duration(length: timedelta) -> str:
    return f"{round(length / timedelta(milliseconds=1))}ms"


def _names(labels: list[str]) -> str:
    return ", ".join(map(_name, labels))


def _name(label: str) -> str:
    """A label's name: any text may be one since Prometheus 3, in quotes."""
    return label if _LABEL.fullmatch(label) else _quoted(label)


def _quoted(text: str) -> str:
    """A PromQL string: its escapes are those of Go, of which JSON's are a part."""
    return json.dumps(text, ensure_ascii=False)
