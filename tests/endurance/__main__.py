"""`python -m tests.endurance`: the long runs; the exit code says whether all was well."""

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import SystemRandom
from tempfile import TemporaryDirectory
from typing import Final

from tests.cluster import binaries, network, prometheus
from tests.cluster.binaries import Binaries, Missing
from tests.cluster.envoy import Envoy
from tests.cluster.tasks import waiting
from tests.endurance import report
from tests.endurance.blackouts import blackouts
from tests.endurance.chaos import Plan, chaos
from tests.endurance.endpoints import BAR_SECONDS, losses
from tests.endurance.ground import ground
from tests.endurance.openings import opened
from tests.endurance.versions import Asked, turned

CANNOT_RUN: Final = 2
SCRAPE_SECONDS: Final = 5
LEAVE_WITHIN: Final = 60.0


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
        _leave_soon(code=int(not outcome.good))
    return outcome.good


def _leave_soon(*, code: int) -> None:
    """End in any case: a pod hit at a bad moment may hold up the end of its node, and the cluster's warden
    clears away what a process leaves that did not end in order.
    """

    def leave() -> None:
        _say("the end of the run hangs:")
        for line in waiting():
            _say(f"  {line}")
        os._exit(code)

    asyncio.get_running_loop().call_later(LEAVE_WITHIN, leave)


async def _blackouts(found: Binaries, options: argparse.Namespace) -> bool:
    async with ground(
        found, folder=options.folder, scrape_seconds=SCRAPE_SECONDS, seed=options.seed
    ) as running:
        seen = await blackouts(running, per_second=options.per_second, seed=options.seed)
    for line in report.of_blackouts(seen):
        _say(line)
    return seen.good


async def _traffic(found: Binaries, options: argparse.Namespace) -> bool:
    async with ground(found, folder=options.folder, judged=False, seed=options.seed) as running:
        asked = Asked(
            requests=options.requests,
            streams=options.streams,
            per_second=options.per_second,
            models=options.models,
        )
        seen = await turned(running, asked)
    for line in report.of_versions(seen):
        _say(line)
    return seen.good


async def _openings(found: Binaries, options: argparse.Namespace) -> bool:
    with TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        async with Envoy(folder / "envoy") as envoy:
            seen = await opened(envoy, folder, openings=options.count, per_second=options.per_second)
    for line in report.of_openings(seen):
        _say(line)
    return not [one for one in seen.results.sent if one.status != 200]


async def _endpoints(found: Binaries, options: argparse.Namespace) -> bool:
    delay = options.delay
    async with ground(
        found, folder=options.folder, judged=False, delay_seconds=delay, seed=options.seed
    ) as running:
        seen = await losses(running, rounds=options.rounds)
    for line in report.of_losses(seen, delay=delay):
        _say(line)
    return all(one.written <= BAR_SECONDS and one.served <= BAR_SECONDS + delay for one in seen)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.endurance", description=__doc__)
    parser.add_argument("--folder", type=Path, help="where all files go and stay; default: a temporary one")
    seed = SystemRandom().randrange(10**6)
    parser.add_argument("--seed", type=int, default=seed, help="of all that is left to chance")
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("chaos", help="random faults over models under traffic")
    one.set_defaults(run=_chaos)
    one.add_argument("--minutes", type=float, default=30, help="of faults (default: %(default)s)")
    one.add_argument("--models", type=int, default=20, help="ModelDeployments (default: %(default)s)")
    one.add_argument("--per-second", type=float, default=5, help="requests to each (default: %(default)s)")
    two = commands.add_parser("traffic", help="requests and streams while versions come and go")
    two.set_defaults(run=_traffic)
    two.add_argument("--requests", type=int, default=50_000, help="at least (default: %(default)s)")
    two.add_argument("--streams", type=int, default=200, help="at least (default: %(default)s)")
    two.add_argument("--per-second", type=float, default=120, help="requests (default: %(default)s)")
    two.add_argument("--models", type=int, default=3, help="that share them (default: %(default)s)")
    three = commands.add_parser("openings", help="a weight from 0, again and again, on Envoy alone")
    three.set_defaults(run=_openings)
    three.add_argument("--count", type=int, default=1000, help="of openings (default: %(default)s)")
    three.add_argument("--per-second", type=float, default=500, help="requests (default: %(default)s)")
    four = commands.add_parser("endpoints", help="a canary that loses its endpoints")
    four.set_defaults(run=_endpoints)
    four.add_argument("--rounds", type=int, default=5, help="of four ways (default: %(default)s)")
    four.add_argument("--delay", type=float, default=0, help="the gateway's own, at most (default: 0 s)")
    five = commands.add_parser("blackouts", help="Prometheus killed at each turn of a rollout")
    five.set_defaults(run=_blackouts)
    five.add_argument("--per-second", type=float, default=10, help="requests to each (default: %(default)s)")
    return parser


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
