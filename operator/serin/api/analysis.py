"""`spec.analysis`: what is compared between the revisions, and how sure the judge must be.

The numbers are decimal text, and increases are percentage points. What the signals mean in Prometheus is
worked out in `signals`, from the catalogue.
"""

from typing import Annotated, ClassVar

from pydantic import Field, StrictBool, StrictInt

from serin.api.checks import Gate, Guard
from serin.api.spelling import (
    Confidence,
    Label,
    Points,
    PositivePoints,
    ProperName,
    Ratio,
    Risk,
    Rule,
    Shift,
    Slowdown,
    Spelled,
)
from serin.domain.analysis.policy import Mode

Metric = Annotated[str, Field(min_length=1, max_length=512)]
"""A metric name and label matchers, as PromQL writes them."""
BY_NAME = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}


class Promotion(Spelled):
    """What must be shown before a weight rises; either margin will do."""

    max_ratio: Ratio = "2"
    """Safe when the canary's share of bad requests is surely below this many times the stable's."""
    max_increase_points: PositivePoints = "1"
    """Safe when the canary's share of bad requests is surely less than this many percentage points above the
    stable's. One point takes about 400 canary requests where none is bad; a tenth takes ten times as many."""
    confidence: Confidence = "0.95"
    """How sure is sure."""
    min_requests: Annotated[StrictInt, Field(ge=1, le=10_000_000)] = 200
    """Canary requests at each step before it may end, however clear the evidence."""


def _compares_distribution(signal: "Signal") -> bool:
    return (
        signal.max_shift is not None
        or signal.max_slowdown is not None
        or (signal.histogram is not None and signal.slower_than_milliseconds is None)
    )


def _asks(signal: "Signal") -> int:
    """How many questions about a histogram are asked."""
    asked = (signal.slower_than_milliseconds, signal.max_shift, signal.max_slowdown)
    return sum(one is not None for one in asked)


def _is_preset_of_errors(signal: "Signal") -> bool:
    return signal.name == "errors" or signal.name.endswith("-errors")


_PAIR = Rule(
    cel="has(self.requests) == has(self.bad)",
    holds=lambda signal: (signal.requests is None) == (signal.bad is None),
    message="a pair of counters is whole: give both requests and bad, or neither",
)
_ONE_SOURCE = Rule(
    cel="!has(self.requests) || !(has(self.slowerThanMilliseconds) || has(self.dataPlane)"
    " || has(self.histogram) || has(self.maxShift) || has(self.maxSlowdown))",
    holds=lambda signal: (
        signal.requests is None
        or (signal.data_plane is None and signal.histogram is None and not _asks(signal))
    ),
    message="requests and bad are a signal by themselves; leave dataPlane, histogram,"
    " slowerThanMilliseconds, maxShift and maxSlowdown out",
)
_ONE_QUESTION = Rule(
    cel="[has(self.slowerThanMilliseconds), has(self.maxShift), has(self.maxSlowdown)]"
    ".filter(given, given).size() <= 1",
    holds=lambda signal: _asks(signal) <= 1,
    message="slowerThanMilliseconds, maxShift and maxSlowdown are three questions; make a signal of each",
)
_ONE_HISTOGRAM = Rule(
    cel="!has(self.histogram) || !has(self.dataPlane)",
    holds=lambda signal: signal.histogram is None or signal.data_plane is None,
    message="a histogram of your own is read from the pods; leave dataPlane or histogram out",
    field="histogram",
)
_SHIFT_OF = Rule(
    cel="!has(self.maxShift) || has(self.histogram)",
    holds=lambda signal: signal.max_shift is None or signal.histogram is not None,
    message="there is no preset for what a model predicts; name the histogram",
    field="maxShift",
)
_MARGIN = Rule(
    cel="!(has(self.maxRatio) || has(self.maxIncreasePoints))"
    " || !(has(self.maxShift) || has(self.maxSlowdown)"
    " || (has(self.histogram) && !has(self.slowerThanMilliseconds)))",
    holds=lambda signal: (
        (signal.max_ratio is None and signal.max_increase_points is None)
        or not _compares_distribution(signal)
    ),
    message="maxRatio and maxIncreasePoints are margins of bad requests; the margin of a distribution is"
    " maxShift or maxSlowdown",
)
_KNOWN = Rule(
    cel="has(self.requests) || has(self.bad) || has(self.slowerThanMilliseconds) || has(self.histogram)"
    " || has(self.maxShift) || has(self.maxSlowdown)"
    " || self.name == 'errors' || self.name.endsWith('-errors')",
    holds=lambda signal: (
        signal.requests is not None
        or signal.bad is not None
        or signal.histogram is not None
        or _asks(signal) > 0
        or _is_preset_of_errors(signal)
    ),
    message="name it errors (or end the name in -errors), or give slowerThanMilliseconds, maxSlowdown,"
    " a histogram, or requests and bad",
    field="name",
)


