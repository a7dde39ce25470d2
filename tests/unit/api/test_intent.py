"""What a person wrote arrives whole in the domain, and what cannot be meant is answered in words."""

from datetime import timedelta
from typing import Any

import pytest

from serin.api.intent import intent_of
from serin.api.invalid import InvalidSpec
from serin.domain.analysis.policy import Counter, Mode, Policy, Promotion, SignalPolicy
from serin.domain.analysis.request import LabelNames
from serin.domain.intent import (
    GatewayIntent,
    Intent,
    OnInconclusive,
    Requests,
    RolloutIntent,
    RouterKind,
    SamplesIntent,
    Step,
    TrafficIntent,
)
from serin.domain.names import Key


def raw(name: str = "iris", annotations: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    """A ModelDeployment as the server gives it, the smallest unless told otherwise."""
    return {
        "apiVersion": "serin.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {
            "name": name,
            "namespace": "ml",
            "uid": "u-1",
            "generation": 3,
            "annotations": annotations or {},
            "managedFields": [],
        },
        "spec": {"model": {"format": "sklearn"}, **spec},
        "status": {"observedGeneration": -1},
    }


def intent(name: str = "iris", annotations: dict[str, str] | None = None, **spec: Any) -> Intent:
    made = intent_of(raw(name, annotations, **spec))
    assert isinstance(made, Intent), made
    return made


def fault(body: dict[str, Any]) -> InvalidSpec:
    made = intent_of(body)
    assert isinstance(made, InvalidSpec), made
    return made


def test_smallest_object_gets_every_default() -> None:
    made = intent()

    assert (made.key, made.uid, made.generation) == (Key("ml", "iris"), "u-1", 3)
    assert (made.revision.runtime, made.revision.model_name, made.revision.uri) == ("mlserver", "iris", None)
    assert (made.replicas, made.service_port, made.grpc_port) == (1, 80, None)
    assert (made.version, made.paused, made.history_limit, made.requests) == ("", False, 5, Requests())
    assert made.traffic == TrafficIntent(
        router=RouterKind.REPLICAS, gateway=None, drain=timedelta(seconds=30)
    )
    minute = timedelta(seconds=60)
    assert made.rollout == RolloutIntent(
        steps=(
            Step(name="first", weight=5, minimum=minute),
            Step(name="quarter", weight=25, minimum=minute),
            Step(name="half", weight=50, minimum=minute),
        ),
        bake=timedelta(minutes=10),
        progress_deadline=timedelta(minutes=30),
        step_deadline=timedelta(hours=1),
        on_inconclusive=OnInconclusive.PAUSE,
    )


def test_default_analysis_judges_errors_if_they_can_be_seen() -> None:
    policy = intent().analysis

    assert policy == Policy(
        mode=Mode.ENFORCE,
        max_false_rollback_rate=0.01,
        warm_up=timedelta(minutes=2),
        promotion=Promotion(max_ratio=2.0, max_increase=0.01, confidence=0.95, min_requests=200),
        signals=policy.signals,
    )
    [errors] = policy.signals
    assert (errors.name, errors.required, errors.max_ratio) == ("errors", False, 1.25)
    assert errors.max_increase == pytest.approx(0.001)


def test_gateway_keeps_the_words_of_the_route() -> None:
    parents = [{"name": "public", "namespace": "infra", "sectionName": "https"}]

    made = intent(
        traffic={
            "router": "GatewayAPI",
            "gatewayAPI": {"parentRefs": parents, "hostnames": ["a.example.com"], "path": "/fraud"},
        }
    )

    assert made.traffic.router is RouterKind.GATEWAY_API
    assert made.traffic.gateway == GatewayIntent(
        parent_refs=({"name": "public", "namespace": "infra", "sectionName": "https"},),
        hostnames=("a.example.com",),
        path="/fraud",
    )


def test_step_with_an_empty_pause_waits() -> None:
    steps = [{"name": "a", "weight": 10, "minSeconds": 0}, {"name": "b", "weight": 60, "pause": {}}]

    made = intent(rollout={"canary": {"steps": steps}})

    assert made.rollout.steps == (
        Step(name="a", weight=10, minimum=timedelta(0)),
        Step(name="b", weight=60, minimum=timedelta(seconds=60), waits=True),
    )


def test_requests_are_read_from_annotations() -> None:
    made = intent(
        annotations={"serin.dev/promote": "iris-1.1:first", "serin.dev/adopt": "u-9", "team": "risk"}
    )

    assert made.requests == Requests(promote="iris-1.1:first", adopt="u-9")


