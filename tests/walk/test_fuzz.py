"""Arbitrary specs, arbitrary requests, and clocks that jump.

No crash, no hot loop, no invariant broken, and an error that names the field. `WALK=all` tries them in
numbers (`make fuzz`).
"""

import os
from datetime import timedelta
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serin.api.intent import intent_of
from serin.api.invalid import InvalidSpec
from serin.api.salvage import salvaged
from serin.catalogue.loader import builtin
from serin.domain.intent import Intent
from serin.domain.names import KIND
from serin.domain.observed import Observed
from serin.domain.status import State, Status
from tests.component.cluster_in_memory import Clock
from tests.component.story import Story, model, phase, served
from tests.walk.arbitrary import specs
from tests.walk.pipeline import Shown, revisions_of
from tests.walk.test_corruption import BEGINNINGS

ALL: Final = os.environ.get("WALK") == "all"
QUIET: Final = settings(
    deadline=None,
    derandomize=not ALL,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
MANY: Final = settings(QUIET, max_examples=5000 if ALL else 30)
SOME: Final = settings(QUIET, max_examples=300 if ALL else 8)
LOOKS: Final = 10
STATES: Final = [state for state in State if state is not State.IDLE]
FEW_WRITES: Final = 40


def raw(spec: Any, **annotations: str) -> dict[str, Any]:
    metadata = {"name": "iris", "namespace": "ml", "uid": "u-1", "generation": 1, "annotations": annotations}
    return {"apiVersion": "serin.dev/v1alpha1", "kind": KIND, "metadata": metadata, "spec": spec}


@MANY
@given(spec=specs())
def test_any_spec_is_followed_or_refused_by_its_field(spec: dict[str, Any]) -> None:
    made = intent_of(raw(spec))

    if isinstance(made, InvalidSpec):
        assert made.path.partition(".")[0].partition("[")[0] in ("spec", "metadata")
        assert made.message.startswith(made.path)
    else:
        shown = Shown(made)
        assert shown.children.keys() >= {"Deployment", "Service"}
        for state in (State.PREPARING, State.STEPPING, State.PROMOTING, State.BAKING):
            weights = shown.at(state).weights
            assert weights is None or sum(weights.values()) == 100


@MANY
@given(spec=specs(nonsense=True))
def test_nonsense_is_refused_by_its_field(spec: Any) -> None:
    made = intent_of(raw(spec))

    assert isinstance(made, Intent) or made.message.startswith(made.path)


@MANY
@given(spec=specs(nonsense=True), state=st.sampled_from([None, *STATES]))
def test_from_any_spec_something_can_be_saved(spec: Any, state: State | None) -> None:
    good = intent_of(raw({"model": {"format": "sklearn"}}))
    assert isinstance(good, Intent)
    shown = Shown(good)
    status = shown.status_at(state) if state is not None else Status()
    seen = Observed(revisions=revisions_of(good))

    found = salvaged(raw(spec), status, seen, catalogue=builtin(), refusal=lambda intent: None)

    assert (found is None) == (state is None)
    assert found is None or (found.paused and found.revision.hash in seen.revisions)


ATTEMPTS: Final = st.one_of(
    st.text(max_size=20), st.sampled_from(["", ":", ".", "fraud", "{attempt}", "{other}"])
)
STEPS: Final = st.sampled_from(["", ":full", ":to-20", ":", ":to-60:full", "\n"])


@SOME
@given(
    promote=st.none() | st.tuples(ATTEMPTS, STEPS).map("".join),
    abort=st.none() | ATTEMPTS,
    retry=st.none() | ATTEMPTS,
    pause=st.none() | ATTEMPTS,
    adopt=st.none() | ATTEMPTS,
)
async def test_any_request_is_answered_or_ignored(**asked: str | None) -> None:
    story = await BEGINNINGS["Stepping"]()
    spec = story.cluster.objects[KIND, "fraud"]["spec"]
    known = {"attempt": story.attempt, "other": f"{story.attempt}9"}
    given = {word: _filled(text, known) for word, text in asked.items() if text is not None}
    story.written()

    story.cluster.submit("fraud", spec, **given)
    await _looked(story)

    promoted = given.get("promote") in (f"{known['attempt']}:full", f"{known['attempt']}:to-20")
    most = max(story.weights().values())
    assert promoted or given.get("abort") == known["attempt"] or most == 80
    assert len(story.written()) <= FEW_WRITES


def _filled(text: str, known: dict[str, str]) -> str:
    for name, value in known.items():
        text = text.replace(f"{{{name}}}", value)
    return text


HOURS: Final = (-72.0, -0.02, 0.02, 3.0)


@pytest.mark.parametrize("hours", HOURS)
@pytest.mark.parametrize("state", ["Preparing", *BEGINNINGS])
async def test_a_clock_that_jumps_breaks_nothing(state: str, hours: float) -> None:
    story = await _in(state)
    before, stable = story.weights(), story.status["stable"]["revision"]
    story.written()

    if hours > 0:
        Clock(story.cluster).move(3600 * hours)
    else:
        # Set back, the operator's clock alone is wrong; set forward, nobody could tell it from a long stop.
        story.cluster.skew = timedelta(hours=hours)
    await _looked(story)

    shown = story.weights()
    least = 80 if state == "Preparing" else before.get(stable, 0)
    assert shown.get(stable, 0) >= least or hours > 0
    assert len(story.written()) <= FEW_WRITES
    story.cluster.submit("fraud", model("server:3", steps=(50,)))
    await story.until(phase("Ready"))


async def _in(state: str) -> Story:
    if state != "Preparing":
        return await BEGINNINGS[state]()
    story = await served(model())
    story.cluster.submit("fraud", model("server:2"))
    return await story.until(phase("Preparing"))


async def _looked(story: Story) -> None:
    """Some looks; one that is not finished after its passes goes round in circles."""
    circles = 0
    for _ in range(LOOKS):
        circles += await story.look() == 0.0 and story.whole
        story.controllers.settle()
        Clock(story.cluster).move(1)
    assert circles < LOOKS / 2
