"""`python -m tests.endurance chaos|traffic|endpoints`: the long runs; the exit code says if all was well."""

import argparse
import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import SystemRandom
from typing import Final

from tests.cluster import binaries, network, prometheus
from tests.cluster.binaries import Binaries, Missing
from tests.endurance import report
from tests.endurance.chaos import Plan, chaos
from tests.endurance.ground import ground

CANNOT_RUN: Final = 2
SCRAPE_SECONDS: Final = 5


def main() -> int:
    """Returns the exit code: 0 where nothing went wrong that must not."""
    options = _parser().parse_args()
    logging.basicConfig(level=logging.ERROR)
    try:
        network.require()
        found = binaries.ready(_say)
        prometheus.find_prometheus(_say)
        network.enter()
    except Missing as missing:
        _say(f"the run cannot begin: {missing}")
        return CANNOT_RUN
    run: Callable[[Binaries, argparse.Namespace], Awaitable[bool]] = options.run
    return 0 if asyncio.run(_awaited(run(found, options))) else 1


async def _awaited(work: Awaitable[bool]) -> bool:
    return await work


async def _chaos(found: Binaries, options: argparse.Namespace) -> bool:
    plan = Plan(
        seed=options.seed,
        minutes=options.minutes,
        models=options.models,
        per_second=options.per_second,
    )
    async with ground(
        found, folder=options.folder, scrape_seconds=SCRAPE_SECONDS, seed=options.seed
    ) as running:
        outcome = await chaos(running, plan)
    for line in report.of_chaos(outcome):
        _say(line)
    return outcome.good


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.endurance", description=__doc__)
    parser.add_argument("--folder", type=Path, help="where all files go and stay; default: a temporary one")
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("chaos", help="random faults over models under traffic")
    one.set_defaults(run=_chaos)
    one.add_argument("--minutes", type=float, default=30, help="of faults (default: %(default)s)")
    one.add_argument("--models", type=int, default=20, help="ModelDeployments (default: %(default)s)")
    one.add_argument("--per-second", type=float, default=5, help="requests to each (default: %(default)s)")
    one.add_argument("--seed", type=int, default=SystemRandom().randrange(10**6), help="of the schedule")
    return parser


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
