"""A spec that cannot be meant: which field, what was found, what is needed.

Conditions and lint show the same words; they are made here and nowhere else.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from serin.api.spelling import NEEDS
from serin.domain.plain import plain


@dataclass(frozen=True, slots=True)
class InvalidSpec:
    """What a person has to change.

    Attributes:
        path: The field, from the object's root: `spec.rollout.canary.steps[1].weight`.
        message: One sentence that names the field, the value found, and what is needed.
    """

    path: str
    message: str

    def __post_init__(self) -> None:
        """Both may quote what a person wrote, a field's name included."""
        object.__setattr__(self, "path", plain(self.path))
        object.__setattr__(self, "message", plain(self.message))


_NEEDS: Final[Mapping[str, str]] = {
    "missing": "is needed",
    "extra_forbidden": "is not a field of this version",
    "string_type": "need text (in quotes, where it looks like a number)",
    "int_type": "need a whole number",
    "int_from_float": "need a whole number",
    "int_parsing": "need a whole number",
    "bool_type": "need true or false",
    "bool_parsing": "need true or false",
    "greater_than_equal": "need at least {ge}",
    "less_than_equal": "need at most {le}",
    "string_too_long": "need at most {max_length} characters",
    "string_too_short": "need at least {min_length} character",
    "too_long": "need at most {max_length} entries",
    "too_short": "need at least {min_length} entry",
    "enum": "need {expected}",
    "model_type": "need an object",
    "model_attributes_type": "need an object",
    "dict_type": "need an object",
    "mapping_type": "need an object",
    "tuple_type": "need a list",
    "string_pattern_mismatch": "need text that matches {pattern}",
    "rule": "{need}",
}
"""What each kind of fault asks for."""


def invalid(path: str, need: str, *, found: object = None) -> InvalidSpec:
    """One fault in words; `found` is left out where the field is missing."""
    shown = "" if found is None else f" is {_short(found)}"
    return InvalidSpec(path, f"{path}{shown}{';' if shown else ':'} {need}")


def first_fault(error: ValidationError) -> InvalidSpec:
    """The first of the faults, in the order of the fields, and how many more there are."""
    fault, *more = all_faults(error)
    if not more:
        return fault
    return InvalidSpec(fault.path, f"{fault.message} (and {len(more)} more)")


def all_faults(error: ValidationError) -> list[InvalidSpec]:
    """Each of the faults, in the order of the fields."""
    return [_in_words(fault) for fault in _own(error.errors(include_url=False))]


def _own(faults: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without the lists that are too short only because an entry is at fault, and so not counted."""
    places = [fault["loc"] for fault in faults]

    def echoes(fault: ErrorDetails) -> bool:
        place = fault["loc"]
        return fault["type"] == "too_short" and any(
            other[: len(place)] == place and len(other) > len(place) for other in places
        )

    return [fault for fault in faults if not echoes(fault)]


def _in_words(fault: ErrorDetails) -> InvalidSpec:
    context = fault.get("ctx", {})
    kind = fault["type"]
    path = _path(fault["loc"])
    if kind == "rule":
        field = context["field"]
        joint = "." if field and not field.startswith("[") else ""
        return invalid(f"{path}{joint}{field}".removeprefix("."), context["need"])
    if kind in ("missing", "extra_forbidden"):
        return InvalidSpec(path, f"{path} {_NEEDS[kind]}")
    pattern = context.get("pattern", "")
    need = NEEDS.get(pattern) or _NEEDS.get(kind, "{msg}").format(msg=fault["msg"], **context)
    return invalid(path, need, found=fault["input"])


def _path(location: tuple[int | str, ...]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else f"{text[:77]}..."
