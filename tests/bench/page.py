"""Puts figures into `docs/performance.md`, from what `--json` wrote: `python -m tests.bench.page FILE ...`.

Nothing on that page between its two marks is written by hand.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

PAGE: Final = Path(__file__).parents[2] / "docs" / "performance.md"
BEGIN: Final = "<!-- figures, by tests.bench.page -->\n"
END: Final = "<!-- end of figures -->\n"
COLUMNS: Final = (
    "writes",
    "reads",
    "Events",
    "looks",
    "CPU",
    "yard",
    "peak memory",
    "clients",
    "all done after",
)


def main(names: Sequence[str]) -> None:
    """Replace what is between the marks."""
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    tables = "\n".join(table(json.loads(Path(name).read_text())) for name in names)
    PAGE.write_text(f"{before}{BEGIN}\n{tables}\n{END}{after}")


def table(document: Mapping[str, Any]) -> str:
    """The figures of one run as Markdown, and the bars that it missed."""
    count, changed = document["objects"], document.get("changed", document["objects"])
    title = f"N={count}" + (f", {changed} changed" if changed != count else "")
    head = [f"| {title} | {' | '.join(COLUMNS)} |", "|" + "---|" * (len(COLUMNS) + 1)]
    missed = [
        f"{bar['name']}: {bar['value']:.4g} ({bar['limit']:g})"
        for bar in document["bars"]
        if not bar["holds"]
    ]
    said = f"Bars missed: {'; '.join(missed)}." if missed else "All bars hold."
    return "\n".join([*head, *map(_row, document["operations"]), "", said, ""])


def _row(one: Mapping[str, Any]) -> str:
    return f"| {one['name']} | {' | '.join(_cells(one))} |"


def _cells(one: Mapping[str, Any]) -> Iterator[str]:
    for name in ("writes", "reads", "events", "looks"):
        yield f"{one[name] / one['objects']:.3g}"
    yield f"{1000 * one['cpu_seconds'] / one['objects']:.3g} ms"
    yield f"{one['yardstick_milliseconds']:.1f} ms"
    yield f"{one['peak_bytes'] / 1e6:.0f} MB"
    yield f"{one['asking_seconds']:.0f} s" if one["asking_seconds"] else ""
    yield f"{one['arriving_seconds']:.0f} s" if one["name"] != "idle" else ""


if __name__ == "__main__":
    main(sys.argv[1:])
