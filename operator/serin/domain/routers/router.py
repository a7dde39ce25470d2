"""The seam behind which traffic is divided. A new router is a file that does this and a row in `choice`.

A router neither decides weights nor writes objects: it says what its object should look like, and reads what
it shows (I1 and I2 are kept by `rollout`, which asks).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from serin.domain.intent import Intent
from serin.domain.names import RevisionHash
from serin.domain.observed import Observed

Weights = Mapping[RevisionHash, int]

UNREPORTED = timedelta(seconds=5)
"""How long to wait for a router of which no controller ever reported anything."""


class Router(Protocol):
    """How one kind of router divides traffic."""

    kind: str | None
    """The kind of its own object, which must be served by the API server; None if it needs none."""

    def pods(self, weight: int, size: int) -> int:
        """Canary pods needed beside `size` stable ones before the weight may be given."""
        ...

    def weight(self, canary: int, stable: int, asked: int) -> int:
        """The share the canary really gets with so many pods."""
        ...

    def widens_root(self) -> bool:
        """Whether the root Service selects all revisions while a canary has weight."""
        ...

    def route(self, intent: Intent, weights: Weights) -> Mapping[str, Any] | None:
        """The router's object for these weights, without owner and content hash; None if it has none."""
        ...

    def observed(self, seen: Observed, intent: Intent) -> Weights | None:
        """The weights above 0 that the object shows; None where there is no object yet."""
        ...

    def confirmed(self, seen: Observed, written: datetime | None, now: datetime) -> bool:
        """Whether the router's controller has taken the object as it is."""
        ...

    def refusal(self, seen: Observed) -> str | None:
        """What the router's controller has against the object."""
        ...
