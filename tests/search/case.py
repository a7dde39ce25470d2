"""One decision of the operator with all that it was made from, as the rules of `deciding` ask for it.

Read from the status, the spec and what was seen, and from no function of the state machine: what is told here
is told a second time.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from serin.domain.names import RevisionHash
from serin.domain.rollout.world import Decision, World
from serin.domain.status import Rollout, State
from tests.search.memory import revision_in
from tests.search.plain import age
from tests.search.scope import TICK, Scope
from tests.search.words import Word

if TYPE_CHECKING:
    from tests.search.looking import Sight


class Case:
    """One decision, with what it was made from; what every rule asks for is worked out once."""

    def __init__(self, scope: Scope, sight: "Sight", word: Word, world: World, decision: Decision) -> None:
        self.scope, self.sight, self.word = scope, sight, word
        self.world, self.decision = world, decision
        before, after = world.status.rollout, decision.rollout
        self.before: Rollout | None = before
        self.after: Rollout | None = after
        self.same_attempt = before is not None and after is not None and before.attempt == after.attempt
        self.canary: RevisionHash | None = revision_in(before.attempt) if before else None
        self.state = before.state if before else State.IDLE

    @property
    def judged(self) -> bool:
        return self.world.judged

    @property
    def paused(self) -> bool:
        spec, asked = self.sight.spec, self.sight.asked
        return spec.paused or (self.before is not None and asked.pause == self.before.attempt)

    @property
    def forward(self) -> bool:
        """Whether this decision begins a step or the promotion, beyond weights that were given before."""
        before, after = self.before, self.after
        if not self.same_attempt or before is None or after is None or self.world.stable is None:
            return False
        if after.state is State.PROMOTING:
            return before.state is not State.PROMOTING
        return after.state is State.STEPPING and (before.state is State.STEPPING and after.step > before.step)

    @property
    def down(self) -> bool:
        """Whether the stable revision has not answered for long."""
        since = self.decision.memo.stable_down_since or self.world.memo.stable_down_since
        return since is not None and (age(since) or 0) >= 2 and not self.ready(self.world.stable)

    @property
    def size(self) -> int:
        """Pods that serving everything takes."""
        return max(self.world.intent.replicas, self.before.capacity_floor if self.before else 0)

    def ready(self, revision: RevisionHash | None) -> int:
        return self.world.observed.ready_endpoints.get(revision, 0) if revision else 0

    def promoted(self) -> str | None:
        """What a person's promote asks of just this attempt and step."""
        if self.before is None or self.sight.asked.promote is None:
            return None
        attempt, _, what = self.sight.asked.promote.rpartition(":")
        if attempt != self.before.attempt:
            return None
        named = self.world.step(self.before.step).name == what
        return what if what == "full" or named else None

    @property
    def elapsed(self) -> int:
        """Ticks at the confirmed weight, pauses left out."""
        if self.before is None:
            return 0
        memo = self.world.memo
        since = age(memo.confirmed_since if memo.known else self.before.confirmed_at)
        return 0 if since is None else since - self.held

    @property
    def held(self) -> int:
        """Ticks of the state that were paused."""
        if self.before is None:
            return 0
        return (age(self.before.paused_at) or 0) + self.before.paused_seconds // int(TICK.total_seconds())

    @property
    def first_weight(self) -> bool:
        """Whether this decision gives the canary that prepared the weight of its step."""
        begins = self.after is not None and self.after.state is State.STEPPING
        return self.same_attempt and self.state is State.PREPARING and begins


Rule = Callable[[Case], Iterator[str]]
