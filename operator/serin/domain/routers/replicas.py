"""Weights by number of pods: while a canary has weight, the Service `<name>` selects both revisions' pods.

Needs nothing but Services. Weights are as coarse as pods are few, which status shows and never hides.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from serin.domain.capacity import achieved_weight, counted_pods
from serin.domain.intent import Intent
from serin.domain.names import REVISION_LABEL, RevisionHash
from serin.domain.observed import Observed
from serin.domain.routers.router import Weights


class ReplicasRouter:
    """The `Replicas` router."""

    kind: str | None = None

    def pods(self, weight: int, size: int) -> int:
        """As many canary pods as come closest to the weight without exceeding it."""
        return counted_pods(weight, size)

    def weight(self, canary: int, stable: int, asked: int) -> int:
        """The share of pods is the share of connections."""
        return achieved_weight(canary, stable)

    def widens_root(self) -> bool:
        """The root Service is the router."""
        return True

    def route(self, intent: Intent, weights: Weights) -> Mapping[str, Any] | None:
        """There is no object besides the root Service."""
        return None

    def observed(self, seen: Observed, intent: Intent) -> Weights | None:
        """Whom the root Service selects, in shares of ready pods."""
        if seen.root is None:
            return None
        selected = seen.root.selector.get(REVISION_LABEL)
        if selected is not None:
            return {RevisionHash(selected): 100}
        ready = {revision: count for revision, count in seen.ready_endpoints.items() if count}
        total = sum(ready.values())
        return {revision: round(100 * count / total) for revision, count in ready.items()}

    def confirmed(self, seen: Observed, written: datetime | None, now: datetime) -> bool:
        """A Service has no controller that would report."""
        return True

    def refusal(self, seen: Observed) -> str | None:
        """Nobody refuses a Service's selector."""
        return None
