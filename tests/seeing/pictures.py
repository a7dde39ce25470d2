"""What several panels of the dashboards have in common: selectors, colours, and kinds of pictures.

Every replica of the operator tells of every model, so each query takes the largest of what they say.
"""

from typing import Final

from tests.seeing.panels import COLOURS, Json, Panel, Query, steps, words

CHOSEN: Final = 'namespace=~"$namespace"'
THIS: Final = 'namespace="$namespace",name="$name"'
ITS: Final = "by (namespace, name)"
NONE: Final = "or vector(0)"
ENDED: Final = {
    "Promoted": "green",
    "RolledBack": "red",
    "Superseded": "blue",
    "Reverted": "yellow",
}
VERDICTS: Final = {1: "Safe", 2: "Undecided", 3: "NoData", 4: "Harm"}
BARS: Final = {"drawStyle": "bars", "fillOpacity": 60, "lineWidth": 0, "stacking": {"mode": "normal"}}
STACKED: Final = {"fillOpacity": 40, "lineWidth": 1, "stacking": {"mode": "normal"}}
GOOD: Final = {"thresholds": steps((None, "green"))}
BAD: Final = {"thresholds": steps((None, "green"), (1, "red"))}


def number(title: str, about: str, expr: str, **more: object) -> Panel:
    """One large figure."""
    given: Json = {"unit": "short", "wide": 4, "high": 4, **more}
    return Panel(title=title, about=about, queries=[Query(expr, instant=True)], kind="stat", **given)


def quantiles(metric: str, by: str = "") -> list[Query]:
    """Half, nine tenths and all but one in a hundred."""
    more = f", {by}" if by else ""
    told = f"{{{{{by}}}}} " if by else ""
    return [
        Query(
            f"histogram_quantile({q}, sum by (le{more}) (rate({metric}_bucket[$__rate_interval])))",
            f"{told}p{round(q * 100)}",
        )
        for q in (0.5, 0.9, 0.99)
    ]


def verdicts(metric: str, selector: str, by: str) -> str:
    """The verdict as a number that `words` puts into words."""
    parts = (
        f'max by ({by}) ({metric}{{{selector},verdict="{word}"}} * {value})'
        for value, word in VERDICTS.items()
    )
    return " + ".join(parts)


SPOKEN: Final[Json] = {
    "mappings": words({value: (word, COLOURS[word]) for value, word in VERDICTS.items()}),
    "min": 1,
    "max": 4,
}
