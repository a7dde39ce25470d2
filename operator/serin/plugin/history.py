"""The attempts that have ended, newest first, and what serves today."""

from collections.abc import Iterator
from typing import Any, Final

from serin.domain.rollout.world import Reason
from serin.domain.status import Finished
from serin.plugin.models import Model
from serin.plugin.terminal import Line, Span, Tone, table
from serin.plugin.words import span

_TONES: Final = {Reason.PROMOTED.value: Tone.GOOD, Reason.ROLLED_BACK.value: Tone.BAD}
HEADER: Final = ("ATTEMPT", "RESULT", "REASON", "VERSION", "STARTED", "TOOK", "")


def history(model: Model) -> list[Line]:
    """A table; the attempt under way comes first."""
    rows: list[tuple[Span | str, ...]] = [tuple(Span(word, Tone.FAINT) for word in HEADER)]
    return table([*rows, *_under_way(model), *(_ended(model, one) for one in _newest(model))])


def history_document(model: Model) -> list[dict[str, Any]]:
    """The same for programs: the status' own entries."""
    return [one.model_dump(mode="json", by_alias=True, exclude_none=True) for one in _newest(model)]


def _newest(model: Model) -> list[Finished]:
    return list(reversed(model.status.history))


def _under_way(model: Model) -> Iterator[tuple[Span | str, ...]]:
    rollout = model.status.rollout
    if rollout is not None:
        started = f"{rollout.started_at:%Y-%m-%d %H:%M:%S}"
        shown = [one for one in (model.status.canary, model.status.stable) if one is not None]
        mine = [one for one in shown if one.revision == rollout.attempt.rpartition(".")[0]]
        version = mine[0].version if mine else None
        yield rollout.attempt, Span(rollout.state.value, Tone.BUSY), "-", version or "-", started, "-", ""


def _ended(model: Model, one: Finished) -> tuple[Span | str, ...]:
    stable = model.status.stable
    serves = "serves" if stable is not None and stable.revision == one.revision else ""
    return (
        one.attempt,
        Span(one.result, _TONES.get(one.result, Tone.PLAIN)),
        one.reason or "-",
        one.version or "-",
        f"{one.started_at:%Y-%m-%d %H:%M:%S}",
        span((one.finished_at - one.started_at).total_seconds()),
        serves,
    )