class Signal(Spelled):
    """Something that is counted on both revisions: requests and the bad ones among them, or how long they
    take, or what is answered.
    """

    rules: ClassVar[tuple[Rule, ...]] = (
        _PAIR,
        _ONE_SOURCE,
        _ONE_QUESTION,
        _ONE_HISTOGRAM,
        _SHIFT_OF,
        _MARGIN,
        _KNOWN,
    )

    name: Label
    """Shown in status and Events. `errors` counts failed inference requests with the runtime's own
    metrics."""
    slower_than_milliseconds: Annotated[StrictInt, Field(ge=1, le=3_600_000)] | None = None
    """Makes this a latency signal: a request that takes longer is bad. Must be a bucket boundary of the
    histogram, because between boundaries nothing is known."""
    max_slowdown: Slowdown | None = None
    """Makes this a latency signal without a limit to choose: the canary may take this many times as long as
    the stable, at every part of the distribution. From 1.05 to 10; "1.2" is a fifth slower. Needs buckets
    that are at most this far apart, best a native histogram."""
    max_shift: Shift | None = None
    """Makes this a signal about what the model answers: no cut of the histogram may move by more than this
    share of all requests, up or down. From 0.01 to 0.5; "0.05", five percentage points, where only the
    histogram is given."""
    histogram: Metric | None = None
    """A histogram of your own, as PromQL writes it: the name of its _bucket series, or of a native histogram,
    and label matchers. Namespace and pod are added. By itself it is compared as maxShift says; with
    maxSlowdown or slowerThanMilliseconds it stands for the runtime's."""
    data_plane: ProperName | None = None
    """Count at the proxy in front of the models and not at the model server: it sees timeouts and crashes
    too. A name in the catalogue: Envoy, Istio, NGINX, Traefik. The proxy must tell the Services of the
    revisions apart in its metrics."""
    requests: Metric | None = None
    """A counter of your own, as PromQL writes it: a metric name and label matchers. Namespace and pod are
    added."""
    bad: Metric | None = None
    """The counter of the bad ones among them, for example app_predictions_total{outcome="fallback"}."""
    max_ratio: Ratio | None = None
    """The canary may be this many times as bad as the stable and still count as healthy. Default 1.25; 1.5
    for latency, which differs more between healthy pods."""
    max_increase_points: Points | None = None
    """So many percentage points more than the stable's share still count as healthy. Default 0.1."""
    importance: Annotated[StrictInt, Field(ge=1, le=10)] = 1
    """The share of the false rollback rate this signal may use, relative to the others: a higher one is found
    sooner."""
    dry_run: StrictBool = False
    """Judged and shown in status, Events and metrics, but never acts: neither rolls back nor keeps a step
    waiting. The way to try a signal."""


class Analysis(Spelled):
    """How the canary is judged against the stable revision while both serve."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="self.mode != 'Enforce' || !has(self.signals) || self.signals.exists(s, !s.dryRun)",
            holds=lambda analysis: (
                analysis.mode is not Mode.ENFORCE
                or analysis.signals is None
                or not all(signal.dry_run for signal in analysis.signals)
            ),
            message="all are dry runs, so nothing could be shown safe; let one act, or set mode to Observe",
            field="signals",
        ),
        # The server says so by the list's key, too; nobody else would.
        Rule(
            cel="!has(self.signals) || self.signals.all(s, self.signals.exists_one(t, t.name == s.name))",
            holds=lambda analysis: (
                len({signal.name for signal in analysis.signals or ()}) == len(analysis.signals or ())
            ),
            message="two signals have one name; name each for what it says",
            field="signals",
        ),
    )

    mode: Mode = Mode.ENFORCE
    """Enforce acts on verdicts. Observe judges and reports, and steps pass on readiness and time. Off does
    not judge."""
    max_false_rollback_rate: Risk = "0.01"
    """The one number: the largest probability of rolling back a healthy model, over a whole rollout. Smaller
    takes longer to find harm."""
    warm_up_seconds: Annotated[StrictInt, Field(ge=0, le=3600)] = 120
    """After a pod is Ready its requests are not counted for this long, on either side: caches are cold."""
    promote: Promotion = Promotion()
    """What must be shown before a weight rises."""
    signals: (
        Annotated[
            tuple[Signal, ...],
            Field(
                min_length=1,
                max_length=8,
                json_schema_extra=BY_NAME,
            ),
        ]
        | None
    ) = None
    """What is compared. Left out: errors, where the runtime counts them."""
    guards: Annotated[tuple[Guard, ...], Field(max_length=8, json_schema_extra=BY_NAME)] = ()
    """Absolute limits, for what has no counterpart on the stable side."""
    gates: Annotated[tuple[Gate, ...], Field(max_length=8, json_schema_extra=BY_NAME)] = ()
    """Jobs and webhooks that must succeed before a step. Under the mode Observe they are asked and waited
    for, and what they say is shown only; under Off they are not asked."""
