"""Weights by an HTTPRoute of the Gateway API that Serin owns: one rule, a backend for each revision.

A backend that has lost its traffic stays named at weight 0 until the next write, so that a proxy never has to
drop a cluster that still drains (I3).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from serin.domain.capacity import routed_pods
from serin.domain.intent import Intent
from serin.domain.names import RevisionHash, child_name
from serin.domain.observed import Observed
from serin.domain.routers.router import UNREPORTED, Weights


class GatewayAPIRouter:
    """The `GatewayAPI` router."""

    kind: str | None = "HTTPRoute"

    def pods(self, weight: int, size: int) -> int:
        """A share of pods as large as the share of traffic."""
        return routed_pods(weight, size)

    def weight(self, canary: int, stable: int, asked: int) -> int:
        """The proxy enforces what was asked."""
        return asked

    def widens_root(self) -> bool:
        """The root Service always selects the stable revision alone."""
        return False

    def route(self, intent: Intent, weights: Weights) -> Mapping[str, Any] | None:
        """The HTTPRoute `<name>`."""
        gateway = intent.traffic.gateway
        if gateway is None:
            return None
        spec: dict[str, Any] = {
            "parentRefs": [dict(ref) for ref in gateway.parent_refs],
            "rules": [
                {
                    "matches": [{"path": {"type": "PathPrefix", "value": gateway.path}}],
                    "backendRefs": [
                        {
                            "name": child_name(intent.key.name, revision),
                            "port": intent.service_port,
                            "weight": weight,
                        }
                        for revision, weight in weights.items()
                    ],
                }
            ],
        }
        if gateway.hostnames:
            spec["hostnames"] = list(gateway.hostnames)
        return {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": {"name": intent.key.name, "namespace": intent.key.namespace},
            "spec": spec,
        }

    def observed(self, seen: Observed, intent: Intent) -> Weights | None:
        """What the HTTPRoute's backends say."""
        if seen.route is None:
            return None
        prefix = f"{intent.key.name}-"
        return {
            RevisionHash(backend.removeprefix(prefix)): weight
            for backend, weight in seen.route.weights.items()
            if weight > 0
        }

    def confirmed(self, seen: Observed, written: datetime | None, now: datetime) -> bool:
        """Accepted at the current generation; after a pause where nobody ever reports."""
        route = seen.route
        if route is None:
            return False
        if route.reported:
            return route.accepted
        return written is not None and now >= written + UNREPORTED

    def refusal(self, seen: Observed) -> str | None:
        """The parent's own words."""
        return seen.route.refusal if seen.route else None
