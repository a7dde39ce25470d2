"""Presets count on a server's own page what they promise: inference, and what went wrong of it.

`pages` holds a page of metrics for each source as its documentation and code name them, with probes, clients'
faults and strangers' traffic among what is to be counted. The selectors that Prometheus would get run over
it.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import promql_parser
import pytest
from prometheus_client.parser import text_string_to_metric_families

from serin.api.intent import intent_of
from serin.api.invalid import InvalidSpec
from serin.catalogue.loader import builtin
from serin.catalogue.rows import HistogramRow, SignalRows
from serin.domain.analysis.policy import SignalPolicy
from serin.domain.analysis.request import Asked, TrialRequest
from serin.domain.intent import Intent
from serin.prom.selectors import selector

PAGES = Path(__file__).parent / "pages"
CANARY, STABLE = "fraud-0123456789", "fraud-aaaaaaaaaa"
TARGET = {"namespace": "ml", "pod": f"{CANARY}-5d8f7c9b6d-x2x9k"}
IMAGE = {"spec": {"containers": [{"name": "model", "image": "registry.example/model:1"}]}}


class Counted(NamedTuple):
    requests: float | None
    bad: float | None
    timed: float | None
    """Requests in the latency histogram."""


RUNTIMES = {
    "triton": Counted(100, 10, None),
    "vllm": Counted(100, 4, 90),
    "sglang": Counted(80, 7, 72),
    "tgi": Counted(120, 8, 100),
    "tei": Counted(60, 3, 54),
    "mlserver": Counted(60, 6, 60),
    "torchserve": Counted(64, 4, None),
    "tensorflow-serving": Counted(33, 3, 30),
    "openvino": Counted(41, 2, 39),
    "kserve": Counted(None, None, 34),
    "bentoml": Counted(48, 3, 47),
    "ray-serve": Counted(60, 5, 60),
    "llama-cpp": Counted(None, None, None),
}
DATA_PLANES = {
    "Envoy": Counted(75, 5, 70),
    "Istio": Counted(70, 4, 66),
    "NGINX": Counted(52, 2, 50),
    "Traefik": Counted(43, 3, 40),
}
SOURCES = {**RUNTIMES, **DATA_PLANES}
WITHOUT_METRICS = {"custom", "litserve", "nim"}


def rows(source: str) -> SignalRows:
    known = builtin()
    row = known.runtimes.get(source) or known.data_planes[source]
    return row.signals


def latency(source: str) -> HistogramRow:
    row = rows(source).latency
    assert row is not None
    return row


def made(source: str, signal: Mapping[str, Any]) -> Intent | InvalidSpec:
    """The intent with a signal of the source's."""
    if source in builtin().data_planes:
        runtime, signal = "custom", {**signal, "dataPlane": source}
    else:
        runtime = source
    model_format = next(iter(builtin().runtime(runtime).formats), "custom")
    spec = {
        "model": {"format": model_format},
        "runtime": runtime,
        "template": IMAGE,
        "analysis": {"signals": [signal]},
    }
    return intent_of({"metadata": {"name": "fraud", "namespace": "ml"}, "spec": spec})


def request(source: str, **signal: Any) -> TrialRequest:
    intent = made(source, signal)
    assert isinstance(intent, Intent), intent
    return TrialRequest(
        attempt=f"{CANARY}.1",
        step=0,
        policy=intent.analysis,
        namespace="ml",
        stable=STABLE,
        canary=CANARY,
        pods=(),
        windows=(),
        started=0.0,
        interval=15.0,
    )


def samples(source: str) -> Iterator[tuple[str, Mapping[str, str], float]]:
    """The page as Prometheus stores it: with the target's labels, and names as they stand in the text."""
    text = (PAGES / f"{source.lower()}.txt").read_text(encoding="utf-8")
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            # The parser gives every counter the ending that OpenMetrics asks for.
            name = sample.name if sample.name in text else sample.name.removesuffix("_total")
            yield name, {**TARGET, **sample.labels}, sample.value


def count(source: str, expr: str) -> float:
    """The sum of what a selector finds on the page."""
    found = promql_parser.parse(expr)
    assert isinstance(found, promql_parser.VectorSelector), expr
    matchers = [(m.name, str(m.op), m.value) for m in found.matchers.matchers]
    if found.name:
        matchers.append(("__name__", "MatchOp.Equal", found.name))
    return sum(
        value
        for name, labels, value in samples(source)
        if all(_matches({"__name__": name, **labels}.get(label, ""), op, to) for label, op, to in matchers)
    )


def _matches(value: str, operator: str, wanted: str) -> bool:
    equal = re.fullmatch(wanted, value) is not None if "Re" in operator else value == wanted
    return equal is not operator.startswith("MatchOp.Not")


def asked(of: TrialRequest, role: str) -> Asked:
    return next(one for one in of.asked() if one.channel.signal and one.channel.role.name == role)


