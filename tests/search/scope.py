"""What one search covers: the router, the policy, who may do what, and how often.

Durations are multiples of one tick, so that ages have few values; they keep the relations that matter: a
step's minimum is shorter than its deadline, a drain shorter than the bake.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

from serin.domain.analysis.guards import GuardPolicy
from serin.domain.analysis.policy import Mode, Policy, Promotion
from serin.domain.gates import PROMOTION, GatePolicy
from serin.domain.intent import (
    GatewayIntent,
    Intent,
    OnInconclusive,
    Requests,
    RevisionIntent,
    RolloutIntent,
    RouterKind,
    SamplesIntent,
    Step,
    TrafficIntent,
)
from serin.domain.names import Key, RevisionHash

REVISIONS: Final = tuple(RevisionHash(10 * letter) for letter in "abc")
TICK: Final = timedelta(seconds=30)
NOW: Final = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
"""Every look happens now: what is older is moved back by a tick."""
UID: Final = "uid-of-m"

MINIMUM, STEP_DEADLINE, PROGRESS_DEADLINE, DRAIN, BAKE = 1, 2, 2, 1, 2
"""In ticks."""

PEOPLE: Final = frozenset({"spec", "abort", "promote", "pause", "retry"})
PODS: Final = frozenset({"fewer", "none", "sick"})
PROCESS: Final = frozenset({"crash", "stale", "middle"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """One bounded world.

    Attributes:
        may: What may happen besides the usual course; each happening costs one of `disturbances`.
        licensed: Whether a process that was stopped keeps back what it has not sent, as `kube.licence` makes
            it, and its successor does not act before what it had sent has arrived or run out of time.
        reports: Whether the gateway's controller reports what it took.
        waits: Whether the first step waits for a person.
        later: Whether the judge is undecided until the end, rather than saying Safe, once all is well again.
        beginning: Whether it begins with nothing there at all, rather than with a change of what serves.
    """

    name: str
    router: RouterKind
    disturbances: int
    may: frozenset[str] = PEOPLE | PODS | PROCESS
    weights: tuple[int, ...] = (50, 75)
    replicas: int = 2
    judged: bool = True
    mode: Mode = Mode.ENFORCE
    on_inconclusive: OnInconclusive = OnInconclusive.PAUSE
    licensed: bool = True
    reports: bool = True
    waits: bool = False
    later: bool = False
    beginning: bool = False
    guarded: bool = False
    gated: bool = False
    history: int = 1
    bake: int = BAKE
    drain: int = DRAIN
    revisions: tuple[RevisionHash, ...] = REVISIONS

    @property
    def by_pods(self) -> bool:
        """Whether the number of pods is the weight."""
        return self.router is RouterKind.REPLICAS


class Spec(NamedTuple):
    """What a person wants: the revision, how many pods of it, whether to go on, and by which plan.

    Attributes:
        plan: 0 is the scope's own; 1 asks for less at its first step, 2 has one step.
        policy: Counts changes of the analysis.
    """

    wanted: RevisionHash
    replicas: int
    paused: bool = False
    plan: int = 0
    policy: int = 0


class Asked(NamedTuple):
    """What a person's annotations say."""

    promote: str | None = None
    abort: str | None = None
    retry: str | None = None
    pause: str | None = None


GUARD: Final = GuardPolicy(name="memory", query="m", maximum=Decimal(1), minimum=None, failure_limit=1)


def intent_of(scope: Scope, spec: Spec, asked: Asked) -> Intent:
    """The domain's own form of it."""
    gateway = GatewayIntent(parent_refs=({"name": "public"},), hostnames=("m.example.com",), path="/")
    return Intent(
        key=Key("ml", "m"),
        uid=UID,
        generation=1,
        revision=RevisionIntent(
            hash=spec.wanted,
            full_hash=f"full-{spec.wanted}",
            format="sklearn",
            model_name="m",
            runtime="custom",
            resources={},
            template={},
        ),
        version="",
        replicas=spec.replicas,
        service_port=80,
        grpc_port=None,
        traffic=TrafficIntent(
            router=scope.router, gateway=None if scope.by_pods else gateway, drain=scope.drain * TICK
        ),
        rollout=RolloutIntent(
            steps=steps_of(scope, spec),
            bake=scope.bake * TICK,
            progress_deadline=PROGRESS_DEADLINE * TICK,
            step_deadline=STEP_DEADLINE * TICK,
            on_inconclusive=scope.on_inconclusive,
        ),
        analysis=_policy(scope, spec),
        samples=SamplesIntent(),
        paused=spec.paused,
        history_limit=scope.history,
        requests=Requests(promote=asked.promote, abort=asked.abort, retry=asked.retry, pause=asked.pause),
        guards=(GUARD,) if scope.guarded else (),
        gates=_gates() if scope.gated else (),
    )


def steps_of(scope: Scope, spec: Spec) -> tuple[Step, ...]:
    """The steps of a plan; names stay with their places."""
    weights = (scope.weights, (20, *scope.weights[1:]), scope.weights[:1])[spec.plan]
    return tuple(
        Step(name=name, weight=weight, minimum=MINIMUM * TICK, waits=scope.waits and name == "one")
        for name, weight in zip(("one", "two"), weights, strict=False)
    )


class _Policy(Policy):
    """A policy whose fingerprint costs nothing."""

    def fingerprint(self) -> str:
        return f"policy-{self.promotion.min_requests}"


def _policy(scope: Scope, spec: Spec) -> Policy:
    promotion = Promotion(min_requests=200 + spec.policy)
    return _Policy(
        mode=scope.mode, max_false_rollback_rate=0.01, warm_up=TICK, promotion=promotion, signals=()
    )


def _gates() -> tuple[GatePolicy, ...]:
    return tuple(
        GatePolicy(
            name=f"before-{before}",
            before=before,
            template=None,
            webhook="https://hooks.example.com/",
            timeout=TICK,
            retries=1,
        )
        for before in ("two", PROMOTION)
    )
