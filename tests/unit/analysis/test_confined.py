"""Attacks on the namespace of a guard's query, and that what is written anew means what was meant."""

import re

import promql_parser
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from serin.domain.analysis.confined import LONGEST_QUERY, NotConfinable, Place, confined

ML = Place(namespace="ml", words={"canary": "fraud-7c9f-[a-z0-9]+", "stable": "fraud-55d1-[a-z0-9]+"})

ATTACKS = (
    'secret{namespace="billing"}',
    'secret{namespace=~"billing|ml"}',
    'secret{namespace=~".*"}',
    'secret{namespace!="ml"}',
    'secret{namespace!~"ml"}',
    'secret{namespace=""}',
    '{namespace=~".+"}',
    '{__name__=~".+"}',
    '{"secret"}',
    '{"secret","namespace"="billing"}',
    '{__name__="secret",namespace="billing"}',
    'secret{a="b" or namespace="billing"}',
    '{a="b" or namespace="billing"}',
    'secret{a="\\"} or secret{namespace=\\"billing"}',
    'secret{a="b\\\\"} or secret{namespace="billing"}',
    'sum by ("a) or secret{namespace=\\"billing") (secret)',
    'sum by (a) (secret) or sum(secret{namespace="billing"})',
    'secret + on ("x) secret{namespace=\\"billing\\"}") group_left () secret',
    "max_over_time(secret[5m:1m])",
    'max_over_time(sum(rate(secret{namespace="billing"}[1m]))[5m:1m] offset 1h)',
    "secret offset -5m",
    "secret @ 1",
    "secret @ end()",
    'label_replace(secret, "namespace", "billing", "", "")',
    'label_join(secret{namespace="billing"}, "namespace", "", "pod")',
    'absent(secret{namespace="billing"})',
    "absent_over_time(secret[5m])",
    'count_values("namespace", secret)',
    "info(secret)",
    'info(secret, {namespace="billing"})',
    "histogram_quantile(0.9, sum by (le) (rate(secret_bucket[5m])))",
    'quantile(scalar(secret{namespace="billing"}), secret)',
    "topk(scalar(count(secret)), secret)",
    'vector(scalar(secret{namespace="billing"}))',
    'secret # {namespace="ml"}',
    'secret{a="b"#}\n}',
    "ALERTS",
    "sort_by_label(secret)",
)


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_refused_or_reads_its_own_namespace(attack: str) -> None:
    try:
        written = confined(attack, ML)
    except NotConfinable:
        return

    found = list(selectors(written))
    assert found
    for selector in found:
        assert not selector.matchers.or_matchers
        own = [(str(m.op), m.value) for m in selector.matchers.matchers if m.name == "namespace"]
        assert ("MatchOp.Equal", "ml") in own


def selectors(text: str) -> list[promql_parser.VectorSelector]:
    """Every selector in a query, as its parser finds them."""
    found: list[promql_parser.VectorSelector] = []

    def visit(node: object) -> bool:
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)
        if isinstance(node, promql_parser.MatrixSelector):
            found.append(node.vector_selector)
        return True

    promql_parser.walk(promql_parser.parse(text), visit)
    return found


@given(
    st.text(max_size=30),
    st.text(alphabet='{}()[]"\\=~!,|`# abnmesp', max_size=40),
)
@example("a", '"} or secret{namespace="billing')
@example('"', "\\")
def test_no_label_value_becomes_syntax(one: str, other: str) -> None:
    text = f"secret{{a={_quoted(one)},b!~{_quoted(re.escape(other))}}}"
    try:
        written = confined(text, ML)
    except NotConfinable:
        return

    (selector,) = selectors(written)
    values = {m.name: m.value for m in selector.matchers.matchers}
    assert values == {"__name__": "secret", "a": one, "b": re.escape(other), "namespace": "ml"}


def _quoted(text: str) -> str:
    return '"' + "".join(f"\\u{ord(c):04x}" if ord(c) < 0x10000 else f"\\U{ord(c):08x}" for c in text) + '"'


@pytest.mark.parametrize(
    ("query", "written"),
    [
        ("x", '{__name__="x",namespace="ml"}'),
        ("-x ^ 2", '-(({__name__="x",namespace="ml"}) ^ (2.0))'),
        ("sum without () (x)", 'sum without () ({__name__="x",namespace="ml"})'),
        ("rate(x[5m] offset 1h)", 'rate({__name__="x",namespace="ml"}[300000ms] offset 3600000ms)'),
        (
            "a / on (pod) group_left (node) b",
            '({__name__="a",namespace="ml"}) / on (pod) group_left (node) ({__name__="b",namespace="ml"})',
        ),
        ("a > bool 1", '({__name__="a",namespace="ml"}) > bool (1.0)'),
        ("x{pod=~'$canary'}", '{__name__="x",pod=~"fraud-7c9f-[a-z0-9]+",namespace="ml"}'),
        (
            'x{pod!~"a|$stable"}',
            '{__name__="x",pod!~"a|fraud-55d1-[a-z0-9]+",namespace="ml"}',
        ),
    ],
)
def test_a_query_is_written_with_all_that_it_said(query: str, written: str) -> None:
    assert confined(query, ML) == written


def test_the_label_of_the_namespace_may_have_another_name() -> None:
    place = Place(namespace="ml", words={}, label="kubernetes_namespace")

    assert confined("x", place) == '{__name__="x",kubernetes_namespace="ml"}'
    with pytest.raises(NotConfinable, match="may read 'ml' only"):
        confined('x{kubernetes_namespace="billing"}', place)


@pytest.mark.parametrize(
    ("query", "need"),
    [
        ("x{", "not PromQL"),
        ("x[5m]", "a range is no number"),
        ("(x[5m:1m])", "a subquery is no number"),
        ('"text"', "a text is no number"),
        ('x{pod="$canary"}', "patterns; write =~"),
        ('x{pod=~"$canari"}', "stands for nothing"),
        ("x @ 5", "leave it out"),
        ('x{a="1" or b="2"}', "joined by 'or'"),
        ("x offset inf", "not PromQL"),
        ("x + fill(0) y", "fill"),
        ("info(x)", "function info"),
        ("limitk(2, x)", "aggregation limitk"),
        ("x" * (LONGEST_QUERY + 1), "at most 1024 characters"),
        ("(" * 500 + "x" + ")" * 500, "nested"),
        ("x*" * 500 + "x", "nested"),
        ("-" * 1000 + "x", "nested"),
    ],
)
def test_what_is_refused_is_refused_in_words(query: str, need: str) -> None:
    with pytest.raises(NotConfinable, match=re.escape(need)):
        confined(query, ML)
