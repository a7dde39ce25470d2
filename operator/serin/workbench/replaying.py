"""`serin replay`: arguments, files in, words out, an exit code that a pipeline can act on."""

import argparse
import gzip
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from serin.domain.analysis.verdict import Verdict
from serin.workbench.matrices import InvalidRecording
from serin.workbench.recording import recording_of
from serin.workbench.replay import Replay, replay
from serin.workbench.timeline import as_json, as_text

STANDARD_INPUT: Final = "-"
TOLD_TO_FAIL: Final = 1
NOT_READ: Final = 2
"""As for arguments that are not understood."""
_FAILS: Final = {"harm": {Verdict.HARM}, "not-safe": set(Verdict) - {Verdict.SAFE}}


def register(commands: Any) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser(
        "replay",
        help="judge a rollout that was recorded",
        description="Judges recorded samples of a rollout as the operator would have. docs/replay.md says how"
        " to record them.",
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="a recording; .gz is unpacked, - is stdin")
    parser.add_argument("--json", action="store_true", help="for machines: one line a recording")
    parser.add_argument("--every", type=int, metavar="N", help="show each N-th boundary, 1 for all")
    parser.add_argument(
        "--fail-on", choices=sorted(_FAILS), help="exit with 1 on this verdict; else 0 for any verdict"
    )
    parser.set_defaults(act=run)


def run(parsed: argparse.Namespace) -> int:
    """Judge what is asked for; the exit code."""
    try:
        judged = list(_judged(parsed))
    except InvalidRecording as error:
        print(f"serin replay: {error}", file=sys.stderr)
        return NOT_READ
    failing = _FAILS.get(parsed.fail_on, set())
    return TOLD_TO_FAIL if any(one.verdict in failing for one in judged) else 0


def _judged(parsed: argparse.Namespace) -> Iterator[Replay]:
    several = len(parsed.files) > 1
    for place, name in enumerate(parsed.files):
        found = read(name)
        if parsed.json:
            told = as_json(found)
            print(json.dumps({"file": name} | told if several else told, allow_nan=False))
        else:
            title = f"{name}\n" if several else ""
            print(f"{chr(10) if place else ''}{title}{as_text(found, every=parsed.every)}")
        yield found


def read(name: str) -> Replay:
    """A file, judged.

    Raises:
        InvalidRecording: There is none, or it holds none; named by the file.
    """
    try:
        return replay(recording_of(json.loads(_text(name))))
    except OSError as error:
        raise InvalidRecording(f"{name}: {error.strerror or error}") from error
    except (InvalidRecording, ValueError) as error:
        what = error if isinstance(error, InvalidRecording) else f"not JSON ({error})"
        raise InvalidRecording(f"{name}: {what}") from error


def _text(name: str) -> str | bytes:
    if name == STANDARD_INPUT:
        return sys.stdin.buffer.read()
    path = Path(name)
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
