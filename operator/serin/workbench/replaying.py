"""`serin replay`: arguments, files in, words out, an exit code that a pipeline can act on."""

import argparse
import gzip
import json
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import yaml

from serin.domain.analysis.verdict import Verdict
from serin.workbench import asking
from serin.workbench.matrices import InvalidRecording
from serin.workbench.plot import CannotPlot, save
from serin.workbench.recorded import unknown_field
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
        help="judge a rollout that was recorded, or that a Prometheus remembers",
        description="Judges recorded samples of a rollout as the operator would have. docs/replay.md says how"
        " to record them.",
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="a recording; .gz is unpacked, - is stdin")
    parser.add_argument("--policy", type=Path, metavar="FILE", help="spec.analysis to judge by, YAML or JSON")
    parser.add_argument("--json", action="store_true", help="for machines: one line a recording")
    parser.add_argument("--every", type=_count, metavar="N", help="show each N-th boundary, 1 for all")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw it: .svg, .png or .pdf")
    parser.add_argument(
        "--fail-on", choices=sorted(_FAILS), help="exit with 1 on this verdict; else 0 for any verdict"
    )
    asking.register(parser)
    parser.set_defaults(act=run)


def run(parsed: argparse.Namespace) -> int:
    """Judge what is asked for; the exit code."""
    try:
        judged = list(_judged(parsed))
    except (InvalidRecording, CannotPlot) as error:
        print(f"serin replay: {error}", file=sys.stderr)
        return NOT_READ
    except BrokenPipeError:
        # Whoever read has read enough, as head does; Python would complain once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    failing = _FAILS.get(parsed.fail_on, set())
    return TOLD_TO_FAIL if any(one.verdict in failing for one in judged) else 0


def _judged(parsed: argparse.Namespace) -> Iterator[Replay]:
    policy = _policy(parsed.policy)
    documents = list(_documents(parsed))
    several = len(documents) > 1
    if parsed.plot is not None and several:
        raise CannotPlot("--plot: there is a picture of one rollout at a time; give one recording")
    for place, (name, document) in enumerate(documents):
        found = _replayed(name, document(), policy)
        if parsed.json:
            told = as_json(found)
            print(json.dumps({"file": name} | told if several else told, allow_nan=False))
        else:
            title = f"{name}\n" if several else ""
            print(f"{chr(10) if place else ''}{title}{as_text(found, every=parsed.every)}")
        if parsed.plot is not None:
            save(found, parsed.plot)
        yield found


def _documents(parsed: argparse.Namespace) -> Iterator[tuple[str, Callable[[], object]]]:
    """Each recording by its name, to be read when its turn comes."""
    if parsed.prometheus is not None:
        yield parsed.prometheus, lambda: asking.document_of(parsed)
    elif not parsed.files:
        raise InvalidRecording("give a recording, or --prometheus with an address")
    for name in parsed.files:
        yield name, partial(_document, name)


def _document(name: str) -> object:
    try:
        return json.loads(_text(name))
    except OSError as error:
        raise InvalidRecording(f"{name}: {error.strerror or error}") from error
    except ValueError as error:
        raise InvalidRecording(f"{name}: not JSON ({error})") from error


def _policy(file: Path | None) -> object:
    if file is None:
        return None
    try:
        policy = yaml.safe_load(file.read_text())
    except OSError as error:
        raise InvalidRecording(f"{file}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise InvalidRecording(f"{file}: no YAML ({error})") from error
    # A recording may say more than is known; who gives a policy means every word of it.
    if (unknown := unknown_field(policy)) is not None:
        raise InvalidRecording(f"{file}: {unknown} is not a field of spec.analysis")
    return policy


def _replayed(name: str, document: object, policy: object) -> Replay:
    if policy is not None and isinstance(document, dict):
        document = {**document, "policy": policy}
    try:
        return replay(recording_of(document))
    except InvalidRecording as error:
        raise InvalidRecording(f"{name}: {error}") from error


def _text(name: str) -> str | bytes:
    if name == STANDARD_INPUT:
        return sys.stdin.buffer.read()
    path = Path(name)
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def _count(text: str) -> int:
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"need at least 1, found {text}")
    return value
