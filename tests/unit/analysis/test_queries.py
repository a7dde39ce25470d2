"""What a person is given to see the numbers is PromQL, of both revisions and nobody else's.

That it shows what was counted is tried with Prometheus' own evaluation: tests/contract/test_queries.py.
"""

from dataclasses import replace

import promql_parser
import pytest

from serin.domain.analysis.policy import Counter, DataPlane, SignalPolicy
from serin.domain.analysis.queries import Window, query
from serin.domain.analysis.request import LabelNames

WINDOW = Window(
    namespace="ml",
    stable="fraud-55d1aa00bb",
    canary="fraud-7c9faa00bb",
    labels=LabelNames(),
    start=1_700_000_000,
    end=1_700_000_840,
)
REQUESTS = Counter(metric="requests_total")
ERRORS = SignalPolicy(
    name="errors",
    requests=REQUESTS,
    bad=Counter(metric="requests_total", matchers=(("code", "=~", "5.."),)),
)
SLOW = SignalPolicy(
    name="slow",
    requests=Counter(metric="took_seconds_count"),
    bad=None,
    within=Counter(metric="took_seconds_bucket"),
    at_most=0.5,
)
SCORES = SignalPolicy(
    name="scores",
    requests=Counter(metric="score_count"),
    bad=None,
    within=Counter(metric="score_bucket", matchers=(("model", "=", 'a "b" \\ c'),)),
    max_shift=0.05,
)
KINDS = {
    "errors": ERRORS,
    "names that are no identifiers": replace(ERRORS, requests=Counter(metric=":a:b|c_total")),
    "a bucket": SLOW,
    "a distribution": SCORES,
    "a native histogram": replace(SCORES, native=Counter(metric="score")),
    "a proxy": replace(ERRORS, data_plane=DataPlane(label="service", pattern="{backend}\\.{namespace}")),
}


@pytest.mark.parametrize("signal", KINDS.values(), ids=KINDS.keys())
def test_every_kind_of_signal_has_a_query_that_prometheus_takes(signal: SignalPolicy) -> None:
    promql_parser.parse(query(signal, WINDOW))


@pytest.mark.parametrize("signal", KINDS.values(), ids=KINDS.keys())
def test_query_asks_for_both_revisions_of_one_namespace_only(signal: SignalPolicy) -> None:
    text = query(signal, WINDOW).replace("\\", "")
    place = "fraud-7c9faa00bb.ml" if signal.data_plane else 'namespace="ml"'

    assert 0 < text.count(place) == text.count("fraud-7c9faa00bb") == text.count("fraud-55d1aa00bb")


def test_query_of_errors_is_what_it_looks_like() -> None:
    pods = 'pod=~"fraud-7c9faa00bb-[a-z0-9]+-[a-z0-9]{5}|fraud-55d1aa00bb-[a-z0-9]+-[a-z0-9]{5}"'
    bad = f'requests_total{{code=~"5..",namespace="ml",{pods}}}'
    last = f"sum by (pod) (last_over_time({bad}[840s] @ 1700000840))"

    assert query(ERRORS, WINDOW).endswith(
        f" or label_replace({last} - (sum by (pod) ({bad} @ 1700000000) or 0 * {last}), "
        '"counted", "bad", "", "")'
    )


def test_labels_are_those_of_the_scrape_configuration() -> None:
    window = replace(WINDOW, labels=LabelNames(namespace="k8s_ns", pod="k8s.pod"))

    text = query(ERRORS, window)

    assert 'k8s_ns="ml","k8s.pod"=~"fraud' in text
    assert 'sum by ("k8s.pod")' in text


def test_longest_query_fits_the_status() -> None:
    long = replace(WINDOW, stable="s" * 63, canary="c" * 63, namespace="n" * 63)
    counter = Counter(metric="m" * 512)

    assert len(query(replace(ERRORS, requests=counter, bad=counter), long)) < 6144
