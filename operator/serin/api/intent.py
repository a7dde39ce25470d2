"""From a ModelDeployment as the server stores it to an `Intent`, or to what a person has to change.

The server has refused most of what is wrong; this is for the rest, for objects older than a rule, and for
what no server saw (`serin lint`). Units are resolved, names looked up in the catalogue, defaults filled in.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from serin.api.analysis import Analysis
from serin.api.checks import gates_of, guards_of
from serin.api.invalid import InvalidSpec, first_fault
from serin.api.model import ModelDeployment, Rollout, Traffic
from serin.api.notifications import notifications_of
from serin.api.prometheus import Prometheus
from serin.api.revision import revision_of
from serin.api.runtimes import runtime_of
from serin.api.signals import signals_of
from serin.catalogue.loader import Catalogue, builtin
from serin.catalogue.rows import Runtime
from serin.domain.analysis.policy import Policy, Promotion, SignalPolicy
from serin.domain.analysis.request import LabelNames
from serin.domain.intent import (
    GatewayIntent,
    Intent,
    Requests,
    RolloutIntent,
    SamplesIntent,
    Step,
    TrafficIntent,
)
from serin.domain.names import (
    ABORT_ANNOTATION,
    ADOPT_ANNOTATION,
    PAUSE_ANNOTATION,
    PROMOTE_ANNOTATION,
    RETRY_ANNOTATION,
    Key,
)


def intent_of(raw: Mapping[str, Any], catalogue: Catalogue | None = None) -> Intent | InvalidSpec:
    """What the object asks for. Never raises for what a person wrote. Names are looked up in the catalogue
    that comes with Serin where none is given.
    """
    try:
        asked = ModelDeployment.model_validate(raw)
    except ValidationError as error:
        return first_fault(error)
    catalogue = catalogue or builtin()
    runtime = runtime_of(asked.spec, catalogue)
    if isinstance(runtime, InvalidSpec):
        return runtime
    signals = signals_of(asked.spec.analysis, runtime, catalogue, namespace=asked.metadata.namespace)
    if isinstance(signals, InvalidSpec):
        return signals
    metadata = asked.metadata
    guards = guards_of(asked.spec.analysis.guards, namespace=metadata.namespace, name=metadata.name)
    if isinstance(guards, InvalidSpec):
        return guards
    steps = [step.name for step in asked.spec.rollout.canary.steps]
    gates = gates_of(asked.spec.analysis.gates, steps=steps)
    if isinstance(gates, InvalidSpec):
        return gates
    return replace(_intent(asked, runtime, signals), guards=guards, gates=gates)


def _intent(asked: ModelDeployment, runtime: Runtime, signals: tuple[SignalPolicy, ...]) -> Intent:
    metadata, spec = asked.metadata, asked.spec
    model_name = spec.model.name or metadata.name
    return Intent(
        key=Key(metadata.namespace, metadata.name),
        uid=metadata.uid,
        generation=metadata.generation,
        revision=revision_of(spec, model_name=model_name, runtime=runtime.name),
        version=spec.model.version or "",
        replicas=spec.replicas,
        service_port=spec.service.port,
        grpc_port=spec.service.grpc_port,
        traffic=_traffic(spec.traffic),
        rollout=_rollout(spec.rollout),
        analysis=_analysis(spec.analysis, signals),
        samples=_samples(spec.prometheus),
        paused=spec.paused,
        history_limit=spec.revision_history_limit,
        requests=requests_of(metadata.annotations),
        notifications=notifications_of(spec.notifications),
    )


def _traffic(traffic: Traffic) -> TrafficIntent:
    asked = traffic.gateway_api
    gateway = None
    if asked is not None:
        gateway = GatewayIntent(
            parent_refs=tuple(ref.model_dump(by_alias=True, exclude_none=True) for ref in asked.parent_refs),
            hostnames=asked.hostnames,
            path=asked.path,
        )
    return TrafficIntent(
        router=traffic.router, gateway=gateway, drain=timedelta(seconds=traffic.drain_seconds)
    )


def _samples(prometheus: Prometheus) -> SamplesIntent:
    labels = prometheus.labels
    return SamplesIntent(
        address=prometheus.address, labels=LabelNames(namespace=labels.namespace, pod=labels.pod)
    )


def _rollout(rollout: Rollout) -> RolloutIntent:
    return RolloutIntent(
        steps=tuple(
            Step(
                name=step.name,
                weight=step.weight,
                minimum=timedelta(seconds=step.min_seconds),
                waits=step.pause is not None,
            )
            for step in rollout.canary.steps
        ),
        bake=timedelta(seconds=rollout.bake_seconds),
        progress_deadline=timedelta(seconds=rollout.progress_deadline_seconds),
        step_deadline=timedelta(seconds=rollout.step_deadline_seconds),
        on_inconclusive=rollout.on_inconclusive,
    )


def _analysis(analysis: Analysis, signals: tuple[SignalPolicy, ...]) -> Policy:
    return Policy(
        mode=analysis.mode,
        max_false_rollback_rate=float(analysis.max_false_rollback_rate),
        warm_up=timedelta(seconds=analysis.warm_up_seconds),
        promotion=Promotion(
            max_ratio=float(analysis.promote.max_ratio),
            max_increase=float(analysis.promote.max_increase_points) / 100,
            confidence=float(analysis.promote.confidence),
            min_requests=analysis.promote.min_requests,
        ),
        signals=signals,
    )


def requests_of(annotations: Mapping[str, str]) -> Requests:
    """What a person asks by annotation; it counts even where the spec beside it cannot be followed."""
    return Requests(
        promote=annotations.get(PROMOTE_ANNOTATION),
        abort=annotations.get(ABORT_ANNOTATION),
        retry=annotations.get(RETRY_ANNOTATION),
        pause=annotations.get(PAUSE_ANNOTATION),
        adopt=annotations.get(ADOPT_ANNOTATION),
    )
