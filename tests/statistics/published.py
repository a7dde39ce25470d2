"""Write the tables of docs/statistics.md anew: `python -m tests.statistics.published [TABLE ...]`.

Each stands below a comment that names it. Nothing between that and the next blank line but one is typed by
hand, and `test_published` holds the page to the tables there are.
"""

import re
import sys
from pathlib import Path
from typing import Final

from tqdm import tqdm

from serin.workbench.simulation.published import TABLES
from serin.workbench.simulation.tables import markdown

PAGE: Final = Path(__file__).parents[2] / "docs" / "statistics.md"
SEED: Final = 1


def block(name: str) -> re.Pattern[str]:
    """A table and the line about it, after the comment that names it and before the one that ends it."""
    return re.compile(rf"(<!-- serin simulate --table {name} -->\n).*?(<!-- end -->)", re.DOTALL)


def simulated(name: str) -> str:
    """The line about a table, and the table."""
    table, rows = TABLES[name](), {}
    with tqdm(total=table.cells, desc=name, unit="cell", disable=None) as bar:
        for title, texts in table.filled(runs=table.runs, seed=SEED):
            rows[title] = texts
            bar.update()
    return f"{table.words} ({table.runs:,} rollouts a cell).\n\n{markdown(table, rows)}\n"


def main(names: list[str]) -> None:
    for name in names or TABLES:
        text = simulated(name)
        page = PAGE.read_text()
        PAGE.write_text(block(name).sub(lambda found, text=text: found[1] + text + found[2], page))  # type: ignore[misc]


if __name__ == "__main__":
    main(sys.argv[1:])
