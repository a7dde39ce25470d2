"""What passed the proxy: every request with its answer, and every event that a watch gave.

Plans are generated from it, so a request is told apart by what it is about, not by when it came.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

WRITES: Final = frozenset({"create", "update", "patch", "apply", "delete"})
NO_WORK: Final = frozenset({"events", "leases", "selfsubjectaccessreviews", "selfsubjectrulesreviews"})
"""What an operator leaves as a trace, and asks about itself."""
VERBS: Final = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
APPLY: Final = "application/apply-patch+yaml"


@dataclass(slots=True, kw_only=True)
class Asked:
    """One request.

    Attributes:
        verb: As in RBAC, and `apply` for the patch that is one; empty where no kind is asked for.
        kind: The plural, and the subresource after a slash.
        code: What the client was answered; 0 where nothing came.
        acted: What the server answered; 0 where it was not asked or did not answer.
        version: The object's resourceVersion in the server's answer; of a list, the list's.
        changed: Whether the server's answer shows another version than the object had just before; None where
            nobody looked.
        fault: What was done to it, in words.
        agent: Who asks: of the operator, each process by a name of its own.
    """

    verb: str
    kind: str
    namespace: str = ""
    name: str = ""
    at: float = field(default_factory=time.time)
    code: int = 0
    acted: int = 0
    version: str = ""
    changed: bool | None = None
    fault: str = ""
    agent: str = ""

    @property
    def write(self) -> bool:
        """Whether it could change something that others see."""
        return self.verb in WRITES and self.kind not in NO_WORK

    def __str__(self) -> str:
        fault = f" ({self.fault})" if self.fault else ""
        return f"{self.verb} {self.kind} {self.name}: {self.code or 'no answer'}{fault}"


@dataclass(slots=True, kw_only=True)
class Shown:
    """One event of a watch, as the server sent it."""

    type: str
    kind: str
    object: Mapping[str, Any] = field(repr=False)
    at: float = field(default_factory=time.time)
    fault: str = ""

    @property
    def name(self) -> str:
        return str(self.object.get("metadata", {}).get("name", ""))

    @property
    def version(self) -> str:
        return str(self.object.get("metadata", {}).get("resourceVersion", ""))

    def __str__(self) -> str:
        fault = f" ({self.fault})" if self.fault else ""
        return f"{self.type} {self.kind} {self.name}{fault}"


@dataclass(slots=True)
class Trace:
    """All that passed, in its order."""

    all: list[Asked | Shown] = field(default_factory=list)

    @property
    def asked(self) -> list[Asked]:
        return [one for one in self.all if isinstance(one, Asked)]

    @property
    def shown(self) -> list[Shown]:
        return [one for one in self.all if isinstance(one, Shown)]

    @property
    def writes(self) -> list[Asked]:
        """Writes that the server has acted on."""
        return [one for one in self.asked if one.write and 200 <= one.acted < 300]

    def between(self, was: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> list[Asked]:
        """Writes to an object that made versions between these two of it."""
        if was is None or now is None:
            return []
        since, until = (int(body["metadata"]["resourceVersion"]) for body in (was, now))
        about = f"{now['kind']}s".lower(), now["metadata"]["name"]
        return [
            one
            for one in self.writes
            if (one.kind.partition("/")[0], one.name) == about and since < int(one.version or 0) < until
        ]

    def idle(self) -> list[Asked]:
        """Writes that changed nothing, but for those whose answer was lost before: such a one may be repeated
        by the process that waited for it. Another process has seen what became of it.
        """
        lost: set[tuple[str, ...]] = set()
        found = []
        for one in self.writes:
            key = (one.agent, one.verb, one.kind, one.name)
            if one.changed is False and key not in lost:
                found.append(one)
            lost.discard(key)
            if not one.code:
                lost.add(key)
        return found

    def told(self) -> list[str]:
        """A line for each request but watches, and for each event that something was done to."""
        return [
            f"{_clock(one.at)} {one}"
            for one in self.all
            if (one.fault if isinstance(one, Shown) else one.verb not in ("", "watch"))
        ]

    def version(self) -> int:
        """The newest resourceVersion that has passed."""
        return max((int(one.version) for one in self.all if one.version.isdigit()), default=0)


def read(method: str, path: str, query: Mapping[str, str], media: str) -> Asked:
    """What a request is about, from its first line."""
    parts = path.strip("/").split("/")
    rest = parts[2:] if parts[0] == "api" else parts[3:]
    if parts[0] not in ("api", "apis") or not rest:
        return Asked(verb="", kind=path)
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    plural, name, subresource = (*rest, "", "")[:3]
    kind = f"{plural}/{subresource}" if subresource else plural
    if method == "GET":
        verb = "get" if name else "watch" if query.get("watch") in ("1", "true") else "list"
    else:
        verb = "apply" if media.startswith(APPLY) else VERBS[method]
    return Asked(verb=verb, kind=kind, namespace=namespace, name=name)


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, tz=UTC).strftime("%H:%M:%S.%f")[:-3]


def version_of(body: bytes) -> str:
    """The resourceVersion of the object or list in an answer; empty where there is none."""
    try:
        answer = json.loads(body)
    except ValueError:
        return ""
    metadata = answer.get("metadata") if isinstance(answer, dict) else None
    return str((metadata or {}).get("resourceVersion", ""))
