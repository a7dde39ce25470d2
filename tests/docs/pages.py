"""The pages, cut into what can be tried: blocks of code with their language, commands, headings, links."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.conftest import REPOSITORY

PAGES: Final = (
    REPOSITORY / "README.md",
    *sorted((REPOSITORY / "docs").rglob("*.md")),
    *sorted((REPOSITORY / "charts").rglob("*.md")),
)
SEPARATORS: Final = frozenset({";", "&", "&&", "||", "|", "(", ")", ">", ">>", "<", "2>"})
_BLOCK: Final = re.compile(r"^( *)```(\w+)([^\n]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"(?<!\!)\[[^]]*\]\(([^)\s]+)\)|!\[[^]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True, slots=True)
class Block:
    """Code of one language, with the file name that the page gives it."""

    page: Path
    line: int
    language: str
    title: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(REPOSITORY)}:{self.line}"


def blocks(*languages: str) -> list[Block]:
    """Those of all pages in these languages."""
    return [block for page in PAGES for block in _blocks(page) if block.language in languages]


def titled(page: str, title: str) -> list[str]:
    """The code that a page has under a file's name, in order."""
    return [
        one.text for one in blocks("python", "yaml", "json") if one.page.name == page and one.title == title
    ]


def commands(block: Block) -> Iterator[list[str]]:
    """Each command of a shell block in words; pipes and lists are taken apart, substitutions left whole."""
    # Quoted text keeps its newlines: only those between commands end one.
    lexer = shlex.shlex(block.text.replace("\\\n", " ").replace("\n", "\n; "), punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in lexer:
        if word in SEPARATORS or not set(word) - set("();&|<>"):
            if words:
                yield words
            words = []
        else:
            words.append(shlex.split(word)[0] if word[0] in "'\"" else word)
    if words:
        yield words


def links(page: Path) -> Iterator[str]:
    """Where it links to, code left out."""
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    for link, picture in _LINK.findall(re.sub(r"`[^`\n]*`", "", text)):
        yield link or picture


def anchors(page: Path) -> set[str]:
    """What its headings can be linked by."""
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def _blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in _BLOCK.finditer(text):
        _, language, about, code = found.groups()
        title = re.search(r'title="([^"]*)"', about)
        line = text.count("\n", 0, found.start()) + 1
        yield Block(page, line, language, title[1] if title else "", code)
