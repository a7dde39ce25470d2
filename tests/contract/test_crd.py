"""What the API server makes of our CRD: what it refuses, what it fills in, and what kubectl shows of it.

The rules of the schema are written in CEL and again in Python (`api.spelling`); here both judge one table.
"""

from collections.abc import Iterable
from typing import Any

import pytest

from serin.api.intent import intent_of
from serin.api.invalid import InvalidSpec
from serin.domain.intent import Intent
from tests.cluster.api import Api, ApiError
from tests.cluster.resources import Object, Resource

MODELS = Resource("serin.dev/v1alpha1", "modeldeployments")


def model(name: str = "iris", **spec: Any) -> Object:
    """A ModelDeployment, the smallest unless told otherwise."""
    return {
        "apiVersion": "serin.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": name},
        "spec": {"model": {"format": "sklearn"}, **spec},
    }


def with_container(**fields: Any) -> Object:
    """A template with the model's container."""
    return {"spec": {"containers": [{"name": "model", "image": "registry.example/model:1", **fields}]}}


def with_steps(*weights: int) -> Object:
    """A rollout with steps of these weights."""
    steps = [{"name": f"step-{index}", "weight": weight} for index, weight in enumerate(weights)]
    return {"canary": {"steps": steps}}


def with_signal(name: str = "errors", **fields: Any) -> Object:
    """An analysis of one signal."""
    return {"signals": [{"name": name, **fields}]}


def with_guard(**fields: Any) -> Object:
    """An analysis of one guard."""
    return {"guards": [{"name": "memory", "query": "max(used_bytes)", **fields}]}


def with_gate(**fields: Any) -> Object:
    """An analysis of one gate before the first step."""
    return {"gates": [{"name": "eval", "beforeStep": "first", **fields}]}


JOB = {"templateRef": {"name": "eval-job"}}


def labelled(kind: str) -> Object:
    """A template that uses our prefix."""
    return {"metadata": {kind: {"team": "risk", "serin.dev/model": "other"}}}


GATEWAY = {"parentRefs": [{"name": "public", "namespace": "infra"}]}

