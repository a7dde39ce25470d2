"""The kinds Serin reads and writes, and where the API server keeps them.

A manifest names its kind, the wire wants a path: this table is all that lies between. What is not in it
cannot be touched by accident.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from serin.domain.names import GROUP, KIND, MODEL_LABEL, PLURAL, VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One namespaced resource of the API server.

    Attributes:
        labelled: Serin's objects of this kind carry `serin.dev/model`, and only those are of interest.
        optional: The cluster may not have it; it comes with a CRD of somebody else.
    """

    name: str
    group: str
    version: str
    plural: str
    labelled: bool = True
    optional: bool = False

    @property
    def api_version(self) -> str:
        """As in a manifest's apiVersion."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def root(self) -> str:
        """The path of the group and version."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    @property
    def ours(self) -> dict[str, str]:
        """The query by which a list or a watch is of Serin's objects alone."""
        return {"labelSelector": MODEL_LABEL} if self.labelled else {}

    def path(self, namespace: str | None, name: str | None = None, subresource: str | None = None) -> str:
        """The path of a collection, an object or a subresource; no namespace means all of them."""
        parts = [f"namespaces/{quote(namespace, safe='')}"] if namespace else []
        parts.append(self.plural)
        parts += [quote(part, safe="") for part in (name, subresource) if part]
        return "/".join([self.root, *parts])


def places(namespaces: Sequence[str]) -> list[str | None]:
    """Where to look, one request each: in these namespaces, or where none is named in all at once (None)."""
    return [*namespaces] or [None]


MODEL_DEPLOYMENT: Final = Kind(name=KIND, group=GROUP, version=VERSION, plural=PLURAL, labelled=False)
CONTROLLER_REVISION: Final = Kind(
    name="ControllerRevision", group="apps", version="v1", plural="controllerrevisions"
)
DEPLOYMENT: Final = Kind(name="Deployment", group="apps", version="v1", plural="deployments")
SERVICE: Final = Kind(name="Service", group="", version="v1", plural="services")
ENDPOINT_SLICE: Final = Kind(
    name="EndpointSlice", group="discovery.k8s.io", version="v1", plural="endpointslices"
)
POD: Final = Kind(name="Pod", group="", version="v1", plural="pods")
HTTP_ROUTE: Final = Kind(
    name="HTTPRoute", group="gateway.networking.k8s.io", version="v1", plural="httproutes", optional=True
)
JOB: Final = Kind(name="Job", group="batch", version="v1", plural="jobs")
CRON_JOB: Final = Kind(name="CronJob", group="batch", version="v1", plural="cronjobs", labelled=False)
"""Read only, and only by name: what a gate's Job is made from."""
EVENT: Final = Kind(name="Event", group="", version="v1", plural="events", labelled=False)
LEASE: Final = Kind(name="Lease", group="coordination.k8s.io", version="v1", plural="leases", labelled=False)
"""Tells which replica of the operator acts."""

CHILDREN: Final = (CONTROLLER_REVISION, DEPLOYMENT, SERVICE, ENDPOINT_SLICE, POD, JOB, HTTP_ROUTE)
"""What is watched for a ModelDeployment, found by its `serin.dev/model` label."""

KINDS: Final[Mapping[str, Kind]] = {
    kind.name: kind for kind in (MODEL_DEPLOYMENT, *CHILDREN, CRON_JOB, EVENT, LEASE)
}
