"""What the judge learnt is kept as it was first told; under a changed analysis a step has its time again."""

from dataclasses import replace

from serin.domain.analysis.verdict import Assessment, Counts, Pin, SignalAssessment, Verdict
from serin.domain.rollout.machine import advance
from serin.domain.rollout.pinning import with_pins
from serin.domain.rollout.world import Reason
from serin.domain.status import SignalPin
from tests.search.one_look import HALF, NEW, OLD
from tests.search.scope import Spec
from tests.search.state import Route
from tests.unit.rollout.worlds import after, beside, safe, stepping, world

ANOTHER_ANALYSIS = Spec(NEW, 2, policy=1)


def word(**pins: Pin | None) -> Assessment:
    """What the judge says of signals of these names, of which it has learnt this."""
    heard = safe(stepping()).assessment
    assert heard is not None
    return replace(heard, signals=tuple(signal(name, pin) for name, pin in pins.items()))


def signal(name: str, pin: Pin | None) -> SignalAssessment:
    return SignalAssessment(
        name=name,
        verdict=Verdict.UNDECIDED,
        canary=Counts(events=0, bad=0),
        stable=Counts(events=0, bad=0),
        log_evidence=0,
        log_safety=0,
        ratio=None,
        note="",
        pin=pin,
    )


def test_what_the_judge_learnt_is_kept() -> None:
    rollout = with_pins(stepping(), word(errors=Pin(phi=1.5, usual=0.01), latency=None))

    assert rollout.pins == [SignalPin(name="errors", phi="1.5", usual="0.01")]


def test_what_was_learnt_first_stays_and_a_new_signal_joins_it() -> None:
    known = with_pins(stepping(), word(errors=Pin(phi=1.5, usual=0.01)))

    rollout = with_pins(known, word(errors=Pin(phi=2.0, usual=0.5), latency=Pin(phi=1.0, usual=0.1)))

    assert [(pin.name, pin.phi) for pin in rollout.pins] == [("errors", "1.5"), ("latency", "1.0")]


def test_a_changed_analysis_gives_the_step_its_time_again() -> None:
    """The minimum and the deadline are for evidence that counts (I5)."""
    first = world(HALF, beside(stepping()), spec=ANOTHER_ANALYSIS)

    again = advance(after(first, advance(first)))

    assert again.hold is not None
    assert again.hold.reason is Reason.MINIMUM_TIME


def test_a_changed_analysis_does_not_give_the_weight_that_came_with_it() -> None:
    """The step was raised to 50 % in the same edit: it waits for evidence as any higher weight (I5)."""
    given = HALF._replace(route=Route(((OLD, 80), (NEW, 20)), "yes"))

    decision = advance(world(given, beside(stepping(20)), spec=ANOTHER_ANALYSIS))

    assert decision.rollout is not None
    assert [shift.weight for shift in decision.rollout.shifts] == [20]
    assert decision.weights == {OLD: 80, NEW: 20}
