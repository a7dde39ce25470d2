"""From the signals that a person names to counters in Prometheus.

Presets are looked up in the catalogue, units converted, defaults filled in. Reading the counters is `prom`.
"""

from dataclasses import dataclass
from typing import Final

from serin.api.analysis import Analysis, Signal
from serin.api.invalid import InvalidSpec, invalid
from serin.catalogue.loader import Catalogue, CounterRow, HistogramRow, Runtime, SignalRows
from serin.domain.analysis.policy import Counter, DataPlane, SignalPolicy
from serin.domain.analysis.selectors import NotACounter, parse_counter

ERRORS_RATIO: Final = 1.25
LATENCY_RATIO: Final = 1.5

_MILLISECONDS: Final = {"seconds": 1000.0, "milliseconds": 1.0}


@dataclass(frozen=True, slots=True)
class _Source:
    """Where presets are looked up."""

    name: str
    rows: SignalRows
    data_plane: DataPlane | None = None


def signals_of(
    analysis: Analysis, runtime: Runtime, catalogue: Catalogue
) -> tuple[SignalPolicy, ...] | InvalidSpec:
    """What is to be counted. Without signals in the spec: errors, where the runtime counts them."""
    if analysis.signals is None:
        return _default_signals(runtime)
    found: list[SignalPolicy] = []
    for index, signal in enumerate(analysis.signals):
        policy = _policy(signal, _source(signal, runtime, catalogue), f"spec.analysis.signals[{index}]")
        if isinstance(policy, InvalidSpec):
            return policy
        found.append(policy)
    return tuple(found)


def _default_signals(runtime: Runtime) -> tuple[SignalPolicy, ...]:
    errors = runtime.signals.errors
    if errors is None:
        return ()
    return (
        SignalPolicy(
            name="errors", requests=_counter(errors.requests), bad=_counter(errors.bad), required=False
        ),
    )


def _source(signal: Signal, runtime: Runtime, catalogue: Catalogue) -> _Source:
    if signal.data_plane is None:
        return _Source(f"runtime {runtime.name}", runtime.signals)
    row = catalogue.data_planes[signal.data_plane]
    plane = DataPlane(label=row.backend_label, pattern=row.backend_pattern)
    return _Source(f"data plane {row.name}", row.signals, plane)


def _policy(signal: Signal, source: _Source, path: str) -> SignalPolicy | InvalidSpec:
    if signal.requests is not None and signal.bad is not None:
        return _custom(signal, signal.requests, signal.bad, path)
    if signal.slower_than_milliseconds is not None:
        return _latency(signal, signal.slower_than_milliseconds, source, path)
    return _errors(signal, source, path)


def _custom(signal: Signal, requests: str, bad: str, path: str) -> SignalPolicy | InvalidSpec:
    counters: dict[str, Counter] = {}
    for field, text in (("requests", requests), ("bad", bad)):
        try:
            counters[field] = parse_counter(text)
        except NotACounter as error:
            return invalid(f"{path}.{field}", str(error))
    return SignalPolicy(
        name=signal.name,
        requests=counters["requests"],
        bad=counters["bad"],
        max_ratio=float(signal.max_ratio or ERRORS_RATIO),
        max_increase=_share(signal.max_increase_points),
        importance=signal.importance,
    )


def _errors(signal: Signal, source: _Source, path: str) -> SignalPolicy | InvalidSpec:
    row = source.rows.errors
    if row is None:
        return invalid(path, f"{source.name} does not count errors; give requests and bad, or a dataPlane")
    return SignalPolicy(
        name=signal.name,
        requests=_counter(row.requests),
        bad=_counter(row.bad),
        max_ratio=float(signal.max_ratio or ERRORS_RATIO),
        max_increase=_share(signal.max_increase_points),
        importance=signal.importance,
        data_plane=source.data_plane,
    )


def _latency(signal: Signal, limit: int, source: _Source, path: str) -> SignalPolicy | InvalidSpec:
    row = source.rows.latency
    if row is None:
        return invalid(
            path,
            f"{source.name} has no latency histogram; leave slowerThanMilliseconds out, or give a dataPlane",
        )
    in_milliseconds = {bound * _MILLISECONDS[row.unit]: bound for bound in row.buckets}
    if limit not in in_milliseconds:
        known = ", ".join(f"{bound:g}" for bound in in_milliseconds if bound == int(bound))
        need = f"need a bucket boundary of {source.name}, since between two nothing is known: {known}"
        return invalid(f"{path}.slowerThanMilliseconds", need, found=limit)
    return SignalPolicy(
        name=signal.name,
        requests=_part(row, "count"),
        bad=None,
        within=_part(row, "bucket"),
        at_most=in_milliseconds[limit],
        max_ratio=float(signal.max_ratio or LATENCY_RATIO),
        max_increase=_share(signal.max_increase_points),
        importance=signal.importance,
        data_plane=source.data_plane,
    )


def _counter(row: CounterRow) -> Counter:
    return Counter(metric=row.metric, matchers=row.matchers)


def _part(row: HistogramRow, part: str) -> Counter:
    return Counter(metric=f"{row.metric}_{part}", matchers=row.matchers)


def _share(points: str) -> float:
    return float(points) / 100
