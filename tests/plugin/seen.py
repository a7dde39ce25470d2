"""What `recording` has recorded, as the plugin reads it."""

import json
from copy import deepcopy
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from serin.domain.status import Status
from serin.plugin.family import Family, family_of
from serin.plugin.models import Model
from serin.plugin.terminal import Line, text_of

RECORDED: Final = Path(__file__).parent / "recorded"
NAMES: Final = tuple(sorted(path.stem for path in RECORDED.glob("*.json")))
NOW: Final = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
"""Some minutes after it all was recorded."""


@cache
def _recorded(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))
    return found


def recorded(name: str) -> dict[str, Any]:
    """A model and its children as the server had them; the caller's own."""
    return deepcopy(_recorded(name))


def family(name: str) -> Family:
    """The same as a picture."""
    found = recorded(name)
    return family_of(found["model"], found["children"])


def model(name: str, **changed: Any) -> Model:
    """The model alone; `changed` are parts of the object: spec, status, annotations."""
    raw = recorded(name)["model"]
    raw["metadata"].setdefault("annotations", {}).update(changed.pop("annotations", {}))
    for part, values in changed.items():
        raw[part].update(values)
    return Model.of(raw)


def status(name: str) -> Status:
    """Its status."""
    return model(name).status


def text(lines: list[Line]) -> str:
    """What lines say."""
    return "\n".join(text_of(one).rstrip() for one in lines)
