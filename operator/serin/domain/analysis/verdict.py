"""What the judge says: one of four verdicts for each signal and for the whole, with checkable numbers."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """The four answers. Missing data is never one of the first two (I6)."""

    HARM = "Harm"
    SAFE = "Safe"
    UNDECIDED = "Undecided"
    NO_DATA = "NoData"


@dataclass(frozen=True, slots=True)
class Counts:
    """Events of one arm since counting began. Interpolated at scrape boundaries, hence not integers."""

    events: float
    bad: float


@dataclass(frozen=True, slots=True)
class Pin:
    """What was learnt of a signal before the comparison began, and is never estimated again.

    Attributes:
        phi: Dispersion of bad requests among the stable's pods; 1 is that of independent ones.
        usual: The stable's bad share, which chose the margins.
    """

    phi: float
    usual: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalAssessment:
    """One signal's verdict.

    Attributes:
        log_evidence: Natural logarithm of the harm test's e-value, before weighting.
        ratio: Canary's bad share over the stable's; None without bad events on the stable. Of a distribution
            that must not shift: the largest part of all requests that moved over a cut.
        lower, upper: Bounds on the true ratio that hold at all times together; None where nothing bounds it.
        since: Unix seconds from which on the bounds speak, where the ratio has changed within the rollout;
            None for all of it.
        pin: What the signal's tests rest on; None before they begin.
        dry_run: Shown only: no part of the whole verdict.
        note: What a person should know next, for example what could be detected by when.
    """

    name: str
    verdict: Verdict
    canary: Counts
    stable: Counts
    log_evidence: float
    log_safety: float
    ratio: float | None
    note: str
    lower: float | None = None
    upper: float | None = None
    since: float | None = None
    pin: Pin | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """The verdict on a step of an attempt, and the identity it is valid for: anything else ignores it.

    Attributes:
        boundary: Unix seconds of the last scrape boundary that was decided; None before the first.
        reason: CamelCase word for conditions when there is no data: `PrometheusUnreachable`, `NoSamples`, ...
        message: One sentence for a person.
    """

    attempt: str
    step: int
    policy_hash: str
    verdict: Verdict
    signals: tuple[SignalAssessment, ...]
    boundary: float | None
    reason: str
    message: str
    available: bool
    """Whether samples can be read at all: the AnalysisAvailable condition."""
    late: int = 0
    """Samples that came after their boundary was decided. They were not used for it, and a recomputation may
    differ.
    """
