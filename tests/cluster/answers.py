"""What an API server answers, and the words in which it is asked to patch."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from tests.cluster.resources import Object


class ApiError(Exception):
    """The server refused: its status code, its reason (`NotFound`, `Conflict`, ...) and its sentence."""

    def __init__(self, request: str, code: int, body: object) -> None:
        status = body if isinstance(body, dict) else {}
        self.code = code
        self.reason: str = status.get("reason", "")
        self.message: str = status.get("message", str(body))
        super().__init__(f"{request}: {code} {self.reason}: {self.message}")


class Patch(StrEnum):
    """The patches the server understands, by media type."""

    MERGE = "application/merge-patch+json"
    JSON = "application/json-patch+json"
    STRATEGIC = "application/strategic-merge-patch+json"
    APPLY = "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing a watch saw: ADDED, MODIFIED, DELETED, or SYNCED once all existing objects were given."""

    type: str
    object: Object


def holding(holds: Callable[[Object], object], seen: Object) -> bool:
    """Whether a predicate holds; a field it needs and does not find means no."""
    try:
        return bool(holds(seen))
    except (KeyError, IndexError, TypeError):
        return False
