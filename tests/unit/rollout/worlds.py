"""A world for one look, made of a small cluster of the search and any status, and the look after it."""

from dataclasses import replace
from typing import Final

from serin.domain.analysis.verdict import Verdict
from serin.domain.names import RevisionHash
from serin.domain.rollout.world import Decision, World
from serin.domain.status import RevisionStatus, Rollout, Shift, State, Status
from tests.search.looking import Looking, Sight
from tests.search.memory import Memories
from tests.search.one_look import HALF, NEW, OLD, ROUTED, UNASKED, WANTED, attempt
from tests.search.scope import NOW, TICK, Asked, Scope, Spec, intent_of
from tests.search.state import Child, Cluster, Known, Pods
from tests.search.words import SILENCE, Word, words

FOR_A_TICK: Final = Known(known=True, confirmed=1)
"""The weights have been in place for so long."""
READY_FOR_MORE: Final = HALF.with_child(NEW, Child(service=True, pods=Pods(2, 2)))
"""Half of the traffic is on the new revision, whose pods could take all of it."""


def world(
    cluster: Cluster,
    status: Status,
    *,
    scope: Scope = ROUTED,
    spec: Spec = WANTED,
    asked: Asked = UNASKED,
    word: Word = SILENCE,
) -> World:
    """What the state machine is told of it."""
    memories = Memories()
    sight = Sight(spec, asked, memories.nothing, cluster, None, FOR_A_TICK)
    return replace(Looking(scope, memories).world(sight, word), status=status)


def after(before: World, decision: Decision) -> World:
    """The same at the next look, with what this one decided in the status."""
    status = before.status.model_copy(update={"rollout": decision.rollout})
    return replace(before, status=status, memo=decision.memo)


def beside(rollout: Rollout | None, stable: RevisionHash | None = OLD) -> Status:
    """The status of an attempt beside a stable revision, or of a first one where there is none."""
    if stable is None:
        return Status(rollout=rollout)
    serving = RevisionStatus(revision=f"m-{stable}", weight=100, replicas=2, ready_replicas=2)
    return Status(stable=serving, rollout=rollout)


def stepping(weight: int = 50) -> Rollout:
    """An attempt at the new revision, at its first step for two ticks."""
    return attempt(State.STEPPING, shifts=[Shift(step=0, weight=weight, at=NOW - 2 * TICK)])


def safe(rollout: Rollout) -> Word:
    """The judge's word that raises the weight."""
    heard = words(ROUTED, intent_of(ROUTED, WANTED, UNASKED), rollout)
    return next(word for word in heard if word.verdict is Verdict.SAFE)
