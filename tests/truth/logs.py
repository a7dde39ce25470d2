"""The truth: what each process wrote into its log, up to each moment it was scraped.

`model_log_lines` of a stored scrape is the length of the log then. So the counts that Prometheus has seen are
known without any of the counters that the judge reads; what a run of a process did after its last scrape
nobody has seen, and it belongs to no count.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from math import inf
from pathlib import Path
from typing import Final

import numpy as np

SILENT_INTERVALS: Final = 3.5
"""Longer without a scrape, and what was done meanwhile lands an interval after the process is seen again."""


@dataclass(frozen=True, slots=True)
class Request:
    """One line of a log."""

    at: float
    status: int
    outcome: str
    seconds: float


Kind = Callable[[Request], bool]
KINDS: Final[dict[str, Kind]] = {
    "requests": lambda one: True,
    "errors": lambda one: one.status >= 500,
    "fallbacks": lambda one: one.outcome == "fallback",
    "latency": lambda one: one.seconds > 0.1,
    "scored": lambda one: one.outcome == "model",
}


@dataclass(frozen=True, slots=True)
class Scrape:
    """A stored scrape: which run answered, and how long its log was."""

    at: float
    run: str
    lines: int


@dataclass(frozen=True, slots=True)
class Line:
    """A count's totals over time.

    Attributes:
        silences: From when to when a total stood, since nobody saw what was done.
    """

    times: list[float]
    totals: list[float]
    silences: list[tuple[float, float, float]]

    def at(self, moment: float) -> float:
        """The total at a moment."""
        stood = (total for since, until, total in self.silences if since <= moment < until)
        return next(stood, float(np.interp(moment, self.times, self.totals)))


class PodTruth:
    """All that one pod did, run after run.

    Args:
        runs: Logs by the name of the run.
        scrapes: Those that were stored by whoever the judge believes, in the order of time.
        ready: When it became Ready.
    """

    def __init__(self, runs: Mapping[str, list[Request]], scrapes: Iterable[Scrape], *, ready: float) -> None:
        self.runs, self.ready = runs, ready
        self._lines: dict[tuple[str, float], Line] = {}
        self._prefixes: dict[tuple[str, str], list[int]] = {}
        self.scrapes = sorted(scrapes, key=lambda one: one.at)

    def seen(self, kind: str) -> int:
        """How many of a kind were scraped in time."""
        last = {one.run: one.lines for one in self.scrapes}
        return sum(self._among(run, lines, kind) for run, lines in last.items())

    def logged(self, kind: str, *, since: float = 0.0, until: float = inf) -> int:
        """How many of a kind were done, seen or not."""
        counts = KINDS[kind]
        return sum(counts(one) and since <= one.at < until for log in self.runs.values() for one in log)

    def grown(self, kind: str, since: float, until: float, *, interval: float) -> float:
        """How much its count grew between two moments, by straight lines between its scrapes."""
        if (kind, interval) not in self._lines:
            self._lines[kind, interval] = self._line(kind, interval)
        line = self._lines[kind, interval]
        start = max(since, interval * -(-self.ready // interval))
        return line.at(until) - line.at(start) if start < until else 0.0

    def _line(self, kind: str, interval: float) -> Line:
        """Totals at each scrape. A young process had done nothing one interval before its first."""
        line = Line([self.scrapes[0].at - interval], [0.0], [])
        ended, previous = 0, self.scrapes[0]
        for one in self.scrapes:
            if one.run != previous.run:
                ended += self._among(previous.run, previous.lines, kind)
            if one.at - line.times[-1] >= SILENT_INTERVALS * interval:
                line.silences.append((line.times[-1], one.at + interval, line.totals[-1]))
            line.times.append(one.at)
            line.totals.append(float(ended + self._among(one.run, one.lines, kind)))
            previous = one
        return line

    def _among(self, run: str, lines: int, kind: str) -> int:
        if (run, kind) not in self._prefixes:
            self._prefixes[run, kind] = [0, *accumulate(map(int, map(KINDS[kind], self.runs[run])))]
        return self._prefixes[run, kind][lines]


def read_log(file: Path) -> list[Request]:
    """A run's log; the last line may be torn."""
    lines = file.read_text().splitlines()
    return [
        Request(float(at), int(status), outcome, float(seconds))
        for at, status, outcome, seconds, _ in (line.split() for line in lines)
    ]


def logs_of(folder: Path, pod: str) -> dict[str, list[Request]]:
    """A pod's logs by run."""
    return {file.stem: read_log(file) for file in sorted(folder.glob(f"{pod}.*.log"))}
