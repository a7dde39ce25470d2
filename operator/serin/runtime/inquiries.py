"""All that is asked about attempts in the background: the judge, the guards, the gates.

A look takes what was heard so far and goes on; whoever hears more says that another look is due. Where
samples are, and who may be asked, is the operator's list.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from serin.api.invalid import InvalidSpec
from serin.domain.analysis.guards import GuardReading, GuardRequest
from serin.domain.analysis.request import TrialRequest
from serin.domain.analysis.verdict import Assessment
from serin.domain.gates import GateAnswer
from serin.domain.intent import Intent
from serin.domain.names import Key
from serin.domain.plan import Write
from serin.domain.rollout.limits import asked_for, guard_request
from serin.domain.rollout.world import Decision, World
from serin.domain.status import State
from serin.domain.trial import trial_request
from serin.prom.endpoints import Endpoint
from serin.runtime.gatekeeper import Gatekeeper
from serin.runtime.prometheuses import label_refusal


class Judge(Protocol):
    """The poller: judges the attempts it is told to follow. Never waits."""

    def follow(self, key: Key, request: TrialRequest, source: str) -> None:
        """Judge this attempt from now on by the samples of the Prometheus of that name; may be repeated with
        newer pods and weights.
        """
        ...

    def forget(self, key: Key) -> None:
        """Judge it no longer."""
        ...

    def word(self, key: Key) -> Assessment | None:
        """The latest verdict."""
        ...


class Guards(Protocol):
    """Looks at the guards of the attempts it is told to follow. Never waits."""

    def follow(self, key: Key, request: GuardRequest, source: str) -> None:
        """Look at them from now on, in the Prometheus of that name; may be repeated."""
        ...

    def forget(self, key: Key) -> None:
        """Look no longer."""
        ...

    def readings(self, key: Key) -> tuple[GuardReading, ...]:
        """What they have come to."""
        ...


class Prometheuses(Protocol):
    """Where samples may be read: the operator's own list."""

    def chosen(self, namespace: str, address: str | None) -> Endpoint | InvalidSpec | None:
        """Where a model's samples are; None where there is no Prometheus for it."""
        ...


class Receivers(Protocol):
    """Those that are told of transitions."""

    def refusal(self, intent: Intent) -> InvalidSpec | None:
        """What is wrong with those that a spec names."""
        ...


@dataclass(frozen=True, slots=True)
class Heard:
    """What is known of an attempt besides what the cluster shows."""

    assessment: Assessment | None
    guards: tuple[GuardReading, ...]
    answers: Mapping[str, GateAnswer]


class Inquiries:
    """Who asks, for all attempts.

    Args:
        prometheuses: Where samples may be read.
    """

    def __init__(
        self,
        *,
        judge: Judge,
        guards: Guards,
        gates: Gatekeeper,
        prometheuses: Prometheuses,
        receivers: Receivers,
    ) -> None:
        self._receivers = receivers
        self._judge = judge
        self._guards = guards
        self._gates = gates
        self._prometheuses = prometheuses

    def refusal(self, intent: Intent) -> InvalidSpec | None:
        """What a spec asks for that the operator's lists do not allow."""
        place = self._prometheuses.chosen(intent.key.namespace, intent.samples.address)
        if isinstance(place, InvalidSpec):
            return place
        return (
            label_refusal(place, intent.samples.labels.namespace)
            or self._gates.refusal(intent)
            or self._receivers.refusal(intent)
        )

    def endpoint(self, intent: Intent) -> Endpoint | None:
        """Where a model's samples are."""
        place = self._prometheuses.chosen(intent.key.namespace, intent.samples.address)
        return None if isinstance(place, InvalidSpec) else place

    def heard(self, key: Key) -> Heard:
        """What was said so far."""
        return Heard(self._judge.word(key), self._guards.readings(key), self._gates.answers(key))

    def follow(self, key: Key, world: World, decision: Decision) -> None:
        """Ask what the decision leaves open, and nothing else."""
        place = self.endpoint(world.intent)
        trial = limits = None
        if place is not None and asked_for(world):
            trial = trial_request(world, decision, interval=place.scrape_interval)
            limits = guard_request(world, decision, interval=place.scrape_interval)
        if place is None or trial is None:
            self._judge.forget(key)
        else:
            trial = replace(trial, labels=world.intent.samples.labels)
            self._judge.follow(key, trial, place.name)
        if place is None or limits is None:
            self._guards.forget(key)
        else:
            self._guards.follow(key, limits, place.name)
        if decision.state in (State.IDLE, State.ROLLING_BACK):
            self._gates.forget(key)

    async def start(self, key: Key, world: World, decision: Decision) -> Write | None:
        """See that the gate is tried whose turn it is; the Job to be made where one is.

        Raises:
            KubeError: The API server did not answer.
        """
        if decision.due is None:
            return None
        return await self._gates.start(key, world.intent, decision.due, world.observed)

    def forget(self, key: Key) -> None:
        """The ModelDeployment is gone."""
        self._judge.forget(key)
        self._guards.forget(key)
        self._gates.forget(key)
