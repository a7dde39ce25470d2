"""A JSON object that is held as its text: a tenth of the memory of dicts, and read when it is asked for.

Pod templates of old revisions are most of what is known of a model, and hardly ever looked at.
"""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

READ_AT_HAND: Final = 256
"""Objects that are held as dicts as well: those of the models that are looked at over and over."""


class Packed(Mapping[str, Any]):
    """Equal to the object it was made from. What it gives is shared, and not to be changed."""

    __slots__ = ("_text",)

    def __init__(self, content: Mapping[str, Any]) -> None:
        self._text = json.dumps(content, sort_keys=True, separators=(",", ":"))

    def __getitem__(self, name: str) -> Any:
        return _read(self._text)[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_read(self._text))

    def __len__(self) -> int:
        return len(_read(self._text))

    def __repr__(self) -> str:
        return self._text


@lru_cache(maxsize=READ_AT_HAND)
def _read(text: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(text)
    return content
