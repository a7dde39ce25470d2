"""`python -m tests.bench -n 300`: measure, show a table, and say by the exit code whether all bars hold."""

import argparse
import asyncio
import json
import os
import platform
import sys
from contextlib import aclosing
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from tests.bench.bars import Bar, bars
from tests.bench.figures import Figures
from tests.bench.phases import Plan, measured
from tests.bench.simulated import kwok
from tests.cluster import binaries, network
from tests.cluster.binaries import Missing
from tests.cluster.processes import Ended

CANNOT_RUN: Final = 2
SECONDS_PER_OBJECT: Final = 3.0
"""Patience with one operation, beside some minutes."""


def main() -> int:
    """Returns the exit code: 0 if all bars hold, 1 if one does not, 2 if nothing could be measured."""
    options = _parser().parse_args()
    console = Console(width=None if sys.stdout.isatty() else 110)
    plan = Plan(
        count=options.count,
        changed=min(options.changed or options.count, options.count),
        idle_seconds=options.idle,
        accepted=not options.no_controller,
        arguments=tuple(options.operator),
        patience=300 + SECONDS_PER_OBJECT * options.count,
    )
    try:
        network.require()
        found, simulator = binaries.ready(_say), kwok(_say)
        network.enter()
        figures = asyncio.run(_measure(found, simulator, plan))
    except (Missing, Ended, TimeoutError) as problem:
        _say(f"the bench cannot run: {problem or type(problem).__name__}")
        return CANNOT_RUN
    checked = list(bars({one.name: one for one in figures}))
    console.print(_table(figures), _bars(checked))
    if options.json:
        options.json.write_text(json.dumps(_document(plan, figures, checked), indent=2) + "\n")
    return 0 if all(bar.holds for bar in checked) else 1


async def _measure(found: binaries.Binaries, simulator: Path, plan: Plan) -> list[Figures]:
    figures: list[Figures] = []
    async with aclosing(measured(found, simulator, plan)) as operations:
        async for one in operations:
            figures.append(one)
            _say(
                f"{one.name}: {one.arriving_seconds:.0f} s, {one.cpu_milliseconds:.1f} ms CPU for each, "
                f"{one.writes} writes, {one.reads} reads, {one.events} Events, {one.peak_bytes / 1e6:.0f} MB"
            )
    return figures


def _table(figures: list[Figures]) -> Table:
    count = figures[0].objects
    few = "" if (changed := figures[1].objects) == count else f", {changed} of them changed"
    table = Table(title=f"{count} ModelDeployments{few}; requests and CPU for each, by the operator")
    columns = (
        "writes",
        "refused",
        "reads",
        "Events",
        "looks",
        "CPU ms",
        "yard ms",
        "peak MB",
        "clients s",
        "done s",
    )
    table.add_column("operation")
    for column in columns:
        table.add_column(column, justify="right")
    for one in figures:
        counts = (one.writes, one.refused, one.reads, one.events, one.looks)
        requests = [f"{one.each(number):.2f}" for number in counts]
        spent = [
            f"{one.cpu_milliseconds:.1f}",
            f"{one.yardstick_milliseconds:.1f}",
            f"{one.peak_bytes / 1e6:.0f}",
        ]
        table.add_row(one.name, *requests, *spent, f"{one.asking_seconds:.0f}", f"{one.arriving_seconds:.0f}")
    return table


def _bars(checked: list[Bar]) -> Table:
    table = Table(title="bars")
    for column in ("bar", "found", "limit", ""):
        table.add_column(column, justify="left" if column in ("bar", "") else "right")
    for bar in checked:
        verdict = "[green]holds[/]" if bar.holds else "[red]BROKEN[/]"
        table.add_row(bar.name, f"{bar.value:.2f}", f"{bar.limit:g}", verdict)
    return table


def _document(plan: Plan, figures: list[Figures], checked: list[Bar]) -> object:
    return {
        "objects": plan.count,
        "changed": plan.changed,
        "routesAccepted": plan.accepted,
        "idleSeconds": plan.idle_seconds,
        "machine": {"cores": os.cpu_count(), "kind": platform.machine(), "python": platform.python_version()},
        "operations": [one.document() for one in figures],
        "bars": [
            {"name": bar.name, "value": bar.value, "limit": bar.limit, "holds": bar.holds} for bar in checked
        ],
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("-n", "--count", type=int, default=300, help="ModelDeployments (%(default)s)")
    parser.add_argument("--changed", type=int, metavar="K", help="give only K of them a new version (all)")
    parser.add_argument("--idle", type=float, default=60.0, help="seconds to look at idle ones (%(default)g)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument(
        "--no-controller",
        action="store_true",
        help="nobody reports on routes: each weight waits five seconds",
    )
    parser.add_argument(
        "--operator", action="append", default=[], metavar="ARGUMENT", help="one more for `serin run`"
    )
    return parser


def _say(line: str) -> None:
    tqdm.write(line, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
