"""What controllers that never name a generation are believed."""

from typing import Any

from serin.runtime.parents import accepted, refusal, reported
from tests.unit.runtime.objects import report, route


def mute(**told: Any) -> dict[str, Any]:
    """A report of such a controller."""
    entry = report(**told)
    bare = [{k: v for k, v in one.items() if k != "observedGeneration"} for one in entry["conditions"]]
    return {**entry, "conditions": bare}


def test_a_yes_without_a_generation_is_not_waited_for() -> None:
    obj = route(reports=[mute()])

    assert (reported(obj), accepted(obj), refusal(obj)) == (False, False, None)


def test_a_no_without_a_generation_is_believed() -> None:
    obj = route(reports=[mute(resolved="False")])

    assert reported(obj)
    assert not accepted(obj)
    assert "ResolvedRefs is False" in str(refusal(obj))


def test_a_report_on_any_generation_is_waited_for() -> None:
    assert reported(route(reports=[report(generation=1)], metadata={"generation": 2}))
