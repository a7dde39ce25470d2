"""PromQL by which a person sees what a signal counted: each counter, by pod, over the time of the rollout.

Not what the judge asks: it reads raw samples, and leaves out warm-ups and changes of weight, which are in
here. Differences are taken between the last value in the window and the value at its start, or 0 where there
was none: `increase` would show nothing of a series that is born with its first errors. Pods that restarted
show less. How selectors are asked for by the judge is `prom.selectors`.
"""

import json
import re
from dataclasses import dataclass
from typing import Final

from serin.domain.analysis.policy import Counter, SignalPolicy
from serin.domain.analysis.request import LabelNames, backend_pattern, pod_pattern

_IDENTIFIER: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Whose numbers over what time.

    Attributes:
        stable: Name of the stable revision's Deployment and Service; `canary` likewise.
        start: Unix seconds; `end` likewise, and later.
    """

    namespace: str
    stable: str
    canary: str
    labels: LabelNames
    start: int
    end: int

    @property
    def reach(self) -> str:
        """Its length, as a PromQL duration."""
        return f"{self.end - self.start}s"


def query(signal: SignalPolicy, window: Window) -> str:
    """A query for any moment, whose rows are pods (or a proxy's backends) and what was counted of them."""
    if signal.native is not None:
        selector = _selector(signal, signal.native, window)
        return f"sum by ({_by(signal, window)}) (increase({selector}[{window.reach}] @ {window.end}))"
    if signal.is_distribution and signal.within is not None:
        return _counted(signal, signal.within, window, by=f"{_by(signal, window)}, le")
    parts: tuple[tuple[str, Counter | None, float | None], ...] = (
        ("requests", signal.requests, None),
        ("bad", signal.bad if signal.within is None else None, None),
        ("within", signal.within, signal.at_most),
    )
    told = [
        (name, _counted(signal, counter, window, by=_by(signal, window), bucket=bucket))
        for name, counter, bucket in parts
        if counter is not None
    ]
    return " or ".join(f'label_replace({expr}, "counted", "{name}", "", "")' for name, expr in told)


def _counted(
    signal: SignalPolicy, counter: Counter, window: Window, *, by: str, bucket: float | None = None
) -> str:
    selector = _selector(signal, counter, window, bucket=bucket)
    last = f"sum by ({by}) (last_over_time({selector}[{window.reach}] @ {window.end}))"
    return f"{last} - (sum by ({by}) ({selector} @ {window.start}) or 0 * {last})"


def _by(signal: SignalPolicy, window: Window) -> str:
    label = signal.data_plane.label if signal.data_plane else window.labels.pod
    return _named(label)


def _selector(signal: SignalPolicy, counter: Counter, window: Window, *, bucket: float | None = None) -> str:
    plain = _IDENTIFIER.fullmatch(counter.metric)
    matchers = [] if plain else [("__name__", "=~" if "|" in counter.metric else "=", counter.metric)]
    matchers += counter.matchers
    if bucket is not None:
        spellings = sorted({f"{bucket:g}", repr(float(bucket))})
        matchers.append(("le", "=~", "|".join(re.escape(one) for one in spellings)))
    matchers += _whose(signal, window)
    inside = ",".join(f"{_named(label)}{operator}{_quoted(value)}" for label, operator, value in matchers)
    return f"{counter.metric if plain else ''}{{{inside}}}"


def _whose(signal: SignalPolicy, window: Window) -> list[tuple[str, str, str]]:
    both = (window.canary, window.stable)
    if (plane := signal.data_plane) is not None:
        either = "|".join(backend_pattern(plane, window.namespace, name) for name in both)
        return [(plane.label, "=~", either)]
    return [
        (window.labels.namespace, "=", window.namespace),
        (window.labels.pod, "=~", "|".join(pod_pattern(name) for name in both)),
    ]


def _named(label: str) -> str:
    return label if _IDENTIFIER.fullmatch(label) else _quoted(label)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
