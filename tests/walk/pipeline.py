"""What the operator would make of a spec, without a cluster: children, questions, and decisions by state.

`Shown` looks at one spec from all sides that a leaf may be declared to drive. The world around it is as good
as it can be: pods are ready, the router confirms, and nobody has asked for anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Final

from serin.catalogue.loader import builtin
from serin.domain.analysis.queries import Window, query
from serin.domain.analysis.verdict import Assessment, Verdict
from serin.domain.gates import GateRun
from serin.domain.intent import Intent, RouterKind
from serin.domain.jobs import question
from serin.domain.manifests import Manifest
from serin.domain.names import REVISION_LABEL, RevisionHash
from serin.domain.observed import (
    Identity,
    Observed,
    RevisionView,
    RouteView,
    ServiceView,
    WorkloadView,
)
from serin.domain.plan import Scene, plan, removals
from serin.domain.render import render_template
from serin.domain.report import status_of
from serin.domain.rollout.limits import guard_request
from serin.domain.rollout.machine import advance
from serin.domain.rollout.world import Decision, Memo, World, revision_name
from serin.domain.routers.choice import ROUTERS
from serin.domain.status import Draining, Previous, RevisionStatus, Rollout, Shift, State, Status
from serin.domain.trial import trial_request

NOW: Final = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
STABLE: Final = RevisionHash("0000000000")
PODS: Final = 2000
"""As many as any spec may want."""
LONG_AGO: Final = timedelta(days=60)
"""Longer than any deadline."""


@dataclass(frozen=True)
class Shown:
    """All that follows from one valid spec."""

    intent: Intent

    @cached_property
    def children(self) -> Mapping[str, Manifest]:
        """What is written for a first deployment, by kind; the root Service is `Root`."""
        attempt = self._attempt(State.PREPARING, revision=self.intent.revision.hash)
        world = self._world(Status(rollout=attempt), stable=None)
        return self._written(world, advance(world))

    @cached_property
    def rendered(self) -> Mapping[str, Any]:
        """The pod template of the revision."""
        return render_template(self.intent, self._runtime)

    @property
    def container(self) -> Mapping[str, Any]:
        """The model server's container."""
        found: Mapping[str, Any] = self.rendered["spec"]["containers"][0]
        return found

    @cached_property
    def policy(self) -> Mapping[str, Any]:
        """What the judge is told to judge by, with the labels to find samples by."""
        decision = self.at(State.STEPPING, since=timedelta(0))
        world = self._world(Status(rollout=decision.rollout))
        asked = trial_request(world, decision, interval=15)
        assert asked is not None
        return {"policy": asked.policy, "labels": self.intent.samples.labels}

    def asked_of_prometheus(self, index: int) -> str:
        """The query a person is shown for a signal."""
        window = Window(
            namespace="ml", stable="a-1", canary="a-2", labels=self.intent.samples.labels, start=0, end=60
        )
        signals = self.policy["policy"].signals
        return query(signals[index], window) if index < len(signals) else ""

    @cached_property
    def guards(self) -> Any:
        """What the guards are told to look at."""
        decision = self.at(State.STEPPING, since=timedelta(0))
        return guard_request(self._world(Status(rollout=decision.rollout)), decision, interval=15)

    @cached_property
    def gate(self) -> GateRun | None:
        """The gate that is asked before the first step."""
        return self.at(State.PREPARING).due

    def asked_of_gate(self) -> Mapping[str, Any]:
        """What a webhook is told."""
        assert self.gate is not None
        return question(self.intent, self.gate)

    def at(self, state: State, *, step: int = 0, since: timedelta = LONG_AGO) -> Decision:
        """The decision in a state that began so long ago."""
        attempt = self._attempt(state, step=step, since=since)
        stable = self.intent.revision.hash if state is State.BAKING else STABLE
        return advance(self._world(Status(rollout=attempt), stable=stable))

    def status_at(self, state: State, *, step: int = 0) -> Status:
        """The status in a state that has just begun."""
        attempt = self._attempt(state, step=step, since=timedelta(0))
        world = self._world(Status(rollout=attempt))
        return status_of(world, advance(world))

    def drains(self) -> object:
        """How long a revision that has just lost its traffic is kept."""
        attempt = self._attempt(State.ROLLING_BACK)
        left = [Draining(revision=attempt.attempt.rpartition(".")[0], since=NOW)]
        attempt = attempt.model_copy(update={"draining": left, "reason": "Reverted"})
        world = replace(self._world(Status(rollout=attempt)), intent=replace(self.intent, paused=False))
        return advance(world).look_again

    def unready(self) -> object:
        """Until when a canary may be without pods."""
        world = self._world(Status(rollout=self._attempt(State.PREPARING)))
        seen = replace(world.observed, ready_endpoints={STABLE: PODS})
        return advance(replace(world, observed=seen)).look_again

    def undecided_until(self) -> object:
        """Until when a step may be without a verdict."""
        return advance(self._undecided(timedelta(seconds=70))).look_again

    def inconclusive(self) -> object:
        """What becomes of a step whose deadline has passed without a verdict."""
        passed = advance(self._undecided(LONG_AGO))
        return passed.state, passed.rollout and passed.rollout.step, passed.hold and passed.hold.reason

    def _undecided(self, since: timedelta) -> World:
        """A step that has had no verdict for so long, and no gate before the next one."""
        free = Shown(replace(self.intent, gates=()))
        attempt = free._attempt(State.STEPPING, since=since)
        word = Assessment(
            attempt=attempt.attempt,
            step=0,
            policy_hash=str(attempt.policy_hash),
            verdict=Verdict.UNDECIDED,
            signals=(),
            boundary=NOW.timestamp(),
            reason="Undecided",
            message="",
            available=True,
        )
        return replace(free._world(Status(rollout=attempt)), assessment=word)

    def analysis(self) -> object:
        """What the condition AnalysisAvailable says."""
        found = self.status_at(State.STEPPING).conditions
        return [(one.status, one.reason) for one in found if one.type == "AnalysisAvailable"]

    @cached_property
    def pruned(self) -> int:
        """How many of sixty spent revisions are given up while idle."""
        spent = {RevisionHash(f"{number:010d}"): number for number in range(1, 61)}
        views = {one: _revision(one, number) for one, number in spent.items()}
        world = self._world(Status(), stable=self.intent.revision.hash)
        seen = replace(world.observed, revisions={**world.observed.revisions, **views})
        world = replace(world, observed=seen)
        scene = self._scene(world, advance(world))
        return sum(removal.kind == "ControllerRevision" for removal in removals(scene))

    @property
    def _runtime(self) -> Any:
        return builtin().runtime(self.intent.revision.runtime)

    def _attempt(
        self,
        state: State,
        *,
        revision: RevisionHash | None = None,
        step: int = 0,
        since: timedelta = timedelta(0),
    ) -> Rollout:
        canary = revision_name(self.intent, revision or self.intent.revision.hash)
        steps = self.intent.rollout.steps
        weight = steps[min(step, len(steps) - 1)].weight
        stepping = state not in (State.PREPARING,)
        return Rollout(
            attempt=f"{canary}.1",
            state=state,
            step=step,
            since=NOW - since,
            started_at=NOW - since,
            router=self.intent.traffic.router.value,
            confirmed_at=NOW - since,
            analysis_start=NOW - since if stepping else None,
            step_started_at=NOW - since if stepping else None,
            policy_hash=self.intent.analysis.fingerprint(),
            shifts=[Shift(step=step, weight=weight, at=NOW - since)] if stepping else [],
            previous=(
                Previous(
                    revision=revision_name(self.intent, STABLE),
                    until=NOW - since + self.intent.rollout.bake,
                )
                if state is State.BAKING
                else None
            ),
        )

    def _world(self, status: Status, *, stable: RevisionHash | None = STABLE) -> World:
        intent, wanted = self.intent, self.intent.revision.hash
        if stable is not None:
            name = revision_name(intent, stable)
            shown = RevisionStatus(revision=name, weight=100, replicas=PODS, ready_replicas=PODS)
            status = status.model_copy(update={"stable": shown})
        known = (STABLE, wanted) if stable is not None else (wanted,)
        weights = {revision_name(intent, stable or wanted): 100}
        rollout = status.rollout
        if rollout is not None and rollout.state is State.STEPPING:
            given = rollout.shifts[-1].weight
            weights = {revision_name(intent, STABLE): 100 - given, revision_name(intent, wanted): given}
        return World(
            intent=intent,
            status=status,
            observed=Observed(
                revisions={one: _revision(one, 1, intent) for one in known},
                workloads={one: _workload(one, intent) for one in known},
                services={one: _service(one, intent) for one in known},
                root=_service(None, intent, selects=stable or wanted),
                route=_route(weights) if intent.traffic.router is RouterKind.GATEWAY_API else None,
                ready_endpoints=dict.fromkeys(known, PODS),
            ),
            assessment=None,
            memo=Memo(known=True, confirmed_since=rollout.confirmed_at if rollout else NOW - LONG_AGO),
            router=ROUTERS[intent.traffic.router],
            now=NOW,
            prometheus=True,
            runtime_pin=self._runtime.pin,
        )

    def _scene(self, world: World, decision: Decision) -> Scene:
        rendered = {"runtime": self._runtime.pin, "template": self.rendered}
        return Scene(
            intent=self.intent,
            decision=decision,
            observed=world.observed,
            router=world.router,
            rendered=rendered,
        )

    def _written(self, world: World, decision: Decision) -> Mapping[str, Manifest]:
        frozen = {"runtime": self._runtime.pin, "template": self.rendered}
        views = {one: replace(view, data=frozen) for one, view in world.observed.revisions.items()}
        world = replace(world, observed=replace(world.observed, revisions=views))
        made: dict[str, Manifest] = {}
        unrouted = replace(decision, weights=None)
        new = replace(world, observed=replace(world.observed, route=None))
        for look, decided in ((world, decision), (world, unrouted), (new, decision)):
            for write in plan(self._scene(look, decided)):
                root = write.kind == "Service" and write.name == self.intent.key.name
                made["Root" if root else write.kind] = write.manifest
        return made


