"""What each leaf of the spec drives: the table that the schema walk holds the operator to.

A leaf of the CRD without a row here fails the walk, and so does a row whose leaf is gone. `BASE` has a value
at every leaf that is not its default, so that each mutation of it is a change.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final

from serin.domain.analysis.policy import Mode
from serin.domain.status import State
from tests.walk.pipeline import Shown

Spec = dict[str, Any]

BASE: Final[Spec] = {
    "model": {"format": "sklearn", "name": "flowers", "version": "2026-11", "uri": "pvc://models/iris"},
    "runtime": "mlserver",
    "replicas": 4,
    "resources": {"limits": {"memory": "4Gi"}, "requests": {"memory": "2Gi"}},
    "template": {"spec": {"containers": [{"name": "model", "image": "registry.example/model:1"}]}},
    "service": {"port": 8080, "grpcPort": 9000},
    "traffic": {
        "router": "GatewayAPI",
        "gatewayAPI": {
            "parentRefs": [{"name": "public", "namespace": "infra", "sectionName": "https", "port": 443}],
            "hostnames": ["iris.example.com"],
            "path": "/iris",
        },
        "drainSeconds": 20,
    },
    "rollout": {
        "canary": {
            "steps": [
                {"name": "first", "weight": 10, "minSeconds": 30},
                {"name": "second", "weight": 40, "minSeconds": 40, "pause": {}},
            ]
        },
        "bakeSeconds": 100,
        "progressDeadlineSeconds": 200,
        "stepDeadlineSeconds": 300,
        "onInconclusive": "Rollback",
    },
    "analysis": {
        "mode": "Enforce",
        "maxFalseRollbackRate": "0.02",
        "warmUpSeconds": 60,
        "promote": {
            "maxRatio": "2.5",
            "maxIncreasePoints": "1.5",
            "confidence": "0.91",
            "minRequests": 300,
        },
        "signals": [
            {"name": "errors", "dataPlane": "Envoy", "maxRatio": "1.7", "maxIncreasePoints": "0.3"},
            {"name": "slow", "slowerThanMilliseconds": 250, "importance": 4},
            {"name": "drag", "maxSlowdown": "1.4"},
            {"name": "scores", "histogram": 'score_bucket{model="iris"}', "maxShift": "0.15"},
            {"name": "pair", "requests": "app_total", "bad": "app_bad_total", "dryRun": True},
        ],
        "guards": [
            {"name": "memory", "query": "max(used_bytes)", "max": "70", "min": "5", "failureLimit": 4}
        ],
        "gates": [
            {
                "name": "eval",
                "beforeStep": "promotion",
                "job": {"templateRef": {"name": "eval-job"}},
                "timeoutSeconds": 50,
                "retries": 1,
            },
            {"name": "ask", "beforeStep": "second", "webhook": {"url": "https://hooks.example.com/ask"}},
        ],
    },
    "prometheus": {
        "address": "http://prometheus:9090",
        "labels": {"namespace": "exported_namespace", "pod": "exported_pod"},
    },
    "notifications": [
        {"name": "chat", "channel": "slack", "format": "Slack", "transitions": ["Harm", "Promoted"]},
        {"name": "bus", "url": "https://events.example.com/a"},
    ],
    "paused": True,
    "revisionHistoryLimit": 3,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """What one leaf drives.

    Attributes:
        at: Where it is in `BASE`.
        drives: The same in words.
        shows: Reads what it drives; another valid value shows as another answer.
        other: Another value that can be meant, where halving and doubling make none.
        whole: Another value of the part that holds the leaf, where the leaf alone cannot change.
        beside: What else differs from `BASE`, where another value of the leaf could not be meant beside it.
    """

    at: str
    drives: str
    shows: Callable[[Shown], object]
    other: object = None
    whole: object = None
    beside: Mapping[str, Any] = field(default_factory=dict)

    @property
    def base(self) -> Spec:
        """The spec that is changed at the leaf."""
        return {**BASE, **self.beside}


def _free(shown: Shown, **changes: Any) -> Shown:
    """The same without the hold that would hide what a state waits for."""
    return Shown(replace(shown.intent, **{"paused": False, **changes}))


def _timed(shown: Shown) -> Shown:
    """The same where readiness and time alone let a step pass."""
    return _free(shown, analysis=replace(shown.intent.analysis, mode=Mode.OFF), gates=())


def _looks_again(shown: Shown, state: State, **how: Any) -> object:
    """What is waited for, and how long, in a state that has just begun."""
    decision = shown.at(state, since=timedelta(0), **how)
    return decision.hold and decision.hold.reason, decision.look_again


def _route(shown: Shown) -> Any:
    return shown.children.get("HTTPRoute", {"spec": {"parentRefs": [{}], "rules": [{}]}})["spec"]


def _parent(shown: Shown) -> Any:
    return _route(shown)["parentRefs"]


def _volumes(shown: Shown) -> object:
    return shown.rendered["spec"].get("volumes"), shown.container.get("volumeMounts")


def _ports(shown: Shown) -> object:
    named = [shown.children[kind]["spec"]["ports"] for kind in ("Service", "Root")]
    return named, _route(shown)["rules"]


def _signals(shown: Shown, index: int) -> Any:
    signals = shown.policy["policy"].signals
    return signals[index] if index < len(signals) else None


def _guards(shown: Shown) -> Any:
    return [guard for guard in (shown.guards.guards if shown.guards else ())]


def _notifications(shown: Shown) -> Any:
    return shown.intent.notifications


def _gates(shown: Shown) -> Any:
    """The gate that is due before each of the steps."""
    free = _free(shown)
    first = free.at(State.PREPARING, since=timedelta(0))
    second = free.at(State.STEPPING)
    asked = [gate for gate in shown.intent.gates]
    return first.due, first.hold, second.due, asked


def _of(field: str) -> Callable[[Shown], object]:
    """A field of the policy that the judge is told to judge by."""
    return lambda shown: getattr(shown.policy["policy"], field)


def _promotes(field: str) -> Callable[[Shown], object]:
    return lambda shown: getattr(shown.policy["policy"].promotion, field)


def _signal(index: int, field: str) -> Callable[[Shown], object]:
    return lambda shown: getattr(_signals(shown, index), field, None)


def _guard(field: str) -> Callable[[Shown], object]:
    return lambda shown: [getattr(guard, field) for guard in _guards(shown)]


STEPS: Final = "rollout.canary.steps"
PARENT: Final = "traffic.gatewayAPI.parentRefs[0]"
SIGNALS: Final = "analysis.signals"

LEAVES: Final[Mapping[str, Leaf]] = {
    "model.format": Leaf(
        at="model.format",
        drives="the container's environment",
        other="xgboost",
        shows=lambda shown: shown.container["env"],
    ),
    "model.name": Leaf(
        at="model.name",
        drives="the container's environment and probes",
        shows=lambda shown: shown.container,
    ),
    "model.version": Leaf(
        at="model.version",
        drives="status.canary.version",
        shows=lambda shown: [one and one.version for one in (shown.status_at(State.STEPPING).canary,)],
    ),
    "model.uri": Leaf(
        at="model.uri", drives="the volume and its mount", other="pvc://models/iris/2", shows=_volumes
    ),
    "runtime": Leaf(
        at="runtime",
        drives="the whole pod template",
        other="custom",
        beside={"analysis": {}},
        shows=lambda shown: shown.rendered,
    ),
    "replicas": Leaf(
        at="replicas",
        drives="Deployment.spec.replicas",
        shows=lambda shown: shown.children["Deployment"]["spec"]["replicas"],
    ),
    "resources.limits.*": Leaf(
        at="resources.limits.memory",
        drives="the container's limits",
        other="8Gi",
        shows=lambda shown: shown.container["resources"],
    ),
    "resources.requests.*": Leaf(
        at="resources.requests.memory",
        drives="the container's requests",
        other="1Gi",
        shows=lambda shown: shown.container["resources"],
    ),
    "service.port": Leaf(
        at="service.port", drives="ports of both Services and of the backends", shows=_ports
    ),
    "service.grpcPort": Leaf(at="service.grpcPort", drives="a second port of both Services", shows=_ports),
    "traffic.router": Leaf(
        at="traffic.router",
        drives="whether there is an HTTPRoute",
        whole={"router": "Replicas", "drainSeconds": 20},
        shows=lambda shown: "HTTPRoute" in shown.children,
    ),
    "traffic.gatewayAPI.parentRefs[].name": Leaf(
        at=f"{PARENT}.name", drives="HTTPRoute.spec.parentRefs", shows=_parent
    ),
    "traffic.gatewayAPI.parentRefs[].namespace": Leaf(
        at=f"{PARENT}.namespace", drives="HTTPRoute.spec.parentRefs", shows=_parent
    ),
    "traffic.gatewayAPI.parentRefs[].sectionName": Leaf(
        at=f"{PARENT}.sectionName", drives="HTTPRoute.spec.parentRefs", shows=_parent
    ),
    "traffic.gatewayAPI.parentRefs[].port": Leaf(
        at=f"{PARENT}.port", drives="HTTPRoute.spec.parentRefs", shows=_parent
    ),
    "traffic.gatewayAPI.hostnames[]": Leaf(
        at="traffic.gatewayAPI.hostnames[0]",
        drives="HTTPRoute.spec.hostnames, status.url",
        other="flowers.example.com",
        shows=lambda shown: (_route(shown).get("hostnames"), shown.status_at(State.STEPPING).url),
    ),
    "traffic.gatewayAPI.path": Leaf(
        at="traffic.gatewayAPI.path",
        drives="the match of the rule",
        other="/flowers",
        shows=lambda shown: _route(shown)["rules"],
    ),
    "traffic.drainSeconds": Leaf(
        at="traffic.drainSeconds",
        drives="how long the revision before keeps running",
        shows=lambda shown: (shown.intent.traffic.drain, shown.drains()),
    ),
    f"{STEPS}[].name": Leaf(
        at=f"{STEPS}[0].name",
        drives="status.canary.step",
        other="morning",
        shows=lambda shown: getattr(shown.status_at(State.STEPPING).canary, "step", None),
    ),
    f"{STEPS}[].weight": Leaf(
        at=f"{STEPS}[0].weight",
        drives="the route's weights",
        shows=lambda shown: shown.at(State.STEPPING, since=timedelta(0)).weights,
    ),
    f"{STEPS}[].minSeconds": Leaf(
        at=f"{STEPS}[0].minSeconds",
        drives="how long the step is held",
        shows=lambda shown: _looks_again(_timed(shown), State.STEPPING),
    ),
    f"{STEPS}[].pause": Leaf(
        at=f"{STEPS}[1].pause",
        drives="whether the step waits for a person",
        shows=lambda shown: getattr(_timed(shown).at(State.STEPPING, step=1).hold, "reason", None),
    ),
    "rollout.bakeSeconds": Leaf(
        at="rollout.bakeSeconds",
        drives="how long the revision before is kept warm",
        shows=lambda shown: _looks_again(_free(shown), State.BAKING),
    ),
    "rollout.progressDeadlineSeconds": Leaf(
        at="rollout.progressDeadlineSeconds",
        drives="how long pods may take",
        shows=lambda shown: _free(shown).unready(),
    ),
    "rollout.stepDeadlineSeconds": Leaf(
        at="rollout.stepDeadlineSeconds",
        drives="how long a step may stay undecided",
        shows=lambda shown: _free(shown).undecided_until(),
    ),
    "rollout.onInconclusive": Leaf(
        at="rollout.onInconclusive",
        drives="what an undecided step comes to",
        shows=lambda shown: _free(shown).inconclusive(),
    ),
    "analysis.mode": Leaf(
        at="analysis.mode",
        drives="AnalysisAvailable, and whether a verdict is needed",
        shows=lambda shown: (shown.analysis(), shown.policy["policy"].mode),
    ),
    "analysis.maxFalseRollbackRate": Leaf(
        at="analysis.maxFalseRollbackRate",
        drives="what the judge is asked",
        other="0.04",
        shows=_of("max_false_rollback_rate"),
    ),
    "analysis.warmUpSeconds": Leaf(
        at="analysis.warmUpSeconds", drives="what the judge is asked", shows=_of("warm_up")
    ),
    "analysis.promote.maxRatio": Leaf(
        at="analysis.promote.maxRatio",
        drives="what the judge is asked",
        other="3",
        shows=_promotes("max_ratio"),
    ),
    "analysis.promote.maxIncreasePoints": Leaf(
        at="analysis.promote.maxIncreasePoints",
        drives="what the judge is asked",
        other="3",
        shows=_promotes("max_increase"),
    ),
    "analysis.promote.confidence": Leaf(
        at="analysis.promote.confidence",
        drives="what the judge is asked",
        other="0.99",
        shows=_promotes("confidence"),
    ),
    "analysis.promote.minRequests": Leaf(
        at="analysis.promote.minRequests", drives="what the judge is asked", shows=_promotes("min_requests")
    ),
    f"{SIGNALS}[].name": Leaf(
        at=f"{SIGNALS}[1].name", drives="the signal's name in status and Events", shows=_signal(1, "name")
    ),
    f"{SIGNALS}[].slowerThanMilliseconds": Leaf(
        at=f"{SIGNALS}[1].slowerThanMilliseconds",
        drives="the bucket that is counted",
        other=500,
        shows=_signal(1, "at_most"),
    ),
    f"{SIGNALS}[].maxSlowdown": Leaf(
        at=f"{SIGNALS}[2].maxSlowdown",
        drives="the margin of the distribution",
        other="2",
        shows=_signal(2, "max_slowdown"),
    ),
    f"{SIGNALS}[].maxShift": Leaf(
        at=f"{SIGNALS}[3].maxShift",
        drives="the margin of the distribution",
        other="0.2",
        shows=_signal(3, "max_shift"),
    ),
    f"{SIGNALS}[].histogram": Leaf(
        at=f"{SIGNALS}[3].histogram",
        drives="the query",
        other="other_bucket",
        shows=lambda shown: shown.asked_of_prometheus(3),
    ),
    f"{SIGNALS}[].dataPlane": Leaf(
        at=f"{SIGNALS}[0].dataPlane",
        drives="the query",
        other="Istio",
        shows=lambda shown: shown.asked_of_prometheus(0),
    ),
    f"{SIGNALS}[].requests": Leaf(
        at=f"{SIGNALS}[4].requests",
        drives="the query",
        other="other_total",
        shows=lambda shown: shown.asked_of_prometheus(4),
    ),
    f"{SIGNALS}[].bad": Leaf(
        at=f"{SIGNALS}[4].bad",
        drives="the query",
        other="other_total",
        shows=lambda shown: shown.asked_of_prometheus(4),
    ),
    f"{SIGNALS}[].maxRatio": Leaf(
        at=f"{SIGNALS}[0].maxRatio",
        drives="the margin of bad requests",
        other="2",
        shows=_signal(0, "max_ratio"),
    ),
    f"{SIGNALS}[].maxIncreasePoints": Leaf(
        at=f"{SIGNALS}[0].maxIncreasePoints",
        drives="the margin of bad requests",
        other="2",
        shows=_signal(0, "max_increase"),
    ),
    f"{SIGNALS}[].importance": Leaf(
        at=f"{SIGNALS}[1].importance",
        drives="the share of the false rollback rate",
        shows=_signal(1, "importance"),
    ),
    f"{SIGNALS}[].dryRun": Leaf(
        at=f"{SIGNALS}[4].dryRun", drives="whether the signal acts", shows=_signal(4, "dry_run")
    ),
    "analysis.guards[].name": Leaf(
        at="analysis.guards[0].name", drives="the guard's name in status and Events", shows=_guard("name")
    ),
    "analysis.guards[].query": Leaf(
        at="analysis.guards[0].query",
        drives="the guard's query",
        other="min(used_bytes)",
        shows=_guard("query"),
    ),
    "analysis.guards[].max": Leaf(
        at="analysis.guards[0].max", drives="the guard's limit", other="80", shows=_guard("maximum")
    ),
    "analysis.guards[].min": Leaf(
        at="analysis.guards[0].min", drives="the guard's limit", other="1", shows=_guard("minimum")
    ),
    "analysis.guards[].failureLimit": Leaf(
        at="analysis.guards[0].failureLimit",
        drives="failures in a row that reject",
        shows=_guard("failure_limit"),
    ),
    "analysis.gates[].name": Leaf(at="analysis.gates[0].name", drives="who is asked for", shows=_gates),
    "analysis.gates[].beforeStep": Leaf(
        at="analysis.gates[0].beforeStep", drives="when it is asked", other="first", shows=_gates
    ),
    "analysis.gates[].job.templateRef.name": Leaf(
        at="analysis.gates[0].job.templateRef.name", drives="which Job is made", shows=_gates
    ),
    "analysis.gates[].webhook.url": Leaf(
        at="analysis.gates[1].webhook.url",
        drives="who is asked",
        other="https://hooks.example.com/b",
        shows=_gates,
    ),
    "analysis.gates[].timeoutSeconds": Leaf(
        at="analysis.gates[0].timeoutSeconds", drives="how long a try may take", shows=_gates
    ),
    "analysis.gates[].retries": Leaf(
        at="analysis.gates[0].retries", drives="how often it is tried", shows=_gates
    ),
    "prometheus.address": Leaf(
        at="prometheus.address",
        drives="which Prometheus is asked",
        other="http://other:9090",
        shows=lambda shown: shown.intent.samples.address,
    ),
    "prometheus.labels.namespace": Leaf(
        at="prometheus.labels.namespace",
        drives="the query",
        other="kubernetes_namespace",
        shows=lambda shown: shown.asked_of_prometheus(4),
    ),
    "prometheus.labels.pod": Leaf(
        at="prometheus.labels.pod",
        drives="the query",
        other="kubernetes_pod",
        shows=lambda shown: shown.asked_of_prometheus(4),
    ),
    "notifications[].name": Leaf(
        at="notifications[0].name", drives="what the log calls it", shows=_notifications
    ),
    "notifications[].channel": Leaf(
        at="notifications[0].channel", drives="which channel is told", shows=_notifications
    ),
    "notifications[].format": Leaf(
        at="notifications[0].format",
        drives="what is sent",
        other="CloudEvents",
        shows=_notifications,
    ),
    "notifications[].transitions[]": Leaf(
        at="notifications[0].transitions[0]", drives="what is told", other="Aborted", shows=_notifications
    ),
    "notifications[].url": Leaf(
        at="notifications[1].url",
        drives="who is told",
        other="https://events.example.com/b",
        shows=_notifications,
    ),
    "paused": Leaf(
        at="paused",
        drives="whether an attempt is held",
        shows=lambda shown: getattr(shown.at(State.PREPARING).hold, "reason", None),
    ),
    "revisionHistoryLimit": Leaf(
        at="revisionHistoryLimit",
        drives="how many spent revisions are kept",
        shows=lambda shown: shown.pruned,
    ),
}


def leaves_of(schema: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every leaf below a schema, as `steps[].weight`; the pod template has its own walk."""
    if path == "template":
        return
    if schema.get("properties"):
        for name, child in schema["properties"].items():
            yield from leaves_of(child, f"{path}.{name}".lstrip("."))
    elif isinstance(schema.get("additionalProperties"), Mapping):
        yield from leaves_of(schema["additionalProperties"], f"{path}.*")
    elif "items" in schema:
        yield from leaves_of(schema["items"], f"{path}[]")
    else:
        yield path, schema
