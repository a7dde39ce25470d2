"""What a Lease says, and what one is made to say. No clock and no requests: those are `lease`'s."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

Object = Mapping[str, Any]

GIVEN_BACK: Final = "serin.dev/given-back-by"
"""On a Lease that its holder has left in order; gone as soon as somebody takes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """A version of the Lease, None where it is missing, and since when it has been known."""

    lease: Object | None
    since: float

    @property
    def version(self) -> tuple[str, str] | None:
        """Tells it from every other."""
        if self.lease is None:
            return None
        return self.lease["metadata"]["uid"], self.lease["metadata"]["resourceVersion"]

    @property
    def holder(self) -> str:
        """Who may act; empty for nobody."""
        return str(self._spec.get("holderIdentity") or "")

    @property
    def seconds(self) -> float:
        """For how long after that version its holder may act."""
        return float(self._spec.get("leaseDurationSeconds") or 0)

    @property
    def given_back(self) -> bool:
        """Whether the holder has left in order, so that surely nobody acts."""
        return not self.holder and GIVEN_BACK in _annotations(self.lease)

    @property
    def _spec(self) -> Mapping[str, Any]:
        return (self.lease or {}).get("spec") or {}


def held(known: Object | None, *, by: str, seconds: float, now: datetime) -> Object:
    """The version after the known one, with a holder that has just renewed it."""
    before = (known or {}).get("spec") or {}
    goes_on = before.get("holderIdentity") == by
    return {
        "metadata": _metadata(known, {}),
        "spec": {
            "holderIdentity": by,
            "leaseDurationSeconds": math.ceil(seconds),
            "acquireTime": before["acquireTime"] if goes_on else _micro(now),
            "renewTime": _micro(now),
            "leaseTransitions": int(before.get("leaseTransitions") or 0) + (0 if goes_on else 1),
        },
    }


def given_back(known: Object | None, *, by: str, now: datetime) -> Object:
    """The version after the known one, without a holder and with the word that this is meant so."""
    before = (known or {}).get("spec") or {}
    spec = {**before, "holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": _micro(now)}
    return {"metadata": _metadata(known, {GIVEN_BACK: by}), "spec": spec}


def _metadata(known: Object | None, added: Mapping[str, str]) -> Mapping[str, Any]:
    """As it was, with the version that is to be replaced."""
    metadata = (known or {}).get("metadata") or {}
    kept = {name: text for name, text in _annotations(known).items() if name != GIVEN_BACK}
    rest = {name: value for name, value in metadata.items() if name != "managedFields"}
    return {**rest, "annotations": {**kept, **added}}


def _annotations(lease: Object | None) -> Mapping[str, str]:
    return ((lease or {}).get("metadata") or {}).get("annotations") or {}


def _micro(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
