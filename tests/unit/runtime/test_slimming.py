"""What is kept of a ModelDeployment: all that decisions read, its words once for all of them."""

import json

from serin.runtime.slimming import LAST_APPLIED, LONGEST_SHARED, slim
from tests.unit.runtime.objects import Object, model


def received(name: str) -> Object:
    """As JSON makes it: no string of it is one that was there before."""
    status = {
        "phase": "Progressing",
        "message": "m" * (LONGEST_SHARED + 1),
        "conditions": [{"type": "Ready"}],
    }
    made: Object = json.loads(json.dumps(model(name=name, status=status, annotations={LAST_APPLIED: "{}"})))
    return made


def test_nothing_that_is_read_is_lost() -> None:
    obj = received("fraud")

    kept = slim(obj)

    left_out = {"managedFields": obj["metadata"]["managedFields"], "annotations": {LAST_APPLIED: "{}"}}
    assert {**kept, "metadata": {**kept["metadata"], **left_out}} == obj


def test_words_are_held_once_for_all_objects() -> None:
    one, other = slim(received("fraud"))["status"], slim(received("churn"))["status"]

    assert one["phase"] is other["phase"]
    assert one["conditions"][0]["type"] is other["conditions"][0]["type"]
    assert all(mine is theirs for mine, theirs in zip(one, other, strict=True))


def test_sentences_are_not_held_for_others() -> None:
    one, other = slim(received("fraud"))["status"], slim(received("churn"))["status"]

    assert one["message"] == other["message"]
    assert one["message"] is not other["message"]
