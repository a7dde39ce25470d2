"""What a decision may be, by what was seen and heard: the invariants of attempts, told a second time.

Each rule looks at one decision, whether or not anything is written for it, and yields a sentence for each
fault. How the state machine comes to it is no business of theirs.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from serin.domain.gates import PROMOTION
from serin.domain.intent import OnInconclusive
from serin.domain.names import RevisionHash
from serin.domain.rollout.world import REJECTING, Decision, World
from serin.domain.status import GateResult, State
from tests.search import going
from tests.search.case import Case, Rule
from tests.search.memory import revision_in
from tests.search.plain import age
from tests.search.scope import MINIMUM, STEP_DEADLINE, Scope
from tests.search.state import ALL
from tests.search.words import Word

if TYPE_CHECKING:
    from tests.search.looking import Sight

RISING: Final = (State.STEPPING, State.PROMOTING)
ARROWS: Final[dict[State, frozenset[State]]] = {
    State.PREPARING: frozenset({State.PREPARING, State.STEPPING, State.PROMOTING, State.ROLLING_BACK}),
    State.STEPPING: frozenset({State.STEPPING, State.PROMOTING, State.ROLLING_BACK, State.PREPARING}),
    State.PROMOTING: frozenset({State.PROMOTING, State.BAKING, State.ROLLING_BACK, State.PREPARING}),
    State.BAKING: frozenset({State.BAKING, State.ROLLING_BACK}),
    State.ROLLING_BACK: frozenset({State.ROLLING_BACK}),
}
"""Within one attempt."""


def faults(scope: Scope, sight: "Sight", word: Word, world: World, decision: Decision) -> tuple[str, ...]:
    """Everything wrong with a decision."""
    case = Case(scope, sight, word, world, decision)
    return tuple(f"{name}: {sentence}" for name, rule in RULES for sentence in rule(case))


def weights_sum_to_100(case: Case) -> Iterator[str]:
    weights = case.decision.weights
    if weights is not None and (sum(weights.values()) != 100 or min(weights.values()) < 0):
        yield f"weights {dict(weights)}"
    after = case.after
    if after and after.state in RISING and case.scope.by_pods and weights is not None and len(weights) < 2:
        yield f"weights {dict(weights)} are told of one of two"


def evidence_comes_before_weight(case: Case) -> Iterator[str]:
    """I5, and I6: only a fresh word on just this step counts."""
    if not case.forward:
        return
    asked = case.promoted()
    if asked or case.down or not case.judged or not case.world.intent.replicas:
        return
    before, after = case.before, case.after
    assert before is not None
    assert after is not None
    if before.state is State.PREPARING:
        yield f"{after.attempt} is promoted without a step"
        return
    advances = case.scope.on_inconclusive is OnInconclusive.ADVANCE and case.elapsed >= STEP_DEADLINE
    undecided = case.word.name == "the judge says Undecided"
    if not (case.word.safe or (advances and undecided)):
        yield f"{after.attempt} goes on to {after.state} {after.step} while {case.word.name}"


def time_and_persons_are_waited_for(case: Case) -> Iterator[str]:
    """A step lasts its minimum, waits for a person where it says so, and pauses where one wants it (I18)."""
    if case.before is None or not (case.forward or case.first_weight):
        return
    if case.paused and not case.down:
        yield "it goes on while it is paused"
    if case.paused and case.down and case.state is State.STEPPING:
        yield "it goes on while it is paused"
    if case.state is not State.STEPPING or case.promoted() or case.down:
        return
    if case.elapsed < MINIMUM:
        yield f"the step ends after {case.elapsed} ticks"
    if case.world.step(case.before.step).waits:
        yield "the step ends without a person's promote"


def the_router_is_waited_for(case: Case) -> Iterator[str]:
    """No weight rises before the one before it is in place."""
    if not (case.forward or case.first_weight) or case.down or case.before is None:
        return
    cluster, shifts = case.sight.cluster, case.before.shifts
    if case.scope.by_pods:
        placed = cluster.root == (ALL if case.state is State.STEPPING else case.world.stable)
    else:
        given = shifts[-1].weight if shifts and case.state is State.STEPPING else 0
        weights = dict(cluster.route.weights) if cluster.route else {}
        placed = cluster.route is not None and cluster.route.took == "yes"
        placed = placed and weights.get(case.canary or ALL, 0) == given
    if not placed:
        yield "it goes on before the router has what was asked"


def an_attempt_keeps_its_path(case: Case) -> Iterator[str]:
    """I7: nothing skipped, nothing repeated; a name is used once (I18)."""
    before, after = case.before, case.after
    if case.same_attempt and before is not None and after is not None:
        if after.state not in ARROWS[before.state]:
            yield f"from {before.state} to {after.state}"
        if after.step < before.step:
            yield f"back from step {before.step} to {after.step}"
        if after.step > before.step and after.step >= len(case.world.intent.rollout.steps):
            yield f"to step {after.step}, which the plan does not have"
        most = 1 if before.state is State.STEPPING else 0
        if after.state is State.STEPPING and after.step > before.step + most and not case.scope.by_pods:
            yield f"from step {before.step} to {after.step}"
        if not 0 <= after.losses - before.losses <= 1:
            yield f"from {before.losses} losses to {after.losses}"
    elif after is not None:
        if after.state is not State.PREPARING or after.step or after.losses:
            yield f"{after.attempt} begins with {after.state} {after.step}"
        earlier = [entry.attempt for entry in case.world.status.history]
        earlier += [entry.attempt for entry in case.world.status.rejected]
        earlier += [before.attempt] if before else []
        asked = case.sight.asked
        named = [(asked.promote or "").rpartition(":")[0], asked.abort, asked.retry, asked.pause]
        if after.attempt in earlier or after.attempt in named:
            yield f"the name {after.attempt} is used again"
        if revision_in(after.attempt) != case.sight.spec.wanted:
            yield f"{after.attempt} begins, and nobody wants it"
    if case.canary and not case.same_attempt:
        ended = case.decision.history[-1:]
        if not ended or before is None or ended[0].attempt != before.attempt:
            yield f"{case.canary} ends without a word in the history"


def stable_moves_by_promotion_and_return(case: Case) -> Iterator[str]:
    """The pointer moves where a canary is promoted, where a bake is taken back, and at first."""
    was, now = case.world.stable, case.decision.stable
    after = case.after
    if was == now:
        if case.same_attempt and case.state is State.PROMOTING and after and after.state is State.BAKING:
            yield "the bake begins with the old revision as the stable one"
        return
    baking = case.same_attempt and after is not None and after.state is State.BAKING
    if case.state is State.PROMOTING and baking and now == case.canary:
        return
    if case.state is State.BAKING and after is not None and after.state is State.ROLLING_BACK:
        previous = case.before.previous if case.before else None
        if previous is not None and now == previous.revision.removeprefix("m-"):
            return
    size = case.world.intent.replicas
    served = case.ready(now) >= size and (size or case.sight.spec.wanted == now)
    if was is None and now == case.canary and served and case.state is State.PREPARING:
        return
    yield f"stable moves from {was} to {now} in {case.state}"


def what_is_rejected_is_tried_once(case: Case) -> Iterator[str]:
    """I9, and who is rejected: by reasons that reject, and by no other."""
    after, before = case.after, case.before
    known = {entry.hash: entry.attempt for entry in case.world.status.rejected}
    if after is not None and not case.same_attempt:
        revision = revision_in(after.attempt)
        if revision in known and case.sight.asked.retry != known[revision]:
            yield f"{revision} was rejected and is tried again"
        if revision in {entry.hash for entry in case.decision.rejected}:
            yield f"{revision} is tried while it is rejected"
    new = {entry.hash for entry in case.decision.rejected} - known.keys()
    back = case.same_attempt and after is not None and after.state is State.ROLLING_BACK
    turned = back and case.state is not State.ROLLING_BACK
    rejecting = turned and after is not None and after.reason in REJECTING
    if (new == {case.canary}) is not rejecting and before is not None and turned:
        yield f"taken back for {after.reason if after else None}, rejected: {sorted(new)}"
    if new and not turned:
        yield f"{sorted(new)} rejected without being taken back"
    lost = known.keys() - {entry.hash for entry in case.decision.rejected}
    if lost - ({revision_in(after.attempt)} if after else set()):
        yield f"the rejection of {sorted(lost)} is forgotten"


def strong_words_are_obeyed(case: Case) -> Iterator[str]:
    """Abort > harm > supersede: at once, in every phase (I1, I11)."""
    before, after = case.before, case.after
    if before is None or before.state is State.ROLLING_BACK:
        return
    back = after is None or (case.same_attempt and after.state is State.ROLLING_BACK)
    why = after.reason if after and case.same_attempt else None
    if case.sight.asked.abort == before.attempt:
        if not back or why not in (None, "Aborted"):
            yield f"the abort of {before.attempt} is not obeyed"
        return
    if case.world.stable is None:
        return
    harmful = case.word.harmful and case.judged
    by_judge = before.state in (State.STEPPING, State.PROMOTING) and case.word.assessment is not None
    if harmful and by_judge and why != "Harm":
        yield f"{before.attempt} is harmful and goes on in {after.state if after else None}"
    sick = case.sight.cluster.pods(case.canary)
    beside = before.previous.revision.removeprefix("m-") if before.previous else case.world.stable
    alike = beside is not None and case.sight.cluster.pods(RevisionHash(beside)).sick
    if sick.sick and sick.ready < sick.desired and not alike and not (back and why in HARM):
        yield f"{before.attempt} crashes again and again and goes on"
    if why in ("Harm", "Guard") and not harmful:
        yield f"{before.attempt} is taken back for {why} while {case.word.name}"


HARM: Final = frozenset({"Harm", "CrashLoop", "Guard", "Gate", "LostEndpoints"})


def a_lost_canary_is_left(case: Case) -> Iterator[str]:
    """I1: no ready endpoint, no weight: Preparing for that step, and the third loss is harm."""
    before, after = case.before, case.after
    if before is None or case.ready(case.canary) or not case.world.intent.replicas:
        return
    if before.state not in (State.STEPPING, State.PROMOTING) or not case.ready(case.world.stable):
        return
    if not case.same_attempt or after is None:
        return
    if after.state not in (State.PREPARING, State.ROLLING_BACK):
        yield f"{before.attempt} has no endpoint left and stays in {after.state}"
    if after.state is State.PREPARING and (after.losses != before.losses + 1 or after.losses >= 3):
        yield f"{before.attempt} loses its endpoints for the {after.losses}. time"
    weights = case.decision.weights
    if weights is None or weights.get(case.canary or RevisionHash(""), 0):
        yield f"{before.attempt} has no endpoint left and keeps weight {weights}"


def gates_agree_before_a_weight(case: Case) -> Iterator[str]:
    """I5: what stands before a step has succeeded, or was gone around by a person or a dead stable one."""
    after = case.after
    if not case.scope.gated or after is None or not (case.forward or case.first_weight):
        return
    promoted = after.state is State.PROMOTING
    begun = PROMOTION if promoted else case.world.step(after.step).name
    for gate in case.world.intent.gates:
        passed = gate.before == begun or (promoted and gate.before == "two" and case.state is State.PREPARING)
        entry = next((one for one in after.gates if (one.name, one.step) == (gate.name, gate.before)), None)
        good = entry is not None and (
            entry.result is GateResult.SUCCEEDED
            or (entry.result is GateResult.SKIPPED and bool(case.promoted() or case.down))
        )
        if passed and not good:
            yield f"{gate.name} says {entry.result if entry else 'nothing'}, and {begun} begins"


def the_bake_lasts(case: Case) -> Iterator[str]:
    """The revision before stays warm until the bake is over, unless another spec ends it."""
    if case.state is not State.BAKING or case.before is None or case.before.previous is None:
        return
    previous = revision_in(f"{case.before.previous.revision}.0")
    ends = case.decision.sizes.get(previous, 0) == 0 and case.sight.cluster.pods(previous).desired
    back = case.after is not None and case.after.state is State.ROLLING_BACK
    if not (ends or not case.same_attempt) or back or case.sight.spec.wanted != case.canary:
        return
    if case.paused:
        yield "the bake ends while it is paused"
    if (age(case.before.since) or 0) - case.held < case.scope.bake:
        yield f"the bake ends after {age(case.before.since)} ticks, {case.held} of them paused"


def who_serves_is_stable_again(case: Case) -> Iterator[str]:
    """A status that was lost is read from where users are: by the route, else by the root Service."""
    memory, cluster = case.sight.memory, case.sight.cluster
    if memory.stable is not None or memory.rollout is not None:
        return
    weights = dict(cluster.route.weights) if cluster.route else {}
    serving = max(sorted(weights), key=lambda one: weights[one]) if weights else cluster.root
    if serving in (None, ALL) or not cluster.pods(serving).desired or cluster.pods(serving).rejected:
        return
    if case.decision.stable != serving:
        yield f"{serving} serves, and {case.decision.stable} is taken for the stable revision"


RULES: Final[tuple[tuple[str, Rule], ...]] = (
    ("I2", weights_sum_to_100),
    ("I5", evidence_comes_before_weight),
    ("I18", time_and_persons_are_waited_for),
    ("I5", the_router_is_waited_for),
    ("I7", an_attempt_keeps_its_path),
    ("I7", stable_moves_by_promotion_and_return),
    ("I9", what_is_rejected_is_tried_once),
    ("I11", strong_words_are_obeyed),
    ("I1", a_lost_canary_is_left),
    ("I5", gates_agree_before_a_weight),
    ("bake", the_bake_lasts),
    ("I7", who_serves_is_stable_again),
    *going.RULES,
)
