"""The parts a Grafana dashboard is made of, as the JSON that Grafana 10 to 12 read.

Only what differs from Grafana's defaults is written down. Each panel says its unit, and asks the data source
that the person chose.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import Any, Final

Json = dict[str, Any]
SOURCE: Final[Json] = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS: Final = 24
SCHEMA: Final = 38
"""That of Grafana 10; newer ones bring it up to theirs when they read it."""
COLOURS: Final = {"Harm": "red", "Undecided": "yellow", "Safe": "green", "NoData": "purple"}
ARMS: Final = {"canary": "orange", "stable": "blue"}


@dataclass(frozen=True, slots=True)
class Query:
    """One line of a panel. An instant one yields a row for each series."""

    expr: str
    legend: str = ""
    instant: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One picture.

    Attributes:
        kind: Grafana's name of its type.
        about: What a person reads when hovering over the title.
        wide: Of 24 columns.
        defaults: More of the fields' defaults, such as thresholds and mappings.
        overrides: For single series.
    """

    title: str
    about: str
    queries: Sequence[Query]
    unit: str = "short"
    kind: str = "timeseries"
    wide: int = 12
    high: int = 8
    defaults: Mapping[str, Any] = field(default_factory=dict)
    overrides: Sequence[Json] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    transformations: Sequence[Json] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A heading and what is below it."""

    title: str
    panels: Sequence[Panel]


OPTIONS: Final[Mapping[str, Json]] = {
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "textMode": "auto",
    },
    "state-timeline": {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "mergeValues": True,
        "rowHeight": 0.9,
        "showValue": "auto",
    },
    "table": {"cellHeight": "sm", "showHeader": True},
}
CUSTOM: Final[Mapping[str, Json]] = {
    "timeseries": {"drawStyle": "line", "fillOpacity": 10, "lineWidth": 2, "showPoints": "never"},
    "state-timeline": {"fillOpacity": 80, "lineWidth": 0},
}


def dashboard(uid: str, title: str, about: str, rows: Sequence[Row], variables: Sequence[Json]) -> Json:
    """The whole document."""
    return {
        "annotations": {"list": []},
        "description": about,
        "editable": True,
        "graphTooltip": 1,
        "id": None,
        "links": [
            {
                "asDropdown": False,
                "icon": "external link",
                "includeVars": True,
                "keepTime": True,
                "tags": ["serin"],
                "targetBlank": False,
                "title": "Serin",
                "type": "dashboards",
            }
        ],
        "panels": _laid_out(rows),
        "refresh": "30s",
        "schemaVersion": SCHEMA,
        "tags": ["serin", "machine-learning"],
        "templating": {"list": [_source_variable(), *variables]},
        "time": {"from": "now-3h", "to": "now"},
        "timepicker": {},
        "timezone": "",
        "title": title,
        "uid": uid,
        "version": 1,
    }


def variable(name: str, label: str, values: str, *, several: bool) -> Json:
    """One that a person chooses from what a query yields."""
    chosen: Json = {"selected": True, "text": ["All"], "value": ["$__all"]} if several else {}
    return {
        "allValue": ".*" if several else None,
        "current": chosen,
        "datasource": SOURCE,
        "definition": values,
        "hide": 0,
        "includeAll": several,
        "label": label,
        "multi": several,
        "name": name,
        "query": {"qryType": 1, "query": values, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
        "refresh": 2,
        "sort": 1,
        "type": "query",
    }


def steps(*limits: tuple[float | None, str]) -> Json:
    """Colours from each value on; the first has none."""
    return {
        "mode": "absolute",
        "steps": [{"color": colour, "value": value} for value, colour in limits],
    }


def words(meaning: Mapping[int, tuple[str, str]]) -> list[Json]:
    """Texts and colours in the place of numbers."""
    told = {
        str(value): {"color": colour, "index": index, "text": text}
        for index, (value, (text, colour)) in enumerate(meaning.items())
    }
    return [{"options": told, "type": "value"}]


def coloured(colours: Mapping[str, str]) -> list[Json]:
    """A colour for the series whose name holds a word."""
    return [
        {
            "matcher": {"id": "byRegexp", "options": f"/{word}/"},
            "properties": [{"id": "color", "value": {"fixedColor": colour, "mode": "fixed"}}],
        }
        for word, colour in colours.items()
    ]


def _source_variable() -> Json:
    return {
        "current": {},
        "hide": 0,
        "includeAll": False,
        "label": "Data source",
        "multi": False,
        "name": "datasource",
        "options": [],
        "query": "prometheus",
        "refresh": 1,
        "type": "datasource",
    }


def _laid_out(rows: Sequence[Row]) -> list[Json]:
    """Panels from left to right, and below where there is no room."""
    made: list[Json] = []
    top = 0
    for row in rows:
        place = {"h": 1, "w": COLUMNS, "x": 0, "y": top}
        made.append(
            {
                "collapsed": False,
                "gridPos": place,
                "id": len(made) + 1,
                "panels": [],
                "title": row.title,
                "type": "row",
            }
        )
        top, left, high = top + 1, 0, 0
        for panel in row.panels:
            if left + panel.wide > COLUMNS:
                top, left, high = top + high, 0, 0
            place = {"h": panel.high, "w": panel.wide, "x": left, "y": top}
            made.append({**_made(panel), "gridPos": place, "id": len(made) + 1})
            left, high = left + panel.wide, max(high, panel.high)
        top += high
    return made


def _made(panel: Panel) -> Json:
    custom = {**CUSTOM.get(panel.kind, {}), **panel.defaults.get("custom", {})}
    defaults: Json = {"unit": panel.unit, "thresholds": steps((None, "blue")), **panel.defaults}
    if custom:
        defaults["custom"] = custom
    made: Json = {
        "datasource": SOURCE,
        "description": panel.about,
        "fieldConfig": {"defaults": defaults, "overrides": list(panel.overrides)},
        "options": {**OPTIONS[panel.kind], **panel.options},
        "targets": [
            _target(query, letter, panel.kind)
            for query, letter in zip(panel.queries, ascii_uppercase, strict=False)
        ],
        "title": panel.title,
        "type": panel.kind,
    }
    if panel.transformations:
        made["transformations"] = list(panel.transformations)
    return made


def _target(query: Query, letter: str, kind: str) -> Json:
    return {
        "datasource": SOURCE,
        "editorMode": "code",
        "expr": query.expr,
        "format": "table" if kind == "table" else "time_series",
        "instant": query.instant,
        "legendFormat": query.legend,
        "range": not query.instant,
        "refId": letter,
    }
