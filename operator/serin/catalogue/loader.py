"""Reads the catalogue: the rows that come with Serin, and those of a folder that replace or join them.

A file that cannot be used ends the process at start, and the message names it and its field. What a row may
say is `rows`; nothing is decided here.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar

import yaml
from pydantic import ValidationError

from serin.catalogue.rows import DataPlane, Row, Runtime

KIND: Final = "kind"
"""Tells in a file of the user's what its row is; ours lie in a folder of each kind."""
KINDS: Final[Mapping[str, type[Runtime] | type[DataPlane]]] = {"Runtime": Runtime, "DataPlane": DataPlane}
SUFFIXES: Final = (".yaml", ".yml")


class BadCatalogueError(ValueError):
    """A row cannot be used; the message names its file and field. Ends the process."""


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
                defaults[known] = row.name
        self.default_runtimes = MappingProxyType(defaults)

    def runtime(self, name: str) -> Runtime:
        """The row of that name, which must exist: `intent` has refused what does not."""
        return self.runtimes[name]


R = TypeVar("R", bound=Row)


@cache
def builtin() -> Catalogue:
    """The catalogue that comes with this version of Serin. Raises BadCatalogueError."""
    return Catalogue(
        runtimes={row.name: row for row in _rows("runtimes", Runtime)},
        data_planes={row.name: row for row in _rows("dataplanes", DataPlane)},
    )


def with_rows_of(folder: Path, *, fault: Callable[[Mapping[str, Any]], str | None]) -> Catalogue:
    """The catalogue that comes with Serin, with a folder's rows in place of those of the same name.

    Args:
        folder: Of files with one row each.
        fault: What is wrong with a pod template, by its field; None for nothing.

    Raises:
        BadCatalogueError: A row cannot be used, or there is no such folder.
    """
    runtimes, data_planes = dict(builtin().runtimes), dict(builtin().data_planes)
    named: dict[str, Path] = {}
    for file in _files(folder):
        row = _own(file)
        if row.name in named:
            raise BadCatalogueError(f"{named[row.name]} and {file}: both are the row {row.name}; need one")
        named[row.name] = file
        if isinstance(row, Runtime):
            if found := fault(row.template):
                raise BadCatalogueError(f"{file}: template.{found}")
            runtimes[row.name] = row
        else:
            data_planes[row.name] = row
    return Catalogue(runtimes=runtimes, data_planes=data_planes)


def _files(folder: Path) -> list[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise BadCatalogueError(f"{folder}: not a folder that can be read ({error.strerror})") from error
    # A mounted ConfigMap has its files once more, under names that begin with dots.
    return [file for file in entries if file.suffix in SUFFIXES and not file.name.startswith(".")]


def _own(file: Path) -> Runtime | DataPlane:
    content = _parsed(str(file), _text(file))
    named = content.pop(KIND, None)
    kind = KINDS.get(named) if isinstance(named, str) else None
    if kind is None:
        known = " or ".join(KINDS)
        raise BadCatalogueError(f"{file}: {KIND}: need {known}, found {named!r}")
    return _row(str(file), content, kind)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadCatalogueError(f"{file}: not a text that can be read ({error})") from error


def _rows(folder: str, kind: type[R]) -> Iterator[R]:
    for file in sorted(files("serin.catalogue").joinpath(folder).iterdir(), key=lambda entry: entry.name):
        place = f"{folder}/{file.name}"
        row = _row(place, _parsed(place, file.read_text(encoding="utf-8")), kind)
        if file.name != f"{getattr(row, 'name', '').lower()}.yaml":
            raise BadCatalogueError(f"{place}: name: need that of the file")
        yield row


def _parsed(place: str, text: str) -> dict[str, Any]:
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadCatalogueError(f"{place}: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise BadCatalogueError(f"{place}: need the fields of one row")
    return content


def _row(place: str, content: Mapping[str, Any], kind: type[R]) -> R:
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise BadCatalogueError(f"{place}: {_fault(error)}") from error


def _fault(error: ValidationError) -> str:
    """The first fault, by its field, and how many more there are."""
    faults = error.errors(include_url=False)
    field = ".".join(str(part) for part in faults[0]["loc"])
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return f"{f'{field}: ' if field else ''}{faults[0]['msg']}{more}"
