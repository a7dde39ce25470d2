"""What is remembered of objects that are gone: until when each was there, and whose children they were.

News of an object may come after that of its deletion, and must not bring it back. A child that is made anew
may have gone with its owner (`applier`). Only the last deletions are known; older ones are long shown.
"""

from collections import OrderedDict
from collections.abc import Collection, Hashable, Iterable
from typing import Any, Final

from serin.domain.names import Key
from serin.kube.client import Named
from serin.runtime.projections import Object

REMEMBERED: Final = 4096


class Departures:
    """The last deletions."""

    def __init__(self) -> None:
        self._until: OrderedDict[str, float] = OrderedDict()
        self._children: OrderedDict[tuple[Key, str, str], None] = OrderedDict()

    def went(self, uid: str, at: float) -> None:
        """An object is not there any more, or has lost our label, since that version."""
        _keep(self._until, uid, at)

    def child_went(self, key: Key, kind: str, name: str) -> None:
        """A ModelDeployment has no child of that name any more."""
        _keep(self._children, (key, kind, name), None)

    def until(self, uid: str) -> float:
        """The version at which an object was not there any more; -1 where none is known."""
        return self._until.get(uid, -1)

    def late(self, obj: Object) -> bool:
        """Whether this is news from before the object's deletion."""
        return int(obj["metadata"]["resourceVersion"]) <= self.until(obj["metadata"]["uid"])

    def lost(self, key: Key, kind: str, name: str) -> bool:
        """Whether a ModelDeployment had a child of that name that went."""
        return (key, kind, name) in self._children


def gone(known: Iterable[Named], existing: Collection[str], *, namespace: str | None, at: int) -> list[Named]:
    """What a list shows to be gone.

    Args:
        known: All that is known of the kind.
        existing: The uids on the list.
        namespace: Where was listed; None for everywhere.
        at: The list's version. What was written later is not on it, and there all the same.
    """
    return [
        row
        for row in known
        if row.uid not in existing and namespace in (None, row.namespace) and int(row.resource_version) <= at
    ]


def _keep(notes: OrderedDict[Any, Any], key: Hashable, value: object) -> None:
    notes[key] = value
    if len(notes) > REMEMBERED:
        notes.popitem(last=False)
