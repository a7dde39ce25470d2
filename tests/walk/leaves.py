"""What each leaf of the spec drives: the table that the schema walk holds the operator to.

A leaf of the CRD without a row here fails the walk, and so does a row whose leaf is gone. `BASE` has a value
at every leaf that is not its default, so that each mutation of it is a change.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field
from datetime import timedelta
from typing import Any, Final

from serin.domain.status import State
from tests.walk import readers as read
from tests.walk.base import BASE
from tests.walk.mutations import Spec
from tests.walk.pipeline import Shown

OPEN_KEY: Final = "memory"
"""The key that `BASE` has in maps whose keys are the user's."""


@dataclass(frozen=True, slots=True)
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
    _: KW_ONLY
    shows: Callable[[Shown], object]
    other: object = None
    whole: object = None
    beside: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the schema calls it: any element of a list, any key of an open map."""
        return re.sub(r"\[\d+\]", "[]", self.at).replace(f".{OPEN_KEY}", ".*")

    @property
    def base(self) -> Spec:
        """The spec that is changed at the leaf."""
        return {**BASE, **self.beside}


STEPS: Final = "rollout.canary.steps"
PARENT: Final = "traffic.gatewayAPI.parentRefs[0]"
SIGNALS: Final = "analysis.signals"

TABLE: Final = (
    Leaf(
        "model.format",
        "the container's environment",
        shows=lambda shown: shown.container["env"],
        other="xgboost",
    ),
    Leaf("model.name", "the container's environment and probes", shows=lambda shown: shown.container),
    Leaf(
        "model.version",
        "status.canary.version",
        shows=lambda shown: [one and one.version for one in (shown.status_at(State.STEPPING).canary,)],
    ),
    Leaf("model.uri", "the volume and its mount", shows=read.volumes, other="pvc://models/iris/2"),
    Leaf(
        "runtime",
        "the whole pod template",
        shows=lambda shown: shown.rendered,
        other="custom",
        beside={"analysis": {}},
    ),
    Leaf(
        "replicas",
        "Deployment.spec.replicas",
        shows=lambda shown: shown.children["Deployment"]["spec"]["replicas"],
    ),
    Leaf("resources.limits.memory", "the container's limits", shows=read.resources, other="8Gi"),
    Leaf("resources.requests.memory", "the container's requests", shows=read.resources, other="1Gi"),
    Leaf("service.port", "ports of both Services and of the backends", shows=read.ports),
    Leaf("service.grpcPort", "a second port of both Services", shows=read.ports),
    Leaf(
        "traffic.router",
        "whether there is an HTTPRoute",
        shows=lambda shown: "HTTPRoute" in shown.children,
        whole={"router": "Replicas", "drainSeconds": 20},
    ),
    Leaf(f"{PARENT}.name", "HTTPRoute.spec.parentRefs", shows=read.parent),
    Leaf(f"{PARENT}.namespace", "HTTPRoute.spec.parentRefs", shows=read.parent),
    Leaf(f"{PARENT}.sectionName", "HTTPRoute.spec.parentRefs", shows=read.parent),
    Leaf(f"{PARENT}.port", "HTTPRoute.spec.parentRefs", shows=read.parent),
    Leaf(
        "traffic.gatewayAPI.hostnames[0]",
        "HTTPRoute.spec.hostnames, status.url",
        shows=lambda shown: (read.route(shown).get("hostnames"), shown.status_at(State.STEPPING).url),
        other="flowers.example.com",
    ),
    Leaf(
        "traffic.gatewayAPI.path",
        "the match of the rule",
        shows=lambda shown: read.route(shown)["rules"],
        other="/flowers",
    ),
    Leaf(
        "traffic.drainSeconds",
        "how long the revision before keeps running",
        shows=lambda shown: (shown.intent.traffic.drain, shown.drains()),
    ),
    Leaf(
        f"{STEPS}[0].name",
        "status.canary.step",
        shows=lambda shown: getattr(shown.status_at(State.STEPPING).canary, "step", None),
        other="morning",
    ),
    Leaf(
        f"{STEPS}[0].weight",
        "the route's weights",
        shows=lambda shown: shown.at(State.STEPPING, since=timedelta(0)).weights,
    ),
    Leaf(
        f"{STEPS}[0].minSeconds",
        "how long the step is held",
        shows=lambda shown: read.looks_again(read.timed(shown), State.STEPPING),
    ),
    Leaf(
        f"{STEPS}[1].pause",
        "whether the step waits for a person",
        shows=lambda shown: getattr(read.timed(shown).at(State.STEPPING, step=1).hold, "reason", None),
    ),
    Leaf(
        "rollout.bakeSeconds",
        "how long the revision before is kept warm",
        shows=lambda shown: read.looks_again(read.free(shown), State.BAKING),
    ),
    Leaf(
        "rollout.progressDeadlineSeconds",
        "how long pods may take",
        shows=lambda shown: read.free(shown).unready(),
    ),
    Leaf(
        "rollout.stepDeadlineSeconds",
        "how long a step may stay undecided",
        shows=lambda shown: read.free(shown).undecided_until(),
    ),
    Leaf(
        "rollout.onInconclusive",
        "what an undecided step comes to",
        shows=lambda shown: read.free(shown).inconclusive(),
    ),
    Leaf(
        "analysis.mode",
        "AnalysisAvailable, and whether a verdict is needed",
        shows=lambda shown: (shown.analysis(), shown.policy["policy"].mode),
    ),
    Leaf(
        "analysis.maxFalseRollbackRate",
        "what the judge is asked",
        shows=read.of("max_false_rollback_rate"),
        other="0.04",
    ),
    Leaf("analysis.warmUpSeconds", "what the judge is asked", shows=read.of("warm_up")),
    Leaf("analysis.promote.maxRatio", "what the judge is asked", shows=read.promotes("max_ratio"), other="3"),
    Leaf(
        "analysis.promote.maxIncreasePoints",
        "what the judge is asked",
        shows=read.promotes("max_increase"),
        other="3",
    ),
    Leaf(
        "analysis.promote.confidence",
        "what the judge is asked",
        shows=read.promotes("confidence"),
        other="0.99",
    ),
    Leaf("analysis.promote.minRequests", "what the judge is asked", shows=read.promotes("min_requests")),
    Leaf(f"{SIGNALS}[1].name", "the signal's name in status and Events", shows=read.signal(1, "name")),
    Leaf(
        f"{SIGNALS}[1].slowerThanMilliseconds",
        "the bucket that is counted",
        shows=read.signal(1, "at_most"),
        other=500,
    ),
    Leaf(
        f"{SIGNALS}[2].maxSlowdown",
        "the margin of the distribution",
        shows=read.signal(2, "max_slowdown"),
        other="2",
    ),
    Leaf(
        f"{SIGNALS}[3].maxShift",
        "the margin of the distribution",
        shows=read.signal(3, "max_shift"),
        other="0.2",
    ),
    Leaf(f"{SIGNALS}[3].histogram", "the query", shows=read.asked(3), other="other_bucket"),
    Leaf(f"{SIGNALS}[0].dataPlane", "the query", shows=read.asked(0), other="Istio"),
    Leaf(f"{SIGNALS}[4].requests", "the query", shows=read.asked(4), other="other_total"),
    Leaf(f"{SIGNALS}[4].bad", "the query", shows=read.asked(4), other="other_total"),
    Leaf(
        f"{SIGNALS}[0].maxRatio", "the margin of bad requests", shows=read.signal(0, "max_ratio"), other="2"
    ),
    Leaf(
        f"{SIGNALS}[0].maxIncreasePoints",
        "the margin of bad requests",
        shows=read.signal(0, "max_increase"),
        other="2",
    ),
    Leaf(
        f"{SIGNALS}[1].importance", "the share of the false rollback rate", shows=read.signal(1, "importance")
    ),
    Leaf(f"{SIGNALS}[4].dryRun", "whether the signal acts", shows=read.signal(4, "dry_run")),
    Leaf("analysis.guards[0].name", "the guard's name in status and Events", shows=read.guard("name")),
    Leaf("analysis.guards[0].query", "the guard's query", shows=read.guard("query"), other="min(used_bytes)"),
    Leaf("analysis.guards[0].max", "the guard's limit", shows=read.guard("maximum"), other="80"),
    Leaf("analysis.guards[0].min", "the guard's limit", shows=read.guard("minimum"), other="1"),
    Leaf(
        "analysis.guards[0].failureLimit", "failures in a row that reject", shows=read.guard("failure_limit")
    ),
    Leaf("analysis.gates[0].name", "who is asked for", shows=read.gates),
    Leaf("analysis.gates[0].beforeStep", "when it is asked", shows=read.gates, other="first"),
    Leaf("analysis.gates[0].job.templateRef.name", "which Job is made", shows=read.gates),
    Leaf(
        "analysis.gates[1].webhook.url", "who is asked", shows=read.gates, other="https://hooks.example.com/b"
    ),
    Leaf("analysis.gates[0].timeoutSeconds", "how long a try may take", shows=read.gates),
    Leaf("analysis.gates[0].retries", "how often it is tried", shows=read.gates),
    Leaf(
        "prometheus.address",
        "which Prometheus is asked",
        shows=lambda shown: shown.intent.samples.address,
        other="http://other:9090",
    ),
    Leaf("prometheus.labels.namespace", "the query", shows=read.asked(4), other="kubernetes_namespace"),
    Leaf("prometheus.labels.pod", "the query", shows=read.asked(4), other="kubernetes_pod"),
    Leaf("notifications[0].name", "what the log calls it", shows=read.notifications),
    Leaf("notifications[0].channel", "which channel is told", shows=read.notifications),
    Leaf("notifications[0].format", "what is sent", shows=read.notifications, other="CloudEvents"),
    Leaf("notifications[0].transitions[0]", "what is told", shows=read.notifications, other="Aborted"),
    Leaf(
        "notifications[1].url", "who is told", shows=read.notifications, other="https://events.example.com/b"
    ),
    Leaf(
        "paused",
        "whether an attempt is held",
        shows=lambda shown: getattr(shown.at(State.PREPARING).hold, "reason", None),
    ),
    Leaf("revisionHistoryLimit", "how many spent revisions are kept", shows=lambda shown: shown.pruned),
)
LEAVES: Final[Mapping[str, Leaf]] = {leaf.name: leaf for leaf in TABLE}


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
