"""What a user allows a new revision to be worse by, and how sure the judge must be; symbols: `evidence`."""

import hashlib
from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import StrEnum
from functools import lru_cache


class Mode(StrEnum):
    """Whether verdicts act."""

    ENFORCE = "Enforce"
    OBSERVE = "Observe"
    OFF = "Off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """A Prometheus counter: metric name and label matchers as in PromQL, without namespace and pod."""

    metric: str
    """Or several names joined by `|`: servers that count the good and the bad apart have no total."""
    matchers: tuple[tuple[str, str, str], ...] = ()
    """(label, operator, value) with operator one of = != =~ !~ ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPlane:
    """Series of the proxy in front of the pods: they carry no pod, and a label tells the arm.

    Attributes:
        label: The label that holds the backend, for example `envoy_cluster_name`.
        pattern: Anchored regular expression of its value, with `{namespace}` and `{backend}` to be filled in;
            the backend is the name of the revision's Service.
    """

    label: str
    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalPolicy:
    """One thing that is compared between the arms. What it counts is one of three.

    * Requests, and those of them that were `bad`.
    * Requests, and those slower than a bucket: `requests` is a histogram's `_count`, `within` its `_bucket`
      (without `le`) and `at_most` the bucket's upper bound in the metric's own unit.
    * A distribution: `requests` is a histogram's `_count`, `within` its `_bucket`, and `at_most` is None.
      With `max_shift` no cut of it may move by more than that share, up or down; with `max_slowdown` the
      canary may take that many times as long as the stable. `native` is the metric where it is a native
      histogram.
    """

    name: str
    requests: Counter
    bad: Counter | None
    within: Counter | None = None
    at_most: float | None = None
    native: Counter | None = None
    max_ratio: float = 1.25
    max_increase: float = 0.001
    """Share, not points: 0.001 is a tenth of a percentage point."""
    max_shift: float | None = None
    """Share of all requests: 0.05 is five percentage points."""
    max_slowdown: float | None = None
    importance: int = 1
    data_plane: DataPlane | None = None
    """Where the series come from: None for the revision's own pods."""
    required: bool = True
    """Named by the user. A default signal that is missing on both sides is left out; this one holds."""
    dry_run: bool = False
    """Judged and shown, but part of no verdict on the whole, and of no other signal's share of the risk."""

    @property
    def is_distribution(self) -> bool:
        """Whether a whole histogram is compared, not one kind of bad request."""
        return self.max_shift is not None or self.max_slowdown is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """How sure the judge must be before a weight may rise."""

    max_ratio: float = 2.0
    max_increase: float = 0.01
    confidence: float = 0.95
    min_requests: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """All of `spec.analysis`, with presets resolved."""

    mode: Mode
    max_false_rollback_rate: float
    warm_up: timedelta
    promotion: Promotion
    signals: tuple[SignalPolicy, ...]

    def fingerprint(self) -> str:
        """Ten characters that change when a verdict made under another policy must not count (I5).

        The mode is left out: it says whether verdicts act, not what they are.
        """
        return _fingerprint(self)


@lru_cache(maxsize=1024)
def _fingerprint(policy: Policy) -> str:
    judging = {name: value for name, value in asdict(policy).items() if name != "mode"}
    return hashlib.sha256(repr(sorted(judging.items())).encode()).hexdigest()[:10]
