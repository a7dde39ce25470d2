"""A recording judged from its first sample to its last, by the very judge of the operator.

Samples are given to a `Trial` as Prometheus would have had them, in the order of time, and it is looked at
when a boundary can be decided, as the operator does. Each boundary is noted, also when several are decided in
one go after a silence, and after a verdict: what the numbers did then is worth seeing too.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import inf

from serin.domain.analysis.counters import Series
from serin.domain.analysis.judge import assess
from serin.domain.analysis.request import Channel, TrialRequest
from serin.domain.analysis.trial import Trial
from serin.domain.analysis.verdict import Assessment, SignalAssessment, Verdict
from serin.workbench.recording import Answers, Recording


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was known at a boundary.

    Attributes:
        at: The boundary, in Unix seconds.
        assessment: The judge's word, whose numbers stand still once harm is found.
        signals: The same numbers as they go on.
    """

    at: float
    assessment: Assessment
    signals: tuple[SignalAssessment, ...]

    @property
    def verdict(self) -> Verdict:
        """The verdict on all signals together."""
        return self.assessment.verdict


@dataclass(frozen=True, slots=True)
class Replay:
    """Every boundary from the rollout's start to the end of the samples."""

    request: TrialRequest
    looks: tuple[Look, ...]

    @property
    def verdict(self) -> Verdict:
        """The last word."""
        return self.looks[-1].verdict if self.looks else Verdict.NO_DATA

    @property
    def decided_at(self) -> float | None:
        """The boundary at which the last word was said first, and not taken back."""
        began = None
        for look in reversed(self.looks):
            if look.verdict is not self.verdict:
                break
            began = look.at
        return began


class _Watched(Trial):
    """A trial that notes what it knows at every boundary."""

    def __init__(self, request: TrialRequest) -> None:
        self.looks: list[Look] = []
        super().__init__(request)

    def decided(self, boundary: float) -> None:
        if boundary < self.request.started:
            return
        now = boundary + self.request.interval
        going_on = assess(replace(self.sight(), harmed=None), now=now)
        self.looks.append(Look(at=boundary, assessment=self.assess(now), signals=going_on.signals))


class _Tape:
    """Samples in the order of time, given out piece by piece."""

    def __init__(self, answers: Answers) -> None:
        self._series = [(channel, one) for channel, found in answers.items() for one in found if one.samples]
        self._given = [0] * len(self._series)
        times = {t for _, one in self._series for t, _ in one.samples}
        self.times = sorted(times)

    def until(self, moment: float) -> Mapping[Channel, list[Series]]:
        """What was stored since the last piece, up to a moment."""
        piece: dict[Channel, list[Series]] = {}
        for place, (channel, one) in enumerate(self._series):
            first = self._given[place]
            last = bisect_right(one.samples, (moment, inf), lo=first)
            if last > first:
                piece.setdefault(channel, []).append(one._replace(samples=one.samples[first:last]))
                self._given[place] = last
        return piece


def replay(recording: Recording) -> Replay:
    """Judge a recording, all of it."""
    request = recording.request
    trial = _Watched(_as_of(request, request.started))
    tape = _Tape(recording.answers)
    for moment in _looks(tape.times, trial):
        trial.update(_as_of(request, moment))
        trial.add(tape.until(moment))
    return Replay(request, tuple(trial.looks))


def _looks(times: list[float], trial: Trial) -> Iterator[float]:
    """Moments to look at: what came before the rollout in one go, then whenever a boundary may be due."""
    moment = trial.request.started
    while times and moment < times[-1]:
        yield moment
        due = trial.due(moment)
        place = max(bisect_right(times, moment), bisect_right(times, due) - 1)
        moment = times[min(place, len(times) - 1)]
    yield moment


def _as_of(request: TrialRequest, moment: float) -> TrialRequest:
    """The request as the operator would have put it: without the changes of weight that were to come."""
    windows = tuple(window for window in request.windows if window.written <= moment) or request.windows[:1]
    return replace(request, windows=windows, step=windows[-1].step)


def verdicts_change(looks: Iterable[Look]) -> Iterator[Look]:
    """The looks whose verdict or reason is another than the one before."""
    before: tuple[Verdict, str] | None = None
    for look in looks:
        word = (look.verdict, look.assessment.reason)
        if word != before:
            yield look
        before = word