BREAKS_A_RULE: dict[str, tuple[Object, str]] = {
    "a name no Service can have": (
        model("iris.v2"),
        "metadata.name: Invalid value: need lower-case letters, digits and '-', starting with a letter",
    ),
    "a name too long for a hash": (model("i" * 53), "metadata.name: Invalid value: need lower-case letters"),
    "our label on a pod": (
        model(template=labelled("labels")),
        "spec.template.metadata.labels: Invalid value: labels under serin.dev/ are the operator's own",
    ),
    "our annotation on a pod": (
        model(template=labelled("annotations")),
        "spec.template.metadata.annotations: Invalid value: annotations under serin.dev/ are the operator's",
    ),
    "custom runtime without a template": (
        model(runtime="custom"),
        "spec.template: Invalid value: the custom runtime needs a container named model with an image",
    ),
    "custom format without an image": (
        model(model={"format": "custom"}, template={"spec": {"containers": [{"name": "model"}]}}),
        "spec.template: Invalid value: the custom runtime needs a container named model with an image",
    ),
    "GatewayAPI without its block": (
        model(traffic={"router": "GatewayAPI"}),
        "spec.traffic.gatewayAPI: Invalid value: needed with the router GatewayAPI, and only with it",
    ),
    "gatewayAPI without its router": (
        model(traffic={"gatewayAPI": GATEWAY}),
        "spec.traffic.gatewayAPI: Invalid value: needed with the router GatewayAPI, and only with it",
    ),
    "weights that fall": (
        model(rollout=with_steps(20, 10)),
        "spec.rollout.canary.steps: Invalid value: weights rise from step to step",
    ),
    "weights that stay": (
        model(rollout=with_steps(20, 20)),
        "spec.rollout.canary.steps: Invalid value: weights rise from step to step",
    ),
    "a step called full": (
        model(rollout={"canary": {"steps": [{"name": "full", "weight": 50}]}}),
        "spec.rollout.canary.steps[0].name: Invalid value: full cannot name a step",
    ),
    "one label for namespace and pod": (
        model(prometheus={"labels": {"pod": "namespace"}}),
        "spec.prometheus.labels: Invalid value: namespace and pod are two labels; name them differently",
    ),
    "half a pair of counters": (
        model(analysis=with_signal(requests="a_total")),
        "spec.analysis.signals[0]: Invalid value: a pair of counters is whole: give both requests and bad",
    ),
    "counters and a preset": (
        model(analysis=with_signal(requests="a_total", bad="b_total", slowerThanMilliseconds=500)),
        "spec.analysis.signals[0]: Invalid value: requests and bad are a signal by themselves",
    ),
    "counters and a histogram": (
        model(analysis=with_signal(requests="a_total", bad="b_total", histogram="a_bucket")),
        "spec.analysis.signals[0]: Invalid value: requests and bad are a signal by themselves",
    ),
    "counters and a shift": (
        model(analysis=with_signal(requests="a_total", bad="b_total", maxShift="0.05")),
        "spec.analysis.signals[0]: Invalid value: requests and bad are a signal by themselves",
    ),
    "a signal that says nothing": (
        model(analysis=with_signal("scores")),
        "spec.analysis.signals[0].name: Invalid value: name it errors (or end the name in -errors)",
    ),
    "two questions in one signal": (
        model(analysis=with_signal("scores", histogram="a_bucket", maxShift="0.05", maxSlowdown="1.2")),
        "spec.analysis.signals[0]: Invalid value: slowerThanMilliseconds, maxShift and maxSlowdown are three",
    ),
    "a limit and a slowdown": (
        model(analysis=with_signal("latency", slowerThanMilliseconds=500, maxSlowdown="1.2")),
        "spec.analysis.signals[0]: Invalid value: slowerThanMilliseconds, maxShift and maxSlowdown are three",
    ),
    "a shift of nothing": (
        model(analysis=with_signal("scores", maxShift="0.05")),
        "spec.analysis.signals[0].maxShift: Invalid value: there is no preset for what a model predicts",
    ),
    "a histogram of one's own at the proxy": (
        model(analysis=with_signal("scores", histogram="a_bucket", dataPlane="Envoy")),
        "spec.analysis.signals[0].histogram: Invalid value: a histogram of your own is read from the pods",
    ),
    "a ratio of bad requests for a distribution": (
        model(analysis=with_signal("latency", maxSlowdown="1.2", maxRatio="2")),
        "spec.analysis.signals[0]: Invalid value: maxRatio and maxIncreasePoints are margins of bad requests",
    ),
    "a guard without a limit": (
        model(analysis=with_guard()),
        "spec.analysis.guards[0]: Invalid value: a guard needs a limit: give max, or min, or both",
    ),
    "a guard that nothing passes": (
        model(analysis=with_guard(min="2", max="1.5")),
        "spec.analysis.guards[0].min: Invalid value: min is above max, and nothing lies between",
    ),
    "a gate that asks nobody": (
        model(analysis=with_gate()),
        "spec.analysis.gates[0]: Invalid value: a gate is either a job or a webhook",
    ),
    "a gate that asks two": (
        model(analysis=with_gate(job=JOB, webhook={"url": "https://hooks.example.com/x"})),
        "spec.analysis.gates[0]: Invalid value: a gate is either a job or a webhook",
    ),
    "two signals of one name": (
        model(analysis={"signals": [{"name": "errors"}, {"name": "errors", "dataPlane": "Envoy"}]}),
        "spec.analysis.signals[1]: Duplicate value",
    ),
    "dry runs alone": (
        model(analysis=with_signal(dryRun=True)),
        "spec.analysis.signals: Invalid value: all are dry runs, so nothing could be shown safe",
    ),
    "points for a histogram alone": (
        model(analysis=with_signal("scores", histogram="a_bucket", maxIncreasePoints="1")),
        "spec.analysis.signals[0]: Invalid value: maxRatio and maxIncreasePoints are margins of bad requests",
    ),
}
BREAKS_A_BOUND: dict[str, tuple[Object, str]] = {
    "no model": (model(model={}), "spec.model.format: Required value"),
    "fewer than no replicas": (model(replicas=-1), "spec.replicas: Invalid value: -1"),
    "all the weight in a step": (model(rollout=with_steps(100)), "should be less than or equal to 99"),
    "no steps": (model(rollout=with_steps()), "should have at least 1 items"),
    "a number for decimal text": (
        model(analysis={"maxFalseRollbackRate": 0.01}),
        'spec.analysis.maxFalseRollbackRate: Invalid value: "number"',
    ),
    "a rate that never rolls back": (
        model(analysis={"maxFalseRollbackRate": "0.0"}),
        'spec.analysis.maxFalseRollbackRate: Invalid value: "0.0"',
    ),
    "a ratio below one": (model(analysis=with_signal(maxRatio="0.9")), "signals[0].maxRatio"),
    "a shift below a point": (
        model(analysis=with_signal("scores", histogram="a_bucket", maxShift="0.009")),
        'spec.analysis.signals[0].maxShift: Invalid value: "0.009"',
    ),
    "a shift of most requests": (
        model(analysis=with_signal("scores", histogram="a_bucket", maxShift="0.51")),
        'spec.analysis.signals[0].maxShift: Invalid value: "0.51"',
    ),
    "a slowdown within the noise": (
        model(analysis=with_signal("latency", maxSlowdown="1.049")),
        'spec.analysis.signals[0].maxSlowdown: Invalid value: "1.049"',
    ),
    "a slowdown beyond all bounds": (
        model(analysis=with_signal("latency", maxSlowdown="10.1")),
        'spec.analysis.signals[0].maxSlowdown: Invalid value: "10.1"',
    ),
    "a data plane in small letters": (
        model(analysis=with_signal(dataPlane="envoy")),
        'spec.analysis.signals[0].dataPlane: Invalid value: "envoy"',
    ),
    "certainty": (model(analysis={"promote": {"confidence": "1"}}), "spec.analysis.promote.confidence"),
    "a scheme not built": (
        model(model={"format": "sklearn", "uri": "s3://models/iris"}),
        'spec.model.uri: Invalid value: "s3://models/iris"',
    ),
    "a way out of the volume": (
        model(model={"format": "sklearn", "uri": "pvc://models/../secrets"}),
        "spec.model.uri: Invalid value",
    ),
    "an unknown router": (model(traffic={"router": "Istio"}), 'Unsupported value: "Istio"'),
    "an amount that is none": (
        model(resources={"limits": {"cpu": "two"}}),
        'spec.resources.limits.cpu: Invalid value: "two"',
    ),
    "an address with a password": (
        model(prometheus={"address": "http://serin:letmein@prometheus:9090"}),
        "spec.prometheus.address: Invalid value",
    ),
    "a label that is none": (
        model(prometheus={"labels": {"pod": "k8s.pod"}}),
        'spec.prometheus.labels.pod: Invalid value: "k8s.pod"',
    ),
    "a limit that is no number": (
        model(analysis=with_guard(max="7e4")),
        'spec.analysis.guards[0].max: Invalid value: "7e4"',
    ),
    "a webhook with a password": (
        model(analysis=with_gate(webhook={"url": "https://serin:letmein@hooks.example.com/x"})),
        "spec.analysis.gates[0].webhook.url: Invalid value",
    ),
    "a bake of years": (model(rollout={"bakeSeconds": 10**8}), "spec.rollout.bakeSeconds"),
}
UNKNOWN_FIELDS: dict[str, tuple[Object, str]] = {
    "a typo in the spec": (model(replica=2), 'unknown field "spec.replica"'),
    "a typo in a step": (
        model(rollout={"canary": {"steps": [{"name": "a", "weight": 5, "minSecond": 3}]}}),
        'unknown field "spec.rollout.canary.steps[0].minSecond"',
    ),
    "a typo in a pause": (
        model(rollout={"canary": {"steps": [{"name": "a", "weight": 5, "pause": {"seconds": 3}}]}}),
        'unknown field "spec.rollout.canary.steps[0].pause.seconds"',
    ),
    "a typo inside a container": (
        model(template=with_container(imagePullPolice="Always")),
        'unknown field "spec.template.spec.containers[0].imagePullPolice"',
    ),
    "a typo inside a probe": (
        model(template=with_container(readinessProbe={"httpGet": {"port": 80, "pth": "/"}})),
        'unknown field "spec.template.spec.containers[0].readinessProbe.httpGet.pth"',
    ),
}
ACCEPTED: dict[str, Object] = {
    "the smallest": model(),
    "the longest name": model("i" * 52),
    "scaled to nothing": model(replicas=0),
    "a mounted model": model(model={"format": "xgboost", "uri": "pvc://models/fraud/12", "name": "Fraud_v1"}),
    "an image of one's own": model(
        runtime="custom", template=with_container(ports=[{"containerPort": 9000}])
    ),
    "a Gateway": model(
        traffic={"router": "GatewayAPI", "gatewayAPI": {**GATEWAY, "hostnames": ["*.example.com"]}}
    ),
    "a step that waits": model(rollout={"canary": {"steps": [{"name": "a", "weight": 5, "pause": {}}]}}),
    "amounts of both kinds": model(resources={"limits": {"cpu": 2, "memory": "4Gi", "nvidia.com/gpu": 1}}),
    "another Prometheus": model(
        prometheus={"address": "https://[fd00::1]:9090/prometheus/", "labels": {"pod": "pod_name"}}
    ),
    "a guard on both sides": model(analysis=with_guard(min="-1.5", max="70000", failureLimit=1)),
    "gates of both kinds": model(
        analysis={
            "gates": [
                {"name": "eval", "beforeStep": "first", "job": JOB, "timeoutSeconds": 60, "retries": 0},
                {
                    "name": "licence",
                    "beforeStep": "promotion",
                    "webhook": {"url": "https://hooks.example.com/x"},
                },
            ]
        }
    ),
    "dry runs that are only observed": model(analysis={"mode": "Observe", **with_signal(dryRun=True)}),
    "every kind of signal": model(
        analysis={
            "signals": [
                {"name": "errors", "maxRatio": "1.5", "maxIncreasePoints": "0"},
                {"name": "latency", "slowerThanMilliseconds": 500},
                {"name": "gateway-errors", "dataPlane": "Envoy", "importance": 2},
                {"name": "fallbacks", "requests": "a_total", "bad": 'a_total{outcome="fallback"}'},
                {"name": "slowdown", "maxSlowdown": "1.05", "dryRun": True},
                {"name": "scores", "histogram": 'score_bucket{model="fraud"}', "maxShift": "0.5"},
                {"name": "answers", "histogram": "answer_length"},
                {"name": "own-latency", "histogram": "took_seconds_bucket", "slowerThanMilliseconds": 300},
            ]
        }
    ),
}


