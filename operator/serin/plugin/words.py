"""How times and kinds of health are shown, in one place for all views."""

from datetime import datetime
from typing import Final

from serin.plugin.models import Health, Model
from serin.plugin.terminal import Span, Tone

MARKS: Final = {
    Health.HEALTHY: ("✔", Tone.GOOD),
    Health.PROGRESSING: ("◌", Tone.BUSY),
    Health.PAUSED: ("॥", Tone.HELD),
    Health.DEGRADED: ("✖", Tone.BAD),
}
"""The marks of `kubectl argo rollouts`."""

_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86400, 365 * 86400


def marked(health: Health, text: str = "") -> Span:
    """A word with the mark and the tone of its health."""
    mark, tone = MARKS[health]
    return Span(f"{mark} {text or health.value}", tone)


def standing(model: Model) -> tuple[Span, Span]:
    """How a model fares, and why where it does not fare well."""
    told = model.seen and model.health is not Health.HEALTHY and model.reason != model.health.value
    return marked(model.health), Span(f" - {model.reason}" if told and model.reason else "")


def age(since: datetime, now: datetime) -> str:
    """A time since, as kubectl shows it."""
    return span((now - since).total_seconds())


def span(seconds: float) -> str:
    """A time in two units at most: 42s, 3m20s, 5h, 2d3h."""
    whole = max(0, int(seconds))
    if whole < 2 * _MINUTE:
        return f"{whole}s"
    if whole < 10 * _MINUTE:
        return _two(whole, _MINUTE, "m", 1, "s")
    if whole < 3 * _HOUR:
        return f"{whole // _MINUTE}m"
    if whole < 8 * _HOUR:
        return _two(whole, _HOUR, "h", _MINUTE, "m")
    if whole < 2 * _DAY:
        return f"{whole // _HOUR}h"
    if whole < 8 * _DAY:
        return _two(whole, _DAY, "d", _HOUR, "h")
    return f"{whole // _DAY}d" if whole < 2 * _YEAR else f"{whole // _YEAR}y"


def _two(whole: int, large: int, one: str, small: int, other: str) -> str:
    rest = whole % large // small
    return f"{whole // large}{one}{rest}{other}" if rest else f"{whole // large}{one}"
