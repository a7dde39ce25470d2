"""What is going on in each rollout, as metrics: asked of the judge and the store when Prometheus scrapes.

Nothing is kept here, so that the series of a model are gone when it is, and those of its signals when nobody
judges it any more. Written as text in one go: at a thousand rollouts a page of `prometheus_client` would keep
everyone waiting for half a second. Labels are names that Kubernetes has checked, and need no escapes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from serin.domain.analysis.verdict import Assessment, SignalAssessment, Verdict
from serin.domain.names import Key
from serin.domain.rollout.world import Reason
from serin.domain.status import GateResult

MODEL: Final = ("namespace", "name")
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
    Family("serin_canary_weight_percent", MODEL, "Percent of requests that the canary gets."),
    Family("serin_rollout_step", MODEL, "Index of the step under way, from 0."),
    Family("serin_analysis_available", MODEL, "Whether samples can be read: 1 or 0."),
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


def _add_rollout(samples: Samples, key: Key, status: Mapping[str, Any]) -> None:
    canary, rollout = status.get("canary"), status.get("rollout")
    if not canary or not rollout:
        return
    model = _model(key)
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
    results: dict[str, int] = {}
    for (result, reason), times in sorted(ended.items()):
        results[result] = results.get(result, 0) + times
        if result == Reason.ROLLED_BACK:
            _add(samples, "serin_rollbacks_total", f'reason="{reason}"', times)
    for result, times in results.items():
        _add(samples, "serin_rollouts_total", f'result="{result}"', times)


def _add(samples: Samples, name: str, labels: str, value: float) -> None:
    samples[name].append(f"{name}{{{labels}}} {value:.10g}\n")


def _model(key: Key) -> str:
    return f'namespace="{key.namespace}",name="{key.name}"'
