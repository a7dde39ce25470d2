"""What docs/metrics.md says there is: metrics with their kind and labels, and the tools that read them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import promql_parser

from tests.cluster.needed import needed
from tests.cluster.prometheus import find_prometheus

REPOSITORY: Final = Path(__file__).parents[2]
FILES: Final = REPOSITORY / "charts" / "serin" / "files"
DOCS: Final = REPOSITORY / "docs"


@dataclass(frozen=True, slots=True)
class Documented:
    """One row."""

    name: str
    kind: str
    labels: frozenset[str]


def metrics() -> dict[str, Documented]:
    """By the name of each series: a histogram has three."""
    found = {}
    for line in (DOCS / "metrics.md").read_text(encoding="utf-8").splitlines():
        if row := re.match(r"\| `(serin_\w+)` \| (\w+) \|([^|]*)\|", line):
            name, kind, labels = row[1], row[2], frozenset(re.findall(r"`(\w+)`", row[3]))
            for series, more in _series(name, kind):
                found[series] = Documented(series, kind, labels | more)
    return found


def _series(name: str, kind: str) -> Iterator[tuple[str, frozenset[str]]]:
    if kind != "histogram":
        yield name, frozenset()
        return
    yield f"{name}_bucket", frozenset({"le"})
    yield f"{name}_sum", frozenset()
    yield f"{name}_count", frozenset()


def selectors(expression: str) -> list[Any]:
    """Every vector selector of an expression. Raises ValueError where it is no PromQL."""
    return list(_selectors(promql_parser.parse(expression)))


def _selectors(node: Any) -> Iterator[Any]:
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    for name in ("expr", "lhs", "rhs", "param", "vs", "vector_selector"):
        if (child := getattr(node, name, None)) is not None:
            yield from _selectors(child)
    for child in getattr(node, "args", None) or ():
        yield from _selectors(child)


def promtool() -> Path:
    """Prometheus' own tool; the test is skipped where it cannot be had, and fails where CI is set."""
    return needed(find_prometheus).with_name("promtool")
