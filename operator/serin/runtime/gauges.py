"""What is going on in each rollout, as metrics: asked of the judge and the store when Prometheus scrapes.

Nothing is kept here, so that the series of a model are gone when it is, and those of its signals when nobody
judges it any more. Written as text in one go: at a thousand rollouts a page of `prometheus_client` would keep
everyone waiting for half a second. Labels are names that Kubernetes has checked, and need no escapes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from serin.domain.analysis.verdict import Assessment, SignalAssessment, Verdict
from serin.domain.names import Key
from serin.domain.rollout.world import REJECTING, Reason
from serin.domain.status import GateResult, State

MODEL: Final = ("namespace", "name")
SIDE: Final = (*MODEL, "arm")
SIGNAL: Final = (*MODEL, "signal")
ARM: Final = (*SIGNAL, "arm")
GUARD: Final = (*MODEL, "guard")
GATE: Final = (*MODEL, "gate", "step")


@dataclass(frozen=True, slots=True)
class Family:
    """One metric."""

    name: str
    labels: tuple[str, ...]
    meaning: str
    kind: str = "gauge"


FAMILIES: Final = (
    Family("serin_model_ready", (*MODEL, "reason"), "1 where the spec is carried out, else 0, and why."),
    Family("serin_model_available", MODEL, "Whether the stable revision answers: 1 or 0."),
    Family("serin_replicas", SIDE, "Pods of a revision."),
    Family("serin_ready_replicas", SIDE, "Pods of a revision that are ready."),
    Family("serin_rollout_state", (*MODEL, "state"), "1 for the state of now, 0 for the others."),
    Family("serin_rollout_started_timestamp_seconds", MODEL, "When the rollout began."),
    Family("serin_rollout_state_started_timestamp_seconds", MODEL, "When its state or step began."),
    Family("serin_canary_weight_percent", MODEL, "Percent of requests that the canary gets."),
    Family("serin_rollout_step", MODEL, "Index of the step under way, from 0."),
    Family("serin_analysis_available", MODEL, "Whether samples can be read: 1 or 0."),
    Family("serin_analysis_obstacle", (*MODEL, "reason"), "1 for what is in the way of samples."),
    Family("serin_analysis_verdict", (*MODEL, "verdict"), "1 for the verdict of now, 0 for the others."),
    Family("serin_analysis_late_samples", MODEL, "Samples that came too late to be used in this rollout."),
    Family("serin_signal_verdict", (*SIGNAL, "verdict"), "1 for the verdict of now, 0 for the others."),
    Family(
        "serin_signal_log_evidence", SIGNAL, "Natural logarithm of the evidence for harm; 0 says nothing."
    ),
    Family("serin_signal_log_safety", SIGNAL, "Natural logarithm of the evidence for safety at this step."),
    Family("serin_signal_ratio", SIGNAL, "Canary's share of bad requests over the stable's; or what moved."),
    Family("serin_signal_ratio_lower", SIGNAL, "The true ratio is surely not below this."),
    Family("serin_signal_ratio_upper", SIGNAL, "The true ratio is surely not above this."),
    Family("serin_signal_events", ARM, "Requests since counting began in this rollout."),
    Family("serin_signal_bad_events", ARM, "The bad ones among them."),
    Family("serin_guard_verdict", (*GUARD, "verdict"), "1 for the verdict of now, 0 for the others."),
    Family("serin_guard_value", GUARD, "What the guard's query yields; absent while it yields nothing."),
    Family("serin_guard_limit", GUARD, "What it must not pass."),
    Family("serin_guard_failures", GUARD, "How often in a row it was passed."),
    Family("serin_gate_result", (*GATE, "result"), "1 for the result of now, 0 for the others."),
    Family("serin_gate_tries", GATE, "The try under way, or the last one."),
    Family("serin_rollouts_total", ("result",), "Rollouts that ended.", "counter"),
    Family("serin_rollbacks_total", ("reason",), "Rollouts that were taken back.", "counter"),
)

Samples = dict[str, list[str]]
"""Lines by the name of their metric."""
UNDER_WAY: Final = tuple(state for state in State if state is not State.IDLE)
RESULTS: Final = (Reason.PROMOTED, Reason.ROLLED_BACK, Reason.SUPERSEDED, Reason.REVERTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutPage:
    """The part of `/metrics` that is about rollouts.

    Attributes:
        words: The judge's latest word on each model whose rollout is judged.
        statuses: The status of each model that is there.
        ended: Attempts that ended since the start, by result and reason.
    """

    words: Callable[[], Mapping[Key, Assessment]]
    statuses: Callable[[], Iterable[tuple[Key, Mapping[str, Any]]]]
    ended: Callable[[], Mapping[tuple[str, str], int]]

    def text(self) -> str:
        """In Prometheus' text format."""
        samples: Samples = {family.name: [] for family in FAMILIES}
        for key, status in self.statuses():
            _add_standing(samples, key, status)
            _add_rollout(samples, key, status)
        for key, word in self.words().items():
            _add_word(samples, key, word)
        _add_ended(samples, self.ended())
        return "".join(_lines(samples))


def _lines(samples: Samples) -> Iterator[str]:
    for family in FAMILIES:
        if samples[family.name]:
            yield f"# HELP {family.name} {family.meaning}\n# TYPE {family.name} {family.kind}\n"
            yield from samples[family.name]


