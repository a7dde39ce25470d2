"""docs/statistics.md has every table there is, with its rows; what is in the cells `make simulate` writes."""

import pytest

from serin.workbench.simulation.published import TABLES
from tests.statistics.published import PAGE, block


@pytest.mark.parametrize("name", TABLES)
def test_the_page_has_the_table(name: str) -> None:
    table = TABLES[name]()

    found = block(name).search(PAGE.read_text())

    assert found is not None
    lines = [line.strip("| ").split(" | ") for line in found[0].splitlines() if line.startswith("|")]
    assert tuple(lines[0]) == table.head
    assert [line[0] for line in lines[2:]] == [title for title, _ in table.rows]
    assert all(len(line) == len(table.head) and all(line) for line in lines[2:])
