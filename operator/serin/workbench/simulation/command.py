"""`serin simulate`: how often a policy would be wrong, and how soon right, before it judges anything real.

One scenario with its numbers, or a named table; interrupted, it tells what there is.
"""

import argparse
import json
import sys
from contextlib import suppress
from math import nan
from pathlib import Path
from typing import Any, Final

from tqdm import tqdm

from serin.workbench.simulation.asked import Unclear, scenario_of
from serin.workbench.simulation.conditions import CONDITIONS, WORDS
from serin.workbench.simulation.faults import HEALTHY, Fault
from serin.workbench.simulation.findings import Findings
from serin.workbench.simulation.published import TABLES
from serin.workbench.simulation.report import as_document, in_words
from serin.workbench.simulation.rollouts import Outcomes, joined
from serin.workbench.simulation.scenarios import BATCH, Scenario, batches
from serin.workbench.simulation.tables import markdown

RUNS: Final = 1000


def register(commands: Any) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser(
        "simulate",
        help="how often a policy would be wrong, and how soon right",
        description="Plays rollouts whose truth is known before the operator's own judge.",
    )
    parser.set_defaults(act=run)
    world = parser.add_argument_group("the world")
    world.add_argument(
        "--requests-per-second", type=_positive, metavar="N", help="to both revisions together"
    )
    world.add_argument("--bad-percent", type=_percent, metavar="P", help="of the stable revision's requests")
    world.add_argument("--fault", type=_fault, default=HEALTHY, metavar="F", help="x5, +1pp, 100%% or none")
    world.add_argument("--onset", type=_amount, default=0.0, metavar="MINUTES", help="when the fault begins")
    world.add_argument("--ramp", type=_amount, default=0.0, metavar="MINUTES", help="until it is full-grown")
    world.add_argument(
        "--condition",
        choices=tuple(CONDITIONS),
        help="disturb it, with pods that are scraped one by one: "
        + "; ".join(f"{name}: {WORDS[name]}" for name in CONDITIONS).replace("%", "%%"),
    )
    rollout = parser.add_argument_group("the rollout")
    rollout.add_argument("--canary-percent", type=_weight, default=5.0, metavar="W", help="one weight, kept")
    rollout.add_argument("--steps", type=_weights, metavar="W,W", help="weights on the way to a promotion")
    rollout.add_argument("--min-seconds", type=_amount, default=60.0, metavar="S", help="of each step")
    rollout.add_argument("--minutes", type=_positive, default=60.0, metavar="M", help="to look at it for")
    rollout.add_argument("--pods", type=_count, default=1, metavar="N", help="of the canary; default 1")
    policy = parser.add_argument_group("the policy")
    policy.add_argument("--policy", type=Path, metavar="FILE", help="YAML with the fields of spec.analysis")
    policy.add_argument("--signal", metavar="NAME", help="which of its signals; default: the first")
    policy.add_argument("--max-false-rollback-rate", type=_risk, metavar="P")
    policy.add_argument("--max-ratio", type=_positive, metavar="R")
    policy.add_argument("--max-increase-points", type=_amount, metavar="PP")
    policy.add_argument("--warm-up-seconds", type=_amount, metavar="S")
    telling = parser.add_argument_group("the simulation")
    telling.add_argument("--runs", type=_count, metavar="N", help=f"default {RUNS:,}, or the table's own")
    telling.add_argument("--seed", type=int, default=1, metavar="N", help="the same gives the same")
    telling.add_argument("--table", choices=tuple(TABLES), help="one of the tables of docs/statistics.md")
    telling.add_argument("--json", action="store_true", help="for programs")


def run(parsed: argparse.Namespace) -> int:
    """Simulate what was asked for; the exit code."""
    try:
        if parsed.table is not None:
            _tell_table(parsed)
        else:
            _tell_scenario(parsed, scenario_of(parsed))
    except Unclear as unclear:
        print(f"serin simulate: {unclear}", file=sys.stderr)
        return 1
    return 0


def _tell_scenario(parsed: argparse.Namespace, scenario: Scenario) -> None:
    runs = parsed.runs or RUNS
    done: list[Outcomes] = []
    with suppress(KeyboardInterrupt), tqdm(total=runs, unit="rollout", disable=None) as bar:
        for outcomes in batches(scenario, runs=runs, seed=parsed.seed):
            done.append(outcomes)
            bar.update(len(outcomes.harmed))
    if not done:
        raise Unclear(f"interrupted before the first {min(runs, BATCH)} rollouts were done")
    found = Findings.of(joined(done), scenario.fault)
    if found.runs < runs:
        print(f"interrupted after {found.runs:,} of {runs:,} rollouts", file=sys.stderr)
    if parsed.json:
        print(json.dumps(as_document(scenario, found, seed=parsed.seed), indent=2))
    else:
        print(in_words(scenario, found))


def _tell_table(parsed: argparse.Namespace) -> None:
    table = TABLES[parsed.table]()
    runs = parsed.runs or table.runs
    rows: dict[str, tuple[str, ...]] = {}
    with suppress(KeyboardInterrupt), tqdm(total=table.cells, unit="cell", disable=None) as bar:
        for title, texts in table.filled(runs=runs, seed=parsed.seed):
            rows[title] = texts
            bar.update()
    words = f"{table.words} ({runs:,} rollouts a cell, seed {parsed.seed})."
    if parsed.json:
        named = [dict(zip(table.head, (title, *texts), strict=False)) for title, texts in rows.items()]
        print(
            json.dumps({"table": parsed.table, "words": words, "rows": named}, indent=2, ensure_ascii=False)
        )
    else:
        print(f"{words}\n\n{markdown(table, rows)}")


def _number(text: str, least: float, most: float, need: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = nan
    if not least <= value <= most:
        raise argparse.ArgumentTypeError(f"need {need}, found {text}")
    return value


def _positive(text: str) -> float:
    return _number(text, 1e-6, 1e9, "a number above 0")


def _amount(text: str) -> float:
    return _number(text, 0.0, 1e9, "a number, 0 or above")


def _percent(text: str) -> float:
    return _number(text, 0.0, 100.0, "a percentage")


def _weight(text: str) -> float:
    return _number(text, 1e-3, 99.999, "a percentage between 0 and 100")


def _weights(text: str) -> tuple[float, ...]:
    return tuple(_weight(part) for part in text.split(","))


def _risk(text: str) -> float:
    return _number(text, 1e-9, 0.5, "a probability of at most 0.5")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"need a whole number from 1 on, found {text}")
    return int(text)


def _fault(text: str) -> Fault:
    try:
        return Fault.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
