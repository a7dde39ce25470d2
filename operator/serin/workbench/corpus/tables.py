"""What was measured on the corpus, as the tables of its page."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from serin.workbench.corpus.described import Truth
from serin.workbench.corpus.scoring import SERIN, Judged, Score, score
from serin.workbench.recorded import Kind
from serin.workbench.simulation.estimates import share

_CALLED: Final = {SERIN: f"{SERIN}, without scores"}


def tables(results: Sequence[Judged]) -> str:
    """What was measured, in Markdown."""
    names = list(dict.fromkeys(name for one in results for name in one.rollbacks))
    short = [name.replace(" failures", "") for name in names]
    ruled = [one for one in results if one.told.kind is not Kind.SCORES]
    rows = [_score_row(f"{SERIN}, all signals", score(results, SERIN))]
    rows += [_score_row(_CALLED.get(name, name), score(ruled, name)) for name in names]
    head = ("by", "rollouts", "rollbacks", "precision", "detectable faults", "recall", "median delay")
    healthy = [one for one in results if one.told.truth is not Truth.FAULTY]
    faulty = [one for one in results if one.told.truth is Truth.FAULTY]
    return "\n\n".join(
        (
            _table(head, rows),
            _table(("not to be taken back", "rollouts", *short), _by_family(healthy, names, _wrong)),
            _table(("fault", "detectable of all", *short), _by_family(faulty, names, _found)),
        )
    )


def _score_row(name: str, one: Score) -> tuple[str, ...]:
    delay = "-" if one.delay is None else f"{one.delay:.0f} s"
    return (
        name,
        f"{one.rollouts:,}",
        f"{one.rollbacks:,}",
        _percent(one.right, one.rollbacks),
        f"{one.detectable:,}",
        _percent(one.found, one.detectable),
        delay,
    )


def _by_family(
    results: Sequence[Judged], names: Sequence[str], cell: Callable[[Sequence[Judged], str], str]
) -> list[tuple[str, ...]]:
    families: dict[str, list[Judged]] = {}
    for one in results:
        families.setdefault(one.told.family, []).append(one)
    rows = []
    for family, members in families.items():
        detectable = sum(one.detectable for one in members)
        faulty = members[0].told.truth is Truth.FAULTY
        size = f"{detectable} of {len(members)}" if faulty else f"{len(members)}"
        rows.append((family, size, *(cell(members, name) for name in names)))
    return rows


def _wrong(members: Sequence[Judged], name: str) -> str:
    applies = any(name in one.rollbacks for one in members)
    return f"{score(members, name).rollbacks}" if applies else "-"


def _found(members: Sequence[Judged], name: str) -> str:
    applies = any(name in one.rollbacks for one in members)
    one = score(members, name)
    if not applies or not one.detectable:
        return "-"
    return f"{one.found}" + ("" if one.delay is None else f" ({one.delay:.0f} s)")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _percent(hits: int, runs: int) -> str:
    """With the bounds between which the truth lies with 95 % confidence."""
    if not runs:
        return "-"
    found = share(hits, runs)
    return f"{found.value:.1%} ({found.lower:.1%} to {found.upper:.1%})"
