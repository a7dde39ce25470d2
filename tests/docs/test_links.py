"""No link leads nowhere, and the site can be built."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.docs.pages import PAGES, anchors, links


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_link_leads_somewhere(page: Path) -> None:
    lost = []
    for link in links(page):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(link)

    assert lost == []


def test_every_page_is_in_the_sites_contents(tmp_path: Path) -> None:
    """`mkdocs --strict` ends on what it cannot find, and on a page that nothing leads to."""
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--site-dir",
        str(tmp_path),
    ]
    built = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)

    assert built.returncode == 0, built.stderr
    assert "not included in the" not in built.stderr
    assert (tmp_path / "tutorial" / "index.html").exists()
