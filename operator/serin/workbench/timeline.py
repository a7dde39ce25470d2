"""A replay in words: JSON for machines, one line a boundary; a table for people, with what changed in it.

The JSON is a contract: `verdict`, `decidedAt` and `timeline`, whose fields are those of the first signal.
Times are Unix seconds of boundaries, logarithms are natural, and what is unknown or unbounded is null. Where
the ratio has changed, the bounds are of the time `since` that began.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from math import ceil, exp, isfinite, log
from typing import Any, Final

from serin.domain.analysis.verdict import Counts, SignalAssessment
from serin.workbench.replay import Look, Replay, verdicts_change

ROWS: Final = 16
"""About so many boundaries are shown beside those at which something changed."""
HIGHEST: Final = 1e6
"""Evidence beyond this is shown as more than it: nobody needs to know by how much."""

_MEANT: Final = {
    False: "bad of all requests since counting began; times are UTC",
    True: "beyond the cut at which most speaks for a difference, since counting began; times are UTC",
}
_NOTHING: Final = "no sample is from after the rollout's start, or from after its first scrape interval"


def as_json(replay: Replay) -> dict[str, Any]:
    """The document that `--json` prints."""
    last = replay.looks[-1].assessment if replay.looks else None
    return {
        "verdict": str(replay.verdict),
        "decidedAt": _seconds(replay.decided_at),
        "message": last.message if last else _NOTHING,
        "notes": list(notes(replay)),
        "lateSamples": last.late if last else 0,
        "timeline": [_entry(look) for look in replay.looks],
    }


def _entry(look: Look) -> dict[str, Any]:
    first, *others = look.signals
    word = {"verdict": str(look.verdict), "reason": look.assessment.reason}
    entry = {"t": _seconds(look.at), **word, **_numbers(first)}
    if others:
        entry["signals"] = {one.name: {"verdict": str(one.verdict), **_numbers(one)} for one in look.signals}
    return entry


def _numbers(signal: SignalAssessment) -> dict[str, Any]:
    return {
        "logEvidence": signal.log_evidence,
        "ratio": _finite(signal.ratio),
        "lower": _finite(signal.lower),
        "upper": _finite(signal.upper),
        "since": _seconds(signal.since),
        "canary": _counts(signal.canary),
        "stable": _counts(signal.stable),
    }


def _counts(counts: Counts) -> Mapping[str, float]:
    return {"events": round(counts.events, 6), "bad": round(counts.bad, 6)}


def _seconds(moment: float | None) -> float | None:
    return int(moment) if moment is not None and moment == int(moment) else moment


def _finite(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None


def as_text(replay: Replay, *, every: int | None = None) -> str:
    """The table that is printed: what changed, and every n-th boundary between."""
    if not replay.looks:
        return f"{replay.verdict}: {_NOTHING}"
    parts = [
        _table(replay, index, _shown(replay.looks, every))
        for index in range(len(replay.request.policy.signals))
    ]
    return "\n\n".join([*parts, *notes(replay), conclusion(replay)])


def notes(replay: Replay) -> Iterator[str]:
    """What was not looked at, for want of data."""
    if all(window.weight is None for window in replay.request.windows):
        yield "The share of the traffic that the canary got was not checked: the recording has no weights."


def conclusion(replay: Replay) -> str:
    """The final sentence: the verdict, since when, and on what it rests."""
    last, began = replay.looks[-1], replay.decided_at or 0.0
    after = _lasting(began - replay.request.started)
    return f"{last.verdict} since {clock(began)}, {after} after the start. {last.assessment.message}"


def _shown(looks: Sequence[Look], every: int | None) -> list[Look]:
    step = every or max(1, ceil(len(looks) / ROWS))
    kept = {look.at for look in verdicts_change(looks)} | {look.at for look in looks[step - 1 :: step]}
    return [look for look in looks if look.at in kept or look is looks[-1]]


def _table(replay: Replay, index: int, looks: Sequence[Look]) -> str:
    signal = replay.request.policy.signals[index]
    limit = limit_of(replay, index)
    what = "at the cut" if signal.is_distribution else "bad"
    effect = "ratio [bounds]" if signal.max_shift is None else "shift"
    columns = [f"canary {what}", f"stable {what}", effect, f"evidence of {exp(limit):,.0f}"]
    head = ["time", "verdict", *columns]
    rows = [head, *(_row(look, look.signals[index], shift=signal.max_shift is not None) for look in looks)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join([f"{signal.name}: {_MEANT[signal.is_distribution]}", *(line.rstrip() for line in lines)])


def limit_of(replay: Replay, index: int) -> float:
    """The logarithm of the evidence at which one signal alone is harm."""
    policy = replay.request.policy
    judged = [signal for signal in policy.signals if not signal.dry_run]
    mine, total = policy.signals[index].importance, sum(signal.importance for signal in judged)
    return log(max(total, mine) / mine / policy.max_false_rollback_rate)


def _row(look: Look, signal: SignalAssessment, *, shift: bool) -> list[str]:
    return [
        clock(look.at),
        _word(look),
        _share(signal.canary),
        _share(signal.stable),
        _shift(signal) if shift else " ".join(_ratio(signal)),
        _evidence(signal.log_evidence),
    ]


def _word(look: Look) -> str:
    reason = look.assessment.reason
    return str(look.verdict) if reason == look.verdict else f"{look.verdict}: {reason}"


def _share(counts: Counts) -> str:
    if counts.events <= 0:
        return "-"
    return f"{counts.bad:,.0f} of {counts.events:,.0f} ({counts.bad / counts.events:.2%})"


def _shift(signal: SignalAssessment) -> str:
    return "-" if signal.ratio is None else f"{100 * signal.ratio:.1f} points"


def _ratio(signal: SignalAssessment) -> Iterator[str]:
    yield "-" if signal.ratio is None else f"{signal.ratio:.2f}"
    if signal.since is not None:
        yield "in all,"
    if signal.lower is not None or signal.upper is not None:
        upper = _finite(signal.upper)
        yield f"[{signal.lower or 0:.2f}, {'∞' if upper is None else f'{upper:.2f}'}]"
    if signal.since is not None:
        yield f"since {clock(signal.since)}"


def _evidence(logarithm: float) -> str:
    if logarithm > log(HIGHEST):
        return f"over {HIGHEST:,.0f}"
    value = exp(logarithm)
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def clock(moment: float) -> str:
    """A time as people read it."""
    return datetime.fromtimestamp(moment, UTC).strftime("%H:%M:%S")


def _lasting(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
