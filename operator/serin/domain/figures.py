"""Numbers as the status tells them: text of few digits, since the API has no floats."""

from datetime import UTC, datetime
from math import log
from typing import Final

from serin.domain.analysis.verdict import Counts
from serin.domain.status import CountsStatus

_TEN: Final = log(10)


def counted(counts: Counts) -> CountsStatus:
    """Interpolated counts, as whole events."""
    return CountsStatus(events=round(counts.events), bad=round(counts.bad))


def figure(value: float | None) -> str | None:
    """A ratio, to three digits."""
    return None if value is None else f"{value:.3g}"


def figure_of_log(logarithm: float) -> str:
    """An e-value from its natural logarithm, to three digits, whatever its size."""
    exponent = logarithm / _TEN
    if abs(exponent) < 5:
        return f"{10**exponent:.3g}"
    return f"1e{exponent:+.0f}"


def moment(seconds: float | None) -> datetime | None:
    """A time of the judge's, to the second."""
    return None if seconds is None else datetime.fromtimestamp(int(seconds), UTC)
