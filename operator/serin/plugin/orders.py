"""What a person asks of a rollout, as the annotation that says so for exactly the attempt in view.

An order names the attempt (and step) that the person saw, so it can never hit a later rollout (I18); what
would do nothing is not written but answered, with what would.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from serin.domain.names import ABORT_ANNOTATION, PAUSE_ANNOTATION, PROMOTE_ANNOTATION, RETRY_ANNOTATION
from serin.domain.rollout.world import Reason
from serin.domain.status import State
from serin.plugin.models import Model

FULL: Final = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An annotation to write, or to take away where `value` is None; `said` tells what follows from it."""

    annotation: str
    value: str | None
    said: str

    def annotations(self) -> Mapping[str, str | None]:
        """As a patch has it."""
        return {self.annotation: self.value}


@dataclass(frozen=True, slots=True)
class NotNow:
    """Nothing to order: why, and what to do in place of it. `done` where it is so already."""

    why: str
    cure: str = ""
    done: bool = False


Answer: TypeAlias = Order | NotNow
Verb: TypeAlias = Callable[[Model], Answer]


def promote(model: Model) -> Answer:
    """Past the step under way, whatever it waits for."""
    return _promote(model, full=False)


def promote_full(model: Model) -> Answer:
    """Straight to all traffic."""
    return _promote(model, full=True)


def _promote(model: Model, *, full: bool) -> Answer:
    rollout = model.status.rollout
    if rollout is None:
        return _nothing_under_way(model, "promote")
    if rollout.state is State.PROMOTING or rollout.state is State.BAKING:
        canary = rollout.attempt.rpartition(".")[0]
        return NotNow(f"{canary} is promoted already", done=True)
    if rollout.state is State.ROLLING_BACK:
        return NotNow(f"{rollout.attempt} is being taken back", f"when it is, {_command(model, 'retry')}")
    if model.status.stable is None:
        return NotNow("the first revision has no steps", "it serves as soon as its pods are ready")
    if full:
        said = f"{rollout.attempt} goes straight to 100 %"
        return _ordered(model, PROMOTE_ANNOTATION, f"{rollout.attempt}:{FULL}", said)
    if model.step is None:
        return NotNow(f"{rollout.attempt} has no steps to pass", f"{_command(model, 'promote')} --full")
    name = model.step.name
    said = f"{rollout.attempt} goes past step {name} ({model.step.weight} %)"
    return _ordered(model, PROMOTE_ANNOTATION, f"{rollout.attempt}:{name}", said)


def abort(model: Model) -> Answer:
    """Roll back now, in any state."""
    rollout = model.status.rollout
    if rollout is None:
        return _nothing_under_way(model, "abort")
    if rollout.state is State.ROLLING_BACK:
        return NotNow(f"{rollout.attempt} is being taken back already", done=True)
    said = f"{rollout.attempt} is taken back and not tried again by itself"
    return _ordered(model, ABORT_ANNOTATION, rollout.attempt, said)


def retry(model: Model) -> Answer:
    """Try the rejected revision again that the spec asks for, as the next attempt."""
    status = model.status
    if not model.seen:
        return NotNow(model.message, "ask again in a moment")
    if model.reason == Reason.INVALID_SPEC:
        return NotNow(f"the spec cannot be followed: {model.message}", "correct it first")
    wanted = status.resolved.revision if status.resolved else None
    entry = next((one for one in status.rejected if one.revision == wanted), None)
    if status.rollout is not None:
        if status.rollout.state is State.ROLLING_BACK:
            return NotNow(f"{status.rollout.attempt} is still being taken back", "ask again when it is")
        return NotNow(f"{status.rollout.attempt} is under way", "only what was taken back is tried again")
    if entry is None:
        others = ", ".join(one.revision for one in status.rejected)
        cure = f"apply the spec of {others} again first" if others else "nothing was taken back"
        return NotNow(f"the spec asks for {wanted}, which is not rejected", cure)
    said = f"{entry.revision} is tried again; it was taken back: {entry.reason}"
    return _ordered(model, RETRY_ANNOTATION, entry.attempt, said)


def pause(model: Model) -> Answer:
    """Hold the attempt where it is, until resume."""
    rollout = model.status.rollout
    if rollout is None:
        return _nothing_under_way(model, "pause")
    if rollout.state is State.ROLLING_BACK:
        return NotNow(f"{rollout.attempt} is being taken back", "that is never held")
    if model.held_in_spec:
        return NotNow("spec.paused holds it already", done=True)
    said = f"{rollout.attempt} is held; harm still takes it back"
    return _ordered(model, PAUSE_ANNOTATION, rollout.attempt, said)


def resume(model: Model) -> Answer:
    """Let an attempt go on that was paused."""
    rollout, held = model.status.rollout, model.annotations.get(PAUSE_ANNOTATION)
    if held is not None:
        now = rollout.attempt if rollout else None
        said = f"{held} goes on" if held == now else f"the pause of {held}, which is over, is removed"
        also = "; spec.paused still holds it" if model.held_in_spec else ""
        return Order(annotation=PAUSE_ANNOTATION, value=None, said=f"{said}{also}")
    if model.held_in_spec:
        return NotNow("spec.paused holds it", "set it to false where the spec comes from, or by kubectl edit")
    if rollout is not None and model.reason in (Reason.AWAITING_PROMOTION, Reason.INCONCLUSIVE):
        return NotNow(f"it waits for a person's word at step {_at(model)}", _command(model, "promote"))
    return NotNow("nothing is paused", done=True)


VERBS: Final[Mapping[str, Verb]] = {
    "promote": promote,
    "promote --full": promote_full,
    "abort": abort,
    "retry": retry,
    "pause": pause,
    "resume": resume,
}


def _ordered(model: Model, annotation: str, value: str, said: str) -> Answer:
    if model.annotations.get(annotation) == value:
        return NotNow(f"it is asked already ({annotation}={value})", done=True)
    return Order(annotation=annotation, value=value, said=said + _but_later(model, annotation))


def _but_later(model: Model, annotation: str) -> str:
    """What even a promote waits for: the canary's pods, and the end of a pause."""
    rollout = model.status.rollout
    if annotation != PROMOTE_ANNOTATION or rollout is None:
        return ""
    if rollout.paused_at is not None:
        cure = "spec.paused is false" if model.held_in_spec else _command(model, "resume")
        return f", as soon as it is not paused any more: {cure}"
    return ", as soon as its pods are ready" if rollout.state is State.PREPARING else ""


def _nothing_under_way(model: Model, verb: str) -> NotNow:
    if not model.seen:
        return NotNow(model.message, "ask again in a moment")
    wanted = model.status.resolved.revision if model.status.resolved else None
    if any(one.revision == wanted for one in model.status.rejected):
        why = f"there is nothing to {verb}: {wanted} was taken back"
        return NotNow(why, _command(model, "retry"), done=verb == "abort")
    return NotNow(f"there is nothing to {verb}: no rollout is under way")


def _at(model: Model) -> str:
    return model.step.name if model.step else "?"


def _command(model: Model, verb: str) -> str:
    return f"kubectl serin {verb} {model.key.name} -n {model.key.namespace}"