def test_latency_counts_what_is_above_a_bucket_in_the_runtimes_unit() -> None:
    made = intent(analysis={"signals": [{"name": "slow", "slowerThanMilliseconds": 250}]})

    [slow] = made.analysis.signals
    assert (slow.at_most, slow.bad, slow.max_ratio, slow.required) == (0.25, None, 1.5, True)
    assert slow.requests.metric == "rest_server_request_duration_seconds_count"
    assert slow.within is not None
    assert slow.within.metric == "rest_server_request_duration_seconds_bucket"
    assert slow.within.matchers == slow.requests.matchers


def test_counters_of_ones_own_are_taken_as_written() -> None:
    made = intent(
        analysis={
            "signals": [
                {
                    "name": "fallbacks",
                    "requests": "app_total",
                    "bad": 'app_total{outcome="fallback"}',
                    "maxRatio": "1.5",
                    "maxIncreasePoints": "2",
                    "importance": 3,
                }
            ]
        }
    )

    assert made.analysis.signals == (
        SignalPolicy(
            name="fallbacks",
            requests=Counter(metric="app_total"),
            bad=Counter(metric="app_total", matchers=(("outcome", "=", "fallback"),)),
            max_ratio=1.5,
            max_increase=0.02,
            importance=3,
        ),
    )


def test_distribution_of_ones_own_is_every_part_of_its_histogram() -> None:
    text = 'model_score_bucket{model="fraud"}'

    made = intent(analysis={"signals": [{"name": "scores", "histogram": text, "maxShift": "0.1"}]})

    matchers = (("model", "=", "fraud"),)
    assert made.analysis.signals == (
        SignalPolicy(
            name="scores",
            requests=Counter(metric="model_score_count", matchers=matchers),
            bad=None,
            within=Counter(metric="model_score_bucket", matchers=matchers),
            max_shift=0.1,
        ),
    )


def test_histogram_alone_is_compared_for_a_shift_of_five_points() -> None:
    [scores] = intent(analysis={"signals": [{"name": "scores", "histogram": "s_bucket"}]}).analysis.signals

    assert (scores.max_shift, scores.max_slowdown, scores.is_distribution) == (0.05, None, True)


def test_native_histogram_is_named_by_its_metric() -> None:
    text = "rpc_duration_seconds{}"

    made = intent(analysis={"signals": [{"name": "latency", "maxSlowdown": "1.2", "histogram": text}]})

    [latency] = made.analysis.signals
    assert latency.native == Counter(metric="rpc_duration_seconds")
    assert (latency.max_slowdown, latency.max_shift, latency.at_most) == (1.2, None, None)


def test_slowdown_is_seen_in_the_runtimes_histogram_or_the_proxys() -> None:
    signals = [
        {"name": "latency", "maxSlowdown": "1.5"},
        {"name": "gateway-latency", "maxSlowdown": "1.5", "dataPlane": "Envoy"},
    ]

    own, proxys = intent(analysis={"signals": signals}).analysis.signals

    assert own.within is not None
    assert own.within.metric == "rest_server_request_duration_seconds_bucket"
    assert own.data_plane is None
    assert proxys.requests.metric == "envoy_cluster_upstream_rq_time_count"
    assert proxys.data_plane is not None


@pytest.mark.parametrize(
    ("histogram", "limit"), [("a_seconds_bucket", 0.25), ("a_ms_bucket", 250.0), ("a_us_bucket", 250_000.0)]
)
def test_limit_in_ones_own_histogram_is_in_its_unit(histogram: str, limit: float) -> None:
    signal = {"name": "slow", "slowerThanMilliseconds": 250, "histogram": histogram}

    [slow] = intent(analysis={"signals": [signal]}).analysis.signals

    assert slow.at_most == pytest.approx(limit)
    assert (slow.is_distribution, slow.max_ratio) == (False, 1.5)


def test_dry_run_and_importance_belong_to_every_kind_of_signal() -> None:
    own = {"dryRun": True, "importance": 3}
    signals = [
        {"name": "errors", **own},
        {"name": "slow", "slowerThanMilliseconds": 250, **own},
        {"name": "scores", "histogram": "s_bucket", **own},
        {"name": "fallbacks", "requests": "a_total", "bad": "b_total", **own},
    ]

    made = intent(analysis={"mode": "Observe", "signals": signals}).analysis.signals

    assert {(signal.dry_run, signal.importance) for signal in made} == {(True, 3)}


def test_data_plane_counts_by_backend_and_not_by_pod() -> None:
    made = intent(analysis={"signals": [{"name": "gateway-errors", "dataPlane": "Envoy"}]})

    [errors] = made.analysis.signals
    assert errors.requests.metric == "envoy_cluster_upstream_rq_completed"
    assert errors.data_plane is not None
    assert errors.data_plane.label == "envoy_cluster_name"


def test_custom_runtime_has_no_signals_of_its_own() -> None:
    template = {"spec": {"containers": [{"name": "model", "image": "registry.example/model:1"}]}}

    assert intent(model={"format": "custom"}, template=template).analysis.signals == ()