def _add_standing(samples: Samples, key: Key, status: Mapping[str, Any]) -> None:
    """What is told of every model, whether anything happens to it or not."""
    model = _model(key)
    for condition in status.get("conditions") or ():
        holds = int(condition["status"] == "True")
        if condition["type"] == "Ready":
            _add(samples, "serin_model_ready", f'{model},reason="{condition["reason"]}"', holds)
        elif condition["type"] == "Available":
            _add(samples, "serin_model_available", model, holds)
    for arm in ("stable", "canary"):
        if side := status.get(arm):
            labels = f'{model},arm="{arm}"'
            _add(samples, "serin_replicas", labels, side.get("replicas", 0))
            _add(samples, "serin_ready_replicas", labels, side.get("readyReplicas", 0))


def _add_rollout(samples: Samples, key: Key, status: Mapping[str, Any]) -> None:
    rollout, model = status.get("rollout"), _model(key)
    if not rollout:
        return
    for state in UNDER_WAY:
        one = f'{model},state="{state.value}"'
        _add(samples, "serin_rollout_state", one, int(state == rollout.get("state")))
    for name, moment in (
        ("serin_rollout_started_timestamp_seconds", rollout.get("startedAt")),
        ("serin_rollout_state_started_timestamp_seconds", _latest(rollout, "since", "stepStartedAt")),
    ):
        if moment:
            _add(samples, name, model, datetime.fromisoformat(moment).timestamp())
    if canary := status.get("canary"):
        _add_canary(samples, model, canary, status)


def _add_canary(samples: Samples, model: str, canary: Mapping[str, Any], status: Mapping[str, Any]) -> None:
    rollout = status["rollout"]
    _add(samples, "serin_canary_weight_percent", model, canary.get("weight", 0))
    _add(samples, "serin_rollout_step", model, rollout.get("step", 0))
    for guard in (status.get("analysis") or {}).get("guards") or ():
        labels = f'{model},guard="{guard["name"]}"'
        _add_verdict(samples, "serin_guard_verdict", labels, guard["verdict"])
        if guard.get("value") is not None:
            _add(samples, "serin_guard_value", labels, float(guard["value"]))
        _add(samples, "serin_guard_limit", labels, float(guard["limit"]))
        _add(samples, "serin_guard_failures", labels, guard["failures"])
    for gate in rollout.get("gates") or ():
        labels = f'{model},gate="{gate["name"]}",step="{gate["step"]}"'
        for result in GateResult:
            one = f'{labels},result="{result.value}"'
            _add(samples, "serin_gate_result", one, int(result == gate["result"]))
        _add(samples, "serin_gate_tries", labels, gate["tries"])


def _add_word(samples: Samples, key: Key, word: Assessment) -> None:
    model = _model(key)
    _add(samples, "serin_analysis_available", model, int(word.available))
    if not word.available:
        _add(samples, "serin_analysis_obstacle", f'{model},reason="{word.reason}"', 1)
    _add_verdict(samples, "serin_analysis_verdict", model, word.verdict)
    _add(samples, "serin_analysis_late_samples", model, word.late)
    for signal in word.signals:
        _add_signal(samples, f'{model},signal="{signal.name}"', signal)


def _add_signal(samples: Samples, labels: str, signal: SignalAssessment) -> None:
    _add_verdict(samples, "serin_signal_verdict", labels, signal.verdict)
    _add(samples, "serin_signal_log_evidence", labels, signal.log_evidence)
    _add(samples, "serin_signal_log_safety", labels, signal.log_safety)
    for name, value in (
        ("serin_signal_ratio", signal.ratio),
        ("serin_signal_ratio_lower", signal.lower),
        ("serin_signal_ratio_upper", signal.upper),
    ):
        if value is not None:
            _add(samples, name, labels, value)
    for arm, counts in (("canary", signal.canary), ("stable", signal.stable)):
        _add(samples, "serin_signal_events", f'{labels},arm="{arm}"', counts.events)
        _add(samples, "serin_signal_bad_events", f'{labels},arm="{arm}"', counts.bad)


def _add_verdict(samples: Samples, name: str, labels: str, verdict: str) -> None:
    for one in Verdict:
        _add(samples, name, f'{labels},verdict="{one.value}"', int(one == verdict))


def _add_ended(samples: Samples, ended: Mapping[tuple[str, str], int]) -> None:
    """From 0 on: Prometheus sees no increase in a counter that begins at 1."""
    results = dict.fromkeys(map(str, RESULTS), 0)
    reasons = dict.fromkeys(sorted(map(str, REJECTING)), 0)
    for (result, reason), times in ended.items():
        results[result] = results.get(result, 0) + times
        if result == Reason.ROLLED_BACK:
            reasons[reason] = reasons.get(reason, 0) + times
    for result, times in results.items():
        _add(samples, "serin_rollouts_total", f'result="{result}"', times)
    for reason, times in reasons.items():
        _add(samples, "serin_rollbacks_total", f'reason="{reason}"', times)


def _add(samples: Samples, name: str, labels: str, value: float) -> None:
    samples[name].append(f"{name}{{{labels}}} {value:.10g}\n")


def _model(key: Key) -> str:
    return f'namespace="{key.namespace}",name="{key.name}"'


def _latest(rollout: Mapping[str, Any], *names: str) -> str:
    """Of moments that are all written alike, to the second."""
    return max(rollout.get(name) or "" for name in names)
