"""A replay as a picture: how often each arm was bad, the ratio with its bounds, the evidence on its way.

One column for each signal; what is shaded is the verdict of that time, upright lines are changes of weight.
matplotlib is an extra of the package, and imported here alone. Colours are Okabe and Ito's, which people with
any kind of colour vision tell apart.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import groupby
from math import exp, isfinite, nan
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from serin.domain.analysis.verdict import Counts, SignalAssessment, Verdict
from serin.workbench.replay import Look, Replay
from serin.workbench.timeline import clock, conclusion, limit_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS: Final = (".svg", ".png", ".pdf")
CANARY: Final = "#D55E00"
STABLE: Final = "#0072B2"
NEUTRAL: Final = "#555555"
SHADES: Final = {
    Verdict.NO_DATA: "#E8E8E8",
    Verdict.UNDECIDED: "#FFFFFF",
    Verdict.SAFE: "#DDF1EA",
    Verdict.HARM: "#FBE3D3",
}
LAST_MINUTES: Final = 60.0
"""Seconds over which the share of late is taken: shorter ones of a small canary are nothing but noise."""
MOST_EVIDENCE: Final = 1e6
LEAST_WIDTH: Final = 0.06
"""The part of the picture's width below which a verdict's stretch has no room for its name."""
TICKS: Final = (5, 15, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 86_400)
"""Seconds between the times on the axis."""
MOST_TICKS: Final = 9
HEADROOM: Final = 1.3
"""Over the curves, for the legend."""
HEIGHTS: Final = (3, 2.2, 2.2)
_LEGEND: Final[dict[str, Any]] = {
    "facecolor": "#FFFFFF",
    "edgecolor": "none",
    "framealpha": 0.85,
    "fontsize": 9,
}


class CannotPlot(Exception):
    """No picture can be made. The message says what to do."""


def save(replay: Replay, path: Path) -> None:
    """Draw a replay into a file, in the format its name ends with.

    Raises:
        CannotPlot: There is nothing to draw, or nothing to draw with.
    """
    if path.suffix not in FORMATS:
        raise CannotPlot(f"{path}: need a name that ends in {', '.join(FORMATS)}")
    if not replay.looks:
        raise CannotPlot(f"{path}: there is nothing to draw, no boundary was decided")
    figure = drawn(replay)
    try:
        figure.savefig(path, dpi=150)
    except OSError as error:
        raise CannotPlot(f"{path}: {error.strerror or error}") from error


def drawn(replay: Replay) -> "Figure":
    """The picture."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise CannotPlot("a picture needs matplotlib: pip install 'serin[plot]'") from error
    signals = replay.request.policy.signals
    figure = Figure(figsize=(max(9.0, 7.0 * len(signals)), 8.2), layout="constrained")
    grid = figure.subplots(
        3, len(signals), sharex=True, squeeze=False, gridspec_kw={"height_ratios": HEIGHTS}
    )
    for column, signal in enumerate(signals):
        found = [look.signals[column] for look in replay.looks]
        shares, ratio, evidence = grid[:, column]
        _draw_shares(shares, replay, found, of_cut=signal.is_distribution)
        if signal.max_shift is not None:
            _draw_shift(ratio, replay, found, allowed=signal.max_shift)
        else:
            _draw_ratio(ratio, replay, found, allowed=None if signal.is_distribution else signal.max_ratio)
        _draw_evidence(evidence, replay, found, limit=limit_of(replay, column))
        shares.set_title(signal.name, loc="left", fontweight="bold", pad=22)
        for axes in (shares, ratio, evidence):
            _mark(axes, replay)
        _name_verdicts(shares, replay)
        _name_weights(evidence, replay)
    figure.align_ylabels()
    figure.suptitle(conclusion(replay), wrap=True, fontsize=10, x=0.01, ha="left")
    return figure


def _times(looks: Sequence[Look]) -> list[float]:
    return [look.at for look in looks]


def _draw_shares(axes: "Axes", replay: Replay, found: Sequence[SignalAssessment], *, of_cut: bool) -> None:
    """Shares of both arms; of a distribution those at the cut that speaks most, which may change."""
    times = _times(replay.looks)
    for name, colour in (("stable", STABLE), ("canary", CANARY)):
        counts = [signal.stable if name == "stable" else signal.canary for signal in found]
        if not of_cut:
            axes.plot(times, _of_late(replay.looks, counts), color=colour, alpha=0.45, linewidth=1)
        axes.plot(times, [_share(one) for one in counts], color=colour, linewidth=2.2, label=name)
    axes.set_ylabel("beyond the cut, %" if of_cut else "bad requests, %")
    axes.set_ylim(0, axes.get_ylim()[1] * HEADROOM)
    title = "since counting began" if of_cut else "bold: since counting began, thin: last minute"
    axes.legend(loc="upper left", title=title, alignment="left", ncols=2, **_LEGEND)


def _of_late(looks: Sequence[Look], counts: Sequence[Counts]) -> list[float]:
    times = [look.at for look in looks]
    shares = []
    for place, (t, now) in enumerate(zip(times, counts, strict=True)):
        before = counts[min(bisect_left(times, t - LAST_MINUTES), place)]
        shares.append(_share(Counts(now.events - before.events, now.bad - before.bad)))
    return shares


def _share(counts: Counts) -> float:
    return 100 * counts.bad / counts.events if counts.events > 0 else nan


