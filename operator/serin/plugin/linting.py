"""`lint`: files, folders and the standard input are read, and what is found is told line by line."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from serin.api.runtimes import catalogue_in
from serin.catalogue.loader import BadCatalogueError, Catalogue
from serin.plugin.exits import Exit, Trouble
from serin.plugin.lint import Checked, Severity, check
from serin.plugin.session import Session
from serin.plugin.terminal import Span, Tone, line

STDIN: Final = "-"
SUFFIXES: Final = (".yaml", ".yml", ".json")
_TONES: Final = {Severity.ERROR: Tone.BAD, Severity.WARNING: Tone.HELD}


async def lint(session: Session) -> Exit:
    """Check all that is named; faults are a failure, and with --strict so are warnings."""
    options = session.options
    named = [*options.files, *(options.file or ())]
    if not named:
        cure = "name files or folders, or - for the standard input"
        raise Trouble("no file is named", cure, code=Exit.USAGE)
    catalogue = _catalogue(options.catalogue)
    checked = [check(text, file=file, catalogue=catalogue) for file, text in texts(named)]
    _tell(session, checked)
    found = [one for each in checked for one in each.findings]
    failed = any(one.severity is Severity.ERROR or options.strict for one in found)
    return Exit.FAILED if failed else Exit.OK


def _tell(session: Session, checked: Sequence[Checked]) -> None:
    found = [one for each in checked for one in each.findings]
    if session.documents:
        session.write([asdict(one) for one in found])
        return
    for one in found:
        place = f"{one.file}:{one.line}:{one.column}: "
        session.terminal.say(line(place, Span(one.severity.value, _TONES[one.severity]), f": {one.message}"))
    errors = sum(one.severity is Severity.ERROR for one in found)
    models, files = sum(each.models for each in checked), len(checked)
    told = f"{_many(models, 'model')} in {_many(files, 'file')}: {_many(errors, 'error')}"
    session.terminal.warn(f"{told}, {_many(len(found) - errors, 'warning')}")


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _catalogue(folder: str | None) -> Catalogue | None:
    if folder is None:
        return None
    try:
        return catalogue_in(Path(folder))
    except BadCatalogueError as error:
        raise Trouble(str(error), "lint needs the rows as the operator has them") from error


def texts(named: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The files that are named, and all in folders that are: their names and texts."""
    for name in named:
        if name == STDIN:
            yield "<stdin>", sys.stdin.read()
            continue
        for path in _files(Path(name)):
            try:
                yield str(path), path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
                raise Trouble(f"{path} cannot be read: {why}", "name files or folders that can") from error


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(one for one in path.rglob("*") if one.suffix in SUFFIXES and one.is_file())
