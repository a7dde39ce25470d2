"""What the judge is asked while an attempt is under way."""

from datetime import UTC, datetime, timedelta

import pytest

from serin.api.intent import intent_of
from serin.domain.analysis.counters import Arm
from serin.domain.analysis.request import PodTimes, TrialRequest
from serin.domain.analysis.verdict import Pin
from serin.domain.intent import Intent, RouterKind
from serin.domain.names import RevisionHash
from serin.domain.observed import Observed, PodView
from serin.domain.rollout.world import Decision, Memo, World
from serin.domain.routers.choice import ROUTERS
from serin.domain.status import Rollout, Shift, SignalPin, State, Status
from serin.domain.trial import trial_request

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
STABLE, CANARY = RevisionHash("55d1aa00bb"), RevisionHash("7c9faa00bb")
JUDGED = [State.PREPARING, State.STEPPING, State.PROMOTING]
OPENED, RAISED = NOW - timedelta(minutes=10), NOW - timedelta(minutes=1)


def attempt(**changes: object) -> Rollout:
    """At its second step, whose weight was confirmed two seconds after it was written."""
    return Rollout(
        attempt=f"iris-{CANARY}.1",
        state=State.STEPPING,
        step=1,
        since=RAISED,
        started_at=OPENED,
        analysis_start=OPENED,
        confirmed_at=RAISED + timedelta(seconds=2),
        shifts=[
            Shift(step=0, weight=5, at=OPENED, confirmed_at=OPENED + timedelta(seconds=1)),
            Shift(step=1, weight=25, at=RAISED),
        ],
        pins=[SignalPin(name="errors", phi="1.5", usual="0.01")],
    ).model_copy(update=changes)


def asked(
    rollout: Rollout | None,
    *,
    router: RouterKind = RouterKind.GATEWAY_API,
    stable: RevisionHash | None = STABLE,
) -> TrialRequest | None:
    body = {
        "apiVersion": "serin.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "iris", "namespace": "ml", "uid": "u-1", "generation": 1},
        "spec": {"model": {"format": "sklearn"}},
    }
    intent = intent_of(body)
    assert isinstance(intent, Intent)
    world = World(
        intent=intent,
        status=Status(),
        observed=Observed(
            pods=(pod("a", CANARY, NOW), pod("b", STABLE, None), pod("c", RevisionHash("x"), NOW))
        ),
        assessment=None,
        memo=Memo(),
        router=ROUTERS[router],
        now=NOW,
        prometheus=True,
        runtime_pin="mlserver@1",
    )
    decision = Decision(
        stable=stable,
        rollout=rollout,
        sizes={},
        weights=None,
        root=stable,
        rejected=(),
        history=(),
        memo=Memo(),
    )
    return trial_request(world, decision, interval=15)


def pod(name: str, revision: RevisionHash, ready: datetime | None) -> PodView:
    return PodView(name=name, uid=name, revision=revision, ready_since=ready, restarts=0, problem=None)


def test_both_arms_and_their_pods_are_named() -> None:
    found = asked(attempt())

    assert found is not None
    assert (found.canary, found.stable, found.step) == ("iris-7c9faa00bb", "iris-55d1aa00bb", 1)
    assert found.pods == (
        PodTimes(name="a", arm=Arm.CANARY, ready=NOW.timestamp()),
        PodTimes(name="b", arm=Arm.STABLE, ready=None),
    )
    assert found.pins == {"errors": Pin(phi=1.5, usual=0.01)}


def test_a_weight_is_settled_some_time_after_its_confirmation() -> None:
    found = asked(attempt())

    assert found is not None
    assert [(w.step, w.written - OPENED.timestamp()) for w in found.windows] == [(0, 0), (1, 540)]
    assert [w.settled and w.settled - OPENED.timestamp() for w in found.windows] == [6, 547]


def test_a_weight_that_is_not_confirmed_is_not_settled() -> None:
    found = asked(attempt(confirmed_at=None))

    assert found is not None
    assert found.windows[-1].settled is None


def test_requests_are_held_to_the_weights_of_a_route() -> None:
    kinds = (RouterKind.GATEWAY_API, RouterKind.REPLICAS)
    routed, by_pods = (asked(attempt(), router=router) for router in kinds)

    assert routed is not None
    assert by_pods is not None
    assert [window.weight for window in routed.windows] == [5, 25]
    assert [window.weight for window in by_pods.windows] == [None, None]


@pytest.mark.parametrize("state", JUDGED)
def test_an_attempt_is_judged_until_it_is_promoted(state: State) -> None:
    assert asked(attempt(state=state)) is not None


@pytest.mark.parametrize("state", [s for s in State if s not in JUDGED])
def test_otherwise_nothing_is_judged(state: State) -> None:
    assert asked(attempt(state=state)) is None


def test_nothing_is_judged_without_anything_to_compare() -> None:
    assert asked(None) is None
    assert asked(attempt(), stable=None) is None
    assert asked(attempt(analysis_start=None)) is None
