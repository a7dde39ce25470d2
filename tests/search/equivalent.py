"""Mutants that are no faults, each with the reason: no world tells them from the original."""

from typing import Final

EQUIVALENT: Final[dict[str, str]] = {
    "rollout.machine.advance: course.rollout is not None and turn.course.rollout is None"
    " without course.rollout is not None": (
        "where no attempt is under way, and none begins, `idle` is asked a second time for the same course"
    ),
    "rollout.shape.shape: 0 + 1": (
        "the default is for `_in_place` alone, which asks for weights and root, and not for sizes"
    ),
    "urgency._remembered: without element entry.hash": (
        "an attempt's name has the revision's hash in it, and both are written together"
    ),
    "urgency._remembered: without element [entry.attempt for entry in status.history]": (
        "an attempt enters the history in the decision that takes it from `rollout`, which is compared"
    ),
}
