"""Whose a series is where one query asked for many: never another tenant's, and found at once."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serin.domain.analysis.counters import Arm
from serin.domain.analysis.policy import DataPlane
from serin.domain.analysis.request import LabelNames, TrialRequest
from serin.prom.owners import Owners, claims, literal_beginning, owners
from tests.unit.analysis.worlds import policy, request

POLICY = policy()


def attempt(
    namespace: str, model: str, *, stable: str = "55d1aa00bb", canary: str = "7c9faa00bb"
) -> TrialRequest:
    return replace(
        request(POLICY), namespace=namespace, stable=f"{model}-{stable}", canary=f"{model}-{canary}"
    )


def among(*attempts: TrialRequest, source: DataPlane | None = None) -> Owners[int]:
    made = [claim for number, one in enumerate(attempts) for claim in claims(number, one, source)]
    return owners(made, LabelNames(), source)


def of(found: Owners[int], **labels: str) -> list[tuple[int, Arm]]:
    return [(claim.owner, claim.arm) for claim in found.of(labels)]


def test_a_pod_is_its_own_attempts_in_its_own_namespace() -> None:
    found = among(attempt("a", "fraud"), attempt("b", "iris"))

    pod = "fraud-7c9faa00bb-6f5bd8c9d7-x7k2p"
    assert of(found, namespace="a", pod=pod) == [(0, Arm.CANARY)]
    # The alternations of the query find this one too.
    assert of(found, namespace="b", pod=pod) == []


@pytest.mark.parametrize(
    "labels",
    [
        {"pod": "fraud-7c9faa00bb-6f5bd8c9d7-x7k2p"},
        {"namespace": "a"},
        {"namespace": "a", "pod": "fraud-7c9faa00bb-x-6f5bd8c9d7-x7k2p"},
        {"namespace": "a", "pod": "fraud-7c9faa00bb-6f5bd8c9d7-x7k2p\n"},
        {"namespace": "a", "pod": "my-fraud-7c9faa00bb-6f5bd8c9d7-x7k2p"},
    ],
)
def test_what_is_not_exactly_a_pod_of_an_attempts_is_nobodys(labels: dict[str, str]) -> None:
    assert of(among(attempt("a", "fraud")), **labels) == []


def test_two_who_ask_for_the_same_both_get_it() -> None:
    found = among(attempt("a", "fraud"), attempt("a", "fraud"))

    pod = "fraud-55d1aa00bb-6f5bd8c9d7-x7k2p"
    assert of(found, namespace="a", pod=pod) == [(0, Arm.STABLE), (1, Arm.STABLE)]


PLANES = [
    DataPlane(label="cluster", pattern="route/{namespace}/{backend}"),
    DataPlane(label="cluster", pattern=r"{namespace}-{backend}-\d+@kubernetes"),
    DataPlane(label="cluster", pattern=".*{namespace}_{backend}_http"),
]


@pytest.mark.parametrize(
    ("source", "value"),
    list(zip(PLANES, ["route/a/{}", "a-{}-80@kubernetes", "httproute/a_{}_http"], strict=True)),
)
def test_a_proxys_series_are_told_by_backend(source: DataPlane, value: str) -> None:
    found = among(attempt("a", "fraud"), attempt("b", "iris"), source=source)

    assert of(found, cluster=value.format("fraud-7c9faa00bb")) == [(0, Arm.CANARY)]
    assert of(found, cluster=value.format("iris-7c9faa00bb")) == []
    assert of(found) == []


letters = st.text("ab-", min_size=1, max_size=4).map(lambda text: f"m{text}m")


@given(
    asked=st.lists(st.tuples(st.sampled_from("xy"), letters), min_size=1, max_size=6),
    seen=st.tuples(st.sampled_from("xy"), letters, st.sampled_from(["55d1aa00bb", "7c9faa00bb", "zz"])),
    source=st.sampled_from([None, *PLANES]),
)
def test_many_together_own_what_each_owns_alone(
    asked: list[tuple[str, str]], seen: tuple[str, str, str], source: DataPlane | None
) -> None:
    attempts = [attempt(namespace, model) for namespace, model in asked]
    namespace, model, revision = seen
    labels = {
        "namespace": namespace,
        "pod": f"{model}-{revision}-6f5bd8c9d7-x7k2p",
        "cluster": f"route/{namespace}/{model}-{revision}",
    }

    together = of(among(*attempts, source=source), **labels)

    each = [of(among(one, source=source), **labels) for one in attempts]
    alone = [(number, arm) for number, found in enumerate(each) for _, arm in found]
    assert sorted(together) == sorted(alone)


@pytest.mark.parametrize("length", [40, 52])
def test_pods_of_long_names_are_found(length: int) -> None:
    one = attempt("a", "m" * length)
    prefix = f"{one.canary}-6f5bd8c9d7-"[:58]

    assert of(among(one), namespace="a", pod=f"{prefix}x7k2p") == [(0, Arm.CANARY)]


@pytest.mark.parametrize(
    ("pattern", "beginning"),
    [
        ("route/a/b", "route/a/b"),
        (r"a\-b\.c", "a-b.c"),
        ("ab*c", "a"),
        ("ab+c", "ab"),
        ("ab?", "a"),
        ("ab{2}", "a"),
        ("a(b)c", "a"),
        (r"a\d", "a"),
        (".*a", ""),
        ("a|b", ""),
    ],
)
def test_the_literal_beginning_is_never_too_long(pattern: str, beginning: str) -> None:
    assert literal_beginning(pattern) == beginning
