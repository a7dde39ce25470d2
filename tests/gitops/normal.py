"""Recorded objects without what only one run had: uids, versions, times, addresses, names made by chance."""

import json
import re
from pathlib import Path
from typing import Any, Final

import yaml

from tests.cluster.cluster import documents
from tests.cluster.resources import Object

FOLDER: Final = Path(__file__).parent / "recorded"
NOON: Final = "2026-01-01T12:00:00Z"
NOBODY: Final = "00000000-0000-4000-8000-000000000000"
PLACE: Final = "models"
RANDOM: Final = "[bcdfghjklmnpqrstvwxz2456789]"
"""What Kubernetes makes the ends of names from."""
REPLACED: Final = (
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)", NOON),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", NOBODY),
    (rf"-{RANDOM}{{8,10}}-{RANDOM}{{5}}\b", "-5d8f9c7b6-x2x4x"),
    (r"\b\d{1,3}(\.\d{1,3}){3}(:\d+)?\b", "192.0.2.1:9090"),
)
KEPT: Final = ("name", "generation", "annotations", "creationTimestamp", "deletionTimestamp", "finalizers")


def normalised(body: Object) -> Object:
    """The object as it is recorded."""
    meta = {key: body["metadata"][key] for key in KEPT if body["metadata"].get(key)}
    named = {
        "apiVersion": body["apiVersion"],
        "kind": body["kind"],
        "metadata": meta | {"namespace": PLACE, "uid": NOBODY},
        "spec": body["spec"],
        "status": body["status"],
    }
    text = json.dumps(named).replace(body["metadata"]["namespace"], PLACE)
    for pattern, word in REPLACED:
        text = re.sub(pattern, word, text)
    made: Object = json.loads(text)
    return made


def essence(body: Object) -> Any:
    """What a recorded object is about: it must be what the operator still writes.

    Sentences and counts may differ between runs; which fields there are may not.
    """
    status, generation = body["status"], body["metadata"]["generation"]
    return {
        "phase": status.get("phase"),
        "behind": generation - status["observedGeneration"],
        "conditions": {
            one["type"]: (one["status"], one["reason"], generation - one["observedGeneration"], sorted(one))
            for one in status.get("conditions", [])
        },
        "state": status.get("rollout", {}).get("state"),
        "fields": sorted(status),
    }


def write(found: dict[str, Object]) -> None:
    """Record objects by the name of their state."""
    FOLDER.mkdir(exist_ok=True)
    for state, body in found.items():
        text = yaml.safe_dump(normalised(body), sort_keys=False, width=110, allow_unicode=True)
        (FOLDER / f"{state}.yaml").write_text(text, encoding="utf-8")


def recorded() -> dict[str, Object]:
    """All that was recorded, by the name of the state."""
    return {path.stem: documents(path)[0] for path in sorted(FOLDER.glob("*.yaml"))}
