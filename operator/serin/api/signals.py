"""From the signals that a person names to counters in Prometheus.

Presets are looked up in the catalogue, units converted, defaults filled in; what has no preset is answered
with the cure. Reading the counters is `prom`.
"""

from dataclasses import dataclass
from typing import Final

from serin.api.analysis import Analysis, Signal
from serin.api.invalid import InvalidSpec, invalid
from serin.catalogue.loader import Catalogue
from serin.catalogue.rows import CounterRow, HistogramRow, Matcher, Runtime, SignalRows, in_milliseconds
from serin.domain.analysis.policy import Counter, DataPlane, SignalPolicy
from serin.domain.analysis.selectors import NotACounter, parse_counter

ERRORS_RATIO: Final = 1.25
LATENCY_RATIO: Final = 1.5
INCREASE_POINTS: Final = 0.1
SHIFT: Final = 0.05

_BUCKET: Final = "_bucket"
_NO_HISTOGRAM: Final = ("_count", "_sum", "_total", "_created")
_UNITS: Final = {
    "_seconds": 1000.0,
    "_milliseconds": 1.0,
    "_ms": 1.0,
    "_microseconds": 0.001,
    "_us": 0.001,
}
"""Milliseconds of one unit of a metric, as its name ends."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where presets are looked up, for one namespace."""

    name: str
    rows: SignalRows
    namespace: str
    data_plane: DataPlane | None = None

    def counter(self, row: CounterRow) -> Counter:
        """A counter of the row's."""
        return Counter(metric=row.metric, matchers=self._filled(row.matchers))

    def part(self, row: HistogramRow, part: str) -> Counter:
        """One of a histogram's series."""
        return Counter(metric=f"{row.metric}_{part}", matchers=self._filled(row.matchers))

    def _filled(self, matchers: tuple[Matcher, ...]) -> tuple[Matcher, ...]:
        return tuple(
            (label, operator, value.replace("{namespace}", self.namespace))
            for label, operator, value in matchers
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """A histogram of requests.

    Attributes:
        within: Its cumulative buckets, without `le`.
        native: The metric where it is a native histogram.
        unit: Milliseconds of one unit of its bounds; None where nobody says.
        bounds: Its bounds in its own unit; empty where they are not known beforehand.
    """

    requests: Counter
    within: Counter
    native: Counter | None
    unit: float | None
    bounds: tuple[float, ...] = ()
    data_plane: DataPlane | None = None


def signals_of(
    analysis: Analysis, runtime: Runtime, catalogue: Catalogue, *, namespace: str
) -> tuple[SignalPolicy, ...] | InvalidSpec:
    """What is to be counted. Without signals in the spec: errors, where the runtime counts them."""
    own = Source(f"runtime {runtime.name}", runtime.signals, namespace)
    if analysis.signals is None:
        return _default_signals(own)
    found: list[SignalPolicy] = []
    for index, signal in enumerate(analysis.signals):
        path = f"spec.analysis.signals[{index}]"
        source = _source(signal, own, catalogue, path)
        policy = source if isinstance(source, InvalidSpec) else _policy(signal, source, path)
        if isinstance(policy, InvalidSpec):
            return policy
        found.append(policy)
    return tuple(found)


def _default_signals(source: Source) -> tuple[SignalPolicy, ...]:
    errors = source.rows.errors
    if errors is None:
        return ()
    requests, bad = source.counter(errors.requests), source.counter(errors.bad)
    return (SignalPolicy(name="errors", requests=requests, bad=bad, required=False),)


def _source(signal: Signal, own: Source, catalogue: Catalogue, path: str) -> Source | InvalidSpec:
    if signal.data_plane is None:
        return own
    row = catalogue.data_planes.get(signal.data_plane)
    if row is None:
        known = ", ".join(sorted(catalogue.data_planes))
        return invalid(f"{path}.dataPlane", f"need one of {known}", found=signal.data_plane)
    plane = DataPlane(label=row.backend_label, pattern=row.backend_pattern)
    return Source(f"data plane {row.name}", row.signals, own.namespace, plane)


def _policy(signal: Signal, source: Source, path: str) -> SignalPolicy | InvalidSpec:
    if signal.requests is not None and signal.bad is not None:
        return _counters(signal, signal.requests, signal.bad, path)
    compares_time = signal.slower_than_milliseconds is not None or signal.max_slowdown is not None
    if signal.histogram is None and not compares_time:
        return _errors(signal, source, path)
    histogram = _histogram(signal, source, path)
    if isinstance(histogram, InvalidSpec):
        return histogram
    if signal.slower_than_milliseconds is not None:
        return _slow(signal, signal.slower_than_milliseconds, histogram, source, path)
    return _distribution(signal, histogram)


def _counters(signal: Signal, requests: str, bad: str, path: str) -> SignalPolicy | InvalidSpec:
    counters: dict[str, Counter] = {}
    for field, text in (("requests", requests), ("bad", bad)):
        try:
            counters[field] = parse_counter(text)
        except NotACounter as error:
            return invalid(f"{path}.{field}", str(error))
    return _of_bad_requests(
        signal, requests=counters["requests"], bad=counters["bad"], ratio=ERRORS_RATIO, data_plane=None
    )


def _errors(signal: Signal, source: Source, path: str) -> SignalPolicy | InvalidSpec:
    row = source.rows.errors
    if row is None:
        why = source.rows.without_errors or "it does not count them"
        need = f"no preset of errors for {source.name}: {why}; give requests and bad, or {_plane(source)}"
        return invalid(path, need)
    return _of_bad_requests(
        signal,
        requests=source.counter(row.requests),
        bad=source.counter(row.bad),
        ratio=ERRORS_RATIO,
        data_plane=source.data_plane,
    )


def _histogram(signal: Signal, source: Source, path: str) -> Histogram | InvalidSpec:
    if signal.histogram is not None:
        return _own_histogram(signal.histogram, f"{path}.histogram")
    row = source.rows.latency
    if row is None:
        why = source.rows.without_latency or "it has no latency histogram"
        need = f"no preset of latency for {source.name}: {why}; give a histogram, or {_plane(source)}"
        return invalid(path, need)
    return Histogram(
        requests=source.part(row, "count"),
        within=source.part(row, "bucket"),
        native=None,
        unit=in_milliseconds(row.unit),
        bounds=row.buckets,
        data_plane=source.data_plane,
    )


def _plane(source: Source) -> str:
    """The way around a source without a preset."""
    return "another dataPlane" if source.data_plane else "a dataPlane"


def _own_histogram(text: str, path: str) -> Histogram | InvalidSpec:
    try:
        found = parse_counter(text)
    except NotACounter as error:
        return invalid(path, str(error))
    if any(label == "le" for label, _, _ in found.matchers):
        return invalid(path, "all buckets are compared; leave the matcher of le out", found=text)
    if found.metric.endswith(_NO_HISTOGRAM):
        ending = found.metric.rpartition("_")[2]
        need = f"is no histogram, but its _{ending}; name the _bucket series, or a native histogram's metric"
        return InvalidSpec(path, f"{path}: {found.metric} {need}")
    name = found.metric.removesuffix(_BUCKET)
    return Histogram(
        requests=Counter(metric=f"{name}_count", matchers=found.matchers),
        within=Counter(metric=f"{name}{_BUCKET}", matchers=found.matchers),
        native=None if found.metric.endswith(_BUCKET) else found,
        unit=next((factor for ending, factor in _UNITS.items() if name.endswith(ending)), None),
    )


def _slow(
    signal: Signal, limit: int, histogram: Histogram, source: Source, path: str
) -> SignalPolicy | InvalidSpec:
    if histogram.native is not None:
        need = (
            "the buckets of a native histogram need not end at a limit; give maxSlowdown instead, or name the"
            " _bucket series of a classic one"
        )
        return invalid(f"{path}.histogram", need, found=signal.histogram)
    if histogram.unit is None:
        endings = ", ".join(_UNITS)
        need = f"the unit of its buckets is not in its name; need one that ends in one of {endings}"
        return invalid(f"{path}.histogram", need, found=signal.histogram)
    known = {round(bound * histogram.unit, 6): bound for bound in histogram.bounds}
    if known and limit not in known:
        bounds = ", ".join(f"{bound:.10g}" for bound in known if bound == int(bound))
        need = f"need a bucket boundary of {source.name}, since between two nothing is known: {bounds}"
        if not bounds:
            need = f"no bucket of {source.name} ends at a whole millisecond; give maxSlowdown instead"
        return invalid(f"{path}.slowerThanMilliseconds", need, found=limit)
    return _of_bad_requests(
        signal,
        requests=histogram.requests,
        within=histogram.within,
        at_most=known.get(limit, limit / histogram.unit),
        ratio=LATENCY_RATIO,
        data_plane=histogram.data_plane,
    )


def _of_bad_requests(
    signal: Signal,
    *,
    requests: Counter,
    ratio: float,
    data_plane: DataPlane | None,
    bad: Counter | None = None,
    within: Counter | None = None,
    at_most: float | None = None,
) -> SignalPolicy:
    points = INCREASE_POINTS if signal.max_increase_points is None else float(signal.max_increase_points)
    return SignalPolicy(
        name=signal.name,
        requests=requests,
        bad=bad,
        within=within,
        at_most=at_most,
        max_ratio=float(signal.max_ratio or ratio),
        max_increase=points / 100,
        importance=signal.importance,
        data_plane=data_plane,
        dry_run=signal.dry_run,
    )


def _distribution(signal: Signal, histogram: Histogram) -> SignalPolicy:
    slowdown = None if signal.max_slowdown is None else float(signal.max_slowdown)
    return SignalPolicy(
        name=signal.name,
        requests=histogram.requests,
        bad=None,
        within=histogram.within,
        native=histogram.native,
        max_shift=float(signal.max_shift or SHIFT) if slowdown is None else None,
        max_slowdown=slowdown,
        importance=signal.importance,
        data_plane=histogram.data_plane,
        dry_run=signal.dry_run,
    )
