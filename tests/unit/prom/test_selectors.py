"""Queries are built from parts, and a user's counter is parsed before it becomes one."""

import re
from dataclasses import replace

import promql_parser
import pytest

from serin.domain.analysis.counters import Arm, Role
from serin.domain.analysis.policy import Counter, DataPlane
from serin.domain.analysis.request import Asked, Channel
from serin.domain.analysis.selectors import NotACounter, parse_counter
from serin.prom.selectors import selector
from tests.unit.analysis.worlds import CANARY, STABLE, errors, policy, request

REQUESTS = Channel("errors", Role.REQUESTS)
PODS = 'namespace="ml",pod=~"fraud-(7c9faa00bb|55d1aa00bb)-[a-z0-9]+-[a-z0-9]{5}"'


def parsed(text: str) -> promql_parser.VectorSelector:
    found = promql_parser.parse(text)
    assert isinstance(found, promql_parser.VectorSelector)
    return found


def test_pods_of_both_revisions_are_asked_for_in_their_namespace() -> None:
    asked = Asked(channel=REQUESTS, counter=Counter(metric="x_total", matchers=(("code", "=~", "5.."),)))

    assert selector(asked, request(policy())) == f'x_total{{code=~"5..",{PODS}}}'


def test_a_name_that_is_no_identifier_becomes_a_matcher() -> None:
    asked = Asked(channel=REQUESTS, counter=Counter(metric=":tensorflow:serving:request_count"))

    assert selector(asked, request(policy())) == f'{{__name__=":tensorflow:serving:request_count",{PODS}}}'


def test_several_names_are_asked_for_together() -> None:
    asked = Asked(channel=REQUESTS, counter=Counter(metric="good_total|bad_total"))

    assert selector(asked, request(policy())) == f'{{__name__=~"good_total|bad_total",{PODS}}}'


@pytest.mark.parametrize(("bound", "spelt"), [(0.5, r"0\.5"), (1.0, r"1|1\.0"), (250.0, r"250|250\.0")])
def test_a_bucket_is_found_in_either_spelling(bound: float, spelt: str) -> None:
    asked = Asked(channel=REQUESTS, counter=Counter(metric="seconds_bucket"), bucket=bound)

    found = parsed(selector(asked, request(policy())))

    assert [m.value for m in found.matchers.matchers if m.name == "le"] == [spelt]


def test_a_bucket_the_user_chose_is_left_as_it_is() -> None:
    counter = Counter(metric="seconds_bucket", matchers=(("le", "=", "0.5"),))

    assert 'le=~"' not in selector(Asked(channel=REQUESTS, counter=counter, bucket=0.5), request(policy()))


def test_a_proxys_series_are_found_by_backend() -> None:
    envoy = DataPlane(label="envoy_cluster_name", pattern="route/{namespace}/{backend}")
    asked = Asked(channel=REQUESTS, counter=Counter(metric="envoy_cluster_upstream_rq"), data_plane=envoy)

    found = parsed(selector(asked, request(policy())))

    assert [(m.name, m.value.replace("\\", "")) for m in found.matchers.matchers] == [
        ("envoy_cluster_name", f"route/ml/{CANARY}|route/ml/{STABLE}")
    ]


def test_no_value_becomes_syntax() -> None:
    hostile = '5.."} or vector(1) or x{a="\\\n'
    counter = Counter(metric="x_total", matchers=(("code", "=", hostile),))

    found = parsed(selector(Asked(channel=REQUESTS, counter=counter), request(policy())))

    assert [m.value for m in found.matchers.matchers if m.name == "code"] == [hostile]


def test_no_label_becomes_syntax() -> None:
    counter = parse_counter('x_total{"a=\\"b\\"} or up{c"="d","http.route"="/"}')

    found = parsed(selector(Asked(channel=REQUESTS, counter=counter), request(policy())))

    assert [m.name for m in found.matchers.matchers] == ['a="b"} or up{c', "http.route", "namespace", "pod"]


@pytest.mark.parametrize("pod_hash", ["5d8f9c7b4", "6f5bd8c9d7"])
@pytest.mark.parametrize("length", range(1, 53))
def test_pods_of_models_of_any_length_are_told_apart(length: int, pod_hash: str) -> None:
    stable, canary = (f"{'m' * length}-{revision}" for revision in ("55d1aa00bb", "7c9faa00bb"))
    asked = replace(request(policy()), stable=stable, canary=canary)
    wanted = Asked(channel=REQUESTS, counter=Counter(metric="x_total"))

    [pattern] = [
        m.value for m in parsed(selector(wanted, asked)).matchers.matchers if m.name == asked.labels.pod
    ]

    for revision, arm in ((stable, Arm.STABLE), (canary, Arm.CANARY)):
        pod = generated(f"{revision}-{pod_hash}-")
        assert asked.arm_of_pod(pod) is arm
        assert re.fullmatch(pattern, pod)


def generated(prefix: str) -> str:
    """A pod's name as the API server makes it of the prefix that a ReplicaSet gives."""
    return f"{prefix[:58]}x7k2p"


@pytest.mark.parametrize("pod", [f"{CANARY}-x7k2p", f"{CANARY}-a-b-x7k2p", f"{CANARY}-6f5bd8c9d7-x7k2", "x"])
def test_pods_of_other_workloads_are_nobodys(pod: str) -> None:
    assert request(policy()).arm_of_pod(pod) is None


def test_what_tells_of_scrapes_is_asked_first() -> None:
    two = policy(errors(), errors(name="fallbacks"))

    roles = [asked.channel.role for asked in request(two).asked()]

    assert roles == [Role.SCRAPES, Role.START, Role.REQUESTS, Role.REQUESTS, Role.BAD, Role.BAD]


@pytest.mark.parametrize(
    ("text", "counter"),
    [
        ("app_predictions_total", Counter(metric="app_predictions_total")),
        (
            'x_total{a="b",c!~"d|e"}',
            Counter(metric="x_total", matchers=(("a", "=", "b"), ("c", "!~", "d|e"))),
        ),
        ('{__name__=":t:f",a!="b"}', Counter(metric=":t:f", matchers=(("a", "!=", "b"),))),
    ],
)
def test_a_plain_selector_is_a_counter(text: str, counter: Counter) -> None:
    assert parse_counter(text) == counter


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("rate(x_total[5m])", "is a function call"),
        ("x_total[5m]", "is a range"),
        ("x_total + y_total", "is a calculation"),
        ("x_total offset 5m", "offset or @"),
        ("x_total @ 0", "offset or @"),
        ('{a="b"}', "does not name one metric"),
        ('{__name__=~"x|y"}', "does not name one metric"),
        ('x{a="b" or c="d"}', "joins matchers by 'or'"),
        ("x_total{", "is not PromQL"),
        ("x_total offset inf", "is not PromQL"),
        ("", "is not PromQL"),
        ("1", "is no selector"),
    ],
)
def test_anything_else_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(NotACounter, match=f"(?s){why}"):
        parse_counter(text)


def test_a_refusal_shows_what_to_write() -> None:
    with pytest.raises(NotACounter) as refused:
        parse_counter("sum(x_total)")

    assert str(refused.value) == (
        "'sum(x_total)' is an aggregation, and Serin takes differences of raw counters itself; "
        'name a counter and its matchers, such as app_predictions_total{outcome="fallback"}'
    )
