"""JSON merge patches, as Argo CD makes them of what an action has changed (RFC 7396)."""

from typing import Any


def merge_patch(before: Any, after: Any) -> Any:
    """What leads from one to the other; a removed key is None."""
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return after
    changed = {
        key: merge_patch(before.get(key), value)
        for key, value in after.items()
        if key not in before or before[key] != value
    }
    return changed | dict.fromkeys(before.keys() - after.keys())
