"""What the interpreter holds, and how often it looks for garbage that counting references does not find."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

YOUNG: Final = 50_000
"""New objects after which the youngest are looked through. An answer of Prometheus is a hundred thousand, and
they go by themselves; at Python's 700, a third of a busy operator's time went into looking."""
OLDER: Final = (20, 50)


def collect_seldom() -> None:
    """Look for cycles seldom; few are made, by exceptions mostly. Costs some megabytes."""
    gc.set_threshold(YOUNG, *OLDER)


@contextmanager
def without(package: str) -> Iterator[None]:
    """Within the block a package cannot be loaded, unless it is already: for imports that would only take it
    because it is there.
    """
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment] # what the language has for "not to be found"
    try:
        yield
    finally:
        del sys.modules[package]
