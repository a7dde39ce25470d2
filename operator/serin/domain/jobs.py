"""The Job that tries a gate, made from a CronJob's template as `kubectl create job --from` does.

A CronJob is what carries a template of a Job that people know, the API server checks and nobody has to run:
suspended, it does nothing by itself. The Job belongs to the revision and goes with it.
"""

from collections.abc import Mapping
from typing import Any, Final

from serin.domain.gates import GateRun
from serin.domain.intent import Intent
from serin.domain.manifests import Manifest, labels, revision_owner, sealed
from serin.domain.names import GATE_LABEL, GROUP

NEVER_COPIED: Final = (
    f"{GROUP}/",
    "argocd.argoproj.io/",
    "kustomize.toolkit.fluxcd.io/",
    "helm.toolkit.fluxcd.io/",
    "meta.helm.sh/",
    "app.kubernetes.io/",
)
"""Labels and annotations that would make the Job somebody's else: a Service's pod, a release's object."""
OURS: Final = ("ttlSecondsAfterFinished", "selector", "manualSelector", "activeDeadlineSeconds")
"""Fields of a template that are not followed: the Job is kept as long as its revision, and finds its own
pods."""


def gate_job(intent: Intent, run: GateRun, template: Mapping[str, Any], *, owner_uid: str) -> Manifest:
    """The Job of one try, from a CronJob's jobTemplate."""
    metadata, spec = template.get("metadata") or {}, template["spec"]
    manifest: Manifest = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": run.job,
            "namespace": intent.key.namespace,
            "labels": {
                **_copied(metadata.get("labels")),
                **labels(intent, run.revision),
                GATE_LABEL: run.gate.name,
            },
            "annotations": _copied(metadata.get("annotations")),
            "ownerReferences": [revision_owner(intent, run.revision, owner_uid)],
        },
        "spec": {
            **{name: value for name, value in spec.items() if name not in OURS},
            "activeDeadlineSeconds": int(run.gate.timeout.total_seconds()),
            "template": _pod(intent, run, spec["template"]),
        },
    }
    return sealed(manifest)


def address(intent: Intent, revision: str) -> str:
    """Where a revision answers by itself, whatever its weight."""
    port = "" if intent.service_port == 80 else f":{intent.service_port}"
    return f"http://{revision}.{intent.key.namespace}.svc{port}"


def _pod(intent: Intent, run: GateRun, template: Mapping[str, Any]) -> Manifest:
    metadata, spec = template.get("metadata") or {}, dict(template["spec"])
    for kind in ("containers", "initContainers"):
        if spec.get(kind):
            spec[kind] = [_told(intent, run, container) for container in spec[kind]]
    kept = {kind: _copied(metadata.get(kind)) for kind in ("labels", "annotations")}
    return {"metadata": {kind: values for kind, values in kept.items() if values}, "spec": spec}


def _told(intent: Intent, run: GateRun, container: Mapping[str, Any]) -> Manifest:
    """A container with what it needs to know of the attempt, before its own variables, which may use it."""
    known = {
        "SERIN_MODEL": intent.key.name,
        "SERIN_REVISION": run.canary,
        "SERIN_ATTEMPT": run.attempt,
        "SERIN_STEP": run.gate.before,
        "SERIN_ADDRESS": address(intent, run.canary),
    }
    own = [entry for entry in container.get("env") or [] if entry["name"] not in known]
    return {**container, "env": [*({"name": name, "value": value} for name, value in known.items()), *own]}


def _copied(values: Mapping[str, str] | None) -> dict[str, str]:
    return {name: value for name, value in (values or {}).items() if not name.startswith(NEVER_COPIED)}


def question(intent: Intent, run: GateRun) -> Mapping[str, Any]:
    """What a webhook is asked."""
    return {
        "namespace": intent.key.namespace,
        "model": intent.key.name,
        "attempt": run.attempt,
        "step": run.gate.before,
        "gate": run.gate.name,
        "try": run.number,
        "canary": run.canary,
        "stable": run.stable,
        "address": address(intent, run.canary),
    }
