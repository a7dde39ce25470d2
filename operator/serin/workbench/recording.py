"""A rollout as somebody recorded it: raw samples of both arms in one JSON document, to be judged again.

Matrices are what Prometheus' `/api/v1/query` answers to a range selector (`matrices`). Samples from before
the rollout are the history that noise is learnt from. What is under an arm in the document is that arm's,
whatever its labels say.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from math import inf
from typing import Any, Final

from pydantic import ValidationError

from serin.api.invalid import first_fault
from serin.api.signals import ERRORS_RATIO, LATENCY_RATIO
from serin.domain.analysis.counters import Arm, Role, Series
from serin.domain.analysis.dispersion import LONGEST_HISTORY
from serin.domain.analysis.policy import Counter, SignalPolicy
from serin.domain.analysis.request import (
    SCRAPES,
    STARTS,
    Channel,
    LabelNames,
    PodTimes,
    StepWindow,
    TrialRequest,
)
from serin.workbench.matrices import (
    ARM_LABEL,
    CURE,
    InvalidRecording,
    as_scraped_with,
    bound_of,
    check_bound,
    fault,
    series_of,
)
from serin.workbench.recorded import Head, Kind, RecordedSignal

SHIFT: Final = 0.05
"""The largest shift of scores that is still healthy, unless said."""
INCREASE: Final = 0.001
MOST_INTERVALS: Final = 200_000
"""Of a recording: a week of scrapes every three seconds. One wrong date would be looked at for days."""
_TWICE: Final = ", canary"
"""Behind the name of a pod that is in both arms."""
_MILLISECONDS: Final = ("_milliseconds", "_ms")
"""Ends of the names of histograms that are not in seconds."""

Answers = Mapping[Channel, tuple[Series, ...]]


@dataclass(frozen=True, slots=True)
class Recording:
    """What is to be judged, and all samples of it."""

    request: TrialRequest
    answers: Answers


@dataclass(frozen=True, slots=True)
class _Signal:
    """One signal of a document, and its matrices by arm; `path` is in front of theirs."""

    head: RecordedSignal
    arms: Mapping[Arm, Mapping[str, Any]]
    path: str

    @property
    def is_distribution(self) -> bool:
        """Whether whole histograms are compared."""
        return self.head.kind is Kind.SCORES or self.head.max_slowdown is not None

    @property
    def has_buckets(self) -> bool:
        """Whether what is bad has to be read off a histogram."""
        return self.is_distribution or "buckets" in self.arms[Arm.CANARY]

    def matrix(self, arm: Arm, key: str) -> list[Series]:
        """The series of one arm under a key."""
        if key not in self.arms[arm]:
            raise InvalidRecording(f"{self.path}{arm}.{key} is needed: {CURE}")
        return series_of(self.arms[arm][key], f"{self.path}{arm}.{key}", arm)


def recording_of(document: object) -> Recording:
    """What a document holds.

    Raises:
        InvalidRecording: It is none, or something in it cannot be read.
    """
    if not isinstance(document, Mapping):
        raise fault("the recording", "need a JSON object with signal, stable and canary", document)
    try:
        head = Head.model_validate(document)
    except ValidationError as error:
        raise InvalidRecording(first_fault(error).message) from error
    signals = tuple(_signals(document, head))
    answers: dict[Channel, tuple[Series, ...]] = {}
    for signal in signals:
        answers |= _answers(signal)
    answers |= _of_targets(document)
    _check_length(head, answers)
    policies = tuple(_policy(signal, answers) for signal in signals)
    pods = tuple(_pods(head, answers))
    return Recording(_request(head, policies, pods), _told_apart(answers))


def _check_length(head: Head, answers: Answers) -> None:
    ends = [one.samples[-1][0] for one in chain.from_iterable(answers.values()) if one.samples]
    reach = max(ends, default=0.0) - head.rollout_start + LONGEST_HISTORY
    if reach / head.scrape_interval_seconds > MOST_INTERVALS:
        need = f"rolloutStart and the last sample are more than {MOST_INTERVALS:,} of them apart"
        raise fault("scrapeIntervalSeconds", need, head.scrape_interval_seconds)


def _signals(document: Mapping[str, Any], head: Head) -> Iterator[_Signal]:
    if head.signals is None and head.signal is None:
        raise InvalidRecording('signal is needed: {"kind": "errors"}, or latency, scores, counters')
    if head.signals is None and head.signal is not None:
        yield _Signal(head.signal, _arms(document, ""), "")
        return
    names = [one.called for one in head.signals or ()]
    if not names or len(set(names)) < len(names):
        raise fault("signals", "need at least one, and a name of its own for each", names)
    for index, one in enumerate(head.signals or ()):
        path = f"signals[{index}]."
        yield _Signal(one, _arms(document["signals"][index], path), path)


def _arms(holder: Mapping[str, Any], path: str) -> Mapping[Arm, Mapping[str, Any]]:
    for arm in (Arm.STABLE, Arm.CANARY):
        if not isinstance(holder.get(arm), Mapping):
            need = 'need an object with matrices: {"requests": ..., "bad": ...}'
            raise fault(f"{path}{arm}", need, holder.get(arm))
    return {arm: holder[arm] for arm in Arm}


def _answers(signal: _Signal) -> Answers:
    found: dict[Role, list[Series]] = {Role.REQUESTS: []}
    for arm in Arm:
        of_arm = _by_buckets(signal, arm) if signal.has_buckets else _by_counters(signal, arm)
        for role, series in of_arm.items():
            found.setdefault(role, []).extend(series)
    return {Channel(signal.head.called, role): tuple(series) for role, series in found.items()}


def _by_counters(signal: _Signal, arm: Arm) -> Mapping[Role, list[Series]]:
    requests, bad = signal.matrix(arm, "requests"), signal.matrix(arm, "bad")
    return {
        Role.REQUESTS: requests,
        Role.BAD: [_with_requests(one, requests, f"{signal.path}{arm}") for one in bad],
    }


def _with_requests(bad: Series, requests: list[Series], path: str) -> Series:
    """Labelled as its requests: without any of them, bad ones would be left out in silence."""
    of_pod = [one for one in requests if _pod(one) == _pod(bad)]
    if (requests and not of_pod) or (found := as_scraped_with(bad, of_pod)) is None:
        need = f"{path}.requests has no series of that pod" + (" from the same job" if of_pod else "")
        raise fault(f"{path}.bad: pod", f"{need}; give both the same labels", _pod(bad))
    return found


def _by_buckets(signal: _Signal, arm: Arm) -> Mapping[Role, list[Series]]:
    """A histogram's series; where its count is not given, the last bucket is that."""
    buckets = signal.matrix(arm, "buckets")
    for one in buckets:
        check_bound(one, f"{signal.path}{arm}.buckets")
    classic = [series for series in buckets if not series.native]
    native = [series for series in buckets if series.native]
    if "requests" in signal.arms[arm]:
        requests = [series for series in signal.matrix(arm, "requests") if not series.native]
    else:
        requests = [series for series in classic if bound_of(series) == inf]
    if not signal.is_distribution:
        return {Role.REQUESTS: requests, Role.WITHIN: _of_limit(signal, arm, classic)}
    return {Role.REQUESTS: requests, Role.WITHIN: classic, Role.NATIVE: native}


