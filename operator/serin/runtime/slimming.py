"""A ModelDeployment as it is kept in memory: less than half of what the server sent.

Fields that no decision reads are left out. The rest is mostly the same few hundred words over and over, names
of fields above all, which JSON makes anew for each object: here each is held once for all of them.
"""

from collections.abc import Mapping
from sys import intern
from typing import Any, Final

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
LONGEST_SHARED: Final = 32
"""Characters. Longer strings are sentences, hardly any of which comes twice."""


def slim(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    """The object without managedFields and without the copy that `kubectl apply` makes of it."""
    metadata = {name: value for name, value in obj["metadata"].items() if name != "managedFields"}
    if LAST_APPLIED in (annotations := metadata.get("annotations") or {}):
        metadata["annotations"] = {name: value for name, value in annotations.items() if name != LAST_APPLIED}
    shared: Mapping[str, Any] = _shared({**obj, "metadata": metadata})
    return shared


def _shared(value: Any) -> Any:
    if isinstance(value, str):
        return intern(value) if len(value) <= LONGEST_SHARED else value
    if isinstance(value, dict):
        return {intern(name): _shared(child) for name, child in value.items()}
    return [_shared(child) for child in value] if isinstance(value, list) else value
