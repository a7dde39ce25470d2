"""The terminal, or what stands in its place: where words go, how wide it is, and whether it shows colours.

A line is made of spans with a tone each; only here a tone becomes a colour. Without colours nothing is lost:
whatever a tone says, a word says too.
"""

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TextIO, TypeAlias

from serin.domain.plain import plain


class Tone(StrEnum):
    """What a word feels like."""

    PLAIN = ""
    GOOD = "32"
    BUSY = "36"
    HELD = "33"
    BAD = "31"
    FAINT = "2"
    STRONG = "1"


@dataclass(frozen=True, slots=True)
class Span:
    """Some words of one tone; what others wrote is made plain, so that nothing in it moves the cursor."""

    text: str
    tone: Tone = Tone.PLAIN

    def __post_init__(self) -> None:
        """One line, and nothing a terminal obeys."""
        if not self.text.isprintable():
            object.__setattr__(self, "text", plain(self.text))


Line: TypeAlias = tuple[Span, ...]

_HOME, _CLEAR_LINE, _CLEAR_REST = "\x1b[H", "\x1b[K", "\x1b[J"
_ALONE, _TOGETHER = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
"""A screen of our own without a cursor, and back."""
GAP: Final = 2


def line(*parts: str | Span) -> Line:
    """A line of spans; text without a tone is plain."""
    return tuple(Span(part) if isinstance(part, str) else part for part in parts)


def text_of(spans: Line) -> str:
    """What a line says."""
    return "".join(span.text for span in spans)


def table(rows: Iterable[Sequence[str | Span | Line]]) -> list[Line]:
    """Rows with their columns under each other; the last one is as long as it is."""
    cells = [[_cell(cell) for cell in row] for row in rows]
    columns = max((len(row) for row in cells), default=0)
    widths = [
        max((len(text_of(row[index])) for row in cells if len(row) > index), default=0)
        for index in range(columns)
    ]
    return [_padded(row, widths) for row in cells]


def _cell(cell: str | Span | Line) -> Line:
    return cell if isinstance(cell, tuple) else line(cell)


def _padded(row: Sequence[Line], widths: Sequence[int]) -> Line:
    spans: list[Span] = []
    for index, cell in enumerate(row):
        spans += cell
        if index + 1 < len(row):
            spans.append(Span(" " * (widths[index] - len(text_of(cell)) + GAP)))
    return tuple(spans)


class Terminal:
    """Where a command writes.

    Attributes:
        live: Whether there is a screen that can be drawn anew.
        colour: Whether tones are shown: on such a screen, unless NO_COLOR is set.
    """

    def __init__(self, out: TextIO, err: TextIO, *, environment: Mapping[str, str] | None = None) -> None:
        self.out, self.err = out, err
        given = os.environ if environment is None else environment
        self.live = out.isatty() and given.get("TERM") != "dumb"
        self.colour = self.live and not given.get("NO_COLOR")

    def say(self, *lines: Line | str) -> None:
        """Write lines."""
        for one in lines:
            self.out.write(self._painted(line(one) if isinstance(one, str) else one).rstrip() + "\n")
        self.out.flush()

    def warn(self, text: str) -> None:
        """Write a line for a person beside what a program may read."""
        self.err.write(f"{text}\n")
        self.err.flush()

    def open(self) -> None:
        """Begin a screen that is drawn again and again."""
        if self.live:
            self.out.write(_ALONE)

    def draw(self, lines: Sequence[Line]) -> None:
        """Put these lines in place of those before, cut to the screen; one after the other where there is no
        screen.
        """
        if not self.live:
            self.say(*lines, "")
            return
        width, height = shutil.get_terminal_size()
        shown = [self._painted(_cut(one, width)) + _CLEAR_LINE for one in lines[: height - 1]]
        self.out.write(_HOME + "\r\n".join(shown) + "\r\n" + _CLEAR_REST)
        self.out.flush()

    def close(self, lines: Sequence[Line] = ()) -> None:
        """End the screen, and leave the last picture behind."""
        if self.live:
            self.out.write(_TOGETHER)
            self.say(*lines)

    def _painted(self, spans: Line) -> str:
        if not self.colour:
            return text_of(spans)
        return "".join(f"\x1b[{span.tone}m{span.text}\x1b[0m" if span.tone else span.text for span in spans)


def _cut(spans: Line, width: int) -> Line:
    kept: list[Span] = []
    left = width
    for span in spans:
        kept.append(Span(span.text[:left], span.tone))
        left -= len(span.text)
        if left <= 0:
            break
    return tuple(kept)
