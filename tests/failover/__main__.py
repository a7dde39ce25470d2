"""`python -m tests.failover`: forced failovers while rollouts run, and how long each kind took.

Exits with 1 where two replicas acted, a rule was broken or a takeover came too late, and with 2 where the
machine lacks something.
"""

import argparse
import asyncio
import statistics
import sys
from collections import defaultdict
from random import Random
from typing import Final

from tqdm import tqdm

from tests.cluster import network
from tests.cluster.binaries import Binaries, Missing, ready
from tests.failover.pair import SHORT, SHORT_SECONDS, STEADY, STEADY_SECONDS, pair
from tests.failover.rounds import KINDS, one_round
from tests.faults.ground import ground
from tests.faults.run import Ground

WRONG, CANNOT_RUN = 1, 2
IN_ORDER_SECONDS: Final = 2.0
SPARE_SECONDS: Final = 2.0


def main() -> int:
    """Returns the exit code."""
    options = _parser().parse_args()
    try:
        network.require()
        found = ready(print)
        network.enter()
    except Missing as missing:
        print(f"the failovers cannot run: {missing}", file=sys.stderr)
        return CANNOT_RUN
    return asyncio.run(_run(found, options))


async def _run(found: Binaries, options: argparse.Namespace) -> int:
    table = Table(options.rounds, STEADY_SECONDS if options.default_lease else SHORT_SECONDS)
    dice = Random(options.seed)
    kinds = list(KINDS)
    turns = [kinds[number % len(kinds)] for number in range(options.rounds)]
    dice.shuffle(turns)
    async with ground(found) as place:
        each = [turns[start :: options.width] for start in range(options.width)]
        await asyncio.gather(
            *(
                _pair(place, mine, table, options, Random(f"{options.seed} {number}"))
                for number, mine in enumerate(each)
            )
        )
    table.show()
    return WRONG if table.wrong else 0


async def _pair(
    place: Ground, turns: list[str], table: "Table", options: argparse.Namespace, dice: Random
) -> None:
    """All rounds of one pair of replicas, and then what its rollouts and writes tell."""
    async with pair(place, lease=STEADY if options.default_lease else SHORT) as running:
        for kind in turns:
            table.take(kind, (await one_round(running, kind, dice)).seconds)
        await running.settled()
        await running.go_on()
        doubles = await running.doubles()
        table.end(running.rollouts, [str(one) for one in doubles], await running.broken())


class Table:
    """Takeover times by kind, and what went wrong."""

    def __init__(self, rounds: int, lease: float) -> None:
        self.wrong: list[str] = []
        self._lease = lease
        self._seconds: defaultdict[str, list[float]] = defaultdict(list)
        self._rollouts = 0
        self._doubles = 0
        self._bar = tqdm(total=rounds, unit="failover", smoothing=0.05)

    def take(self, kind: str, seconds: float) -> None:
        """One round has ended."""
        self._seconds[kind].append(seconds)
        self._bar.update()
        longest = IN_ORDER_SECONDS if kind == "ended" else self._lease + SPARE_SECONDS
        if seconds > longest:
            self.wrong.append(f"{kind}: {seconds:.1f} s until another led, {longest:g} s allowed")

    def end(self, rollouts: int, doubles: list[str], broken: list[str]) -> None:
        """The rounds of one pair have ended."""
        self._rollouts += rollouts
        self._doubles += len(doubles)
        self.wrong += broken

    def show(self) -> None:
        """The summary."""
        self._bar.close()
        print(
            f"\n{'leader':8} {'rounds':>6} {'median':>7} {'95 %':>7} {'max':>7}   seconds to the next leader"
        )
        for kind, seconds in self._seconds.items():
            found = sorted(seconds)
            late = found[min(len(found) - 1, int(0.95 * len(found)))]
            print(f"{kind:8} {len(found):6} {statistics.median(found):7.2f} {late:7.2f} {found[-1]:7.2f}")
        print(f"{self._doubles} double actions; {self._rollouts} rollouts went on meanwhile")
        for line in self.wrong:
            print(f"wrong: {line}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.failover", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200, help="failovers to force, of all kinds alike")
    parser.add_argument("--width", type=int, default=3, help="pairs of replicas at once")
    parser.add_argument("--seed", type=int, default=0, help="of the order and the moments")
    parser.add_argument("--default-lease", action="store_true", help="a Lease of 15 s in place of 4 s")
    return parser


if __name__ == "__main__":
    sys.exit(main())
