"""What a decision must come to: where nothing is in the way it goes on, at once, and on what is so now.

The other half of `deciding`, which says what no decision may do. A machine that never did anything would
break none of those rules, and all of these.
"""

from collections.abc import Iterator
from math import ceil
from typing import Final

from serin.domain.gates import PROMOTION
from serin.domain.status import Rollout, State
from tests.search.case import Case, Rule
from tests.search.plain import age
from tests.search.scope import NOW, PROGRESS_DEADLINE

PREPARED: Final = frozenset({State.PREPARING, State.PROMOTING})


def a_state_begins_now(case: Case) -> Iterator[str]:
    """Its clocks begin with it: nothing from before counts for it, or is held against it."""
    before, after = case.before, case.after
    if after is None or (before and _place(before) == _place(after)):
        return
    if after.since != NOW or (after.state is State.STEPPING and after.step_started_at != NOW):
        yield f"{after.state} {after.step} begins, and has begun before"
    if after.confirmed_at is not None or case.decision.memo.confirmed_since is not None:
        yield f"{after.state} {after.step} begins with its weights in place"
    if after.state is not State.ROLLING_BACK and (after.paused_at or after.paused_seconds):
        yield f"{after.state} {after.step} begins with {after.paused_seconds} s of a pause"
    given = after.shifts[-1].weight if after.shifts else 0
    if given != {State.PREPARING: 0, State.PROMOTING: 100}.get(after.state, given):
        yield f"{after.state} {after.step} begins, and the status tells of {given} %"


def _place(rollout: Rollout) -> tuple[str, State, int]:
    return rollout.attempt, rollout.state, rollout.step


def no_attempt_is_forgotten(case: Case) -> Iterator[str]:
    """What the status tells of goes on, or ends with a word: nothing but a lost status is read again."""
    told, ended = case.sight.memory.attempt, [entry.attempt for entry in case.decision.history]
    if told is not None and told not in ended and (case.after is None or case.after.attempt != told):
        yield f"{told} is forgotten"


def an_attempt_serves_as_before(case: Case) -> Iterator[str]:
    """What serves when it begins is no less in any of its states (I4)."""
    after = case.after
    if after is None or case.same_attempt or case.decision.stable is None:
        return
    pods = case.sight.cluster.pods(case.decision.stable).desired
    if after.capacity_floor < max(pods, case.sight.spec.replicas):
        yield f"{after.attempt} begins with {pods} pods and keeps {after.capacity_floor}"


def another_spec_is_turned_to(case: Case) -> Iterator[str]:
    """An attempt that nobody wants ends, or goes back; a canary that was lost prepares first."""
    before, after, wanted = case.before, case.after, case.sight.spec.wanted
    if before is None or after is None or not case.same_attempt or wanted == case.canary:
        return
    match before.state:
        case State.BAKING:
            kept = after.previous is not None and after.previous.until > NOW
            goes_on = kept and after.state is not State.ROLLING_BACK
        case State.ROLLING_BACK:
            known_bad = wanted in {entry.hash for entry in case.world.status.rejected}
            stuck = case.world.stable is not None and not case.ready(case.world.stable)
            goes_on = stuck and wanted != case.world.stable and not known_bad
        case _:
            goes_on = after.state is not State.ROLLING_BACK and after.losses == before.losses
    if goes_on:
        yield f"{before.attempt} goes on in {before.state} while {wanted} is wanted"


def a_dead_stable_revision_is_left(case: Case) -> Iterator[str]:
    """A canary that could serve everything does, when the stable revision has not answered for long."""
    dead = case.world.stable is not None and not case.ready(case.world.stable)
    if dead and case.world.intent.replicas and case.decision.memo.stable_down_since is None:
        yield f"{case.world.stable} does not answer, and nobody counts for how long"
    after, pods = case.after, case.sight.cluster.pods(case.canary)
    if case.state not in (State.PREPARING, State.STEPPING) or not case.same_attempt or not case.down:
        return
    able = min(pods.desired, case.ready(case.canary)) >= case.size > 0
    if able and not case.paused and after is not None and after.state not in TAKING_OVER:
        yield f"{after.attempt} could serve everything and stays in {after.state}"


TAKING_OVER: Final = frozenset({State.PROMOTING, State.ROLLING_BACK})


