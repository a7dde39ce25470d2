"""The kinds the tests speak of, by the path each has on the API server.

Kinds that an object names (`apiVersion` and `kind`) are looked up in the server's discovery by `api.Api`.
"""

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

Object: TypeAlias = dict[str, Any]
"""A Kubernetes object as the server sends it."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One collection of the API: `apps/v1` and `deployments`."""

    api_version: str
    plural: str
    namespaced: bool = True

    def path(
        self, namespace: str | None = None, name: str | None = None, subresource: str | None = None
    ) -> str:
        """The path of the collection, of one object in it, or of one object's subresource.

        Without a namespace a namespaced collection means all namespaces.
        """
        root = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        parts = [root]
        if namespace is not None and self.namespaced:
            parts += ["namespaces", namespace]
        parts += [part for part in (self.plural, name, subresource) if part]
        return "/".join(parts)

    def __str__(self) -> str:
        return f"{self.plural}.{self.api_version}"


NAMESPACES: Final = Resource("v1", "namespaces", namespaced=False)
NODES: Final = Resource("v1", "nodes", namespaced=False)
PODS: Final = Resource("v1", "pods")
SERVICES: Final = Resource("v1", "services")
CONFIG_MAPS: Final = Resource("v1", "configmaps")
SECRETS: Final = Resource("v1", "secrets")
SERVICE_ACCOUNTS: Final = Resource("v1", "serviceaccounts")
EVENTS: Final = Resource("v1", "events")
NEW_EVENTS: Final = Resource("events.k8s.io/v1", "events")
DEPLOYMENTS: Final = Resource("apps/v1", "deployments")
REPLICA_SETS: Final = Resource("apps/v1", "replicasets")
CONTROLLER_REVISIONS: Final = Resource("apps/v1", "controllerrevisions")
ENDPOINT_SLICES: Final = Resource("discovery.k8s.io/v1", "endpointslices")
LEASES: Final = Resource("coordination.k8s.io/v1", "leases")
JOBS: Final = Resource("batch/v1", "jobs")
AUTOSCALERS: Final = Resource("autoscaling/v2", "horizontalpodautoscalers")
ROLES: Final = Resource("rbac.authorization.k8s.io/v1", "roles")
CLUSTER_ROLES: Final = Resource("rbac.authorization.k8s.io/v1", "clusterroles", namespaced=False)
CLUSTER_ROLE_BINDINGS: Final = Resource(
    "rbac.authorization.k8s.io/v1", "clusterrolebindings", namespaced=False
)
CRDS: Final = Resource("apiextensions.k8s.io/v1", "customresourcedefinitions", namespaced=False)
HTTP_ROUTES: Final = Resource("gateway.networking.k8s.io/v1", "httproutes")
GATEWAYS: Final = Resource("gateway.networking.k8s.io/v1", "gateways")
GATEWAY_CLASSES: Final = Resource("gateway.networking.k8s.io/v1", "gatewayclasses", namespaced=False)
