"""What a person is told of the analysis, and of a wait for them, when the status turns, as Events: each once.

A function of two statuses and nothing else, so that a restart, which changes none, repeats none (I7, I8).
"""

from collections.abc import Iterator

from serin.domain.analysis.judge import Reason as Missing
from serin.domain.analysis.verdict import Verdict
from serin.domain.findings import AVAILABLE, UNASKED
from serin.domain.rollout.world import Notice, Reason
from serin.domain.status import Condition, Finished, SignalStatus, State, Status


def turns(before: Status, after: Status) -> tuple[Notice, ...]:
    """What is new about the analysis, and whether a person is waited for."""
    return (
        *_of_the_data(before, after),
        *_of_harm_that_is_let_be(before, after),
        *_of_a_wait_for_a_person(before, after),
    )


def ended(before: Status, after: Status) -> tuple[Finished, ...]:
    """Attempts that have ended between two statuses."""
    known = {entry.attempt for entry in before.history}
    return tuple(entry for entry in after.history if entry.attempt not in known)


def _of_the_data(before: Status, after: Status) -> Iterator[Notice]:
    was, now = _available(before), _available(after)
    if now is None or now.reason in UNASKED:
        return
    if now.reason in (Missing.SPLIT_MISMATCH, Missing.SHARED_INCIDENT):
        if was is None or was.reason != now.reason:
            yield Notice(now.reason, now.message, warning=True)
        return
    lost = was is not None and was.status == "False" and was.reason not in UNASKED
    if now.status == "False" and not lost:
        yield Notice("AnalysisUnavailable", f"{now.reason}: {now.message}", warning=True)
    if now.status == "True" and lost:
        yield Notice("AnalysisAvailable", "samples can be judged again")


def _available(status: Status) -> Condition | None:
    return _condition(status, AVAILABLE)


def _condition(status: Status, kind: str) -> Condition | None:
    return next((entry for entry in status.conditions if entry.type == kind), None)


def _of_harm_that_is_let_be(before: Status, after: Status) -> Iterator[Notice]:
    """Harm that takes no canary back, because the signal is a dry run or the analysis only observes."""
    if after.rollout is None or after.rollout.state is State.ROLLING_BACK:
        return
    known = {signal.name for signal in _harmful(before)} if _same_attempt(before, after) else set()
    for signal in _harmful(after):
        if signal.name not in known:
            yield Notice("HarmObserved", f"not acted on: {signal.note or signal.name}", warning=True)


def _of_a_wait_for_a_person(before: Status, after: Status) -> Iterator[Notice]:
    """A step that nothing but a promotion ends."""
    was, now = _condition(before, "Ready"), _condition(after, "Ready")
    waited = was is not None and was.reason == Reason.AWAITING_PROMOTION and _same_step(before, after)
    if now is not None and now.reason == Reason.AWAITING_PROMOTION and not waited:
        yield Notice(Reason.AWAITING_PROMOTION.value, now.message)


def _same_step(before: Status, after: Status) -> bool:
    was, now = before.rollout, after.rollout
    return was is not None and now is not None and (was.attempt, was.step) == (now.attempt, now.step)


def _harmful(status: Status) -> list[SignalStatus]:
    signals = status.analysis.signals if status.analysis else []
    return [signal for signal in signals if signal.verdict == Verdict.HARM]


def _same_attempt(before: Status, after: Status) -> bool:
    return (
        before.rollout is not None
        and after.rollout is not None
        and (before.rollout.attempt == after.rollout.attempt)
    )