def _draw_ratio(
    axes: "Axes", replay: Replay, found: Sequence[SignalAssessment], *, allowed: float | None
) -> None:
    times, nothing = _times(replay.looks), nan
    ratios = [one.ratio or nothing for one in found]
    axes.set_yscale("log")
    known = [value for value in ratios if isfinite(value)]
    edges = [edge for one in found for edge in (one.lower, one.upper) if edge and isfinite(edge)]
    low, high = min([*known, *edges, 0.5]) / 1.3, max([*known, *edges, 4.0]) * 1.3
    low, high = max(low, 0.02), min(high, 500.0)
    bounded = [one.lower is not None or one.upper is not None for one in found]
    lower, upper = (
        [edge if any_bound else nothing for edge, any_bound in zip(edges, bounded, strict=True)]
        for edges in (
            [max(one.lower or low, low) for one in found],
            [min(one.upper or high, high) for one in found],
        )
    )
    axes.fill_between(times, lower, upper, color=NEUTRAL, alpha=0.25, linewidth=0, label=_bounds_label(found))
    axes.plot(times, ratios, color=CANARY, linewidth=1.8, label="canary over stable")
    axes.axhline(1, color=NEUTRAL, linewidth=0.8)
    if allowed is not None:
        axes.axhline(allowed, color=NEUTRAL, linewidth=1.2, linestyle="--", label=f"allowed, {allowed:g}")
    axes.set_ylim(low, high)
    _number_logarithmic(axes, (1, 2, 5))
    axes.set_ylabel("ratio")
    axes.legend(loc="upper left", ncols=3, **_LEGEND)


def _draw_shift(axes: "Axes", replay: Replay, found: Sequence[SignalAssessment], *, allowed: float) -> None:
    points = [nan if one.ratio is None else 100 * one.ratio for one in found]
    axes.plot(_times(replay.looks), points, color=CANARY, linewidth=1.8, label="largest shift")
    axes.axhline(
        100 * allowed, color=NEUTRAL, linewidth=1.2, linestyle="--", label=f"allowed, {100 * allowed:g}"
    )
    axes.set_ylim(0, axes.get_ylim()[1] * HEADROOM)
    axes.set_ylabel("shift, points")
    axes.legend(loc="upper left", ncols=2, **_LEGEND)


def _draw_evidence(axes: "Axes", replay: Replay, found: Sequence[SignalAssessment], *, limit: float) -> None:
    values = [min(exp(min(one.log_evidence, 50.0)), MOST_EVIDENCE) for one in found]
    axes.set_yscale("log")
    axes.plot(_times(replay.looks), values, color=CANARY, linewidth=2, label="evidence of harm")
    axes.axhline(
        exp(limit), color="#000000", linewidth=1.4, linestyle="--", label=f"limit, {exp(limit):,.0f}"
    )
    axes.set_ylim(min(*values, 0.1) / 8, max(*values, exp(limit)) * 20)
    _number_logarithmic(axes, (1,))
    axes.set_ylabel("evidence")
    axes.set_xlabel("time, UTC")
    axes.legend(loc="upper left", ncols=2, **_LEGEND)


def _bounds_label(found: Sequence[SignalAssessment]) -> str:
    changed = next((one.since for one in reversed(found) if one.since is not None), None)
    return "bounds" if changed is None else f"bounds, in the end since {clock(changed)}"


def _number_logarithmic(axes: "Axes", digits: tuple[int, ...]) -> None:
    """Plain numbers on a logarithmic axis, at these digits of each power of ten."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.yaxis.set_major_locator(LogLocator(subs=digits, numticks=8))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())


def _mark(axes: "Axes", replay: Replay) -> None:
    """Shade verdicts, draw changes of weight, and make the clock readable."""
    from matplotlib.ticker import MultipleLocator

    half = replay.request.interval / 2
    for verdict, first, last in _stretches(replay.looks):
        axes.axvspan(first - half, last + half, color=SHADES[verdict], linewidth=0, zorder=0)
    for window in _weights(replay):
        axes.axvline(window[0], color=NEUTRAL, linewidth=1, linestyle=":")
    axes.set_xlim(replay.looks[0].at - half, replay.looks[-1].at + half)
    lasting = replay.looks[-1].at - replay.looks[0].at
    between = next((step for step in TICKS if lasting / step <= MOST_TICKS), TICKS[-1])
    axes.xaxis.set_major_locator(MultipleLocator(between))
    axes.xaxis.set_major_formatter(lambda moment, _: clock(moment)[: 8 if between < 60 else 5])
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#000000", alpha=0.08)


def _stretches(looks: Sequence[Look]) -> list[tuple[Verdict, float, float]]:
    """Each verdict's stretches of time."""
    return [
        (verdict, members[0].at, members[-1].at)
        for verdict, group in groupby(looks, key=lambda look: look.verdict)
        if (members := list(group))
    ]


def _weights(replay: Replay) -> list[tuple[float, float]]:
    first, last = replay.looks[0].at, replay.looks[-1].at
    return [
        (one.written, one.weight)
        for one in replay.request.windows
        if one.weight is not None and first <= one.written <= last
    ]


def _name_verdicts(axes: "Axes", replay: Replay) -> None:
    """Above the picture, where there is room."""
    whole = max(replay.looks[-1].at - replay.looks[0].at, 1.0)
    for verdict, first, last in _stretches(replay.looks):
        if (last - first) / whole >= LEAST_WIDTH:
            axes.text(
                (first + last) / 2,
                1.01,
                str(verdict),
                transform=axes.get_xaxis_transform(),
                ha="center",
                va="bottom",
                fontsize=9,
                color=NEUTRAL,
            )


def _name_weights(axes: "Axes", replay: Replay) -> None:
    for at, percent in _weights(replay):
        axes.text(
            at,
            0.02,
            f" {percent:g} %",
            transform=axes.get_xaxis_transform(),
            ha="left",
            va="bottom",
            fontsize=8,
            color=NEUTRAL,
        )
