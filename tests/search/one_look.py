"""One look at a world that is made for it: what scopes have not, or hardly ever come to."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from serin.domain.intent import RouterKind
from serin.domain.names import RevisionHash
from serin.domain.observed import Observed, RevisionView
from serin.domain.plan import Scene, Write, plan
from serin.domain.rollout.machine import advance
from serin.domain.rollout.world import Decision, Memo
from serin.domain.routers.choice import ROUTERS
from serin.domain.status import Rollout, State
from tests.search.looking import Looking, Outcome, Sight
from tests.search.memory import Memories, status_of
from tests.search.observing import Observing, template
from tests.search.scope import NOW, REVISIONS, Asked, Scope, Spec, intent_of
from tests.search.state import Child, Cluster, Known, Pods, Route
from tests.search.words import SILENCE, Word

OLD, NEW, LEFT = REVISIONS
ROUTED = Scope(name="one look", router=RouterKind.GATEWAY_API, disturbances=0)
NOTHING_FROZEN: Final[Mapping[RevisionHash, RevisionView]] = {}
BY_PODS = replace(ROUTED, router=RouterKind.REPLICAS, weights=(34, 50))
WANTED, UNASKED = Spec(NEW, 2), Asked()
SERVED = Cluster((Child(True, Pods(2, 2)), None, None), OLD, Route(((OLD, 100),), "yes"))
HALF = Cluster(
    (Child(True, Pods(2, 2)), Child(True, Pods(1, 1)), None), OLD, Route(((OLD, 50), (NEW, 50)), "yes")
)


def attempt(state: State, **more: Any) -> Rollout:
    """One at the new revision."""
    usual = {"attempt": f"m-{NEW}.1", "since": NOW, "started_at": NOW, "capacity_floor": 2}
    return Rollout(**usual | {"state": state, "policy_hash": "policy-200"} | more)


def looked(
    scope: Scope,
    cluster: Cluster,
    rollout: Rollout | None,
    word: Word = SILENCE,
    confirmed: int = 1,
    *,
    wanted: RevisionHash = NEW,
    down: int | None = None,
) -> Outcome:
    """What a look comes to where the old revision is stable."""
    memories = Memories()
    memory = memories.of(OLD, rollout, (), ())
    spec = Spec(wanted if rollout else OLD, 2)
    sight = Sight(spec, Asked(), memory, cluster, None, Known(True, confirmed, down))
    return Looking(scope, memories).when_heard(sight, word)


def read_anew(spec: Spec, cluster: Cluster) -> Outcome:
    """What the first look of a process comes to where the status was lost."""
    memories = Memories()
    sight = Sight(spec, Asked(), memories.nothing, cluster, None, Known())
    return Looking(ROUTED, memories).when_heard(sight, SILENCE)


def decided(
    scope: Scope,
    cluster: Cluster,
    rollout: Rollout,
    *,
    spec: Spec = WANTED,
    asked: Asked = UNASKED,
    stable: RevisionHash = OLD,
) -> Decision:
    """What is decided on an attempt in all its detail, with its weights in place for a tick."""
    memories = Memories()
    sight = Sight(spec, asked, memories.nothing, cluster, None, Known(True, 1))
    world = Looking(scope, memories).world(sight, SILENCE)
    return advance(replace(world, status=status_of(stable, rollout, (), ())))


def names(outcome: Outcome, kind: str) -> list[RevisionHash | None]:
    return [op.name for op in outcome.ops if op.kind == kind]


def observed() -> Observed:
    return Observing(intent_of(ROUTED, Spec(OLD, 2), Asked()), reports=True).of(SERVED, None)


def planned(
    seen: Observed,
    sizes: Mapping[RevisionHash, int],
    *,
    wanted: RevisionHash = OLD,
    root: RevisionHash = OLD,
    frozen: Mapping[RevisionHash, RevisionView] = NOTHING_FROZEN,
) -> dict[tuple[str, str], Write]:
    """What is written for so many pods of each revision, the old one being stable; by kind and name."""
    decision = Decision(
        stable=OLD,
        rollout=None,
        sizes=sizes,
        weights=None,
        root=root,
        rejected=(),
        history=(),
        memo=Memo(),
    )
    scene = Scene(
        intent=intent_of(ROUTED, Spec(wanted, 2), Asked()),
        decision=decision,
        observed=seen,
        router=ROUTERS[ROUTED.router],
        rendered={"template": template(wanted)},
        frozen=frozen,
    )
    return {(write.kind, write.name): write for write in plan(scene)}
