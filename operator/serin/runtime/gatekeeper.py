"""Sets the gates of attempts going: makes a Job from its template, or asks a webhook.

The state machine says which try is to be under way, and may say it as often as it likes: a Job's name and a
webhook's Idempotency-Key follow from the try, so that none is started twice. A template that is missing is
nobody's harm: it is told, and looked for again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from serin.api.invalid import InvalidSpec
from serin.domain.gates import GateAnswer, GateRun, Outcome
from serin.domain.intent import Intent
from serin.domain.jobs import gate_job, question
from serin.domain.names import Key
from serin.domain.observed import Observed
from serin.domain.plan import Guard, Write
from serin.domain.rollout.gating import TEMPLATE_SECONDS
from serin.kube.errors import NotFound
from serin.runtime.addresses import refused


class Kube(Protocol):
    """The API server, as far as templates go."""

    async def get(self, kind: str, namespace: str, name: str) -> dict[str, Any]:
        """An object by its name. Raises `KubeError`."""
        ...


class Webhooks(Protocol):
    """Asks in the background. Never waits."""

    def ask(self, key: Key, run: GateRun, question: Mapping[str, Any]) -> None:
        """Ask; may be repeated."""
        ...

    def answers(self, key: Key) -> Mapping[str, GateAnswer]:
        """What was answered, by the identity of the try."""
        ...

    def forget(self, key: Key) -> None:
        """Nobody wants to know any more."""
        ...


@dataclass(frozen=True, slots=True)
class _Missing:
    """A template that was looked for."""

    identity: str
    answer: GateAnswer
    at: datetime


class Gatekeeper:
    """The gates of all attempts under way.

    Args:
        allowed: What addresses of webhooks may begin with.
    """

    def __init__(
        self, kube: Kube, webhooks: Webhooks, *, allowed: tuple[str, ...], clock: Callable[[], datetime]
    ) -> None:
        self._kube = kube
        self._webhooks = webhooks
        self._allowed = allowed
        self._clock = clock
        self._missing: dict[Key, _Missing] = {}

    def refusal(self, intent: Intent) -> InvalidSpec | None:
        """What is wrong with the addresses that a spec names."""
        for index, gate in enumerate(intent.gates):
            path = f"spec.analysis.gates[{index}].webhook.url"
            if gate.webhook is not None and (wrong := refused(gate.webhook, self._allowed, path=path)):
                return wrong
        return None

    def answers(self, key: Key) -> Mapping[str, GateAnswer]:
        """What tries came to that are no Jobs, by their identity."""
        missing = self._missing.get(key)
        known = {missing.identity: missing.answer} if missing is not None else {}
        return {**known, **self._webhooks.answers(key)}

    async def start(self, key: Key, intent: Intent, run: GateRun, seen: Observed) -> Write | None:
        """See that a try is under way; the Job to be made where one is.

        Raises:
            KubeError: The API server did not answer.
        """
        if run.gate.template is None:
            self._webhooks.ask(key, run, question(intent, run))
            return None
        revision = seen.revisions.get(run.revision)
        if revision is None or revision.identity.terminating:
            return None  # it would go with the record, which is made anew first
        if run.job in seen.jobs or self._looked_just_now(key, run):
            return None
        try:
            found = await self._kube.get("CronJob", intent.key.namespace, run.gate.template)
        except NotFound:
            need = f"there is no CronJob {run.gate.template} in the namespace; make one, suspended, to run"
            self._missing[key] = _Missing(run.identity, GateAnswer(Outcome.NOT_STARTED, need), self._clock())
            return None
        self._missing.pop(key, None)
        manifest = gate_job(intent, run, found["spec"]["jobTemplate"], owner_uid=revision.identity.uid)
        return Write(manifest=manifest, guard=Guard.CREATE, identity=None)

    def forget(self, key: Key) -> None:
        """No attempt waits for a gate any more."""
        self._missing.pop(key, None)
        self._webhooks.forget(key)

    def _looked_just_now(self, key: Key, run: GateRun) -> bool:
        missing = self._missing.get(key)
        if missing is None or missing.identity != run.identity:
            return False
        return self._clock() - missing.at < timedelta(seconds=TEMPLATE_SECONDS)