def table(cases: dict[str, tuple[Object, str]]) -> Iterable[Any]:
    return [pytest.param(body, words, id=case) for case, (body, words) in cases.items()]


async def offered(api: Api, namespace: str, body: Object) -> Object:
    """What the server would store, by a dry run that leaves nothing behind."""
    params = {"fieldValidation": "Strict", "dryRun": "All"}
    answer: Object = await api.request("POST", MODELS.path(namespace), body, params=params)
    return answer


@pytest.mark.parametrize(
    ("body", "words"), [*table(BREAKS_A_RULE), *table(BREAKS_A_BOUND), *table(UNKNOWN_FIELDS)]
)
async def test_server_refuses(api: Api, body: Object, words: str) -> None:
    with pytest.raises(ApiError) as refused:
        await offered(api, "default", body)

    assert words in refused.value.message


@pytest.mark.parametrize(
    "body", [body for cases in (BREAKS_A_RULE, BREAKS_A_BOUND, UNKNOWN_FIELDS) for body, _ in cases.values()]
)
def test_operator_refuses_what_the_server_refuses(body: Object) -> None:
    assert isinstance(intent_of(body), InvalidSpec)


@pytest.mark.parametrize("body", ACCEPTED.values(), ids=ACCEPTED.keys())
async def test_server_and_operator_accept(api: Api, body: Object) -> None:
    stored = await offered(api, "default", body)

    assert isinstance(intent_of(stored), Intent)


