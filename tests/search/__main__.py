"""`python -m tests.search`: every scope at length; `--mutants` asks what the search would notice.

`--scope NAME` searches one, `--most N` goes on to the Nth different fault; `--count N` takes so many mutants.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from functools import partial
from multiprocessing import get_context
from time import monotonic
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tests.search.killing import Fate
    from tests.search.scope import Scope
    from tests.search.searching import Found

WANTED: Final = 95.0
"""Percent of the mutants that are to be killed."""


def main() -> int:
    """Search, or look for who notices the mutants."""
    parser = argparse.ArgumentParser(prog="python -m tests.search", description=__doc__)
    parser.add_argument("--scope", action="append", default=[], help="search only scopes whose name has this")
    parser.add_argument("--quick", action="store_true", help="search what the default suite does")
    parser.add_argument("--small", action="store_true", help="search what each mutant has to pass")
    parser.add_argument("--leaders", action="store_true", help="search what two leaders do without a licence")
    parser.add_argument("--most", type=int, default=1, help="different faults to find in a scope")
    parser.add_argument("--seconds", type=float, default=100, help="of CPU for each scope")
    parser.add_argument("--mutants", action="store_true")
    parser.add_argument("--count", type=int, default=300, help="mutants to take")
    parser.add_argument("--seed", type=int, default=5, help="which mutants to take")
    parser.add_argument("--skip", type=int, default=0, help="mutants to leave out before these")
    parser.add_argument("--only", default="", help="of these, mutants whose description has this")
    parser.add_argument("--processes", type=int, default=2, help="that work side by side")
    asked = parser.parse_args()
    if asked.mutants:
        # Before anything of the operator is imported: each mutant is a process that imports it anew.
        return _mutants(asked)
    return _search(asked)


def _search(asked: argparse.Namespace) -> int:
    from tests.search.scopes import FULL, KILLING, QUICK, UNLICENSED
    from tests.search.telling import summary, told_story

    scopes = QUICK if asked.quick else KILLING if asked.small else UNLICENSED if asked.leaders else FULL
    chosen = [one for one in scopes if not asked.scope or any(part in one.name for part in asked.scope)]
    start, totals = monotonic(), Counter[str]()
    # The same processes for all: to fork while another thread prints may leave the new one locked for ever.
    with get_context("fork").Pool(asked.processes) as pool:
        search = partial(_searched, most=asked.most, seconds=asked.seconds)
        for found in pool.imap_unordered(search, chosen, chunksize=1):
            print(summary(found), flush=True)
            for counterexample in found.counterexamples:
                print("\n".join(told_story(counterexample)), flush=True)
            totals["states"] += found.states
            totals["transitions"] += found.transitions
            totals["counterexamples"] += len(found.counterexamples)
            totals["s of CPU"] += round(found.seconds)
            totals["scopes out of time"] += not found.whole
    told = ", ".join(f"{count} {what}" for what, count in totals.items())
    print(f"{len(chosen)} scopes: {told}; {monotonic() - start:.0f} s")
    return 1 if totals["counterexamples"] or totals["scopes out of time"] else 0


def _searched(scope: "Scope", *, most: int, seconds: float) -> "Found":
    from tests.search.searching import Search

    return Search(scope).run(most=most, seconds=seconds)


def _mutants(asked: argparse.Namespace) -> int:
    from tests.search.killing import fates, found_without_fault
    from tests.search.mutants import difference, mutants, sample

    chosen, start = sample(asked.count, seed=asked.seed, skip=asked.skip), monotonic()
    chosen = [mutant for mutant in chosen if asked.only in str(mutant)]
    print(f"{len(chosen)} of {len(mutants())} mutants, seed {asked.seed}", flush=True)
    if wrong := found_without_fault():
        print(f"nothing can be told of mutants: without any, {wrong}")
        return 1
    found = []
    for number, fate in enumerate(fates(chosen, processes=asked.processes), 1):
        found.append(fate)
        told = fate.by or ("no fault" if fate.equivalent else "ALIVE")
        print(f"{number:4} {told}: {fate.mutant} -> {fate.how}", flush=True)
    alive = [fate.mutant for fate in found if not fate.by and not fate.equivalent]
    for mutant in sorted(alive, key=lambda mutant: (mutant.module, mutant.number)):
        print("\n".join((f"{mutant.place} in {mutant.function}", *difference(mutant))))
    return _tally(found, monotonic() - start)


def _tally(found: "Sequence[Fate]", seconds: float) -> int:
    """How many were noticed, and by whom; 1 where that is too few."""
    from tests.search.killing import TESTS

    real = [fate for fate in found if fate.by or not fate.equivalent]
    by = Counter(fate.by for fate in real)
    alive, tested = by.pop("", 0), by[TESTS]
    searched = len(real) - alive - tested
    killed = 100 * (len(real) - alive) / max(1, len(real))
    print(f"by scope: {dict(by.most_common())}")
    print(
        f"{len(found) - len(real)} are no faults; of {len(real)} others the search noticed {searched}",
        end=" ",
    )
    print(
        f"({100 * searched / max(1, len(real)):.1f} %), the fast tests {tested} more, nobody {alive}: ",
        end="",
    )
    print(f"{killed:.1f} % are killed, in {seconds:.0f} s")
    return 0 if killed >= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
