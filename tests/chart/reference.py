"""The chart's values.yaml and the table of its README, made from `values.schema.json`.

The schema is written by hand and has everything: types, bounds, defaults and words.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import wrap
from typing import Any, Final

CHART: Final = Path(__file__).parents[2] / "charts" / "serin"
SCHEMA: Final = CHART / "values.schema.json"
WIDTH: Final = 110
BEGIN: Final = "<!-- values: made from values.schema.json by `python -m tests.chart.generated` -->\n"
END: Final = "<!-- end of values -->\n"

Schema = Mapping[str, Any]


def schema() -> Schema:
    """What values there are."""
    found: Schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return found


def defaults(node: Schema) -> dict[str, Any]:
    """The default values, as Helm sees them."""
    return {
        name: defaults(child) if groups(child) else child["default"]
        for name, child in node["properties"].items()
        if groups(child) or "default" in child
    }


def leaves(node: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Every value by its path, in the schema's order; groups come apart into their members."""
    for name, child in node["properties"].items():
        if groups(child):
            yield from leaves(child, f"{path}{name}.")
        else:
            yield f"{path}{name}", child


def groups(node: Schema) -> bool:
    """Whether it only holds other values."""
    return "properties" in node


def values_yaml() -> str:
    """`values.yaml`: every value with its default, and what it means above it."""
    head = "# Defaults. Made from values.schema.json by `python -m tests.chart.generated`.\n"
    return head + "\n".join([*_lines(schema(), ""), ""])


def _lines(node: Schema, indent: str) -> Iterator[str]:
    for name, child in node["properties"].items():
        if not groups(child) and "default" not in child:
            continue
        first = "\n" if not indent else ""
        words = wrap(child["description"], WIDTH - len(indent) - 2, break_on_hyphens=False)
        yield first + "\n".join(f"{indent}# {line}" for line in words)
        if groups(child):
            yield f"{indent}{name}:"
            yield from _lines(child, indent + "  ")
        else:
            yield f"{indent}{name}: {_shown(child['default'])}"


def table() -> str:
    """The README's table of all values."""
    rows = [
        f"| `{path}` | {_type(node)} | {_default(node)} | {node['description']} |"
        for path, node in leaves(schema())
    ]
    return "\n".join(["| value | type | default | meaning |", "|---|---|---|---|", *rows, ""])


def readme(text: str) -> str:
    """The README with its table made anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table()}{END}{after}"


def _default(node: Schema) -> str:
    return f"`{_shown(node['default'])}`" if "default" in node else ""


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _type(node: Schema) -> str:
    if allowed := [one for one in node.get("enum", ()) if one]:
        return ", ".join(f"`{one}`" for one in allowed)
    kind = node["type"] if isinstance(node["type"], str) else " or ".join(node["type"])
    return f"{kind} of {_type(node['items'])}s" if kind == "array" and "items" in node else str(kind)
