"""A cluster of the model as the operator's store shows it."""

from typing import Any, Final

from serin.domain.intent import Intent
from serin.domain.manifests import container_port, content, deployment, revision_service, root_service
from serin.domain.names import MODEL_LABEL, REVISION_LABEL, RevisionHash
from serin.domain.observed import (
    Identity,
    Observed,
    PodProblem,
    PodView,
    RevisionView,
    RouteView,
    ServiceView,
    WorkloadView,
)
from serin.domain.routers.gateway_api import GatewayAPIRouter
from tests.search.scope import NOW, REVISIONS, TICK, UID
from tests.search.state import ALL, NONE, Child, Cluster, Route

CRASHES: Final = 3


def template(revision: RevisionHash, rendering: str = "first") -> dict[str, Any]:
    """What a revision's pods are made from. An operator of today would render it anew, a little different."""
    container = {"name": "model", "image": f"server:{revision}", "args": [rendering]}
    return {"spec": {"containers": [container]}}


class Observing:
    """Observations, once for each cluster that is seen.

    Args:
        intent: Any intent of the scope: what it says of names and ports is the same in all.
    """

    def __init__(self, intent: Intent, *, reports: bool) -> None:
        self._reports = reports
        self._known: dict[object, Observed] = {}
        self._contents = _contents(intent)

    def of(self, cluster: Cluster, hidden: tuple[RevisionHash, int] | None) -> Observed:
        """What is seen; `hidden` are ready endpoints that differ from the pods'."""
        key = cluster, hidden
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._observed(cluster, hidden)
        return known

    def _observed(self, cluster: Cluster, hidden: tuple[RevisionHash, int] | None) -> Observed:
        there = {r: c for r, c in zip(REVISIONS, cluster.children, strict=True) if c is not None}
        ready = {r: (c.pods or NONE).ready for r, c in there.items()} | dict([hidden] if hidden else [])
        return Observed(
            revisions={r: self._revision(r) for r in there},
            workloads={r: self._workload(r, c) for r, c in there.items() if c.pods is not None},
            services={r: self._service(r) for r, c in there.items() if c.service},
            root=self._root(cluster.root),
            route=self._route(cluster.route),
            ready_endpoints={r: count for r, count in ready.items() if count},
            pods=tuple(pod for r, c in there.items() for pod in _pods(r, c)),
        )

    def _identity(self, kind: str, name: str, owner: str) -> Identity:
        return Identity(
            name=name,
            uid=f"{kind}-{name}",
            resource_version="1",
            owner_uid=owner,
            content=self._contents.get((kind, name)),
        )

    def _revision(self, revision: RevisionHash) -> RevisionView:
        return RevisionView(
            identity=self._identity("ControllerRevision", f"m-{revision}", UID),
            hash=revision,
            full_hash=f"full-{revision}",
            number=1 + REVISIONS.index(revision),
            data={"runtime": "custom@1", "template": template(revision)},
        )

    def _owned(self, kind: str, revision: RevisionHash) -> Identity:
        return self._identity(kind, f"m-{revision}", f"ControllerRevision-m-{revision}")

    def _workload(self, revision: RevisionHash, child: Child) -> WorkloadView:
        pods = child.pods or NONE
        return WorkloadView(
            identity=self._owned("Deployment", revision),
            revision=revision,
            desired=pods.desired,
            replicas=pods.desired,
            ready=pods.ready,
            settled=True,
            rejected=pods.rejected,
            epoch=pods.epoch,
        )

    def _service(self, revision: RevisionHash) -> ServiceView:
        selector = {MODEL_LABEL: "m", REVISION_LABEL: revision}
        identity = self._owned("Service", revision)
        return ServiceView(identity=identity, revision=revision, selector=selector, ports=(("http", 80),))

    def _root(self, selected: RevisionHash | None) -> ServiceView | None:
        if selected is None:
            return None
        selector = {MODEL_LABEL: "m"} | ({} if selected == ALL else {REVISION_LABEL: str(selected)})
        identity = self._identity("Service", "m", UID)
        return ServiceView(identity=identity, revision=None, selector=selector, ports=(("http", 80),))

    def _route(self, route: Route | None) -> RouteView | None:
        if route is None:
            return None
        return RouteView(
            identity=self._identity("HTTPRoute", "m", UID),
            weights={f"m-{revision}": weight for revision, weight in route.weights},
            reported=self._reports,
            accepted=self._reports and route.took == "yes",
            refusal="NoMatchingParent" if route.took == "refused" else None,
            written_at=NOW if route.took == "not yet" else NOW - TICK,
        )


def _pods(revision: RevisionHash, child: Child) -> list[PodView]:
    pods = child.pods or NONE
    return [
        PodView(
            name=f"m-{revision}-{number}",
            uid=f"m-{revision}-{number}",
            revision=revision,
            ready_since=NOW - TICK if number < pods.ready else None,
            restarts=CRASHES if pods.sick and number >= pods.ready else 0,
            problem=PodProblem.CRASH_LOOP if pods.sick and number >= pods.ready else None,
        )
        for number in range(pods.desired)
    ]


def _contents(intent: Intent) -> dict[tuple[str, str], str]:
    """The hash that each child carries: of what only a new spec changes."""
    found = {("Service", "m"): content(root_service(intent, None, template(REVISIONS[0])))}
    assert container_port("http", template(REVISIONS[0])) == container_port("http", template(REVISIONS[1]))
    for revision in REVISIONS:
        made = template(revision)
        pods = deployment(intent, revision, made, owner={}, replicas=1, epoch=None, rejected=None)
        found["Deployment", f"m-{revision}"] = content(pods)
        service = revision_service(intent, revision, made, owner={})
        found["Service", f"m-{revision}"] = content(service)
    route = GatewayAPIRouter().route(intent, {REVISIONS[0]: 100})
    if route is not None:
        labels = root_service(intent, None, {})["metadata"]["labels"]
        labelled = {**route, "metadata": {**route["metadata"], "labels": labels}}
        found["HTTPRoute", "m"] = content(labelled)
    return found
