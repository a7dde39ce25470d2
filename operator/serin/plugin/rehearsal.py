"""A rollout as it would go: the operator's own state machine, in a world where everything succeeds at once.

Pods are ready and routers obey as soon as they are asked, gates succeed and people promote; what takes time
is what the spec says and what evidence takes (`needed`). So a plan cannot say anything else than the operator
will do: nothing of how a rollout goes is written down here.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from serin.domain.analysis.verdict import Assessment, Verdict
from serin.domain.gates import GateAnswer, Outcome
from serin.domain.intent import Intent
from serin.domain.observed import Observed
from serin.domain.report import status_of
from serin.domain.rollout.machine import advance
from serin.domain.rollout.world import Decision, Memo, Reason, World, canary_of
from serin.domain.routers.choice import ROUTERS
from serin.domain.status import Rollout, State, Status
from serin.plugin.needed import Needed, Traffic, requests_until_safe
from serin.plugin.smooth import followed, standing

MOST_LOOKS: Final = 2000
"""A rollout takes a few dozen; one that took more would be going round in circles."""
LASTING: Final = frozenset({Reason.PAUSED, Reason.INCONCLUSIVE, Reason.ROLLED_BACK})
"""Holds that last until somebody does something, which nobody here does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look of the operator's: when it was, and what it decided.

    Attributes:
        needed: Requests to the canary that the evidence of the step under way takes, where it takes any.
    """

    at: datetime
    status: Status
    decision: Decision
    needed: Needed | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """When a step is shown safe, and by how many requests; never where `at` is None."""

    at: datetime | None
    requests: Needed | None


@dataclass(slots=True, kw_only=True)
class Rehearsal:
    """A model's rollout from its status of today, to be walked through by `looks`.

    Args:
        intent: What the spec to come asks for.
        prometheus: Whether the operator judges.
    """

    intent: Intent
    status: Status
    traffic: Traffic
    now: datetime
    prometheus: bool
    _observed: Observed = field(default_factory=Observed)
    _memo: Memo = field(default_factory=Memo)
    _answers: dict[str, GateAnswer] = field(default_factory=dict)
    _proofs: dict[tuple[str, int], Proof] = field(default_factory=dict)
    _warm: int = 0
    """Canary pods that the step before had."""

    def looks(self) -> Iterator[Look]:
        """Each look, until the rollout has ended or waits for somebody."""
        self._observed = standing(self.intent, self.status)
        for _ in range(MOST_LOOKS):
            world = self._world()
            decision = advance(world)
            before = self._observed
            self._memo = decision.memo
            self._observed = followed(self.intent, before, decision, self.now)
            self.status = status_of(replace(world, observed=self._observed), decision)
            proof = self._proof(decision)
            yield Look(
                at=self.now, status=self.status, decision=decision, needed=proof.requests if proof else None
            )
            coming = self._coming(decision, proof, settled=self._observed == before)
            if coming is None:
                return
            self.now = coming
        raise ValueError(f"{self.intent.key}: the rollout did not end within {MOST_LOOKS} looks")

    def _world(self) -> World:
        return World(
            intent=self.intent,
            status=self.status,
            observed=self._observed,
            assessment=self._word(self.status.rollout),
            memo=self._memo,
            router=ROUTERS[self.intent.traffic.router],
            now=self.now,
            prometheus=self.prometheus,
            runtime_pin="",
            answers=self._answers,
        )

    def _word(self, rollout: Rollout | None) -> Assessment | None:
        """What the judge would say by now."""
        if rollout is None or rollout.state is not State.STEPPING:
            return None
        proof = self._proofs.get((rollout.attempt, rollout.step))
        safe = proof is not None and proof.at is not None and proof.at <= self.now
        return Assessment(
            attempt=rollout.attempt,
            step=rollout.step,
            policy_hash=rollout.policy_hash or "",
            verdict=Verdict.SAFE if safe else Verdict.UNDECIDED,
            signals=(),
            boundary=self.now.timestamp(),
            reason="",
            message="evidence is gathered",
            available=True,
        )

    def _proof(self, decision: Decision) -> Proof | None:
        """When the step under way is shown safe; known from when its weight is confirmed."""
        rollout = decision.rollout
        judged = self._world().judged
        if rollout is None or rollout.state is not State.STEPPING or not judged:
            return None
        key = (rollout.attempt, rollout.step)
        since = decision.memo.confirmed_since
        if key not in self._proofs and since is not None:
            pods = decision.sizes.get(canary_of(self.intent, rollout), 1)
            self._proofs[key] = self._proved(since, pods)
            self._warm = pods
        return self._proofs.get(key)

    def _proved(self, since: datetime, pods: int) -> Proof:
        """What pods of the step before serve counts at once, the others' share when they are warm."""
        canary = self.status.canary
        share = min(max(canary.weight if canary else 0, 1), 99) / 100
        requests = requests_until_safe(self.intent.analysis, self.traffic, share=share)
        if requests is None:
            return Proof(None, None)
        warm_up = self.intent.analysis.warm_up.total_seconds()
        warm = min(1.0, self._warm / pods)
        seconds = 0.0 if warm == 1.0 else warm_up
        if self.traffic.per_second is not None:
            rate = self.traffic.per_second * share
            early = rate * warm
            seconds = _lasting(requests.usual, rate=rate, early=early, until=seconds)
        waited = max(seconds + self.traffic.interval, self.traffic.proving)
        return Proof(since + timedelta(seconds=min(waited, _FOR_EVER)), requests)

    def _coming(self, decision: Decision, proof: Proof | None, *, settled: bool) -> datetime | None:
        """When to look again; None where nothing comes by itself any more."""
        hold, rollout = decision.hold, decision.rollout
        if not settled or decision.look_again == timedelta(0):
            return self.now
        if hold is not None and rollout is not None and hold.reason is Reason.AWAITING_PROMOTION:
            step = self.intent.rollout.steps[min(rollout.step, len(self.intent.rollout.steps) - 1)]
            asked = replace(self.intent.requests, promote=f"{rollout.attempt}:{step.name}")
            self.intent = replace(self.intent, requests=asked)
            return self.now
        if decision.due is not None:
            self._answers[decision.due.identity] = GateAnswer(Outcome.SUCCEEDED, "")
            return self.now
        if hold is not None and hold.reason in LASTING:
            return None
        times = [proof.at] if proof is not None and proof.at is not None else []
        if decision.look_again is not None:
            times.append(self.now + decision.look_again)
        return min((one for one in times if one > self.now), default=None)


_FOR_EVER: Final = 10 * 365 * 86400.0


def _lasting(requests: float, *, rate: float, early: float, until: float) -> float:
    """Seconds for so many requests: `early` of them are counted a second until a time, `rate` after it."""
    if early * until >= requests:
        return requests / early
    if not rate:
        return _FOR_EVER
    return until + (requests - early * until) / rate
