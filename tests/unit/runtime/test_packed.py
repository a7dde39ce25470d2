"""What is held as text is the object it was, and far smaller."""

import json
import sys

from serin.runtime.packed import Packed

TEMPLATE = {"runtime": "mlserver@1", "template": {"spec": {"containers": [{"name": "model", "args": []}]}}}


def test_what_is_packed_is_equal_to_what_it_was() -> None:
    packed = Packed(TEMPLATE)

    assert packed == TEMPLATE == dict(packed)
    assert packed == Packed(json.loads(json.dumps(TEMPLATE)))
    assert packed != Packed({**TEMPLATE, "runtime": "mlserver@2"})
    assert (packed.get("template"), packed.get("missing"), len(packed)) == (TEMPLATE["template"], None, 2)


def test_nothing_is_held_but_the_text() -> None:
    assert not hasattr(Packed(TEMPLATE), "__dict__")
    assert sys.getsizeof(Packed(TEMPLATE)) < 64
