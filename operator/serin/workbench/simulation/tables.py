"""Named grids of scenarios: the tables of docs/statistics.md are what `serin simulate --table` prints."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

Cell = Callable[[int, int], tuple[str, ...]]
"""What one simulation says, from a number of runs and a seed: a text for each of the columns it fills."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A grid.

    Attributes:
        words: What its numbers are.
        head: The columns' titles; the first is that of the rows' own.
        rows: Each row's title and cells.
        runs: How many rollouts a cell has, unless told otherwise.
    """

    words: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    runs: int

    @property
    def cells(self) -> int:
        """How many simulations it takes."""
        return sum(len(cells) for _, cells in self.rows)

    def filled(self, *, runs: int, seed: int) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Each row's title and all of its texts so far, once for every cell that is done."""
        for title, cells in self.rows:
            texts: tuple[str, ...] = ()
            for cell in cells:
                texts = (*texts, *cell(runs, seed))
                yield title, texts


def markdown(table: Table, rows: dict[str, tuple[str, ...]]) -> str:
    """What there is of a table, as Markdown."""
    lines = [table.head, tuple("---" for _ in table.head)]
    for title, texts in rows.items():
        missing = len(table.head) - 1 - len(texts)
        lines.append((title, *texts, *("",) * missing))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
