"""`python -m tests.search`: every scope at length; `--mutants` asks what the search would notice.

`--scope NAME` searches one, `--most N` goes on to the Nth different fault; `--count N` takes so many mutants.
"""

import argparse
import sys
from collections import Counter
from time import monotonic


def main() -> int:
    """Search, or look for who notices the mutants."""
    parser = argparse.ArgumentParser(prog="python -m tests.search", description=__doc__)
    parser.add_argument("--scope", action="append", default=[], help="search only scopes whose name has this")
    parser.add_argument("--quick", action="store_true", help="search what the default suite does")
    parser.add_argument("--small", action="store_true", help="search what each mutant has to pass")
    parser.add_argument("--leaders", action="store_true", help="search late writes of an old leader")
    parser.add_argument("--most", type=int, default=1, help="different faults to find in a scope")
    parser.add_argument("--mutants", action="store_true")
    parser.add_argument("--count", type=int, default=200, help="mutants to take")
    parser.add_argument("--seed", type=int, default=5, help="which mutants to take")
    asked = parser.parse_args()
    if asked.mutants:
        # Before anything of the operator is imported: each mutant is a process that imports it anew.
        return _mutants(asked.count, asked.seed)
    return _search(asked)


def _search(asked: argparse.Namespace) -> int:
    from tests.search.scopes import FULL, KILLING, LEADERS, QUICK
    from tests.search.searching import Search
    from tests.search.telling import summary, told_story

    scopes = QUICK if asked.quick else KILLING if asked.small else LEADERS if asked.leaders else FULL
    wrong, seconds = 0, 0.0
    for scope in scopes:
        if asked.scope and not any(part in scope.name for part in asked.scope):
            continue
        found = Search(scope).run(most=asked.most)
        seconds += found.seconds
        print(summary(found), flush=True)
        for counterexample in found.counterexamples:
            print("\n".join(told_story(counterexample)), flush=True)
        wrong += len(found.counterexamples)
    print(f"{wrong} counterexamples, {seconds:.0f} s of CPU")
    return 1 if wrong else 0


def _mutants(count: int, seed: int) -> int:
    from tests.search.killing import fates, tested
    from tests.search.mutants import mutants, sample

    chosen, start = sample(count, seed=seed), monotonic()
    print(f"{len(chosen)} of {len(mutants())} mutants", flush=True)
    found = []
    for number, fate in enumerate(fates(chosen), 1):
        found.append(fate)
        print(f"{number:4} {fate.by or 'ALIVE'}: {fate.mutant} -> {fate.how}", flush=True)
    alive = [fate.mutant for fate in found if not fate.by and not fate.equivalent]
    by_tests = [fate for fate in tested(alive) if fate.by]
    for fate in by_tests:
        print(f"     tests: {fate.mutant} -> {fate.how}", flush=True)
    equivalent = [fate for fate in found if not fate.by and fate.equivalent]
    searched = len(found) - len(alive) - len(equivalent)
    real = len(found) - len(equivalent)
    left = {str(mutant) for mutant in alive} - {str(fate.mutant) for fate in by_tests}
    print(f"by scope: {dict(Counter(fate.by for fate in found if fate.by))}")
    print(f"{len(equivalent)} are no faults; of {real} others the search noticed {searched}", end=" ")
    print(f"({100 * searched / real:.1f} %), the fast tests {len(by_tests)} more, nobody {len(left)}")
    print("\n".join(sorted(left)))
    print(f"{monotonic() - start:.0f} s")
    return 0 if 100 * (real - len(left)) >= 95 * real else 1


if __name__ == "__main__":
    sys.exit(main())
