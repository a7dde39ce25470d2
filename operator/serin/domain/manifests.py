"""The objects Serin makes, as plain manifests. What they hold follows from a revision; whether to write:
`plan`.

Owned by the revision's ControllerRevision: its Deployment and Service. Owned by the ModelDeployment: the
ControllerRevisions, the root Service and the route (`design.md` 4 and 7).
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from serin.domain.intent import Intent
from serin.domain.names import (
    API_VERSION,
    CONTENT_ANNOTATION,
    EPOCH_ANNOTATION,
    FULL_HASH_ANNOTATION,
    KIND,
    MODEL_LABEL,
    REJECTED_ANNOTATION,
    REVISION_LABEL,
    RevisionHash,
    child_name,
)

Manifest = dict[str, Any]

SERVER: Final = "model"
"""The name of the container that answers."""
FALLBACK_PORT: Final = 8080


def _owner(kind: str, api_version: str, name: str, uid: str) -> Manifest:
    """A controlling owner reference that blocks no deletion (I10)."""
    return {"apiVersion": api_version, "kind": kind, "name": name, "uid": uid, "controller": True}


def model_owner(intent: Intent) -> Manifest:
    """The ModelDeployment as owner."""
    return _owner(KIND, API_VERSION, intent.key.name, intent.uid)


def owner_of(obj: Mapping[str, Any]) -> Manifest | None:
    """The controlling owner reference of an object or a manifest; there is never more than one."""
    references = obj["metadata"].get("ownerReferences") or ()
    return next((one for one in references if one.get("controller")), None)


def revision_owner(intent: Intent, revision: RevisionHash, uid: str) -> Manifest:
    """A revision's ControllerRevision as owner."""
    return _owner("ControllerRevision", "apps/v1", child_name(intent.key.name, revision), uid)


def labels(intent: Intent, revision: RevisionHash | None = None) -> dict[str, str]:
    """Labels of a child. Roles are not among them (I15)."""
    common = {
        "app.kubernetes.io/name": intent.key.name,
        "app.kubernetes.io/managed-by": "serin",
        MODEL_LABEL: intent.key.name,
    }
    return {**common, REVISION_LABEL: revision} if revision else common


def controller_revision(
    intent: Intent, revision: RevisionHash, full_hash: str, number: int, data: Mapping[str, Any]
) -> Manifest:
    """The frozen rendering of a revision (I14)."""
    manifest = _object(intent, "apps/v1", "ControllerRevision", child_name(intent.key.name, revision))
    manifest["metadata"]["labels"] = labels(intent, revision)
    manifest["metadata"]["annotations"] = {FULL_HASH_ANNOTATION: full_hash}
    manifest["metadata"]["ownerReferences"] = [model_owner(intent)]
    return {**manifest, "revision": number, "data": dict(data)}


def deployment(
    intent: Intent,
    revision: RevisionHash,
    template: Mapping[str, Any],
    *,
    owner: Manifest,
    replicas: int,
    epoch: str | None,
    rejected: str | None,
) -> Manifest:
    """The pods of a revision. The template never changes, so a rolling update never happens."""
    manifest = _object(intent, "apps/v1", "Deployment", child_name(intent.key.name, revision))
    annotations = {EPOCH_ANNOTATION: epoch, REJECTED_ANNOTATION: rejected}
    manifest["metadata"]["labels"] = labels(intent, revision)
    manifest["metadata"]["annotations"] = {name: value for name, value in annotations.items() if value}
    manifest["metadata"]["ownerReferences"] = [owner]
    manifest["spec"] = {
        "replicas": replicas,
        "revisionHistoryLimit": 0,
        "selector": {"matchLabels": {MODEL_LABEL: intent.key.name, REVISION_LABEL: revision}},
        "template": template,
    }
    return manifest


def revision_service(
    intent: Intent, revision: RevisionHash, template: Mapping[str, Any], *, owner: Manifest
) -> Manifest:
    """A revision's own address; its selector never changes."""
    manifest = _service(intent, child_name(intent.key.name, revision), template)
    manifest["metadata"]["labels"] = labels(intent, revision)
    manifest["metadata"]["ownerReferences"] = [owner]
    manifest["spec"]["selector"] = {MODEL_LABEL: intent.key.name, REVISION_LABEL: revision}
    return manifest


def root_service(intent: Intent, revision: RevisionHash | None, template: Mapping[str, Any]) -> Manifest:
    """The address that never changes: the stable revision, or all pods of the model where None is given."""
    manifest = _service(intent, intent.key.name, template)
    manifest["metadata"]["labels"] = labels(intent)
    manifest["metadata"]["ownerReferences"] = [model_owner(intent)]
    selector = {MODEL_LABEL: intent.key.name}
    manifest["spec"]["selector"] = {**selector, REVISION_LABEL: revision} if revision else selector
    return manifest


def sealed(manifest: Manifest) -> Manifest:
    """The manifest with the hash of its lasting content as an annotation, so that unchanged means no request
    (I8).

    Replicas, weights, selectors of Services, owners and Serin's own annotations are compared by value
    instead.
    """
    metadata = manifest["metadata"]
    annotations = {**metadata.get("annotations", {}), CONTENT_ANNOTATION: content(manifest)}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}


def content(manifest: Mapping[str, Any]) -> str:
    """Sixteen characters over what only a new operator or a new spec changes."""
    spec = {name: value for name, value in manifest.get("spec", {}).items() if name != "replicas"}
    if manifest["kind"] == "Service":
        spec.pop("selector", None)
    if manifest["kind"] == "HTTPRoute":
        spec["rules"] = [_lasting_rule(rule) for rule in spec["rules"]]
    lasting = {"labels": manifest["metadata"].get("labels"), "spec": spec, "data": manifest.get("data")}
    text = json.dumps(lasting, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _lasting_rule(rule: Mapping[str, Any]) -> Manifest:
    """A rule without who gets how much: of its backends only the port."""
    ports = sorted({backend["port"] for backend in rule["backendRefs"]})
    return {**rule, "backendRefs": ports}


def _object(intent: Intent, api_version: str, kind: str, name: str) -> Manifest:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": name, "namespace": intent.key.namespace},
    }


def _service(intent: Intent, name: str, template: Mapping[str, Any]) -> Manifest:
    ports = [_port("http", intent.service_port, template)]
    if intent.grpc_port is not None:
        ports.append(_port("grpc", intent.grpc_port, template))
    return {**_object(intent, "v1", "Service", name), "spec": {"ports": ports}}


def _port(name: str, port: int, template: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "port": port, "protocol": "TCP", "targetPort": container_port(name, template)}


def container_port(name: str, template: Mapping[str, Any]) -> int:
    """The server's port of that name; its first one where none has it."""
    containers = template.get("spec", {}).get("containers", [])
    ports = next((entry.get("ports") or [] for entry in containers if entry.get("name") == SERVER), [])
    named = [port["containerPort"] for port in ports if port.get("name") == name]
    return int((named or [port["containerPort"] for port in ports] or [FALLBACK_PORT])[0])
