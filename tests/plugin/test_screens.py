"""`kubectl serin` as a person uses it: the real kubectl, a shell, a terminal, and what is seen in it."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import pytest_asyncio

from tests.cluster.cluster import Cluster
from tests.cluster.gateway import Gateway
from tests.cluster.needed import needed
from tests.plugin import tmux
from tests.plugin.screens import OURS, driven, on_the_page, screens, timeless
from tests.plugin.tmux import Terminal
from tests.stage.operator import Operator


@pytest.fixture(scope="module", autouse=True)
def in_a_terminal() -> None:
    """Without tmux there is nothing to look at; where CI is set that is a failure, and otherwise told."""
    needed(tmux.find)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A place whose path is short: tmux has its socket there."""
    with TemporaryDirectory(prefix="tmux-") as made:
        (Path(made) / "second").mkdir()
        yield Path(made)


@pytest_asyncio.fixture(loop_scope="session")
async def driver(cluster: Cluster, gateway: Gateway, account: Path) -> AsyncIterator[Operator]:
    """The operator that drives the page's model."""
    async with driven(cluster, account) as running:
        yield running


async def test_the_pages_screens_are_what_a_terminal_shows(
    cluster: Cluster, driver: Operator, folder: Path
) -> None:
    shown = await screens(cluster, folder)

    page = on_the_page()
    cure = "run make screens"
    assert set(shown) == set(page), cure
    for name, screen in shown.items():
        assert timeless(screen) == timeless(page[name]), f"{name}: {cure}"


def test_only_times_and_random_names_are_left_out_of_the_comparison() -> None:
    first = "□ fraud-325f42dc46-7776d4789d-9mc8f Pod ✔ Running  9s  fraud-325f42dc46.1  2026-11-23 15:49:01"
    later = "□ fraud-325f42dc46-7776d4789d-ftjwl Pod ✔ Running 119s fraud-325f42dc46.1  2026-11-24 05:49:01"

    assert timeless(first) == timeless(later)
    assert timeless(first) != timeless(first.replace("Running", "CrashLoop"))
    assert timeless(first) != timeless(first.replace("dc46.1", "dc46.2"))
    assert timeless(first) == timeless(first.replace("325f42dc46", "050a992d0f"))
    assert timeless(first) != timeless(first.replace("325f42dc46.1", "050a992d0f.1"))


async def test_colours_are_for_terminals_alone(folder: Path) -> None:
    (folder / "bad.yaml").write_text("kind: ModelDeployment\napiVersion: serin.dev/v1\n")
    async with Terminal(folder, {"PATH": OURS}) as terminal:
        coloured = await _coloured(terminal, f"kubectl serin lint {folder}/bad.yaml")
        asked = await _coloured(terminal, f"NO_COLOR=1 kubectl serin lint {folder}/bad.yaml")
        option = await _coloured(terminal, f"kubectl serin --no-color lint {folder}/bad.yaml")
        piped = await _coloured(terminal, f"kubectl serin lint {folder}/bad.yaml | cat")

    assert (coloured, asked, option, piped) == (True, False, False, False)


async def _coloured(terminal: Terminal, command: str) -> bool:
    assert "error" in await terminal.run(command)
    return re.search(r"\x1b\[31m", await terminal.screen(colours=True)) is not None


async def test_tab_completes(folder: Path) -> None:
    async with Terminal(folder, {"PATH": OURS}) as terminal:
        await terminal.run("source <(kubectl serin completion bash)")
        await terminal.clear()
        await terminal.type("kubectl-serin prom")
        await terminal.keys("Tab")

        await terminal.until_seen(r"^\$ kubectl-serin promote")