def revisions_of(intent: Intent) -> Mapping[RevisionHash, RevisionView]:
    """The stable revision, and the one that is wanted."""
    frozen = {"runtime": builtin().runtime(intent.revision.runtime).pin, "template": {}}
    known = (STABLE, intent.revision.hash)
    return {one: replace(_revision(one, 1, intent), data=frozen) for one in known}


def _identity(name: str) -> Identity:
    return Identity(name=name, uid=f"uid-of-{name}", resource_version="1", owner_uid=None, content=None)


def _revision(revision: RevisionHash, number: int, intent: Intent | None = None) -> RevisionView:
    full = intent.revision.full_hash if intent and intent.revision.hash == revision else revision
    return RevisionView(
        identity=_identity(f"iris-{revision}"), hash=revision, full_hash=full, number=number, data={}
    )


def _workload(revision: RevisionHash, intent: Intent) -> WorkloadView:
    name = revision_name(intent, revision)
    return WorkloadView(
        identity=_identity(name), revision=revision, desired=PODS, replicas=PODS, ready=PODS, settled=True
    )


def _service(
    revision: RevisionHash | None, intent: Intent, *, selects: RevisionHash | None = None
) -> ServiceView:
    name = revision_name(intent, revision) if revision else intent.key.name
    selector = {REVISION_LABEL: selects} if selects else {}
    return ServiceView(identity=_identity(name), revision=revision, selector=selector, ports=())


def _route(weights: Mapping[str, int]) -> RouteView:
    return RouteView(identity=_identity("iris"), weights=weights, reported=True, accepted=True)
