"""What the state machine asks of the world before it takes an arrow; every answer is a fact, none has
consequences.

`states` and `interruptions` ask; what follows from an answer is decided there.
"""

from datetime import datetime, timedelta
from typing import Final

from serin.domain.analysis.verdict import Assessment, Verdict
from serin.domain.intent import Intent, RouterKind
from serin.domain.names import RevisionHash
from serin.domain.observed import PodProblem, PodView
from serin.domain.rollout.course import MOVING_AWAY, Course, held
from serin.domain.rollout.gates import StepView
from serin.domain.rollout.remains import waits_for_remains
from serin.domain.rollout.shape import canary_pods
from serin.domain.rollout.world import Hold, Reason, World, canary_of, hash_of, revision_name
from serin.domain.status import Draining, Rollout, Status

CRASHES: Final = 2
"""Restarts from which a waiting container counts as a crash loop: one crash may be the node's fault."""
STABLE_DOWN: Final = timedelta(seconds=60)
"""How long the stable revision must have been without endpoints before a ready canary takes over unproved."""


def crash_looping(world: World, revision: RevisionHash) -> PodView | None:
    """A pod that was scheduled and pulled, and crashes again and again; none that is there from before."""
    if not world.desired(revision):
        return None
    return next(
        (
            pod
            for pod in world.observed.pods
            if pod.revision == revision
            and not pod.terminating
            and pod.problem is PodProblem.CRASH_LOOP
            and pod.restarts >= CRASHES
        ),
        None,
    )


def crashes_alike(world: World, revision: RevisionHash, other: RevisionHash | None) -> bool:
    """Whether at least half as large a part of another revision's pods crashes: what they share is at fault,
    such as a service both call, and not what tells them apart. One crash is enough there, since both begin at
    once and the larger side gets through its back-offs later.
    """
    mine, theirs = (_crashing_share(world, one) for one in (revision, other))
    return theirs > 0 and 2 * theirs >= mine


def _crashing_share(world: World, revision: RevisionHash | None) -> float:
    pods = _pods(world, revision) if revision else []
    return sum(pod.problem is PodProblem.CRASH_LOOP for pod in pods) / max(1, len(pods))


def is_paused(world: World, rollout: Rollout) -> bool:
    """Whether a person holds the attempt, in Git or by annotation."""
    return world.intent.paused or world.intent.requests.pause == rollout.attempt


def is_retried(world: World, course: Course) -> bool:
    """Whether a person asked for another attempt at the wanted revision after exactly its last one (I9)."""
    asked = world.intent.requests.retry
    return any(entry.attempt == asked and entry.hash == world.wanted for entry in course.rejected)


def asks_for(world: World, rollout: Rollout) -> str | None:
    """`full` or `step` where a person's promote names exactly this attempt and step, by its name (I18)."""
    attempt, _, what = (world.intent.requests.promote or "").rpartition(":")
    if attempt != rollout.attempt:
        return None
    if what == "full":
        return "full"
    return "step" if what == world.step(rollout.step).name else None


def stable_is_down(world: World) -> bool:
    """Whether the stable revision has been without a ready endpoint for long."""
    since = world.memo.stable_down_since
    return since is not None and world.now - since >= STABLE_DOWN


def word_on(world: World, rollout: Rollout) -> Assessment | None:
    """The judge's word, if it is about this attempt under the policy that is in force for it."""
    word = world.assessment
    if word is None or word.attempt != rollout.attempt or word.policy_hash != rollout.policy_hash:
        return None
    return word


def view_of(world: World, rollout: Rollout) -> StepView:
    """The step under way as its gates see it."""
    word = word_on(world, rollout)
    if word is not None and (word.step != rollout.step or not _fresh(world, rollout, word)):
        word = None
    return StepView(
        step=world.step(rollout.step),
        now=world.now,
        confirmed_since=rollout.confirmed_at,
        held=held(rollout, world.now),
        deadline=world.intent.rollout.step_deadline,
        on_inconclusive=world.intent.rollout.on_inconclusive,
        paused=rollout.paused_at is not None,
        judged=world.judged,
        assessment=word,
        refusal=world.router.refusal(world.observed),
    )