def test_samples_are_where_and_called_as_the_model_says() -> None:
    said = {"address": "http://mimir/a", "labels": {"namespace": "exported_namespace"}}

    assert intent(prometheus=said).samples == SamplesIntent(
        address="http://mimir/a", labels=LabelNames(namespace="exported_namespace", pod="pod")
    )
    assert intent().samples == SamplesIntent()


IMAGE = {"spec": {"containers": [{"name": "model", "image": "i"}]}}


def custom(**spec: Any) -> dict[str, Any]:
    return raw(model={"format": "custom"}, template=IMAGE, **spec)


FAULTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "a value out of bounds": (
        raw(replicas=-1),
        "spec.replicas",
        "spec.replicas is -1; need at least 0",
    ),
    "text for a number": (raw(replicas="3"), "spec.replicas", 'spec.replicas is "3"; need a whole number'),
    "a number for text": (
        raw(analysis={"promote": {"confidence": 0.95}}),
        "spec.analysis.promote.confidence",
        "spec.analysis.promote.confidence is 0.95; need text (in quotes, where it looks like a number)",
    ),
    "text of the wrong form": (
        raw(analysis={"maxFalseRollbackRate": "1%"}),
        "spec.analysis.maxFalseRollbackRate",
        'spec.analysis.maxFalseRollbackRate is "1%"; need a probability as decimal text above 0 '
        'and below 0.5, for example "0.01"',
    ),
    "a field that is missing": (raw(model={}), "spec.model.format", "spec.model.format is needed"),
    "a field that is not known": (
        raw(replica=2),
        "spec.replica",
        "spec.replica is not a field of this version",
    ),
    "a word that is not known": (
        raw(traffic={"router": "Istio"}),
        "spec.traffic.router",
        "spec.traffic.router is \"Istio\"; need 'Replicas' or 'GatewayAPI'",
    ),
    "an amount that is none": (
        raw(resources={"limits": {"cpu": "two"}}),
        "spec.resources.limits.cpu",
        'spec.resources.limits.cpu is "two"; need a quantity, for example "2" or "4Gi"',
    ),
    "a rule between fields": (
        raw(rollout={"canary": {"steps": [{"name": "a", "weight": 20}, {"name": "b", "weight": 10}]}}),
        "spec.rollout.canary.steps",
        "spec.rollout.canary.steps: weights rise from step to step",
    ),
    "a typo inside a container": (
        raw(template={"spec": {"containers": [{"name": "model", "imge": "x"}]}}),
        "spec.template.spec.containers[0].imge",
        "spec.template.spec.containers[0].imge: is not a field of a PodTemplateSpec",
    ),
    "one label for two things": (
        raw(prometheus={"labels": {"pod": "namespace"}}),
        "spec.prometheus.labels",
        "spec.prometheus.labels: namespace and pod are two labels; name them differently",
    ),
    "a label that others may carry, too": (
        raw(prometheus={"labels": {"namespace": "env"}}),
        "spec.prometheus.labels.namespace",
        'spec.prometheus.labels.namespace is "env"; need a label whose name ends in namespace or'
        " namespace_name",
    ),
    "an address that may hold a secret": (
        raw(prometheus={"address": "http://prometheus?token=x"}),
        "spec.prometheus.address",
        'spec.prometheus.address is "http://prometheus?token=x"; need an address such as'
        " http://prometheus.monitoring:9090, without user, '?' and '#'",
    ),
    "two faults": (
        raw(replicas=-1, paused="no"),
        "spec.replicas",
        "spec.replicas is -1; need at least 0 (and 1 more)",
    ),
    "a format nobody serves": (
        raw(model={"format": "pytorch"}),
        "spec.model.format",
        'spec.model.format is "pytorch"; no runtime is known for it; need one of catboost, custom, gguf, '
        "huggingface, lightgbm, mlflow, onnx, openvino, sklearn, tensorflow, triton, xgboost, "
        "or set spec.runtime",
    ),
    "a format this runtime does not serve": (
        raw(model={"format": "tensorflow"}, runtime="mlserver"),
        "spec.model.format",
        'spec.model.format is "tensorflow"; runtime mlserver serves catboost, custom, huggingface, '
        "lightgbm, mlflow, sklearn, xgboost; need one of these, or another spec.runtime",
    ),
    "a runtime that is not known": (
        raw(runtime="seldon"),
        "spec.runtime",
        'spec.runtime is "seldon"; need one of bentoml, custom, kserve, litserve, llama-cpp, mlserver, nim, '
        "openvino, ray-serve, sglang, tei, tensorflow-serving, tgi, torchserve, triton, vllm",
    ),
    "a runtime whose image is one's own": (
        raw(runtime="bentoml"),
        "spec.template",
        "spec.template: runtime bentoml comes without an image; give the container model one",
    ),
    "a threshold between two buckets": (
        raw(analysis={"signals": [{"name": "slow", "slowerThanMilliseconds": 300}]}),
        "spec.analysis.signals[0].slowerThanMilliseconds",
        "spec.analysis.signals[0].slowerThanMilliseconds is 300; need a bucket boundary of runtime mlserver, "
        "since between two nothing is known: 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, "
        "7500, 10000",
    ),
    "errors where nobody counts them": (
        custom(analysis={"signals": [{"name": "errors"}]}),
        "spec.analysis.signals[0]",
        "spec.analysis.signals[0]: no preset of errors for runtime custom: what it serves is not known; "
        "give requests and bad, or a dataPlane",
    ),
    "latency where nobody measures it": (
        custom(analysis={"signals": [{"name": "slow", "slowerThanMilliseconds": 100}]}),
        "spec.analysis.signals[0]",
        "spec.analysis.signals[0]: no preset of latency for runtime custom: what it serves is not known; "
        "give a histogram, or a dataPlane",
    ),
    "a data plane that is not known": (
        raw(analysis={"signals": [{"name": "errors", "dataPlane": "Kong"}]}),
        "spec.analysis.signals[0].dataPlane",
        'spec.analysis.signals[0].dataPlane is "Kong"; need one of Envoy, Istio, NGINX, Traefik',
    ),
    "a part of a histogram for the whole": (
        raw(analysis={"signals": [{"name": "scores", "histogram": "s_count"}]}),
        "spec.analysis.signals[0].histogram",
        "spec.analysis.signals[0].histogram: s_count is no histogram, but its _count; name the _bucket "
        "series, or a native histogram's metric",
    ),
    "one bucket of a histogram": (
        raw(analysis={"signals": [{"name": "scores", "histogram": 's_bucket{le="1"}'}]}),
        "spec.analysis.signals[0].histogram",
        'spec.analysis.signals[0].histogram is "s_bucket{le=\\"1\\"}"; all buckets are compared; leave the '
        "matcher of le out",
    ),
    "a limit in a histogram of no known unit": (
        raw(analysis={"signals": [{"name": "a", "slowerThanMilliseconds": 100, "histogram": "took_bucket"}]}),
        "spec.analysis.signals[0].histogram",
        'spec.analysis.signals[0].histogram is "took_bucket"; the unit of its buckets is not in its name; '
        "need one that ends in one of _seconds, _milliseconds, _ms, _microseconds, _us",
    ),
    "a limit in a native histogram": (
        raw(
            analysis={"signals": [{"name": "a", "slowerThanMilliseconds": 100, "histogram": "took_seconds"}]}
        ),
        "spec.analysis.signals[0].histogram",
        'spec.analysis.signals[0].histogram is "took_seconds"; the buckets of a native histogram need not '
        "end at a limit; give maxSlowdown instead, or name the _bucket series of a classic one",
    ),
    "a shift nobody would want": (
        raw(analysis={"signals": [{"name": "scores", "histogram": "s_bucket", "maxShift": "0.6"}]}),
        "spec.analysis.signals[0].maxShift",
        'spec.analysis.signals[0].maxShift is "0.6"; need a share of all requests as decimal text from 0.01 '
        'to 0.5, for example "0.05"',
    ),
    "a slowdown within the noise": (
        raw(analysis={"signals": [{"name": "latency", "maxSlowdown": "1.04"}]}),
        "spec.analysis.signals[0].maxSlowdown",
        'spec.analysis.signals[0].maxSlowdown is "1.04"; need a factor as decimal text from 1.05 to 10, for '
        'example "1.2"',
    ),
    "a transition that is named twice": (
        raw(notifications=[{"name": "chat", "channel": "slack", "transitions": ["Harm", "Harm"]}]),
        "spec.notifications[0].transitions",
        "spec.notifications[0].transitions: Harm is there twice; name each one once",
    ),
    "no spec": ({"metadata": {"name": "iris"}}, "spec", "spec is needed"),
}


@pytest.mark.parametrize(("body", "path", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_fault_names_field_value_and_need(body: dict[str, Any], path: str, message: str) -> None:
    assert fault(body) == InvalidSpec(path, message)


def test_counter_that_is_a_query_is_refused_where_it_stands() -> None:
    found = fault(
        raw(analysis={"signals": [{"name": "x", "requests": "rate(a_total[1m])", "bad": "b_total"}]})
    )

    assert found.path == "spec.analysis.signals[0].requests"
    assert "rate(a_total[1m])" in found.message


@pytest.mark.parametrize(
    "broken", [3, [], "x", None, {"spec": 3}, {"spec": {"containers": "x"}}, {"metadata": []}]
)
def test_template_of_any_shape_is_answered_and_never_raises(broken: object) -> None:
    assert fault(raw(template=broken)).path.startswith("spec.template")
