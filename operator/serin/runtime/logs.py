"""Log lines: a past-tense event and its fields, as JSON of our own, in the Elastic Common Schema, or as text.

Every line about a model has its key and revision, whether or not who wrote it thought of that (`About`). One
line is one event: what others have written comes into values only, where it is quoted. Bodies and secrets
never come in.
"""

import json
import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Final, TextIO

from serin.domain.names import Key

ECS_VERSION: Final = "8.11.0"
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_KOPFS_OWN: Final = frozenset({"settings", "k8s_skip"})
"""Kopf hangs all its settings on every line about an object."""
_LEFT_OUT: Final = _STANDARD | _KOPFS_OWN

looked_at: ContextVar[Key | None] = ContextVar("looked_at", default=None)
"""Whose look this is, and what was begun in it."""


class About(logging.Filter):
    """Adds to a line which model it is about, and which revision of it.

    Attributes:
        revision: The revision that a model's newest status is about, by its key.
    """

    def __init__(self) -> None:
        super().__init__()
        self.revision: Callable[[Key], str | None] = lambda key: None

    def filter(self, record: logging.LogRecord) -> bool:
        """See the class; no line is left out."""
        fields, ours = vars(record), record.name.startswith("serin")
        if "key" not in fields and ours and (key := looked_at.get()):
            fields["key"] = str(key)
        if "key" in fields and "revision" not in fields:
            attempt = str(fields.get("attempt", "")).rpartition(".")[0]
            if found := attempt or self._known(str(fields["key"])):
                fields["revision"] = found
        return True

    def _known(self, key: str) -> str | None:
        namespace, _, name = key.partition("/")
        with suppress(Exception):  # a status that somebody has spoilt is no reason to lose the line
            return self.revision(Key(namespace, name))
        return None


ABOUT: Final = About()
"""The one of the process, as logging itself is."""


class JsonLines(logging.Formatter):
    """A log record as one JSON object: when, how grave, what happened, and the fields it happened to."""

    def format(self, record: logging.LogRecord) -> str:
        """See the class."""
        line: dict[str, Any] = {
            "time": _moment(record),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class EcsLines(logging.Formatter):
    """A log record in the Elastic Common Schema: our own fields are labels, which are texts there."""

    def __init__(self) -> None:
        super().__init__()
        self._service = {
            "ecs.version": ECS_VERSION,
            "service.name": "serin",
            "service.version": version("serin"),
            "service.node.name": socket.gethostname(),
            "process.pid": os.getpid(),
            "event.module": "serin",
            "event.dataset": "serin.operator",
            "event.kind": "event",
        }

    def format(self, record: logging.LogRecord) -> str:
        """See the class."""
        fields, event = _fields(record), record.getMessage()
        told = fields.pop("message_text", None)
        line: dict[str, Any] = {
            "@timestamp": _moment(record).replace("+00:00", "Z"),
            "log.level": record.levelname.lower(),
            "message": f"{event}: {told}" if told else event,
            "log.logger": record.name,
            **self._service,
            "event.action": event.replace(" ", "-") if record.name.startswith("serin") else record.name,
            **dict(_object(str(fields.pop("key", "")))),
        }
        if "reason" in fields:
            line["event.reason"] = str(fields.pop("reason"))
        if "error" in fields:
            line["error.message"] = str(fields.pop("error"))
        if record.exc_info and record.exc_info[0] is not None:
            line["error.type"] = record.exc_info[0].__name__
            line["error.message"] = str(record.exc_info[1])
            line["error.stack_trace"] = self.formatException(record.exc_info)
        line |= {f"labels.{name}": _text(value) for name, value in fields.items() if value is not None}
        return json.dumps(line, default=str)


class TextLines(logging.Formatter):
    """A log record as a line for a person who develops: values are quoted, a trace is indented below."""

    def format(self, record: logging.LogRecord) -> str:
        """See the class."""
        fields = " ".join(f"{name}={_shown(value)}" for name, value in _fields(record).items())
        line = f"{_moment(record)} {record.levelname:7} {_bare(record.getMessage())} {fields}".rstrip()
        if record.exc_info:
            trace = self.formatException(record.exc_info).splitlines()
            line = "\n".join([line, *(f"    {_bare(part)}" for part in trace)])
        return line


FORMATS: Final[Mapping[str, Callable[[], logging.Formatter]]] = {
    "json": JsonLines,
    "ecs": EcsLines,
    "text": TextLines,
}


def log_to(stream: TextIO = sys.stderr, *, level: int | str = logging.INFO, form: str = "json") -> None:
    """Send every log line of the process to a stream, in one of `FORMATS`."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(FORMATS[form]())
    handler.addFilter(ABOUT)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # They tell of every event and request; what matters of it, Serin tells itself.
    for chatty in ("kopf", "aiohttp.access", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _moment(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _LEFT_OUT}


def _object(key: str) -> Iterator[tuple[str, str]]:
    """The model a line is about: where Elastic looks for it, and by the names that everything else has."""
    namespace, parted, name = key.partition("/")
    if parted:
        yield "orchestrator.type", "kubernetes"
        yield "orchestrator.namespace", namespace
        yield "orchestrator.resource.type", "modeldeployment"
        yield "orchestrator.resource.name", name
        yield "labels.namespace", namespace
        yield "labels.model", name


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _shown(value: object) -> str:
    text = str(value)
    plain = text.isascii() and text.isprintable() and text and not set(' "=') & set(text)
    return text if plain else json.dumps(text)


def _bare(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
