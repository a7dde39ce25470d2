"""A ModelDeployment as it was read: what the views show and the orders rest on.

Only the shape of the object is known here; what is not written yet (a status the operator has not made) is
absent, and never guessed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from pydantic import ValidationError

from serin.domain.names import Key
from serin.domain.rollout.world import Reason
from serin.domain.status import Condition, Status
from serin.plugin.exits import Trouble

Object = Mapping[str, Any]


class Health(StrEnum):
    """How a model fares, in the words of `kubectl argo rollouts`."""

    HEALTHY = "Healthy"
    PROGRESSING = "Progressing"
    PAUSED = "Paused"
    DEGRADED = "Degraded"


AWAITING: Final = frozenset({Reason.PAUSED, Reason.AWAITING_PROMOTION, Reason.INCONCLUSIVE})
"""Reasons for which a rollout goes on only when a person says so."""


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step as the spec has it."""

    name: str
    weight: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One ModelDeployment."""

    raw: Object
    key: Key
    uid: str
    generation: int
    created: datetime
    status: Status

    @classmethod
    def of(cls, raw: Object) -> "Model":
        """The object as the server tells it.

        Raises:
            Trouble: Its status is nobody's.
        """
        metadata = raw["metadata"]
        try:
            status = Status.model_validate(raw.get("status") or {})
        except ValidationError as error:
            where = ".".join(str(part) for part in error.errors()[0]["loc"])
            cure = "the operator mends it; kubectl get -o yaml shows it as it is"
            raise Trouble(f"{metadata['name']}: status.{where} cannot be read", cure) from error
        return cls(
            raw=raw,
            key=Key(metadata["namespace"], metadata["name"]),
            uid=metadata["uid"],
            generation=metadata["generation"],
            created=datetime.fromisoformat(metadata["creationTimestamp"]),
            status=status,
        )

    @property
    def annotations(self) -> Mapping[str, str]:
        """What is written on the object."""
        return self.raw["metadata"].get("annotations") or {}

    @property
    def spec(self) -> Mapping[str, Any]:
        """The spec, with the server's defaults."""
        found: Mapping[str, Any] = self.raw.get("spec") or {}
        return found

    @property
    def held_in_spec(self) -> bool:
        """Whether `spec.paused` holds it."""
        return self.spec.get("paused") is True

    @property
    def steps(self) -> tuple[StepRow, ...]:
        """The canary's steps; none where the spec is older than the defaults."""
        canary = (self.spec.get("rollout") or {}).get("canary") or {}
        return tuple(StepRow(one["name"], one["weight"]) for one in canary.get("steps") or ())

    @property
    def step(self) -> StepRow | None:
        """The step of the attempt under way."""
        rollout = self.status.rollout
        if rollout is None or not self.steps:
            return None
        return self.steps[min(rollout.step, len(self.steps) - 1)]

    @property
    def seen(self) -> bool:
        """Whether the operator has looked at the spec as it is now."""
        return self.status.observed_generation == self.generation

    def condition(self, kind: str) -> Condition | None:
        """A condition by its type."""
        return next((one for one in self.status.conditions if one.type == kind), None)

    @property
    def reason(self) -> str:
        """Why it is as it is: the reason of Ready."""
        ready = self.condition("Ready")
        return ready.reason if ready else ""

    @property
    def health(self) -> Health:
        """How it fares; of a change that was not looked at yet nothing is known but that it goes on."""
        ready, stalled = self.condition("Ready"), self.condition("Stalled")
        if not self.seen or ready is None:
            return Health.PROGRESSING
        if stalled is not None and stalled.status == "True":
            return Health.DEGRADED
        if ready.status == "True":
            return Health.HEALTHY
        return Health.PAUSED if self.reason in AWAITING else Health.PROGRESSING

    @property
    def message(self) -> str:
        """What is going on, in one sentence."""
        if self.seen:
            return self.status.message or ""
        if self.status.observed_generation < 0:
            return "the operator has not looked at it yet"
        seen = f"generation {self.generation}, seen {self.status.observed_generation}"
        return f"the operator has not seen the latest change yet ({seen})"
