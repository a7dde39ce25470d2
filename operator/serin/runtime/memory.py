"""How often the interpreter looks for garbage that counting references does not find."""

import gc
from typing import Final

YOUNG: Final = 50_000
"""New objects after which the youngest are looked through. An answer of Prometheus is a hundred thousand, and
they go by themselves; at Python's 700, a third of a busy operator's time went into looking."""
OLDER: Final = (20, 50)


def collect_seldom() -> None:
    """Look for cycles seldom; few are made, by exceptions mostly. Costs some megabytes."""
    gc.set_threshold(YOUNG, *OLDER)
