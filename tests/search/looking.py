"""One look of the operator: what it decides and which writes it makes for it, from what it sees.

The same calls as in `reconciler`, in the same order. Each is made once for each world that the operator can
tell from others.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Final, NamedTuple

from serin.domain.intent import Intent
from serin.domain.names import EPOCH_ANNOTATION, REJECTED_ANNOTATION, REVISION_LABEL, RevisionHash, child_name
from serin.domain.plan import Removal, Scene, Write, plan, removals
from serin.domain.rollout.machine import advance
from serin.domain.rollout.rebuild import recovered
from serin.domain.rollout.world import Decision, World
from serin.domain.routers.choice import ROUTERS
from serin.domain.urgency import course_changed
from tests.search import deciding
from tests.search.memory import Memories, Memory, status_of
from tests.search.observing import Observing, template
from tests.search.plain import ticks_until
from tests.search.scope import NOW, TICK, Asked, Scope, Spec, intent_of
from tests.search.state import ALL, Cluster, Known, Op, Pods
from tests.search.words import Word, besides, well, words

FARTHEST: Final = 6
"""Ticks after which nothing changes by itself any more."""


class Sight(NamedTuple):
    """All that a look rests on."""

    spec: Spec
    asked: Asked
    memory: Memory
    cluster: Cluster
    hidden: tuple[RevisionHash, int] | None
    known: Known


class Outcome(NamedTuple):
    """What a look comes to.

    Attributes:
        memory: What is remembered afterwards.
        wake: Ticks until the next look that no event asks for.
        again: Whether the operator looks again at once.
        hold: The reason that is given for waiting.
        faults: What is wrong with the decision itself.
    """

    word: Word
    memory: Memory
    known: Known
    ops: tuple[Op, ...]
    wake: int | None
    again: bool
    hold: str | None
    faults: tuple[str, ...]


class Looking:
    """All looks of one scope."""

    def __init__(self, scope: Scope, memories: Memories) -> None:
        self.scope, self.memories = scope, memories
        self._router = ROUTERS[scope.router]
        self._intents: dict[tuple[Spec, Asked], Intent] = {}
        self._outcomes: dict[Sight, tuple[Outcome, ...]] = {}
        self._plans: dict[object, tuple[tuple[Op, ...], tuple[str, ...]]] = {}
        self._heard: dict[tuple[Sight, str], Outcome] = {}
        self._besides: set[object] = set()
        self._silent: tuple[Sight, World] | None = None
        first = intent_of(scope, Spec(scope.revisions[0], scope.replicas), Asked())
        self._observing = Observing(first, reports=scope.reports)

    @property
    def looks(self) -> int:
        """Looks that were different."""
        return len(self._outcomes)

    def outcomes(self, sight: Sight) -> tuple[Outcome, ...]:
        """Every different thing that a look may come to, by what is heard."""
        known = self._outcomes.get(sight)
        if known is None:
            known = tuple(self._awake(sight, outcome) for outcome in _different(self._all(sight)))
            self._outcomes[sight] = known
        return known

    def _awake(self, sight: Sight, outcome: Outcome) -> Outcome:
        """The same, with a fault where time brings something to do before the operator is to look again."""
        if outcome.ops or outcome.again or not outcome.word.speaks or not self.scope.reports:
            return outcome
        memory, known = outcome.memory, outcome.known
        for ticks in range(1, min(outcome.wake or FARTHEST, FARTHEST)):
            older = self.memories.later(memory)
            memory, known = older, known.later(memory.rollout, older.rollout)
            later = self.when_heard(sight._replace(memory=memory, known=known), outcome.word)
            if later.ops:
                kinds = ", ".join(op.kind for op in later.ops)
                late = f"liveness: after {ticks} ticks {kinds} would be due, and nobody looks"
                return outcome._replace(faults=(*outcome.faults, late))
        return outcome

    def _all(self, sight: Sight) -> Iterator[Outcome]:
        """On every word. Those that count for less are said once to each status, spec and age, in one of the
        clusters where the same words make a difference: whether a word counts is no question of the cluster.
        """
        intent = self._intent(sight)
        heard = words(self.scope, intent, sight.memory.rollout)
        usual = [self.when_heard(sight, word) for word in heard]
        yield from usual
        courses = [(outcome.memory, outcome.ops) for outcome in usual]
        differences = tuple(courses.index(course) for course in courses)
        key = sight.spec, sight.asked, sight.memory, sight.known, differences
        if any(differences) and key not in self._besides:
            self._besides.add(key)
            confirmed = sight.known.memo.confirmed_since
            for word in besides(self.scope, intent, sight.memory.rollout, confirmed):
                yield self._outcome(sight, word)

    def when_well(self, sight: Sight) -> Outcome:
        """What it comes to once all is well."""
        return self.when_heard(sight, well(self.scope, self._intent(sight), sight.memory.rollout))

    def when_heard(self, sight: Sight, word: Word) -> Outcome:
        """What it comes to on one word."""
        key = sight, word.name
        known = self._heard.get(key)
        if known is None:
            known = self._heard[key] = self._outcome(sight, word)
        return known

    def _intent(self, sight: Sight) -> Intent:
        key = sight.spec, sight.asked
        if key not in self._intents:
            self._intents[key] = intent_of(self.scope, *key)
        return self._intents[key]

    def _outcome(self, sight: Sight, word: Word) -> Outcome:
        world = self.world(sight, word)
        decision = advance(world)
        memory = self.memories.of(decision.stable, decision.rollout, decision.rejected, decision.history)
        ops, rendered = self._planned(sight, world, decision, memory)
        after = status_of(decision.stable, decision.rollout, decision.rejected, decision.history)
        # What the status was rebuilt to is not written yet: the reconciler compares with what is.
        if course_changed(sight.memory.status, after):
            ops = (Op("status", memory=memory), *ops)
        else:
            memory = self.memories.carried(sight.memory, None)
        return Outcome(
            word=word,
            memory=memory,
            known=Known.of(decision.memo, decision.rollout),
            ops=ops,
            wake=_wake(decision.look_again),
            again=bool(ops) or decision.look_again == timedelta(0),
            hold=decision.hold.reason.value if decision.hold else None,
            faults=(*deciding.faults(self.scope, sight, word, world, decision), *rendered),
        )

    def _planned(
        self, sight: Sight, world: World, decision: Decision, memory: Memory
    ) -> tuple[tuple[Op, ...], tuple[str, ...]]:
        """The writes to children: once for each thing that is decided about them."""
        weights = decision.weights
        key = (
            sight.spec,
            sight.cluster,
            memory,
            tuple(decision.sizes.items()),
            weights and tuple(weights.items()),
            decision.root,
            decision.renewed,
        )
        known = self._plans.get(key)
        if known is None:
            scene = Scene(
                intent=world.intent,
                decision=decision,
                observed=world.observed,
                router=world.router,
                rendered={"runtime": "custom@2", "template": template(world.wanted, "second")},
            )
            writes, spent = plan(scene), removals(scene)
            ops = (*map(_op, writes), *map(_removal, spent))
            known = self._plans[key] = ops, tuple(_rendered_again(writes))
        return known

    def world(self, sight: Sight, word: Word) -> World:
        """All that the state machine is told."""
        if self._silent is None or self._silent[0] is not sight:
            self._silent = sight, self._without_word(sight)
        world = self._silent[1]
        return replace(world, assessment=word.assessment, guards=word.guards, answers=word.answers)

    def _without_word(self, sight: Sight) -> World:
        intent = self._intent(sight)
        seen = self._observing.of(sight.cluster, sight.hidden)
        status, _ = recovered(intent, sight.memory.status, seen, router=self._router, now=NOW)
        return World(
            intent=intent,
            status=status,
            observed=seen,
            assessment=None,
            memo=sight.known.memo,
            router=self._router,
            now=NOW,
            prometheus=self.scope.judged,
            runtime_pin="custom@2",
            freshness=TICK,
        )


def _wake(look_again: timedelta | None) -> int | None:
    return None if look_again is None else max(1, ticks_until(look_again))


def _different(outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
    found = set()
    for outcome in outcomes:
        key = (outcome.memory, outcome.known, outcome.ops, outcome.wake, outcome.again, outcome.faults)
        if key not in found:
            found.add(key)
            yield outcome


def _op(write: Write) -> Op:
    """A write in the model's terms."""
    manifest, guard = write.manifest, write.guard.value
    name = RevisionHash(write.name.removeprefix("m-"))
    annotations = manifest["metadata"].get("annotations", {})
    match write.kind:
        case "Deployment":
            pods = Pods(
                desired=manifest["spec"]["replicas"],
                epoch=annotations.get(EPOCH_ANNOTATION),
                rejected=annotations.get(REJECTED_ANNOTATION),
            )
            return Op("pods", name, guard, pods=pods)
        case "Service" if write.name == "m":
            selected = manifest["spec"]["selector"].get(REVISION_LABEL, ALL)
            return Op("root", RevisionHash(selected), guard)
        case "HTTPRoute":
            backends = manifest["spec"]["rules"][0]["backendRefs"]
            weights = tuple((RevisionHash(b["name"].removeprefix("m-")), b["weight"]) for b in backends)
            return Op("route", None, guard, weights=weights)
        case "Service":
            return Op("service", name, guard)
        case _:
            return Op("revision", name, guard)


def _removal(removal: Removal) -> Op:
    return Op("removal", RevisionHash(removal.identity.name.removeprefix("m-")))


def _rendered_again(writes: tuple[Write, ...]) -> Iterator[str]:
    """I14: what exists keeps the template it was first rendered with."""
    for write in writes:
        if write.kind == "Deployment" and write.identity is not None:
            revision = RevisionHash(write.name.removeprefix("m-"))
            if write.manifest["spec"]["template"] != template(revision):
                yield f"I14: {child_name('m', revision)} is rendered again"
