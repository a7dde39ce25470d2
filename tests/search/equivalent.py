"""Mutants that are no faults, each with the reason: no world tells them from the original."""

from typing import Final

EQUIVALENT: Final[dict[str, str]] = {
    "plan._revisions: view is None and (lost := scene.frozen.get(revision)) is not None"
    " without view is None": "`frozen` is of revisions whose record is not seen, and of no others",
    "plan.removals: left and ours without left": (
        "`ours` says it already; it is repeated for the type checker, which does not see that"
    ),
    "rollout.machine.advance: course.rollout is not None and turn.course.rollout is None"
    " without course.rollout is not None": (
        "where no attempt is under way, and none begins, `idle` is asked a second time for the same course"
    ),
    "rollout.questions.crashes_alike: theirs > 0 and 2 * theirs >= mine without theirs > 0": (
        "asked only where a pod of the canary crashes: no crashes are then less than half as many"
    ),
    "rollout.shape._routed: 0 + 1 (2)": (
        "a stable revision that may be None is asked for while stepping, and beside none there is no step"
    ),
    "rollout.shape.shape: 0 + 1": (
        "the default is for `_in_place` alone, which asks for weights and root, and not for sizes"
    ),
    "rollout.states.stepping: 100 + 1": (
        "a step asks for 99 % at most, and no shift gave more than 100 %: a cap of 101 comes to the same"
    ),
    "urgency._remembered: without element entry.hash": (
        "an attempt's name has the revision's hash in it, and both are written together"
    ),
    "urgency._remembered: without element [entry.attempt for entry in status.history]": (
        "an attempt enters the history in the decision that takes it from `rollout`, which is compared"
    ),
}