def _of_limit(signal: _Signal, arm: Arm, buckets: list[Series]) -> list[Series]:
    limit = signal.head.slower_than_milliseconds
    if limit is None:
        where = f"{signal.path.replace('].', '].signal.') or 'signal.'}slowerThanMilliseconds"
        raise InvalidRecording(f"{where} is needed: a bound of the buckets, or give bad instead of buckets")
    wanted = [series for series in buckets if abs(bound_of(series) * _unit(series) - limit) <= 1e-6 * limit]
    if not wanted and buckets:
        known = sorted({bound_of(series) * _unit(series) for series in buckets} - {inf})
        need = f"no bucket ends at {limit:g} ms; choose one of {', '.join(f'{one:g}' for one in known)}"
        raise InvalidRecording(f"{signal.path}{arm}.buckets: {need}")
    return wanted


def _unit(series: Series) -> float:
    """Milliseconds of one unit of a histogram."""
    name = series.labels.get("__name__", "").removesuffix("_bucket")
    return 1.0 if name.endswith(_MILLISECONDS) else 1000.0


def _of_targets(document: Mapping[str, Any]) -> Answers:
    """When targets were scraped at all, and when their processes began, where the recording tells."""
    found: dict[Channel, list[Series]] = {}
    for key, channel in (("up", SCRAPES), ("start", STARTS)):
        for arm in Arm:
            if isinstance(holder := document.get(arm), Mapping) and key in holder:
                found.setdefault(channel, []).extend(series_of(holder[key], f"{arm}.{key}", arm))
    return {channel: tuple(series) for channel, series in found.items()}


