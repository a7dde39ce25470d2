"""Every rule under the invariant it guards, and what a history breaks of them.

Each rule looks at one `Step` and yields a sentence for each violation. What only a clock, a log or a crash
can show (I8, I12, and how fast a lost canary is answered, I1) is asked by the tests themselves.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from tests.invariants import attempts, children
from tests.invariants.world import Seen, Step, World

Rule = Callable[[Step], Iterator[str]]

RULES: Final[tuple[tuple[str, Rule], ...]] = (
    ("I1", children.capacity_comes_before_weight),
    ("I2", children.weights_sum_to_100),
    ("I3", children.what_is_named_stays),
    ("I4", children.pods_go_after_traffic),
    ("I5", attempts.weights_rise_on_evidence),
    ("I5", attempts.gates_come_first),
    ("I6", attempts.missing_data_holds),
    ("I7", attempts.an_attempt_keeps_its_path),
    ("I7", children.weights_follow_the_status),
    ("I9", attempts.what_is_rejected_is_tried_once),
    ("I10", children.deletion_needs_no_help),
    ("I11", attempts.an_abort_is_obeyed),
    ("I13", children.spec_and_annotations_are_a_persons),
    ("I14", children.a_revision_is_rendered_once),
    ("I15", children.promotion_moves_no_pod),
    ("I16", children.only_our_own_is_touched),
    ("I17", children.a_revision_is_one_artifact),
    ("I18", attempts.a_persons_word_stands),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A version that must not be, and what is wrong with it."""

    invariant: str
    sentence: str
    step: Step

    def __str__(self) -> str:
        versions = [
            body and body["metadata"].get("resourceVersion") for body in (self.step.was, self.step.now)
        ]
        place = f"{self.step.kind} {self.step.name}, resourceVersion {versions[0]} -> {versions[1]}"
        return f"{self.invariant}: {self.sentence} ({place}, at {self.step.at:.3f})"


def violations(history: Iterable[Seen], world: World | None = None) -> Iterator[Violation]:
    """What a history breaks, in its order."""
    world = World() if world is None else world
    for seen in history:
        step = world.take(seen)
        for invariant, rule in RULES:
            yield from (
                Violation(invariant=invariant, sentence=sentence, step=step) for sentence in rule(step)
            )


def shortfalls(history: Iterable[Seen], *, since: float) -> Iterator[str]:
    """When a revision with traffic had fewer ready endpoints than its share takes, whoever's doing it was."""
    world = World()
    for seen in history:
        step = world.take(seen)
        for revision, weight in step.traffic.items():
            needed = world.pods_for(weight, step.model, step.at)
            if step.at >= since and world.ready(revision) < needed:
                yield (
                    f"{revision} serves {weight} % with {world.ready(revision)} of {needed} ready endpoints "
                    f"({step.kind} {step.name}, at {step.at:.3f})"
                )