@pytest.mark.parametrize("body", ACCEPTED.values(), ids=ACCEPTED.keys())
async def test_defaults_of_the_server_change_no_meaning(api: Api, body: Object) -> None:
    stored = await offered(api, "default", body)

    written, filled = intent_of(body | {"metadata": stored["metadata"]}), intent_of(stored)

    assert written == filled


async def test_server_fills_in_every_default(api: Api) -> None:
    stored = await offered(api, "default", model())

    assert stored["spec"] == {
        "model": {"format": "sklearn"},
        "replicas": 1,
        "resources": {},
        "template": {},
        "service": {"port": 80},
        "traffic": {"router": "Replicas", "drainSeconds": 30},
        "rollout": {
            "canary": {
                "steps": [
                    {"name": "first", "weight": 5, "minSeconds": 60},
                    {"name": "quarter", "weight": 25, "minSeconds": 60},
                    {"name": "half", "weight": 50, "minSeconds": 60},
                ]
            },
            "bakeSeconds": 600,
            "progressDeadlineSeconds": 1800,
            "stepDeadlineSeconds": 3600,
            "onInconclusive": "Pause",
        },
        "analysis": {
            "mode": "Enforce",
            "maxFalseRollbackRate": "0.01",
            "warmUpSeconds": 120,
            "promote": {"maxRatio": "2", "maxIncreasePoints": "1", "confidence": "0.95", "minRequests": 200},
            "guards": [],
            "gates": [],
        },
        "notifications": [],
        "prometheus": {"labels": {"namespace": "namespace", "pod": "pod"}},
        "paused": False,
        "revisionHistoryLimit": 5,
    }


async def test_defaults_reach_into_given_parts(api: Api) -> None:
    stored = await offered(
        api,
        "default",
        model(rollout={"bakeSeconds": 0}, template=with_container(ports=[{"containerPort": 80}])),
    )

    assert stored["spec"]["rollout"]["progressDeadlineSeconds"] == 1800
    assert stored["spec"]["template"]["spec"]["containers"][0]["ports"] == [
        {"containerPort": 80, "protocol": "TCP"}
    ]


async def test_fresh_object_reads_as_not_yet_looked_at(api: Api, namespace: str) -> None:
    fresh = await api.create(model(), namespace)

    assert fresh["status"] == {"observedGeneration": -1}