def nobody_is_looked_at_without_pods(case: Case) -> Iterator[str]:
    """No step can be judged of a model that has none."""
    if case.first_weight and not case.size:
        yield "a step begins without any pods"


def a_step_has_its_pods(case: Case) -> Iterator[str]:
    """They are there before it begins; where their number is the weight, only the first step's are."""
    after = case.after
    if after is None or not case.first_weight or not after.shifts:
        return
    weight = after.shifts[-1].weight
    least = max(1, weight * case.size // (100 - weight)) if case.scope.by_pods else share(case.size, weight)
    if case.ready(case.canary) < least:
        yield f"{weight} % begin with {case.ready(case.canary)} of {least} pods"


def share(size: int, weight: int) -> int:
    """Pods for a share of the traffic."""
    return min(size, max(1, ceil(size * weight / 100))) if weight else 0


def gates_wait_for_their_turn(case: Case) -> Iterator[str]:
    """What stands before the promotion is not asked while there is a step to come."""
    before, after = case.before, case.after
    if before is None or after is None or before.state is not State.STEPPING or not case.same_attempt:
        return
    asked = [entry.name for entry in after.gates if entry.step == PROMOTION and entry.result == "Running"]
    if asked and before.step + 1 < len(case.world.intent.rollout.steps):
        yield f"{asked} are asked in step {before.step}"


def patience_ends(case: Case) -> Iterator[str]:
    """Pods that do not come by the deadline are told of, and pauses do not count."""
    before, after = case.before, case.after
    if before is None or after is None or before.state not in PREPARED or not case.same_attempt:
        return
    if after.state is not before.state or case.ready(case.canary) or not case.size:
        return
    late = (age(before.since) or 0) - case.held >= PROGRESS_DEADLINE
    if not late and after.stalled == "ProgressDeadlineExceeded" != before.stalled:
        yield f"{after.attempt} has waited for its pods too long after {age(before.since)} ticks"
    refused = case.world.router.refusal(case.world.observed) is not None
    if late and not case.paused and not refused and after.stalled is None:
        yield f"{after.attempt} has waited for its pods since {age(before.since)} ticks and says nothing"


def a_hold_tells_what_is_missing(case: Case) -> Iterator[str]:
    """What keeps pods from getting ready, and whose a rollback is."""
    after, hold = case.after, case.decision.hold
    if after is None or hold is None or not case.same_attempt or after.state is not case.state:
        return
    if after.stalled is not None and hold.reason != after.stalled:
        yield f"{after.attempt} is stalled for {after.stalled}, and waits for {hold.reason}"
    if after.state is State.ROLLING_BACK and hold.reason not in ("RollingBack", "RouterUnavailable"):
        yield f"{after.attempt} is taken back, and waits for {hold.reason}"


def what_both_suffer_is_nobodys_fault(case: Case) -> Iterator[str]:
    """A crash loop that the revision beside has, too, as large a part of it, does not condemn the canary."""
    before, after = case.before, case.after
    if before is None or after is None or case.state is State.ROLLING_BACK or after.reason != "CrashLoop":
        return
    beside = before.previous.revision.removeprefix("m-") if before.previous else case.world.stable
    mine, theirs = (_crashing(case, revision) for revision in (case.canary, beside))
    if theirs and 2 * theirs >= mine:
        yield f"{before.attempt} is blamed for crashes that {beside} has as well"


def _crashing(case: Case, revision: object) -> float:
    pods = [pod for pod in case.world.observed.pods if pod.revision == revision]
    return sum(pod.restarts > 0 for pod in pods) / max(1, len(pods))


RULES: Final[tuple[tuple[str, Rule], ...]] = (
    ("I18", a_state_begins_now),
    ("I7", no_attempt_is_forgotten),
    ("I4", an_attempt_serves_as_before),
    ("I11", another_spec_is_turned_to),
    ("I1", a_dead_stable_revision_is_left),
    ("I5", nobody_is_looked_at_without_pods),
    ("I4", a_step_has_its_pods),
    ("I5", gates_wait_for_their_turn),
    ("told", patience_ends),
    ("told", a_hold_tells_what_is_missing),
    ("I9", what_both_suffer_is_nobodys_fault),
)
