"""Attacks on what all tenants share by its cost: the operator's time, and Prometheus'."""

import time
from contextlib import suppress
from typing import Final

import pytest

from serin.domain.analysis.confined import NotConfinable, Place, confined
from serin.domain.analysis.counters import Series
from serin.domain.analysis.policy import Counter
from serin.domain.analysis.request import LabelNames
from serin.domain.analysis.selectors import NotACounter, parse_counter
from serin.prom.narrowing import narrowed
from serin.prom.selectors import Question

TENANT: Final = Place(namespace="tenant-a", words={"canary": "fraud-7c9f-.*", "stable": "fraud-55d1-.*"})
LABELS: Final = LabelNames()
FOR_EVER: Final = 5.0
"""Seconds of CPU time: what grows by every character takes hours, what does not takes milliseconds."""


@pytest.mark.parametrize(
    ("query", "need"),
    [
        ('count({__name__=~".+"})', "names its metric"),
        ('count({__name__=~"a.*|b"})', "names its metric"),
        ('count({pod=~".+"})', "names its metric"),
        ('count({__name__!="up",pod!=""})', "names its metric"),
        ("max_over_time(up[30d])", "at most 1d"),
        ("max_over_time(up[1000y])", "at most 1d"),
        ("max_over_time(sum(up)[30d:1m])", "at most 1d"),
        ("max_over_time(sum(up)[1h:1ms])", "lengthen a subquery's step"),
        ("max_over_time(sum(rate(up[1d]))[1h:1m])", "shorten a range"),
        ("max_over_time(max_over_time(max_over_time(sum(up)[1d:1m])[1d:1m])[1d:1m])", "shorten a range"),
        ("+".join(["a"] * 33), "more than 32 selectors"),
        ("(" + "+".join(["(a+a+a)"] * 20) + ")", "more than 32 selectors"),
    ],
)
def test_no_query_takes_prometheus_from_others(query: str, need: str) -> None:
    with pytest.raises(NotConfinable, match=need):
        confined(query, TENANT)


@pytest.mark.parametrize(
    "query",
    [
        "max_over_time(sum(rate(up[5m]))[1d:1m])",
        "avg_over_time(sum(rate(up[1h]))[1d:5m])",
        "sum(rate(served_total[5m])) / sum(rate(served_total[5m] offset 1w))",
        'sum({__name__=~"served_total|served"})',
        "predict_linear(used[1d], 3600)",
    ],
)
def test_queries_of_ordinary_cost_are_left_alone(query: str) -> None:
    assert confined(query, TENANT)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 1000,
        "-" * 1000 + "x",
        "x[5m:1m]" * 120,
        "{a=" * 300,
        "sum(" * 250,
        'x{a=~"' + "(a*)*" * 90 + '"}',
        "x offset " + "9" * 400 + "d",
        "x" + "[1e9999d]" * 100,
        "\\" * 1024,
        "\N{PILE OF POO}" * 1024,
        "x\N{NULL}",
    ],
    ids=range(11),
)
def test_no_text_keeps_the_parser_busy_or_ends_it(text: str) -> None:
    begun = time.process_time()

    for read in (lambda: confined(text, TENANT), lambda: parse_counter(text[:512])):
        with suppress(NotConfinable, NotACounter):
            read()

    assert time.process_time() - begun < FOR_EVER


@pytest.mark.parametrize(
    "pattern", ["(a*)*b", "(a|a)*b", "(a|aa)+b", "a?" * 30 + "a" * 30, ".*a" * 12 + "b", "(x+x+)+y"]
)
def test_no_pattern_makes_the_operator_search_for_ever(pattern: str) -> None:
    everything = Question.of(Counter(metric="x_total", matchers=()), None, None, LABELS)
    bad = Question.of(Counter(metric="x_total", matchers=(("kind", "=~", pattern),)), None, None, LABELS)
    learnt = narrowed(bad, [everything])
    begun = time.process_time()

    learnt.of((Series({"kind": "a" * 40}, ((1.0, 1.0),)), Series({"kind": "x" * 40}, ((1.0, 1.0),))))

    assert time.process_time() - begun < FOR_EVER