def _fresh(world: World, rollout: Rollout, word: Assessment) -> bool:
    """A verdict speaks for samples after the weight was confirmed, and not for long ago (I5)."""
    if word.verdict is not Verdict.SAFE or word.boundary is None or rollout.confirmed_at is None:
        return word.verdict is not Verdict.SAFE
    decided = datetime.fromtimestamp(word.boundary, tz=world.now.tzinfo)
    return rollout.confirmed_at <= decided and world.now - decided <= world.freshness


def drain_ends(world: World, rollout: Rollout, entry: Draining) -> datetime | None:
    """When a revision of an earlier attempt may go; None while the router may still send it requests (I3).

    Drains start at confirmation. The states that move traffic away wait for it, and leave it in the entry.
    """
    if world.shown.get(hash_of(world.intent, entry.revision)):
        return None
    since = entry.since
    if rollout.state in MOVING_AWAY:
        if rollout.confirmed_at is None:
            return None
        since = max(since, rollout.confirmed_at)
    return since + world.intent.traffic.drain


def drained(world: World, rollout: Rollout) -> frozenset[RevisionHash]:
    """Revisions of earlier attempts whose drain has ended; one that is tried again is not among them."""
    ended = frozenset(
        hash_of(world.intent, entry.revision)
        for entry in rollout.draining
        if (end := drain_ends(world, rollout, entry)) is not None and end <= world.now
    )
    return ended - {canary_of(world.intent, rollout)}


def merged_step(world: World, rollout: Rollout, index: int) -> int:
    """The last of the steps that come to the same number of pods, where pods are the weight."""
    if not world.router.widens_root():
        return index
    pods = canary_pods(world, rollout, index)
    while index + 1 < len(world.intent.rollout.steps) and canary_pods(world, rollout, index + 1) == pods:
        index += 1
    return index


def until_ready(
    world: World, rollout: Rollout, *, revision: RevisionHash, needed: int, patience: timedelta
) -> tuple[Hold | None, tuple[datetime, ...]]:
    """What keeps a revision from having so many ready pods, and when patience with the state ends."""
    if world.ready(revision) >= needed and world.desired(revision) >= needed:
        return None, ()
    name = revision_name(world.intent, revision)
    message = f"{world.ready(revision)} of {needed} pods of {name} ready"
    reason = Reason(rollout.state.value)
    troubled = next((pod for pod in _pods(world, revision) if pod.problem), None)
    if waits_for_remains(world, revision):
        message = f"pods of {name} from its last attempt have to go first"
    elif troubled is not None:
        message = f"{message}; pod {troubled.name}: {troubled.problem}, {troubled.detail}"
        reason = Reason.POD_PROBLEM
    elif (workload := world.observed.workloads.get(revision)) and workload.failure:
        message = f"{message}; no pod can be made: {workload.failure}"
        reason = Reason.POD_PROBLEM
    deadline = rollout.since + patience + held(rollout, world.now)
    if rollout.paused_at is not None:
        return Hold(reason, message), ()
    if world.now >= deadline:
        return Hold(Reason.PROGRESS_DEADLINE, f"{message} at the progress deadline"), ()
    return Hold(reason, message), (deadline,)


def _pods(world: World, revision: RevisionHash) -> list[PodView]:
    return [pod for pod in world.observed.pods if pod.revision == revision and not pod.terminating]


def awaiting_router(world: World, message: str) -> Hold:
    """The hold while weights are not confirmed: the controller's own words where it refuses them."""
    if refusal := world.router.refusal(world.observed):
        return Hold(Reason.ROUTER_UNAVAILABLE, f"the route is not accepted: {refusal}")
    return Hold(Reason.AWAITING_ROUTER, message, timedelta(seconds=1))


def changes_router(intent: Intent, status: Status) -> str | None:
    """What to tell a person who changes the router in the middle of a rollout; None where that is not so."""
    rollout = status.rollout
    if rollout is None or rollout.router == intent.traffic.router.value:
        return None
    if rollout.router not in tuple(RouterKind):
        return None  # nobody's word: edited, or from before the routers had names
    return (
        f"spec.traffic.router is {intent.traffic.router.value}; it changes only while no rollout runs, and "
        f"{rollout.attempt} began with {rollout.router}; wait for it to end, or abort it"
    )