def test_every_source_is_tested() -> None:
    known = builtin()

    assert set(RUNTIMES) | WITHOUT_METRICS == set(known.runtimes)
    assert set(DATA_PLANES) == set(known.data_planes)


@pytest.mark.parametrize("source", SOURCES)
def test_what_has_no_preset_is_known_to_have_none(source: str) -> None:
    offered = rows(source)

    assert (offered.errors is None) is (SOURCES[source].requests is None)
    assert (offered.latency is None) is (SOURCES[source].timed is None)


@pytest.mark.parametrize("source", [name for name, counted in SOURCES.items() if counted.requests])
def test_errors_are_the_inferences_that_failed_among_all_of_them(source: str) -> None:
    errors = request(source, name="errors")

    assert count(source, selector(asked(errors, "REQUESTS"), errors)) == SOURCES[source].requests
    assert count(source, selector(asked(errors, "BAD"), errors)) == SOURCES[source].bad


@pytest.mark.parametrize("source", [name for name, counted in SOURCES.items() if counted.timed])
def test_latency_times_each_inference_once(source: str) -> None:
    slowdown = request(source, name="latency", maxSlowdown="2")

    assert count(source, selector(asked(slowdown, "REQUESTS"), slowdown)) == SOURCES[source].timed


@pytest.mark.parametrize("source", [name for name, counted in SOURCES.items() if counted.timed])
def test_buckets_of_the_page_are_those_of_the_preset(source: str) -> None:
    row = latency(source)
    found = {
        float(labels["le"])
        for name, labels, _ in samples(source)
        if name == f"{row.metric}_bucket" and labels["le"] != "+Inf"
    }

    assert found
    assert not row.buckets or found <= set(row.buckets)


@pytest.mark.parametrize(
    ("source", "milliseconds", "bound"),
    [
        ("mlserver", 250, 0.25),
        ("vllm", 1500, 1.5),
        ("ray-serve", 200, 200.0),
        ("Envoy", 500, 500.0),
        ("Istio", 1000, 1000.0),
        ("NGINX", 100, 0.1),
        ("Traefik", 1200, 1.2),
        ("bentoml", 25, 0.025),
    ],
)
def test_limit_in_milliseconds_is_found_in_the_sources_unit(
    source: str, milliseconds: int, bound: float
) -> None:
    slow = request(source, name="latency", slowerThanMilliseconds=milliseconds)
    [policy] = slow.policy.signals

    assert policy.at_most == pytest.approx(bound)
    assert 0 < count(source, selector(asked(slow, "WITHIN"), slow)) <= (SOURCES[source].timed or 0)


def test_bucket_that_ends_at_no_millisecond_is_answered_with_the_cure() -> None:
    refused = made("tensorflow-serving", {"name": "latency", "slowerThanMilliseconds": 500})

    assert isinstance(refused, InvalidSpec)
    assert refused.message == (
        "spec.analysis.signals[0].slowerThanMilliseconds is 500; no bucket of runtime tensorflow-serving "
        "ends at a whole millisecond; give maxSlowdown instead"
    )


@pytest.mark.parametrize(
    ("source", "signal", "words"),
    [
        (
            "triton",
            {"name": "latency", "slowerThanMilliseconds": 500},
            "no preset of latency for runtime triton: nv_inference_request_duration_us is a sum without "
            "buckets; with --metrics-config histogram_latencies=true there is the histogram "
            "nv_inference_first_response_histogram_ms_bucket; give a histogram, or a dataPlane",
        ),
        (
            "litserve",
            {"name": "errors"},
            "no preset of errors for runtime litserve: LitServe has no metrics of its own; "
            "give requests and bad, or a dataPlane",
        ),
        (
            "kserve",
            {"name": "errors"},
            "no preset of errors for runtime kserve: it counts the predictions that were answered and not "
            "those that failed; give requests and bad, or a dataPlane",
        ),
    ],
)
def test_missing_preset_says_why_and_what_to_do(source: str, signal: dict[str, Any], words: str) -> None:
    refused = made(source, signal)

    assert refused == InvalidSpec("spec.analysis.signals[0]", f"spec.analysis.signals[0]: {words}")


@pytest.mark.parametrize("source", sorted({*SOURCES, *WITHOUT_METRICS}))
def test_missing_preset_has_its_reason(source: str) -> None:
    offered = rows(source)

    assert (offered.errors is None) is (offered.without_errors is not None)
    assert (offered.latency is None) is (offered.without_latency is not None)


def test_neighbours_of_the_same_name_are_in_nobodys_counts() -> None:
    policies: list[SignalPolicy] = []
    for plane in DATA_PLANES:
        intent = made(plane, {"name": "errors"})
        assert isinstance(intent, Intent)
        policies += intent.analysis.signals

    text = " ".join(repr(policy) for policy in policies)

    assert text.count("{namespace}") == len(["Envoy", "Istio", "Traefik"]), "filled in with the revision's"
    assert "('namespace', '=', 'ml')" in text
