"""Reads the rows of the catalogue: model runtimes, and data planes whose metrics can be judged.

A row that is incomplete, misspelled or in conflict with another ends the process at start, by name: a wrong
preset would otherwise show as a canary that is never judged. Nothing is decided here.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

Matcher = tuple[str, Literal["=", "!=", "=~", "!~"], str]


class BadCatalogueError(ValueError):
    """A row cannot be used; the message names its file and field. Ends the process."""


class Row(BaseModel):
    """Part of a file of the catalogue."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class CounterRow(Row):
    """A counter, without the matchers that choose a revision. `{namespace}` in a matcher's value stands for
    the model's.
    """

    metric: str
    matchers: tuple[Matcher, ...] = ()


class ErrorsRow(Row):
    """Inference requests, and the failed ones among them."""

    requests: CounterRow
    bad: CounterRow


Unit = Literal["seconds", "milliseconds", "microseconds"]

_MILLISECONDS: Final[Mapping[Unit, float]] = {"seconds": 1000.0, "milliseconds": 1.0, "microseconds": 0.001}


def in_milliseconds(unit: Unit) -> float:
    """How many milliseconds one of that unit is."""
    return _MILLISECONDS[unit]


class HistogramRow(Row):
    """A classic latency histogram of inference requests.

    Attributes:
        metric: Its name without `_bucket`.
        buckets: Its boundaries, in `unit`; empty where they differ from model to model or are configured.
    """

    metric: str
    matchers: tuple[Matcher, ...] = ()
    unit: Unit
    buckets: tuple[float, ...] = ()


class SignalRows(Row):
    """What a source of metrics offers; absent is not offered, and the text beside it says why."""

    errors: ErrorsRow | None = None
    without_errors: str | None = None
    latency: HistogramRow | None = None
    without_latency: str | None = None


class MetricsRow(Row):
    """Where Prometheus scrapes the runtime."""

    port: int
    path: str


class Runtime(Row):
    """A model server.

    Attributes:
        default_for: Formats that choose this runtime where none is named.
        formats: Formats it serves, each with the environment that format needs.
        any_format: It serves what is not listed, too.
        environment: Variables of the container `model`; `{model}` stands for the served name.
        template: Pod template, the container `model` being the server; `{model}` as in the environment.
    """

    name: str
    version: str
    default_for: tuple[str, ...] = ()
    formats: Mapping[str, Mapping[str, str]] = Field(default_factory=dict)
    any_format: bool = False
    environment: Mapping[str, str] = Field(default_factory=dict)
    metrics: MetricsRow | None = None
    signals: SignalRows = SignalRows()
    template: Mapping[str, Any]

    @property
    def pin(self) -> str:
        """Name and version, as recorded with each revision that was rendered from it."""
        return f"{self.name}@{self.version}"

    def serves(self, model_format: str) -> bool:
        """Whether a model of that format can be given to it."""
        return self.any_format or model_format in self.formats


class DataPlane(Row):
    """A proxy in front of the models.

    Attributes:
        backend_label: The label by which its metrics tell backends apart.
        backend_pattern: A regular expression for that label's value; `{namespace}` and `{backend}` stand for
            those of a revision's Service.
    """

    name: str
    version: str
    backend_label: str
    backend_pattern: str
    signals: SignalRows


class Catalogue:
    """All rows, by name."""

    def __init__(self, *, runtimes: Mapping[str, Runtime], data_planes: Mapping[str, DataPlane]) -> None:
        self.runtimes = MappingProxyType(dict(runtimes))
        self.data_planes = MappingProxyType(dict(data_planes))
        defaults: dict[str, str] = {}
        for row in self.runtimes.values():
            for known in row.default_for:
                if known in defaults:
                    raise BadCatalogueError(
                        f"runtimes {defaults[known]} and {row.name}: both are the default for {known}; "
                        "need one"
                    )
                if not row.serves(known):
                    raise BadCatalogueError(
                        f"runtime {row.name}: the default for {known}, which it does not serve"
                    )
                defaults[known] = row.name
        self.default_runtimes = MappingProxyType(defaults)

    def runtime(self, name: str) -> Runtime:
        """The row of that name, which must exist: `intent` has refused what does not."""
        return self.runtimes[name]


R = TypeVar("R", Runtime, DataPlane)


@cache
def builtin() -> Catalogue:
    """The catalogue that comes with this version of Serin. Raises BadCatalogueError."""
    return Catalogue(
        runtimes={row.name: row for row in _rows("runtimes", Runtime)},
        data_planes={row.name: row for row in _rows("dataplanes", DataPlane)},
    )


def _rows(folder: str, kind: type[R]) -> Iterator[R]:
    for file in sorted(files("serin.catalogue").joinpath(folder).iterdir(), key=lambda entry: entry.name):
        place = f"{folder}/{file.name}"
        try:
            row = kind.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
        except (ValidationError, yaml.YAMLError) as error:
            raise BadCatalogueError(f"{place}: {error}") from error
        if file.name != f"{row.name.lower()}.yaml":
            raise BadCatalogueError(
                f"{place}: the row calls itself {row.name}; need file and row of one name"
            )
        yield row
