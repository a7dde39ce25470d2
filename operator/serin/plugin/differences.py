"""What is another in a spec: field by field, with defaults filled in on both sides."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from serin.api.model import ModelDeployment

Object = Mapping[str, Any]
LONGEST: Final = 60
"""Characters of a value that are shown."""


def differences(before: Object, after: Object) -> list[str]:
    """One line for each field of the spec that differs; both objects are valid."""
    old, new = (_filled(body) for body in (before, after))
    return list(_differing(old, new, "spec"))


def _filled(body: Object) -> Any:
    spec = ModelDeployment.model_validate(body).spec
    return spec.model_dump(mode="json", by_alias=True, exclude_none=True)


def _differing(old: Any, new: Any, path: str) -> Iterator[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in [*old, *(name for name in new if name not in old)]:
            joint = "" if name.startswith("[") else "."
            yield from _differing(old.get(name), new.get(name), f"{path}{joint}{name}")
    elif _named(old) and _named(new):
        yield from _differing(_by_name(old), _by_name(new), path)
    elif old != new:
        yield f"{path}: {_shown(old)} -> {_shown(new)}"


def _named(value: Any) -> bool:
    """Whether a list is one of named things, which keep their names as they move."""
    return isinstance(value, list) and all(isinstance(one, Mapping) and "name" in one for one in value)


def _by_name(value: list[Any]) -> dict[str, Any]:
    return {f"[{one['name']}]": one for one in value}


def _shown(value: Any) -> str:
    if value is None:
        return "(none)"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
