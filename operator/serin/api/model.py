"""A ModelDeployment as a person writes it: fields, bounds, defaults, and the words that explain them.

The CRD is generated from these classes (`crd`), `kubectl explain` prints their texts, and `intent` translates
a valid object for the domain. A field that is accepted does something. Fields that are part of a revision
(model, runtime, resources, template) never change their defaults within an API version: that would re-roll
every model.
"""

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field, StrictBool, StrictInt

from serin.api.analysis import Analysis
from serin.api.notifications import Notification
from serin.api.prometheus import Prometheus
from serin.api.spelling import (
    AS_SET,
    EACH_ONCE,
    MONTH,
    Claim,
    Hostname,
    Label,
    ObjectName,
    PodTemplate,
    Port,
    Quantity,
    Rule,
    Seconds,
    Spelled,
    UrlPath,
    Word,
)
from serin.domain.intent import OnInconclusive, RouterKind

BY_NAME = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
ATOMIC = {"x-kubernetes-list-type": "atomic"}

_NAME = "^[a-z]([-a-z0-9]{0,50}[a-z0-9])?$"

Deadline = Annotated[StrictInt, Field(ge=1, le=MONTH)]


class Model(Spelled):
    """What is served."""

    format: Word
    """How the model is stored: sklearn, xgboost, lightgbm, catboost, mlflow, huggingface, tensorflow, onnx,
    openvino, triton, gguf, or custom. It chooses the runtime where none is named."""
    name: (
        Annotated[
            str, Field(min_length=1, max_length=63, pattern="^[a-zA-Z0-9]([-_.a-zA-Z0-9]*[a-zA-Z0-9])?$")
        ]
        | None
    ) = None
    """The name under which the model is served; a pod of MLServer is ready only when it serves that one.
    Default: the name of the ModelDeployment."""
    version: Annotated[str, Field(max_length=128)] | None = None
    """Free text for people, dashboards and metrics. A change of it alone is not a new revision."""
    uri: Claim | None = None
    """Where the model is: pvc://<claim>/<path>, mounted read-only at /mnt/models. Left out, the model is in
    the image, or the template mounts it there."""


class Resources(Spelled):
    """What the container `model` may use and is promised."""

    limits: Annotated[dict[str, Quantity], Field(max_length=32)] = Field(default_factory=dict)
    """The most it may use, for example nvidia.com/gpu."""
    requests: Annotated[dict[str, Quantity], Field(max_length=32)] = Field(default_factory=dict)
    """What is reserved for it. Default: the limits."""


class Service(Spelled):
    """The address that never changes: a Service with the name of the ModelDeployment."""

    port: Port = 80
    """Port of the Service for HTTP; it leads to the container port named http."""
    grpc_port: Port | None = None
    """Port of the Service for gRPC, which leads to the container port named grpc. Left out: none."""


class ParentRef(Spelled):
    """A Gateway."""

    name: ObjectName
    """Name of the Gateway."""
    namespace: ObjectName | None = None
    """Namespace of the Gateway. Default: that of the ModelDeployment."""
    section_name: ObjectName | None = None
    """One listener of the Gateway, by name. Left out: all that fit."""
    port: Port | None = None
    """One port of the Gateway. Left out: all."""


class GatewayAPI(Spelled):
    """The HTTPRoute that divides the traffic."""

    parent_refs: Annotated[tuple[ParentRef, ...], Field(min_length=1, max_length=8, json_schema_extra=ATOMIC)]
    """The Gateways the route is attached to."""
    hostnames: Annotated[tuple[Hostname, ...], Field(max_length=16, json_schema_extra=AS_SET), EACH_ONCE] = ()
    """Hosts the route answers for. Left out: all that the Gateways' listeners allow."""
    path: UrlPath = "/"
    """Requests whose path starts with this are the model's."""


class Traffic(Spelled):
    """Who divides requests between the revisions."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="(self.router == 'GatewayAPI') == has(self.gatewayAPI)",
            holds=lambda traffic: (
                (traffic.router is RouterKind.GATEWAY_API) == (traffic.gateway_api is not None)
            ),
            message="needed with the router GatewayAPI, and only with it",
            field="gatewayAPI",
        ),
    )

    router: RouterKind = RouterKind.REPLICAS
    """Replicas divides by the number of pods behind one Service: needs nothing else, and is as fine as there
    are pods. GatewayAPI divides by an HTTPRoute, to the percent. Changes only while no rollout runs."""
    gateway_api: GatewayAPI | None = Field(default=None, alias="gatewayAPI")
    """The HTTPRoute; needed with the router GatewayAPI, and only with it."""
    drain_seconds: Annotated[StrictInt, Field(ge=0, le=3600)] = 30
    """A revision that was taken out of the route keeps running for this long: connections outlive a
    weight."""


class Pause(Spelled):
    """Waits for a person."""


class Step(Spelled):
    """One stage of the canary."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="self.name != 'full'",
            holds=lambda step: step.name != "full",
            message="full cannot name a step: a request to promote uses it for straight to 100 %",
            field="name",
        ),
    )

    name: Label
    """Named in status, and by requests to promote."""
    weight: Annotated[StrictInt, Field(ge=1, le=99)]
    """Percent of requests that the canary gets."""
    min_seconds: Seconds = 60
    """The step lasts at least this long, however soon the evidence is there."""
    pause: Pause | None = None
    """Given as {}: the step waits until a person promotes it."""


