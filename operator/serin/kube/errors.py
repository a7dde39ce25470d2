"""What can go wrong between Serin and the API server.

    KubeError
    ├── Conflict      somebody was faster, or the object is another one now: read again, decide again
    ├── NotFound      the object, its namespace or its kind is gone
    ├── Invalid       the server refuses the content: no retry helps
    ├── Forbidden     the rights are missing
    ├── Throttled     the server asks for a pause and has done nothing
    ├── NotLeading    nothing was sent: another replica may act by now
    └── Unavailable   no usable answer: the write may or may not have happened

The request is attached in `refusal` and `unanswered`, nowhere else.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DEFAULT_PAUSE = 1.0
"""Seconds to wait when the server throttles without saying how long."""

SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 300.0
"""Whatever the server or a proxy says: never a hot loop, and no key for ever."""

UNKNOWN_FIELD = "field not declared in schema"
"""How the server answers an apply with a mistyped field: as a fault of its own, though no retry can help."""


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked of which object; no content, so it can be logged."""

    verb: str
    kind: str
    namespace: str | None
    name: str | None = None

    def __str__(self) -> str:
        place = "/".join(part for part in (self.namespace, self.name) if part)
        return f"{self.verb} {self.kind} {place}".rstrip()


class KubeError(Exception):
    """The API server did not do what it was asked for."""

    def __init__(self, request: Request, detail: str, *, status: int | None = None) -> None:
        super().__init__(request, detail)
        self.request = request
        self.detail = detail
        self.status = status

    def __str__(self) -> str:
        code = f"{self.status} " if self.status else ""
        return f"{self.request}: {code}{self.detail}"


class Conflict(KubeError):
    """The fence held: the object is not what it was when the decision was taken."""


class NotFound(KubeError):
    """There is no such object, namespace or kind."""


class Invalid(KubeError):
    """The content is refused; the same request will be refused again."""


class Forbidden(KubeError):
    """The operator's account may not do this."""


class Throttled(KubeError):
    """Nothing was done; the server wants `retry_after` seconds of peace."""

    def __init__(self, request: Request, detail: str, *, retry_after: float) -> None:
        super().__init__(request, detail, status=429)
        self.retry_after = retry_after


class NotLeading(KubeError):
    """Nothing was sent, because the lease may have run out; another replica may act by now (I12)."""


class Unavailable(KubeError):
    """No usable answer came, or none to anybody with our token (401), which says nothing of what was asked.

    Whether the write happened is unknown, so look before writing again.
    """


_BY_STATUS: Mapping[int, type[KubeError]] = {
    400: Invalid,
    403: Forbidden,
    404: NotFound,
    405: Invalid,
    409: Conflict,
    413: Invalid,
    415: Invalid,
    422: Invalid,
}


def refusal(request: Request, status: int, headers: Mapping[str, str], body: bytes) -> KubeError:
    """The error for an answer outside 2xx."""
    answer = _status_object(body)
    detail = str(answer.get("message") or answer.get("reason") or "no reason given")
    if status == 429:
        return Throttled(request, detail, retry_after=_seconds(headers.get("Retry-After")))
    if status == 422 and _about_the_uid(answer):
        # A uid fence that does not hold is reported as an attempt to change an immutable field.
        return Conflict(request, detail, status=status)
    if status == 500 and UNKNOWN_FIELD in detail:
        return Invalid(request, detail, status=status)
    return _BY_STATUS.get(status, Unavailable)(request, detail, status=status)


def unanswered(request: Request, error: BaseException) -> Unavailable:
    """The error for a request whose answer never came."""
    return Unavailable(request, str(error) or type(error).__name__)


def _status_object(body: bytes) -> Mapping[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _about_the_uid(answer: Mapping[str, Any]) -> bool:
    causes = (answer.get("details") or {}).get("causes") or []
    return any(cause.get("field") == "metadata.uid" for cause in causes)


def _seconds(retry_after: str | None) -> float:
    try:
        asked = float(retry_after) if retry_after is not None else DEFAULT_PAUSE
    except ValueError:
        return DEFAULT_PAUSE
    return min(max(SHORTEST_PAUSE, asked), LONGEST_PAUSE)
