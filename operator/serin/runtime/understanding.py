"""What a ModelDeployment asks for, or why that cannot be followed and what is wanted meanwhile.

A spec that cannot be followed changes nothing: the last one that could be goes on to be carried out, with
what a person asks for today. After a restart nobody remembers that one, and as much as can be told from the
status and the children stands in for it (`api.salvage`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from serin.api.intent import intent_of, requests_of
from serin.api.invalid import InvalidSpec
from serin.api.salvage import salvaged
from serin.catalogue.loader import Catalogue
from serin.domain.conditions import Standing, refused
from serin.domain.intent import Intent
from serin.domain.names import Key
from serin.domain.observed import Observed
from serin.domain.rollout.questions import changes_router
from serin.domain.rollout.world import Reason
from serin.domain.routers.choice import ROUTERS
from serin.domain.status import Status
from serin.runtime.inquiries import Inquiries

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Understood:
    """What is to be carried out, and what to say where that is not what the spec asks for.

    `intent` is None where the spec cannot be followed and nothing else is known to be wanted.
    """

    intent: Intent | None
    refusal: Standing | None = None


class Understanding:
    """Reads specs.

    Args:
        served: Kinds the API server has; a router whose kind is missing cannot be used.
    """

    def __init__(self, *, inquiries: Inquiries, catalogue: Catalogue, served: frozenset[str]) -> None:
        self._inquiries = inquiries
        self._catalogue = catalogue
        self._served = served
        self._read: dict[Key, tuple[object, Intent | InvalidSpec]] = {}

    def of(self, model: Object, status: Status, seen: Observed, *, before: Intent | None) -> Understood:
        """What a model asks for; `before` is what it asked for when it was last understood."""
        asked = self._asked(model)
        refusal = self._refusal(asked, status)
        if refusal is None and isinstance(asked, Intent):
            return Understood(asked)
        if before is not None:
            return Understood(_today(before, model), refusal)
        lists = self._inquiries.refusal
        found = salvaged(model, status, seen, catalogue=self._catalogue, refusal=lists)
        return Understood(found if found is not None and self._served_by(found) else None, refusal)

    def forget(self, key: Key) -> None:
        """The ModelDeployment is gone."""
        self._read.pop(key, None)

    def _asked(self, model: Object) -> Intent | InvalidSpec:
        """What the spec says, read once: a look costs half as much then, and most change nothing of it."""
        metadata = model["metadata"]
        key = Key(metadata["namespace"], metadata["name"])
        text = metadata["uid"], metadata["generation"], metadata.get("annotations")
        known = self._read.get(key)
        if known is None or known[0] != text:
            known = self._read[key] = text, intent_of(model, self._catalogue)
        return known[1]

    def _refusal(self, asked: Intent | InvalidSpec, status: Status) -> Standing | None:
        if isinstance(asked, InvalidSpec):
            return refused(Reason.INVALID_SPEC, asked.message)
        if not self._served_by(asked):
            kind = ROUTERS[asked.traffic.router].kind
            need = f"needs the kind {kind}, which this cluster does not have; install its CRD"
            message = f"spec.traffic.router: {asked.traffic.router.value} {need}"
            return refused(Reason.ROUTER_UNAVAILABLE, message)
        if change := changes_router(asked, status):
            return refused(Reason.INVALID_SPEC, change)
        if fault := self._inquiries.refusal(asked):
            return refused(Reason.INVALID_SPEC, fault.message)
        return None

    def _served_by(self, intent: Intent) -> bool:
        kind = ROUTERS[intent.traffic.router].kind
        return kind is None or kind in self._served


def _today(before: Intent, model: Object) -> Intent:
    """The last spec that could be followed, with what a person asks for today, a pause among it."""
    metadata = model["metadata"]
    return replace(
        before,
        generation=metadata["generation"],
        uid=metadata["uid"],
        requests=requests_of(metadata.get("annotations") or {}),
        paused=model["spec"].get("paused") is True,
    )
