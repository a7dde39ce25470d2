"""Gates as a person asks for them: a Job or a webhook that must succeed before a step.

Each try of one has a name that no other try has, so that a restart asks the same again and never twice for
different things (I7). When a gate is asked is `rollout.gating`; asking is `runtime.gatekeeper`.
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from serin.domain.names import RevisionHash

PROMOTION: Final = "promotion"
"""Stands for the step to 100 %, where a gate says what it is before."""
LONGEST_NAME: Final = 63
"""A Job's name is a label of its pods."""
SHORTEST_PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(minutes=5)
"""Between two tries of a webhook. A Job has its own back-off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatePolicy:
    """One gate.

    Attributes:
        before: The name of the step that waits for it, or `PROMOTION`.
        template: The CronJob whose jobTemplate is run; None for a webhook.
        webhook: The address that is asked; None for a Job.
        timeout: How long one try may take.
        retries: Tries after the first.
    """

    name: str
    before: str
    template: str | None
    webhook: str | None
    timeout: timedelta
    retries: int

    def pause(self, tries: int) -> timedelta:
        """Between the end of so many tries and the next one."""
        if self.webhook is None:
            return timedelta(0)
        return min(SHORTEST_PAUSE * (1 << min(tries - 1, 10)), LONGEST_PAUSE)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRun:
    """One try of a gate.

    Attributes:
        canary, stable: Names of the revisions, and so of their Services.
        number: Which try it is, from 1.
    """

    gate: GatePolicy
    attempt: str
    canary: str
    stable: str
    revision: RevisionHash
    number: int

    @property
    def identity(self) -> str:
        """What no other try is called."""
        return f"{self.attempt}:{self.gate.before}:{self.gate.name}:{self.number}"

    @property
    def job(self) -> str:
        """The name of its Job."""
        digest = hashlib.sha256(self.identity.encode()).hexdigest()[:10]
        return f"{self.canary[: LONGEST_NAME - 11].rstrip('-')}-{digest}"


class Outcome(StrEnum):
    """What came of a try."""

    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    """It may be tried again."""
    REFUSED = "Refused"
    """It said no, and would say so again."""
    NOT_STARTED = "NotStarted"
    """It could not even be asked, for a fault that is not the revision's."""


@dataclass(frozen=True, slots=True)
class GateAnswer:
    """What a try came to, and why, for a person."""

    outcome: Outcome
    message: str