def _policy(signal: _Signal, answers: Answers) -> SignalPolicy:
    head, latency = signal.head, signal.head.kind is Kind.LATENCY
    points = head.max_increase_points
    limit = head.slower_than_milliseconds if signal.has_buckets and not signal.is_distribution else None
    slowdown = head.max_slowdown
    shift = head.max_shift or SHIFT if signal.is_distribution and slowdown is None else None

    def counter(role: Role) -> Counter:
        named = [one.labels.get("__name__") for one in answers.get(Channel(head.called, role), ())]
        return Counter(metric=next((name for name in named if name), str(role)))

    return SignalPolicy(
        name=head.called,
        requests=counter(Role.REQUESTS),
        bad=None if signal.has_buckets else counter(Role.BAD),
        within=counter(Role.WITHIN) if signal.has_buckets else None,
        native=counter(Role.NATIVE) if answers.get(Channel(head.called, Role.NATIVE)) else None,
        at_most=None if limit is None else limit / 1000,
        max_ratio=float(head.max_ratio or (LATENCY_RATIO if latency else ERRORS_RATIO)),
        max_increase=INCREASE if points is None else float(points) / 100,
        max_shift=shift,
        max_slowdown=slowdown,
        importance=head.importance,
    )


def _request(head: Head, signals: tuple[SignalPolicy, ...], pods: tuple[PodTimes, ...]) -> TrialRequest:
    start = head.rollout_start
    changes = head.weights or ((start, None),)
    return TrialRequest(
        attempt="recording",
        step=0,
        policy=head.policy.with_signals(signals),
        namespace="",
        stable="stable",
        canary="canary",
        pods=pods,
        windows=tuple(
            StepWindow(step=step, weight=percent, written=t, settled=t)
            for step, (t, percent) in enumerate(changes)
        ),
        started=start,
        interval=head.scrape_interval_seconds,
        labels=LabelNames(namespace=ARM_LABEL),
    )


def _pods(head: Head, answers: Answers) -> Iterator[PodTimes]:
    """Pods that must be warm before they count: those with a word about them, the canary's, and whichever the
    stable got after the rollout began; the latter two are Ready when they were first scraped.
    """
    first: dict[tuple[Arm, str], float] = {}
    for series in chain.from_iterable(answers.values()):
        if series.arm is not None and series.samples:
            key = (series.arm, _pod(series))
            first[key] = min(series.samples[0][0], first.get(key, inf))
    shared = _shared(answers)
    for (arm, pod), began in first.items():
        name = f"{pod}{_TWICE}" if arm is Arm.CANARY and pod in shared else pod
        if pod in head.pods:
            yield PodTimes(name=name, arm=arm, ready=head.pods[pod].ready)
        elif arm is Arm.CANARY or began > head.rollout_start:
            yield PodTimes(name=name, arm=arm, ready=began)


def _told_apart(answers: Answers) -> Answers:
    """With another name for the canary's half of a pod that serves both versions: each is warm by itself."""
    shared = _shared(answers)
    return {
        channel: tuple(
            one._replace(labels={**one.labels, "pod": f"{_pod(one)}{_TWICE}"})
            if one.arm is Arm.CANARY and _pod(one) in shared
            else one
            for one in found
        )
        for channel, found in answers.items()
    }


def _shared(answers: Answers) -> set[str]:
    """Pods that are in both arms."""
    pods: dict[Arm | None, set[str]] = {arm: set() for arm in Arm}
    for series in chain.from_iterable(answers.values()):
        pods.setdefault(series.arm, set()).add(_pod(series))
    return pods[Arm.CANARY] & pods[Arm.STABLE]


def _pod(series: Series) -> str:
    return series.labels.get("pod") or series.labels["instance"]
