"""What the judge is asked, from where the rollout stands."""

from datetime import timedelta
from typing import Final

from serin.domain.analysis.counters import Arm
from serin.domain.analysis.request import PodTimes, StepWindow, TrialRequest
from serin.domain.analysis.verdict import Pin
from serin.domain.observed import PodView
from serin.domain.rollout.world import Decision, World, canary_of, revision_name
from serin.domain.status import Rollout, Shift, State

PROPAGATION: Final = timedelta(seconds=5)
"""How long after its controller's word a proxy may still use the weights before."""


def trial_request(world: World, decision: Decision, *, interval: float) -> TrialRequest | None:
    """The attempt to judge; None while there is nothing to compare."""
    rollout = decision.rollout
    if rollout is None or decision.stable is None or rollout.analysis_start is None:
        return None
    if rollout.state not in (State.PREPARING, State.STEPPING, State.PROMOTING):
        return None
    canary = canary_of(world.intent, rollout)
    arms = {canary: Arm.CANARY, decision.stable: Arm.STABLE}
    return TrialRequest(
        attempt=rollout.attempt,
        step=rollout.step,
        policy=world.intent.analysis,
        namespace=world.intent.key.namespace,
        stable=revision_name(world.intent, decision.stable),
        canary=revision_name(world.intent, canary),
        pods=tuple(_times(pod, arms[pod.revision]) for pod in world.observed.pods if pod.revision in arms),
        windows=tuple(_window(world, rollout, shift) for shift in rollout.shifts),
        started=rollout.analysis_start.timestamp(),
        interval=interval,
        pins={pin.name: Pin(phi=float(pin.phi), usual=float(pin.usual)) for pin in rollout.pins},
    )


def _times(pod: PodView, arm: Arm) -> PodTimes:
    return PodTimes(name=pod.name, arm=arm, ready=pod.ready_since.timestamp() if pod.ready_since else None)


def _window(world: World, rollout: Rollout, shift: Shift) -> StepWindow:
    """A change of weight. Where pods are the router, each connection goes where it may, and stays there while
    pods come and go: nobody can say what share of requests that should be.
    """
    latest = shift is rollout.shifts[-1]
    confirmed = rollout.confirmed_at if latest else shift.confirmed_at
    return StepWindow(
        step=shift.step,
        weight=None if world.router.widens_root() else shift.weight,
        written=shift.at.timestamp(),
        settled=(confirmed + PROPAGATION).timestamp() if confirmed else None,
    )
