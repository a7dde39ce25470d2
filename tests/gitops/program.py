"""The readers: a small Go program with the code that GitOps tools run, built like the control plane.

It is asked with many questions at once, without a cluster. Built from `readers/go.mod` and kept in the user's
cache; the control plane's packages have the same versions, so a machine that has built that is done sooner.
"""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.cluster import binaries
from tests.cluster.binaries import Say
from tests.cluster.resources import Object

MODULE: Final = Path(__file__).parent / "readers"
"""The program's source, with the go.mod that pins what it is made of."""


def readers(say: Say = lambda line: print(line, file=sys.stderr, flush=True)) -> Path:
    """The program, built if need be. Raises Missing."""
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(MODULE.iterdir())))
    folder = binaries.cache_home() / "readers" / digest.hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    with binaries.alone(folder, say):
        if not (folder / "readers").exists():
            say("building the readers of GitOps tools (about 2 min the first time)")
            partial = folder / "readers.partial"
            go = binaries.go_command(say)
            flags = ["-trimpath", "-ldflags", "-s -w", "-o", str(partial)]
            binaries.run([go, "build", *flags, "."], module=MODULE)
            partial.replace(folder / "readers")
    return folder / "readers"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a reader said: a status with a message, or a value that a script returned."""

    status: str
    message: str = ""
    value: Any = None


class Unreadable(Exception):
    """The reader has no answer; the text is its error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One reader, one object, and what some readers need beside it."""

    reader: str
    object: Object
    script: str = ""
    expressions: Mapping[str, str] | None = None

    def dump(self) -> dict[str, Any]:
        """The question as the program reads it."""
        return {
            "reader": self.reader,
            "object": self.object,
            "script": self.script,
            "expressions": dict(self.expressions or {}),
        }


def asked(questions: Iterable[Question]) -> list[Answer]:
    """The answers, in the order of the questions. Raises Unreadable for the first that has none."""
    asking = json.dumps([question.dump() for question in questions])
    done = subprocess.run([str(readers())], input=asking, capture_output=True, text=True, check=True)
    return [_answer(found) for found in json.loads(done.stdout)]


def ask(question: Question) -> Answer:
    """The answer to one question. Raises Unreadable."""
    return asked([question])[0]


def _answer(found: Mapping[str, Any]) -> Answer:
    if "error" in found:
        raise Unreadable(found["error"])
    return Answer(found.get("status", ""), found.get("message", ""), found.get("value"))