class Canary(Spelled):
    """The steps on the way to 100 %."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="self.steps.map(s, s.weight).isSorted()"
            " && self.steps.all(s, self.steps.exists_one(t, t.weight == s.weight))",
            holds=lambda canary: all(
                a.weight < b.weight for a, b in zip(canary.steps, canary.steps[1:], strict=False)
            ),
            message="weights rise from step to step",
            field="steps",
        ),
    )

    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=16, json_schema_extra=BY_NAME)] = (
        Step(name="first", weight=5),
        Step(name="quarter", weight=25),
        Step(name="half", weight=50),
    )
    """Stages in their order; 100 % is implied after the last."""


class Rollout(Spelled):
    """How a new revision takes over."""

    canary: Canary = Canary()
    """The steps on the way to 100 %."""
    bake_seconds: Seconds = 600
    """After 100 % the old revision is kept warm for this long: should the new one's pods crash or stop
    answering, traffic returns to it. Costs its pods for as long; 0 for fast pipelines."""
    progress_deadline_seconds: Deadline = 1800
    """Pods that are not ready by then stall the rollout."""
    step_deadline_seconds: Deadline = 3600
    """A step without evidence by then does what onInconclusive says."""
    on_inconclusive: OnInconclusive = OnInconclusive.PAUSE
    """What a step does whose deadline passes undecided: Pause waits for a person, Advance goes on without
    evidence, Rollback takes the canary back."""


def _free_of_reserved(spec: "Spec", kind: str) -> bool:
    metadata = spec.template.get("metadata") or {}
    return not any(key.startswith("serin.dev/") for key in metadata.get(kind) or {})


def _has_image(spec: "Spec") -> bool:
    containers = (spec.template.get("spec") or {}).get("containers") or []
    return any(container.get("name") == "model" and container.get("image") for container in containers)


def _reserved(kind: str) -> Rule:
    return Rule(
        cel=f"!has(self.template.metadata) || !has(self.template.metadata.{kind})"
        f" || self.template.metadata.{kind}.all(k, !k.startsWith('serin.dev/'))",
        holds=lambda spec: _free_of_reserved(spec, kind),
        message=f"{kind} under serin.dev/ are the operator's own",
        field=f"template.metadata.{kind}",
    )


class Spec(Spelled):
    """What should serve, and how a change of it gets there."""

    rules: ClassVar[tuple[Rule, ...]] = (
        _reserved("labels"),
        _reserved("annotations"),
        Rule(
            cel="(has(self.runtime) ? self.runtime : self.model.format) != 'custom'"
            " || (has(self.template.spec) && has(self.template.spec.containers)"
            " && self.template.spec.containers.exists(c, c.name == 'model' && has(c.image)))",
            holds=lambda spec: (spec.runtime or spec.model.format) != "custom" or _has_image(spec),
            message="the custom runtime needs a container named model with an image",
            field="template",
        ),
    )

    model: Model
    """What is served."""
    runtime: Word | None = None
    """The model server: a name in the catalogue, such as mlserver, triton, vllm or bentoml, or custom. Some
    come without an image, since it is yours: name it in the container `model` of the template. Default: by
    the model's format."""
    replicas: Annotated[StrictInt, Field(ge=0, le=1000)] = 1
    """Pods of the stable revision. Keep it out of Git where an autoscaler sets it through the scale
    subresource."""
    resources: Resources = Resources()
    """What the container `model` may use and is promised."""
    template: PodTemplate = Field(default_factory=dict, json_schema_extra={"default": {}})
    """A PodTemplateSpec that is merged over the runtime's: what is here wins. The container `model` is the
    model server; containers with other names are added."""
    service: Service = Service()
    """The address that never changes."""
    traffic: Traffic = Traffic()
    """Who divides requests between the revisions."""
    rollout: Rollout = Rollout()
    """How a new revision takes over."""
    analysis: Analysis = Analysis()
    """How the canary is judged against the stable revision while both serve."""
    prometheus: Prometheus = Prometheus()
    """Where the model's samples are."""
    notifications: Annotated[tuple[Notification, ...], Field(max_length=8, json_schema_extra=BY_NAME)] = ()
    """Who is told of transitions."""
    paused: StrictBool = False
    """Holds a rollout where it is, the way for Git. Harm still rolls back."""
    revision_history_limit: Annotated[StrictInt, Field(ge=0, le=50)] = 5
    """Old revisions that are kept, scaled to 0, to return to without a new rendering."""


class Metadata(Spelled):
    """What Serin reads of the object's metadata."""

    model_config = ConfigDict(extra="ignore")

    name: Annotated[str, Field(min_length=1, max_length=253)]
    namespace: str = "default"
    uid: str = ""
    generation: int = 0
    annotations: Mapping[str, str] = Field(default_factory=dict)


class ModelDeployment(Spelled):
    """A model that is served, and replaced step by step when its spec changes."""

    model_config = ConfigDict(extra="ignore")
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=f"self.metadata.name.matches('{_NAME}')",
            holds=lambda made: re.fullmatch(_NAME, made.metadata.name) is not None,
            message="need lower-case letters, digits and '-', starting with a letter, at most 52 characters:"
            " the names of Services are made from it",
            field="metadata.name",
        ),
    )

    metadata: Metadata
    spec: Spec
