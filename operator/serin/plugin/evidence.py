"""The evidence for and against a revision, in words: every number that the judge rests on.

The sentences about a signal are the judge's own, read from the status; nothing is judged here again.
"""

from collections.abc import Iterator
from typing import Any, Final

from serin.domain.analysis.verdict import Verdict
from serin.domain.findings import UNASKED
from serin.domain.status import CountsStatus, GuardStatus, Rejection, SignalStatus, State
from serin.plugin.models import Model
from serin.plugin.terminal import Line, Span, Tone, line

_TONES: Final = {
    Verdict.SAFE: ("✔", Tone.GOOD),
    Verdict.UNDECIDED: ("◌", Tone.BUSY),
    Verdict.NO_DATA: ("?", Tone.HELD),
    Verdict.HARM: ("✖", Tone.BAD),
}


def verdict(word: str, *, dry_run: bool = False) -> Span:
    """A verdict with its mark."""
    mark, tone = _TONES.get(Verdict(word), ("?", Tone.PLAIN)) if word in set(Verdict) else ("?", Tone.PLAIN)
    return Span(f"{mark} {word}{' (dry run)' if dry_run else ''}", tone)


def evidence(model: Model, *, queries: bool = False) -> list[Line]:
    """All there is: on the attempt under way, and on what was taken back."""
    return [*_of_today(model, queries=queries), *_of_rejected(model, queries=queries)]


def evidence_document(model: Model) -> dict[str, Any]:
    """The same for programs: the status' own fields."""
    status = model.status
    return {
        "namespace": model.key.namespace,
        "name": model.key.name,
        "attempt": status.rollout.attempt if status.rollout else None,
        "analysis": status.dump().get("analysis"),
        "rejected": status.dump()["rejected"],
    }


def _of_today(model: Model, *, queries: bool) -> Iterator[Line]:
    analysis, rollout = model.status.analysis, model.status.rollout
    if rollout is None:
        yield line(f"No rollout of {model.key.name} is under way.")
        # What condemned a revision is told with its rejection.
        windows = {one.window for one in model.status.rejected}
        if analysis is None or not analysis.signals or analysis.signals[0].window in windows:
            return
        yield line("What was seen of the last one:")
    else:
        step = f" at step {model.step.name}" if model.step and rollout.state is State.STEPPING else ""
        yield line(Span(f"{rollout.attempt}{step}", Tone.STRONG))
        yield from _unavailable(model)
    limit = _limit(model)
    for signal in analysis.signals if analysis else ():
        yield line()
        yield from _signal(signal, limit, queries=queries)
    for guard in analysis.guards if analysis else ():
        yield line()
        yield from _guard(guard)
    if analysis is not None and analysis.late_samples:
        yield line(f"{analysis.late_samples:,} samples came too late to count.")


def _unavailable(model: Model) -> Iterator[Line]:
    """Why there is nothing, or nothing new, to judge by."""
    available = model.condition("AnalysisAvailable")
    if available is not None and available.reason in UNASKED:
        yield line(f"Nothing is judged: {available.message}")
    elif available is not None and available.status == "False":
        yield line(Span(f"The canary cannot be judged ({available.reason}): {available.message}", Tone.HELD))
    elif model.status.analysis is None:
        yield line("Nothing was counted yet.")


def _limit(model: Model) -> str:
    """At what evidence a rollout is taken back."""
    allowed = (model.spec.get("analysis") or {}).get("maxFalseRollbackRate")
    judged = (
        [one for one in model.status.analysis.signals if not one.dry_run] if model.status.analysis else []
    )
    if not allowed:
        return ""
    return f"; taken back at {1 / float(allowed):g}" + (" of all signals' mean" if len(judged) > 1 else "")


def _signal(one: SignalStatus, limit: str, *, queries: bool) -> Iterator[Line]:
    yield line(Span(f"{one.name}: ", Tone.STRONG), verdict(one.verdict, dry_run=bool(one.dry_run)))
    yield from _sides(one.canary, one.stable)
    yield from _ratio(one.ratio, one.ratio_lower, one.ratio_upper)
    yield line(f"  evidence for harm: {one.evidence}; 1 says nothing{limit}")
    if one.note:
        yield line(f"  {one.note}")
    yield from _checkable(one.window, one.query, queries=queries)


def _sides(canary: CountsStatus, stable: CountsStatus) -> Iterator[Line]:
    width = len(f"{max(canary.events, stable.events):,}")
    for name, side in (("canary", canary), ("stable", stable)):
        share = f" ({100 * side.bad / side.events:.3g} %)" if side.events else ""
        yield line(f"  {name}  {side.events:>{width},} requests, {side.bad:,} of them bad{share}")


def _ratio(ratio: str | None, lower: str | None, upper: str | None) -> Iterator[Line]:
    if ratio is None:
        return
    bounds = [f"at least {lower}" if lower else "", f"at most {upper}" if upper else ""]
    surely = " and ".join(part for part in bounds if part)
    yield line(f"  the canary's share is {ratio} times the stable's{f', surely {surely}' if surely else ''}")


def _guard(one: GuardStatus) -> Iterator[Line]:
    yield line(Span(f"{one.name}: ", Tone.STRONG), verdict(one.verdict), " (guard)")
    yield line(
        f"  {one.value or 'nothing'} was read, the limit is {one.limit}; {one.failures} failures in a row"
    )
    if one.note:
        yield line(f"  {one.note}")


def _of_rejected(model: Model, *, queries: bool) -> Iterator[Line]:
    for one in reversed(model.status.rejected):
        yield line()
        told = Span(f"{one.attempt} was taken back: {one.reason}", Tone.BAD)
        yield line(told, f" at {one.at:%Y-%m-%d %H:%M:%S} UTC")
        yield from _condemned(one, queries=queries)


def _condemned(one: Rejection, *, queries: bool) -> Iterator[Line]:
    if one.message:
        yield line(f"  {one.message}")
    if one.canary is not None and one.stable is not None:
        yield from _sides(one.canary, one.stable)
    yield from _ratio(one.ratio, one.ratio_lower, one.ratio_upper)
    if one.evidence:
        yield line(f"  evidence for harm: {one.evidence}")
    if one.guard:
        yield line(f"  guard {one.guard} read {one.value}, the limit is {one.limit}")
    yield from _checkable(one.window, one.query, queries=queries)


def _checkable(window: str | None, query: str | None, *, queries: bool) -> Iterator[Line]:
    if window:
        yield line(f"  counted over {window.replace('/', ' to ')}")
    if query and queries:
        yield line(f"  in Prometheus: {query}")
