"""What must still be true of an object for a write to it to happen (I12, I16).

A fence is metadata sent along with an apply; the API server compares, so nothing comes between check and
write. What the server makes of each is pinned in `tests/contract/test_fences.py`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CreateOnly:
    """The object does not exist. Otherwise `Conflict`: an object found by name alone is never taken over."""

    def metadata(self) -> dict[str, str]:
        """A version no object can have any more: the server then creates, or conflicts."""
        return {"resourceVersion": "1"}


@dataclass(frozen=True, slots=True)
class Existing:
    """It is still this object, of whatever version. Deleted or made anew: `Conflict`."""

    uid: str

    def metadata(self) -> dict[str, str]:
        """The uid: the server refuses to change it, and to create an object with a given one."""
        return {"uid": self.uid}


@dataclass(frozen=True, slots=True)
class Exact:
    """It is still this object, and nobody has written to it since. For weights, selectors and scale-downs."""

    uid: str
    resource_version: str

    def metadata(self) -> dict[str, str]:
        """Both; a stale version is refused before the uid is looked at."""
        return {"uid": self.uid, "resourceVersion": self.resource_version}


Fence = CreateOnly | Existing | Exact
