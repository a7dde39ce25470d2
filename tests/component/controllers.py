"""What runs in a cluster beside the operator: the Deployment and EndpointSlice controllers, pods, and a
gateway.

Nothing happens by itself: `settle` is one round of all of them, so that a test decides what has happened
between two looks of the operator.
"""

from dataclasses import dataclass, field

from serin.domain.names import GATE_LABEL, MODEL_LABEL, REVISION_LABEL
from tests.component.cluster_in_memory import NAMESPACE, ClusterInMemory, Object

READY_SINCE = "2026-11-01T11:00:00Z"


@dataclass(slots=True)
class Controllers:
    """The controllers of one cluster.

    Attributes:
        jobs: How the next Jobs of a gate end; they complete where nothing is said.
        stuck: Whether Jobs do not end.
        ready: The most pods of a Deployment that get ready, by its name; the others all do.
        crashing: Deployments whose pods crash as soon as they start.
        unschedulable: Deployments whose pods find no node.
        refusing: What the gateway says against every route; None: it takes them.
        deaf: The gateway reports nothing about what is written.
    """

    cluster: ClusterInMemory
    jobs: dict[str, list[bool]] = field(default_factory=dict)
    ready: dict[str, int] = field(default_factory=dict)
    crashing: set[str] = field(default_factory=set)
    unschedulable: set[str] = field(default_factory=set)
    refusing: str | None = None
    deaf: bool = False
    stuck: bool = False

    def settle(self) -> bool:
        """Catch up with what was asked; whether that changed anything."""
        before = self.cluster.version
        for (kind, name), obj in list(self.cluster.objects.items()):
            if kind == "Deployment":
                self._run_pods(name, obj)
            if kind == "Job" and not self.stuck and "status" not in obj:
                self._end_job(name, obj)
            if kind == "HTTPRoute" and not self.deaf:
                generation = obj["metadata"]["generation"]
                parents = [_reported(ref, generation, self.refusing) for ref in obj["spec"]["parentRefs"]]
                self._show(kind, name, {**obj, "status": {"parents": parents}})
        for kind, name in list(self.cluster.objects):
            if kind in ("Pod", "EndpointSlice") and ("Deployment", self._deployment(kind, name)) not in (
                self.cluster.objects
            ):
                self.cluster.remove(kind, name)
        return self.cluster.version != before

    def _end_job(self, name: str, obj: Object) -> None:
        coming = self.jobs.get(obj["metadata"]["labels"][GATE_LABEL], [])
        well = coming.pop(0) if coming else True
        failed = {"type": "Failed", "reason": "BackoffLimitExceeded", "message": "it has failed"}
        ended = {"type": "Complete"} if well else failed
        status = {"conditions": [{**ended, "status": "True"}]}
        self._show("Job", name, {**obj, "status": status})

    def _run_pods(self, name: str, obj: Object) -> None:
        wanted = obj["spec"]["replicas"]
        stuck = name in self.crashing or name in self.unschedulable
        ready = 0 if stuck else min(wanted, self.ready.get(name, wanted))
        status = {
            "replicas": wanted,
            "readyReplicas": ready,
            "observedGeneration": obj["metadata"]["generation"],
        }
        labels = {
            label: obj["spec"]["template"]["metadata"]["labels"][label]
            for label in (MODEL_LABEL, REVISION_LABEL)
        }
        pods = [f"{name}-6d5f8c-{index:05d}" for index in range(wanted)]
        for index, pod in enumerate(pods):
            metadata = {"name": pod, "namespace": NAMESPACE, "labels": labels, "uid": pod}
            shown = {"metadata": metadata, "spec": obj["spec"]["template"]["spec"]}
            self._show("Pod", pod, {**shown, "status": self._pod_status(name, ready=index < ready)})
        for kind, pod in list(self.cluster.objects):
            if kind == "Pod" and pod.startswith(f"{name}-") and pod not in pods:
                self.cluster.remove("Pod", pod)
        endpoints = [
            {"addresses": [f"10.0.0.{i}"], "conditions": {"ready": True}, "targetRef": {"uid": pod}}
            for i, pod in enumerate(pods[:ready])
        ]
        named = {**labels, "kubernetes.io/service-name": name}
        metadata = {"name": name, "namespace": NAMESPACE, "labels": named, "uid": f"slice-{name}"}
        self._show("EndpointSlice", name, {"metadata": metadata, "endpoints": endpoints})
        self._show("Deployment", name, {**obj, "status": status})

    def _pod_status(self, name: str, *, ready: bool) -> Object:
        if name in self.unschedulable:
            scheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
            return {"conditions": [{**scheduled, "message": "0/1 nodes are available: 1 Insufficient gpu"}]}
        if name in self.crashing:
            ended = {"exitCode": 1, "reason": "Error"}
            state = {"waiting": {"reason": "CrashLoopBackOff"}}
            container = {"name": "model", "ready": False, "restartCount": 3, "state": state}
            return {"containerStatuses": [{**container, "lastState": {"terminated": ended}}]}
        if not ready:
            return {}
        return {"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": READY_SINCE}]}

    def _show(self, kind: str, name: str, obj: Object) -> None:
        known = self.cluster.objects.get((kind, name))
        parts = ("spec", "status", "endpoints")
        if known is None or any(known.get(part) != obj.get(part) for part in parts):
            self.cluster.show(kind, name, {**obj, "metadata": {**obj["metadata"]}})

    def _deployment(self, kind: str, name: str) -> str:
        return name.rsplit("-", 2)[0] if kind == "Pod" else name


def _reported(ref: Object, generation: int, refusal: str | None) -> Object:
    accepted: Object = {"type": "Accepted", "status": "False" if refusal else "True"}
    accepted |= {"reason": refusal or "Accepted", "message": "", "observedGeneration": generation}
    resolved = {"type": "ResolvedRefs", "status": "True", "reason": "ResolvedRefs", "message": ""}
    conditions = [accepted, {**resolved, "observedGeneration": generation}]
    return {"parentRef": ref, "controllerName": "serin.dev/test-gateway", "conditions": conditions}
