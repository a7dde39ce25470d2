"""`spec.analysis`: what is compared between the revisions, and how sure the judge must be.

The numbers are decimal text, and increases are percentage points. What the signals mean in Prometheus is
worked out in `signals`, from the catalogue.
"""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field, StrictInt

from serin.api.spelling import Confidence, Label, Points, PositivePoints, Ratio, Risk, Rule, Spelled
from serin.domain.analysis.policy import Mode


class DataPlane(StrEnum):
    """Proxies whose metrics the catalogue knows."""

    ENVOY = "Envoy"


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


_CUSTOM = "a pair of counters is whole: give both requests and bad, or neither"
_ONE_KIND = (
    "slowerThanMilliseconds and dataPlane choose a preset; leave them out where requests and bad are given"
)
_KNOWN = "name it errors (or end the name in -errors), or give slowerThanMilliseconds, or requests and bad"


class Signal(Spelled):
    """Something that is counted on both revisions: requests, and the bad ones among them."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.requests) == has(self.bad)",
            holds=lambda signal: (signal.requests is None) == (signal.bad is None),
            message=_CUSTOM,
        ),
        Rule(
            cel="!has(self.requests) || !(has(self.slowerThanMilliseconds) || has(self.dataPlane))",
            holds=lambda signal: (
                signal.requests is None
                or (signal.slower_than_milliseconds is None and signal.data_plane is None)
            ),
            message=_ONE_KIND,
        ),
        Rule(
            cel="has(self.requests) || has(self.bad) || has(self.slowerThanMilliseconds)"
            " || self.name == 'errors' || self.name.endsWith('-errors')",
            holds=lambda signal: (
                signal.requests is not None
                or signal.bad is not None
                or signal.slower_than_milliseconds is not None
                or signal.name == "errors"
                or signal.name.endswith("-errors")
            ),
            message=_KNOWN,
            field="name",
        ),
    )

    name: Label
    """Shown in status and Events. `errors` counts failed inference requests with the runtime's own
    metrics."""
    slower_than_milliseconds: Annotated[StrictInt, Field(ge=1, le=3_600_000)] | None = None
    """Makes this a latency signal: a request that takes longer is bad. Must be a bucket boundary of the
    runtime's histogram, because between boundaries nothing is known."""
    data_plane: DataPlane | None = None
    """Count at the proxy in front of the models and not at the model server: it sees timeouts and crashes
    too. Envoy needs one cluster per revision Service, named so in its metrics."""
    requests: Annotated[str, Field(min_length=1, max_length=512)] | None = None
    """A counter of your own, as PromQL writes it: a metric name and label matchers. Namespace and pod are
    added."""
    bad: Annotated[str, Field(min_length=1, max_length=512)] | None = None
    """The counter of the bad ones among them, for example app_predictions_total{outcome="fallback"}."""
    max_ratio: Ratio | None = None
    """The canary may be this many times as bad as the stable and still count as healthy. Default 1.25; 1.5
    for latency, which differs more between healthy pods."""
    max_increase_points: Points = "0.1"
    """So many percentage points more than the stable's share still count as healthy."""
    importance: Annotated[StrictInt, Field(ge=1, le=10)] = 1
    """The share of the false rollback rate this signal may use, relative to the others: a higher one is found
    sooner."""


class Analysis(Spelled):
    """How the canary is judged against the stable revision while both serve."""

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
                json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
            ),
        ]
        | None
    ) = None
    """What is compared. Left out: errors, where the runtime counts them."""
