"""What a test needs of this machine: there, or the test is skipped; where CI is set, it fails."""

import os
from collections.abc import Callable
from typing import TypeVar

import pytest

from tests.cluster.binaries import Missing

T = TypeVar("T")


def needed(part: Callable[[], T]) -> T:
    """What `part` finds or makes. A green run of CI must not mean that nothing ran."""
    try:
        return part()
    except Missing as missing:
        if os.environ.get("CI"):
            pytest.fail(str(missing), pytrace=False)
        pytest.skip(str(missing))
