"""`python -m tests.faults`: reference runs, plans of faults made from them, and a table of what came of them.

What differs is printed with the plan's name, by which `--only` repeats it. The exit code is 1 where anything
did, 2 where the machine lacks something.
"""

import argparse
import asyncio
import sys
import time
from collections import Counter, defaultdict

from tqdm import tqdm

from tests.cluster import binaries, network
from tests.cluster.binaries import Binaries, Missing
from tests.faults.ground import WIDTH, References, ground, run_all
from tests.faults.plans import Made, Plan, chosen, made_from
from tests.faults.run import Ran
from tests.faults.workloads import WORKLOADS

DIFFERENT, CANNOT_RUN = 1, 2


def main() -> int:
    """Returns the exit code."""
    options = _parser().parse_args()
    try:
        network.require()
        found = binaries.ready(print)
        network.enter()
    except Missing as missing:
        print(f"the plans cannot run: {missing}", file=sys.stderr)
        return CANNOT_RUN
    return asyncio.run(_run(found, options))


async def _run(found: Binaries, options: argparse.Namespace) -> int:
    began = time.monotonic()
    async with ground(found) as place:
        references = References()
        needed = _needed(options)
        wanted = [one for one in WORKLOADS if not needed or one[0].__name__ in needed]
        await references.run(place, wanted, width=options.width)
        for name, wrong in references.wrong.items():
            _tell(f"without faults {name}", wrong, [])
        made = made_from(references.traces, seed=options.seed)
        plans = _chosen(made, options)
        if options.list:
            print("\n".join(plan.name for plan in plans))
            return 0
        table = Table(len(plans))
        await run_all(place, plans, references.endings, width=options.width, told=table.take)
    table.show(made, len(references.traces), time.monotonic() - began)
    return DIFFERENT if table.different or references.wrong else 0


def _needed(options: argparse.Namespace) -> set[str]:
    """The workloads asked for or of the plans named; empty for all."""
    named = {name.split("/")[1].partition("-")[0] for name in options.only} | set(options.workload)
    # What plans that hide something end like.
    return named | {"create", "there_and_back"} if named else named


def _chosen(made: Made, options: argparse.Namespace) -> list[Plan]:
    if options.only:
        named = [plan for plan in made.plans if plan.name in options.only]
        for name in set(options.only) - {plan.name for plan in named}:
            print(f"there is no plan {name}; --workload NAME --list says which there are", file=sys.stderr)
        repeat: int = options.repeat
        return named * repeat
    kinds = set(options.kind)
    workloads = set(options.workload)
    those = (
        plan
        for plan in made.plans
        if (not kinds or plan.kind in kinds) and (not workloads or plan.workload.__name__ in workloads)
    )
    return chosen(those, options.number, seed=options.seed)


class Table:
    """Counts what came of plans, and says at once what differs."""

    def __init__(self, number: int) -> None:
        self.different: list[str] = []
        self._ran: Counter[str] = Counter()
        self._wrong: Counter[str] = Counter()
        self._restarts: Counter[str] = Counter()
        self._seconds: defaultdict[str, list[float]] = defaultdict(list)
        self._bar = tqdm(total=number, unit="plan", smoothing=0.05)

    def take(self, plan: Plan, ran: Ran) -> None:
        """One plan has ended."""
        self._ran[plan.kind] += 1
        self._restarts[plan.kind] += ran.restarts
        self._seconds[plan.kind].append(ran.seconds)
        self._bar.update()
        if ran.wrong:
            self._wrong[plan.kind] += 1
            self.different.append(plan.name)
            _tell(plan.name, ran.wrong, ran.story)

    def show(self, made: Made, references: int, seconds: float) -> None:
        """The summary."""
        self._bar.close()
        there = Counter(plan.kind for plan in made.plans)
        print(f"\n{'kind':10} {'made':>5} {'run':>5} {'differ':>6} {'starts':>6} {'seconds':>8}")
        for kind in sorted(there):
            mean = sum(self._seconds[kind]) / max(1, self._ran[kind])
            row = f"{kind:10} {there[kind]:5} {self._ran[kind]:5} {self._wrong[kind]:6}"
            print(f"{row} {self._restarts[kind]:6} {mean:8.1f}")
        print(f"{'together':10} {there.total():5} {self._ran.total():5} {self._wrong.total():6}")
        for reason, number in made.pruned.most_common():
            print(f"left out {number:4}: {reason}")
        print(f"{references} workloads twice without faults; {seconds / 60:.1f} minutes in all")
        for name in self.different:
            print(f"differs: make plans ONLY={name}")


def _tell(name: str, wrong: list[str], story: list[str]) -> None:
    lines = [f"\n{name}", *(f"  {line}" for line in wrong), *(f"    {line}" for line in story)]
    tqdm.write("\n".join(lines))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("-n", "--number", type=int, default=300, help="plans to run, of all kinds alike")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="only this plan")
    parser.add_argument("--repeat", type=int, default=1, help="run what --only names so often")
    parser.add_argument("--kind", action="append", default=[], help="only plans of this kind")
    parser.add_argument("--workload", action="append", default=[], help="only plans of this workload")
    parser.add_argument("--width", type=int, default=WIDTH, help="runs at once")
    parser.add_argument("--seed", type=int, default=0, help="of the choice and of what is left to chance")
    parser.add_argument("--list", action="store_true", help="say which plans would run")
    return parser


if __name__ == "__main__":
    sys.exit(main())
